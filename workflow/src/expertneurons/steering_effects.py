"""Steering effects: what forcing does by number of units, and beyond what its controls do in the same concepts."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.keys import KEYS
from expertneurons.steering_names import EXPERTS, ITSELF, LOGPROB, MENTIONS, NONE, ON, OTHER, PERPLEXITY, RANDOM

Values = npt.NDArray[np.float64]

# No contrast: a change already is a difference from the unforced model, and texts are judged as the experts of another
# concept where they were written with that one's own, so that perplexity would be held against itself.
EMPTY = {(LOGPROB, NONE), (PERPLEXITY, OTHER)}
AGAINST = (RANDOM, OTHER, NONE)


def measure_effects(steering: Path, output: Path, bootstrap: int, level: float, seed: int) -> None:
    """Average over concepts, and compare in the same concepts, with intervals from drawing concepts.

    Args:
        steering: The `steering` table of one model.
        output: Parquet file: model, stimuli, kind, measure, k, condition, against (empty: the mean itself; else the
            difference from that condition), value, low, high, median, share_positive, n_concepts. `log_perplexity` is
            the natural logarithm of the perplexity, whose differences are ratios.
        bootstrap: Draws of concepts.
        level: Coverage of the intervals.
        seed: Of the draws.

    """
    rows = tables.read(steering)
    rows = rows.assign(**{PERPLEXITY: np.log(rows["perplexity"].astype(float))})
    concepts = sorted(rows["concept"].unique())
    draws = seeds.generator(seed, "steering_effects").integers(0, len(concepts), (bootstrap, len(concepts)))
    told = []
    for kind, own in rows.groupby("kind"):
        for measure in (LOGPROB, MENTIONS, PERPLEXITY) if kind == ON else (LOGPROB,):
            values = own.pivot_table(index="concept", columns=["condition", "k"], values=measure)
            columns: Any = values.columns
            cells = {(name, int(k)): values.reindex(concepts)[name, k].to_numpy() for name, k in columns}
            for key, series in _compared(cells, measure):
                told.append({"kind": kind, "measure": measure, **key, **summary(series, draws, level)})
    names = {name: rows[name].iloc[0] for name in ("model", "stimuli")}
    tables.write(pd.DataFrame(told).assign(**names), output, KEYS["steering_effects"])


def _compared(values: Mapping[tuple[str, int], Values], measure: str) -> Iterator[tuple[dict[str, Any], Values]]:
    """Every condition by itself, and the experts against each of the others, (concepts,)."""
    for (condition, k), own in values.items():
        yield {"k": k, "condition": condition, "against": ITSELF}, own
        for other in AGAINST if condition == EXPERTS else ():
            place = (other, 0 if other == NONE else k)
            if place in values and (measure, other) not in EMPTY:
                yield {"k": k, "condition": condition, "against": other}, own - values[place]


def summary(values: Values, draws: npt.NDArray[np.intp], level: float) -> dict[str, float]:
    """Mean over concepts with its percentile interval, median, and share above zero.

    Args:
        values: (concepts,).
        draws: (draws, concepts) numbers of the drawn concepts.
        level: Coverage.

    """
    low, high = np.quantile(values[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    told = {"value": values.mean(), "low": low, "high": high, "median": np.median(values)}
    return {**told, "share_positive": float((values > 0).mean()), "n_concepts": len(values)}
