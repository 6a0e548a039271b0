"""Distribution: how many units reach each AP, as observed and under shuffled labels, counted in narrow bins."""

import numpy as np
import numpy.typing as npt
import pandas as pd

BINS = 1000
OBSERVED, PERMUTED = "observed", "permuted"


class Histogram:
    """AP counts by layer, site and number of positives, observed and permuted."""

    def __init__(self, index: pd.DataFrame, positives: npt.NDArray[np.float64]) -> None:
        """Take the units' layers and sites, and the number of positives of every concept."""
        self._groups = index.groupby(["layer", "site"], sort=True)
        self._group = self._groups.ngroup().to_numpy()
        self._names = list(self._groups.groups)
        self._sizes, self._size = np.unique(positives.astype(int), return_inverse=True)
        self._counts = np.zeros((2, len(self._sizes), len(self._names), BINS + 1), np.int64)

    def add(self, scores: npt.NDArray[np.float32], span: slice) -> None:
        """Add the AP (observed concepts first, then permuted ones, units) of a span of units."""
        bins = np.floor(scores.astype(np.float64) * BINS + 1e-3).astype(np.int64)
        concepts = len(self._size)
        group = self._group[span] * (BINS + 1)
        for row, own in enumerate(bins):
            kind, size = int(row >= concepts), self._size[row % concepts]
            flat = self._counts[kind, size].reshape(-1)
            flat += np.bincount(group + own, minlength=flat.size)

    def table(self, permutations: int) -> pd.DataFrame:
        """Return the bins that hold anything."""
        kind, size, group, low = np.nonzero(self._counts)
        layers, sites = zip(*self._names, strict=True)
        concepts = np.bincount(self._size)[size]
        return pd.DataFrame(
            {
                "kind": np.array([OBSERVED, PERMUTED])[kind],
                "n_positives": self._sizes[size],
                "layer": np.array(layers)[group],
                "site": np.array(sites)[group],
                "low": low / BINS,
                "count": self._counts[kind, size, group, low],
                "sets": np.where(kind == 1, concepts * permutations, concepts),
            }
        )


def expected(distribution: pd.DataFrame, threshold: float, positives: int) -> pd.Series:
    """Return experts expected by chance for one concept, per (layer, site): the mean count over shuffled labels."""
    null = distribution[(distribution["kind"] == PERMUTED) & (distribution["n_positives"] == positives)]
    passing = null["count"].where(null["low"] >= threshold - 1e-9, 0) / null["sets"]
    return passing.groupby([null["layer"], null["site"]]).sum()
