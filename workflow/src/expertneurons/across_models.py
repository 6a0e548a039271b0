"""Across models: how far different models, and different seeds of one, find the same concepts alike."""

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import tables
from expertneurons.alignment import Alignment, align
from expertneurons.files import open_array
from expertneurons.keys import KEYS
from expertneurons.profiles import FIRST, LAYER, SECOND, WHOLE
from expertneurons.stability_names import NO_LAYER

# Below this a reliability is too uncertain to divide by.
LEAST_RELIABILITY = 0.3


class Profile(NamedTuple):
    """A model's similarities (concepts, concepts): whole, of two halves of the sentences, and by layer."""

    whole: npt.NDArray[np.float32]
    halves: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
    layers: dict[int, npt.NDArray[np.float32]]

    @property
    def reliability(self) -> float:
        """Of the whole similarity: Spearman between the halves, stepped up by Spearman and Brown's formula."""
        rho = correlated(*self.halves).rho
        return 2 * rho / (1 + rho)


def read_profile(similarity: Path, parts: Path) -> Profile:
    """Read what `profile_model` wrote."""
    table = tables.read(parts)
    matrices = np.asarray(open_array(similarity, (len(table), None, None)))
    places = {name: np.flatnonzero(table["part"] == name) for name in (WHOLE, FIRST, SECOND, LAYER)}
    one, two, three = (matrices[places[name][0]] for name in (WHOLE, FIRST, SECOND))
    return Profile(one, (two, three), {int(table["layer"][place]): matrices[place] for place in places[LAYER]})


def correlated(first: npt.NDArray[Any], second: npt.NDArray[Any], level: float = 0.95) -> Alignment:
    """Spearman between two similarities over all pairs of concepts that both define, with a dyadic interval."""
    pairs = np.stack(np.triu_indices(len(first), 1), axis=1)
    other = second[tuple(pairs.T)].astype(np.float64)
    known = ~np.isnan(other)
    return align(first, pairs[known], other[known], level)


def compare_models(
    similarities: list[Path],
    parts: list[Path],
    output: Path,
    names: list[str],
    stimuli: str,
    level: float = 0.95,
) -> None:
    """Correlate the concept similarities of every two models on the same stimuli, and of their layers.

    `corrected` is the correlation divided by the root of the product of both reliabilities (Spearman 1904), NaN where a
    reliability is below 0.3.

    Args:
        similarities: `.npy` (parts, concepts, concepts) of each model.
        parts: What the parts are.
        output: Parquet file, the `models` table: a, b, layer_a, layer_b (-1: the whole model), rho, low, high,
            corrected, reliability_a, reliability_b, n_pairs.
        names: Names of the models.
        stimuli: Their name.
        level: Coverage of the intervals.

    """
    profiles = {name: read_profile(*paths) for name, *paths in zip(names, similarities, parts, strict=True)}
    reliability = {name: own.reliability for name, own in profiles.items()}
    rows: list[dict[str, Any]] = []
    for a, b in itertools.combinations(names, 2):
        both = reliability[a] * reliability[b]
        known = min(reliability[a], reliability[b]) >= LEAST_RELIABILITY
        found = correlated(profiles[a].whole, profiles[b].whole, level)
        rows.append(
            {
                **_row(a, b, NO_LAYER, NO_LAYER, found),
                "corrected": found.rho / both**0.5 if known else np.nan,
                "reliability_a": reliability[a],
                "reliability_b": reliability[b],
            }
        )
        for (layer_a, one), (layer_b, two) in itertools.product(profiles[a].layers.items(), profiles[b].layers.items()):
            rows.append(_row(a, b, layer_a, layer_b, correlated(one, two, level)))
    columns = ["a", "b", "layer_a", "layer_b", "rho", "low", "high", "n_pairs"]
    table = pd.DataFrame(rows, columns=[*columns, "corrected", "reliability_a", "reliability_b"])
    tables.write(table.assign(stimuli=stimuli), output, KEYS["models"])


def _row(a: str, b: str, layer_a: int, layer_b: int, found: Alignment) -> dict[str, Any]:
    place = {"a": a, "b": b, "layer_a": layer_a, "layer_b": layer_b}
    return place | {name: getattr(found, name) for name in ("rho", "low", "high", "n_pairs")}
