"""The histogram of AP and the experts expected by chance, against a direct count."""

import numpy as np
import pandas as pd
import pytest

from expertneurons.distribution import OBSERVED, PERMUTED, Histogram, expected

CONCEPTS, PERMUTATIONS, UNITS = 4, 3, 12
POSITIVES = np.array([5.0, 7.0, 5.0, 5.0])
INDEX = pd.DataFrame(
    {"unit": range(UNITS), "layer": [0] * 6 + [1] * 6, "site": (["mlp.up"] * 4 + ["attn.out"] * 2) * 2}
)


@pytest.fixture
def scores() -> np.ndarray:
    """AP on a grid of thousandths: observed concepts, then each shuffle's."""
    drawn = np.random.default_rng(5).integers(0, 1001, (CONCEPTS * (1 + PERMUTATIONS), UNITS)) / 1000
    drawn[0, :2] = 1.0, 0.0
    return drawn.astype(np.float32)


@pytest.fixture
def table(scores: np.ndarray) -> pd.DataFrame:
    histogram = Histogram(INDEX, POSITIVES)
    for first in range(0, UNITS, 5):
        histogram.add(scores[:, first : first + 5], slice(first, min(UNITS, first + 5)))
    return histogram.table(PERMUTATIONS)


def test_counts_sum_to_concepts_times_units(table: pd.DataFrame) -> None:
    totals = table.groupby("kind")["count"].sum()
    assert totals[OBSERVED] == CONCEPTS * UNITS
    assert totals[PERMUTED] == CONCEPTS * PERMUTATIONS * UNITS


def test_counts_equal_a_direct_count(table: pd.DataFrame, scores: np.ndarray) -> None:
    for row in table.to_dict("records"):
        own = ((INDEX["layer"] == row["layer"]) & (INDEX["site"] == row["site"])).to_numpy()
        chosen = np.tile(row["n_positives"] == POSITIVES, 1 if row["kind"] == OBSERVED else PERMUTATIONS)
        part = scores[:CONCEPTS] if row["kind"] == OBSERVED else scores[CONCEPTS:]
        assert row["count"] == (np.abs(part[chosen][:, own] - row["low"]) < 1e-6).sum() > 0
        assert row["sets"] == chosen.sum()


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("positives", [5, 7])
def test_expected_equals_the_mean_over_shuffles(
    table: pd.DataFrame, scores: np.ndarray, threshold: float, positives: int
) -> None:
    null = scores[CONCEPTS:][np.tile(positives == POSITIVES, PERMUTATIONS)]
    found = expected(table, threshold, positives)
    for place, own in INDEX.groupby(["layer", "site"])["unit"]:
        passing = (null[:, own] >= np.float32(threshold)).sum(axis=1).mean()
        assert found.to_dict()[place] == pytest.approx(passing)


def test_threshold_between_two_bins_does_not_count_the_bin_below() -> None:
    row = {"kind": PERMUTED, "n_positives": 5, "layer": 0, "site": "mlp.up", "low": 0.5, "count": 6, "sets": 3}
    table = pd.DataFrame([row])
    assert expected(table, 0.5, 5)[0, "mlp.up"] == 2
    assert expected(table, 0.501, 5)[0, "mlp.up"] == 0
