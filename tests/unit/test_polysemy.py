"""Polysemy and random sets: counts by hand, exact chance, sizes and popularity kept."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

import organised
from expertneurons import organisation_names as names
from expertneurons import popular_units
from expertneurons.hierarchy import categories
from expertneurons.polysemy import popularity, popularity_row, same_domain_target, shared_units, sharing_row
from expertneurons.random_sets import overlaps, random_sets
from expertneurons.similarity import jaccard, shared

DENSE = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0], [1, 0, 0, 0, 1, 0]])
SETS = sparse.csr_array(DENSE)
UNITS = pd.DataFrame({"unit": range(6), "layer": [0, 0, 0, 1, 1, 1], "site": "s"})


def drawn(density: float, concepts: int = 30, units: int = 500, seed: int = 0) -> sparse.csr_array:
    rng = np.random.default_rng(seed)
    popular = rng.beta(1, 1 / density, units)
    return sparse.csr_array((rng.random((concepts, units)) < popular).astype(np.int32))


def test_popularity_by_hand() -> None:
    found = popularity(SETS, UNITS)
    assert found["n_units"].tolist()[:4] == [1, 3, 1, 1]
    # Shares of layer 0: 1, 2/3, 1/3; of layer 1: 0, 1/3, 1/3. No concept: 0 and 3 x (2/3)^2 units.
    assert found["n_expected"].tolist()[:4] == pytest.approx(
        [4 / 3, 3 * 2 / 9 + 3 * 4 / 9, 3 * 5 / 9 + 3 / 9, 3 * 2 / 9]
    )


def test_expected_popularity_adds_up() -> None:
    sets, units = drawn(0.1), pd.DataFrame({"layer": np.arange(500) % 3, "site": "s"})
    found = popularity(sets, units)
    assert found["n_expected"].sum() == pytest.approx(500, abs=0.6)
    assert (found["concepts"] * found["n_expected"]).sum() == pytest.approx(sets.nnz, rel=0.01)


def test_concepts_per_expert_against_draws() -> None:
    sets, units = drawn(0.05), pd.DataFrame({"layer": np.arange(500) % 3, "site": "s"})
    row = popularity_row(sets, units)
    rng, place = np.random.default_rng(1), np.arange(500) % 3
    counts = np.stack(
        [np.bincount(place[sets.indices[a:b]], minlength=3) for a, b in zip(sets.indptr, sets.indptr[1:], strict=False)]
    )
    found = []
    for _ in range(400):
        taken = [
            rng.choice(np.flatnonzero(place == layer), n, replace=False)
            for own in counts
            for layer, n in enumerate(own)
        ]
        found.append(sets.nnz / len(np.unique(np.concatenate(taken))))
    assert row["null_mean"] == pytest.approx(np.mean(found), rel=0.005)
    assert row["null_sd"] == pytest.approx(np.std(found), rel=0.15)
    assert row["value"] == sets.nnz / len(np.unique(sets.indices))
    assert row["p"] == pytest.approx(stats.norm.sf((row["value"] - row["null_mean"]) / row["null_sd"]), abs=1e-12)
    assert row["p"] > 0


def test_without_experts_there_is_nothing_to_count() -> None:
    nobody = sparse.csr_array(np.zeros((3, 6), np.int32))
    assert popularity_row(nobody, UNITS)["note"] == "no expert"
    assert popularity(nobody, UNITS)["n_units"].tolist() == [6]


def test_shared_units_weigh_one_each() -> None:
    found = shared_units(SETS)
    # Unit 0 has three pairs, a third each; unit 1 the pair of the first two.
    np.testing.assert_allclose(found, [[0, 4 / 3, 1 / 3], [4 / 3, 0, 1 / 3], [1 / 3, 1 / 3, 0]])


def test_ratings_of_concepts_that_share_units() -> None:
    planted = organised.plant(0)
    target = same_domain_target(planted.concepts.assign(domain=planted.concepts["concept"].str.extract(r"(\d)")[0]))
    row = sharing_row(names.SAME_DOMAIN, shared_units(planted.sets), target, 99, np.random.default_rng(0))
    weights = np.triu(shared_units(planted.sets), 1)
    assert row["value"] == pytest.approx((weights * target).sum() / weights.sum())
    assert row["p"] == 0.01
    few = np.where(np.arange(len(target)) < 3, target, np.nan)
    few = np.where(np.arange(len(target))[:, None] < 3, few, np.nan)
    assert (
        sharing_row("x", shared_units(planted.sets), few, 99, np.random.default_rng(0))["note"]
        == "3 pairs known; 5 are needed"
    )


@pytest.mark.parametrize("density", [0.01, 0.1, 0.5])
def test_overlaps_equal_the_matrix_product(density: float) -> None:
    sets = drawn(density, units=700)
    np.testing.assert_array_equal(overlaps(sets), shared(sets)[0])


def test_random_sets_keep_sizes_and_popularity() -> None:
    sets = drawn(0.1)
    before = sets.indices.copy()
    for found in random_sets(sets, 5, np.random.default_rng(0)):
        dense = found.toarray()
        assert dense.max() == 1
        np.testing.assert_array_equal(dense.sum(axis=0), sets.toarray().sum(axis=0))
        np.testing.assert_array_equal(dense.sum(axis=1), sets.toarray().sum(axis=1))
        assert (dense != sets.toarray()).any()
    np.testing.assert_array_equal(sets.indices, before)


def test_random_sets_are_uniform() -> None:
    """Two sets of two over units of popularity one: each of the six ways equally often (chi-squared)."""
    sets = sparse.csr_array(np.array([[1, 1, 0, 0], [0, 0, 1, 1]]))
    ways = [tuple(found.toarray()[0]) for found in random_sets(sets, 3000, np.random.default_rng(0))]
    _, counts = np.unique(ways, axis=0, return_counts=True)
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 0.001


def test_popular_units_alone_make_no_edge() -> None:
    sets = drawn(0.1, concepts=40)
    concepts = pd.DataFrame({"concept": [f"c{n}" for n in range(40)], "domain": np.repeat(list("abcd"), 10)})
    compared = popular_units.compare(sets, concepts, categories(concepts), 99, np.random.default_rng(2))
    pairs = np.triu_indices(40, 1)
    assert (compared.p[pairs] <= 0.01).mean() < 0.025
    np.testing.assert_allclose(compared.jaccard, jaccard(sets))
    rows = {row["measure"]: row for row in popular_units.popular_rows(compared, concepts, categories(concepts), 500)}
    assert rows[names.AUC]["null"] == names.SETS
    assert rows[names.AUC]["p"] > 0.01


def test_saturated_sets_are_recognised() -> None:
    assert popular_units.saturated(drawn(0.9))
    assert not popular_units.saturated(drawn(0.1))
