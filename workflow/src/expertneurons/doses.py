"""Doses: how a concept's experts follow how often the concept occurred in training."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.dose_names import DIFFERENCE, HALF, MEAN
from expertneurons.emergence import crossing, read_parts
from expertneurons.keys import KEYS
from expertneurons.nursery_runs import DOSED
from expertneurons.steps import Progress

Values = npt.NDArray[np.float64]

MEASURES = ("n_experts", "best_ap", "best_auroc", "rho")


def measure_doses(
    runs: Path,
    doses: Path,
    concepts: list[Path],
    responses: Path,
    effects: Path,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> None:
    """Say how a concept's experts follow how often it occurred in training.

    Args:
        runs: Parquet file: run, family, size, seed, kind; those of kind `dosed` are used.
        doses: Parquet file: run, concept, dose.
        concepts: Per run, as `measure_run` writes them.
        responses: Parquet file, the `dose_response` table: one row per run, step, concept and threshold.
        effects: Parquet file, the `dose_effects` table: per threshold, dose and measure, and per step, the mean and its
            difference to the highest dose in the same concepts; of the concepts' alignment (rho) also the step at which
            it reaches half of the highest dose's last mean, and the share of draws in which it never does.
            Intervals by bootstrap over concepts.
        draws: Of the bootstrap.
        level: Coverage of the intervals.
        seed: Of the draws.

    """
    listed = tables.read(runs)
    rows = read_parts(concepts).merge(tables.read(doses), on=["run", "concept"])
    rows = rows.merge(listed[listed["kind"] == DOSED], on="run")
    columns = ["family", "size", "seed", "run", "step", "concept", "dose", "threshold"]
    tables.write(rows[[*columns, *MEASURES]], responses, KEYS["dose_response"])
    found: list[dict[str, Any]] = []
    progress = Progress(rows["threshold"].nunique() * len(MEASURES), "doses", "measures")
    for threshold, part in rows.groupby("threshold"):
        for measure in MEASURES:
            told = {"threshold": threshold, "measure": measure}
            generator = seeds.generator(seed, "measure_doses", measure, str(threshold))
            found += [{**told, **row} for row in _effects(part, measure, draws, level, generator)]
            progress(1)
    table = pd.DataFrame(found).assign(family=listed["family"].iloc[0])
    tables.write(table, effects, KEYS["dose_effects"])


def _effects(
    rows: pd.DataFrame, measure: str, draws: int, level: float, generator: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Yield means, differences and half-steps of one measure at one threshold."""
    levels, steps = (np.unique(rows[name].to_numpy(np.float64)) for name in ("dose", "step"))
    values = _array(rows, measure, levels, steps)
    resampled = generator.integers(values.shape[1], size=(draws, values.shape[1]))
    means = _means(values)
    drawn = np.stack([_means(values[:, own]) for own in resampled])  # (draws, doses, steps)
    ends = [0.5 - level / 2, 0.5 + level / 2]
    count = {"n_concepts": values.shape[1]}
    for kind, own, spread in (
        (MEAN, means, drawn),
        (DIFFERENCE, means - means[-1:], drawn - drawn[:, -1:]),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # what no concept has stays unknown
            low, high = np.nanquantile(spread, ends, axis=0)
        for dose, step in np.ndindex(own.shape):
            if kind == MEAN or dose < len(levels) - 1:
                told = {"dose": levels[dose], "step": steps[step], "kind": kind, **count}
                yield {**told, "value": own[dose, step], "low": low[dose, step], "high": high[dose, step]}
    if measure == "rho":
        x = np.log10(steps + 1.0)
        for dose, level_of in enumerate(levels):
            first = crossing(x, means[dose], means[-1, -1] / 2)
            reached = np.array([crossing(x, own[dose], own[-1, -1] / 2) for own in drawn])
            # A draw that never gets there is later than any step.
            low, high = np.quantile(np.where(np.isnan(reached), np.inf, reached), ends, method="closest_observation")
            told = {"dose": level_of, "step": np.nan, "kind": HALF, "share_never": float(np.isnan(reached).mean())}
            yield {**told, **count, "value": 10**first - 1, "low": 10**low - 1, "high": 10**high - 1}


def _means(values: Values) -> Values:
    """Means over concepts, (doses, steps), of what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _array(rows: pd.DataFrame, measure: str, levels: Values, steps: Values) -> Values:
    """Means over runs of a measure, (doses, concepts, steps); NaN where a concept never had a dose."""
    concepts, number = np.unique(rows["concept"].to_numpy(str), return_inverse=True)
    place = (
        np.searchsorted(levels, rows["dose"].to_numpy(np.float64)),
        number,
        np.searchsorted(steps, rows["step"].to_numpy(np.float64)),
    )
    known = rows[measure].notna().to_numpy()
    total, count = (np.zeros((len(levels), len(concepts), len(steps))) for _ in range(2))
    np.add.at(total, tuple(own[known] for own in place), rows[measure].to_numpy(np.float64)[known])
    np.add.at(count, tuple(own[known] for own in place), 1.0)
    return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))
