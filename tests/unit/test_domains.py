"""Domains, triplets and trees: by hand, against naive loops, scikit-learn and R, and with ties."""

import json
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.cluster.hierarchy import linkage
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, roc_auc_score

from expertneurons import organisation_names as names
from expertneurons import trees, triplets
from expertneurons.domains import domain_rows, layout, measure
from expertneurons.nulls import p_value, row, shuffles
from expertneurons.similarity import distances
from expertneurons.trees import adjusted_information, adjusted_rand, complete_set, contingency, purities, tree_rows
from paired import SHARED

Array = npt.NDArray[Any]


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def similarity(size: int = 12, ties: bool = False, seed: int = 0) -> Array:
    values = np.random.default_rng(seed).random((size, size))
    values = np.round(values, 1) if ties else values
    matrix = np.triu(values, 1)
    return matrix + matrix.T + np.eye(size)


def table(domains: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"concept": [f"w{place:02d}" for place in range(len(domains))], "domain": domains})


def overall(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {own["measure"]: own for own in rows if own["domain"] == ""}


DOMAINS = ["b", "a", "a", "b", "c", "a", "b", "c", "a", "d", "b", "a"]


def naive_triplets(matrix: Array, domains: list[str]) -> float:
    total = hits = 0.0
    for i, j in combinations(range(len(domains)), 2):
        for k in range(len(domains)):
            if domains[i] == domains[j] != domains[k]:
                own, others = matrix[i, j], (matrix[i, k], matrix[j, k])
                hits += (own >= max(others)) / (1 + sum(other == own for other in others))
                total += 1
    return hits / total


@pytest.mark.parametrize("ties", [False, True])
def test_domain_measures_equal_scikit_learn_and_naive_loops(ties: bool) -> None:
    matrix = similarity(ties=ties)
    found = overall(domain_rows(matrix, table(DOMAINS), 99, generator(), 0.95))
    pairs = list(combinations(range(12), 2))
    values = np.array([matrix[pair] for pair in pairs])
    same = np.array([DOMAINS[i] == DOMAINS[j] for i, j in pairs])
    assert found[names.AUC]["value"] == pytest.approx(roc_auc_score(same, values))
    assert found[names.DIFFERENCE]["value"] == pytest.approx(values[same].mean() - values[~same].mean())
    spread = np.sqrt((same.sum() * values[same].var() + (~same).sum() * values[~same].var()) / len(values))
    assert found[names.EFFECT]["value"] == pytest.approx((values[same].mean() - values[~same].mean()) / spread)
    assert found[names.TRIPLETS]["value"] == pytest.approx(naive_triplets(matrix, DOMAINS))


def test_every_arrangement_of_the_null_is_measured_like_the_real_one() -> None:
    matrix, own = similarity(ties=True), layout(similarity(), table(DOMAINS))
    ordered = matrix[np.ix_(own.kept, own.kept)]
    orders = shuffles(generator(), 6, 12)
    together = measure(ordered, own.starts, orders)
    for place, order in enumerate(orders):
        alone = measure(ordered[np.ix_(order, order)], own.starts, np.arange(12)[None])
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(one[place], other[0], atol=1e-12)


def test_domain_rows_by_hand() -> None:
    # a: {0, 1}, b: {2}; the pair within is the second most alike of three.
    matrix = np.array([[1, 0.5, 0.9], [0.5, 1, 0.1], [0.9, 0.1, 1]])
    rows = domain_rows(matrix, table(["a", "a", "b"]), 99, generator(), 0.95)
    found = overall(rows)
    assert found[names.AUC]["value"] == pytest.approx(0.5)
    assert found[names.TRIPLETS]["value"] == 0
    assert found[names.DIFFERENCE]["value"] == pytest.approx(0)
    within = {own["domain"]: own for own in rows if own["measure"] == names.WITHIN}
    assert within["a"]["value"] == pytest.approx(0.5)
    assert np.isnan(within["b"]["value"])
    # Labels on three concepts: the pair within is any of the three, each as often.
    assert found[names.AUC]["null_mean"] == pytest.approx(0.5, abs=0.1)


def test_constant_similarity_tells_nothing() -> None:
    found = overall(domain_rows(np.full((12, 12), 0.3), table(DOMAINS), 99, generator(), 0.95))
    assert found[names.AUC]["value"] == 0.5
    assert found[names.AUC]["p"] == 1
    assert found[names.TRIPLETS]["value"] == pytest.approx(1 / 3)
    assert np.isnan(overall(tree_rows(np.full((12, 12), 0.3), table(DOMAINS), 99, generator()))[names.PURITY]["value"])


def test_auc_interval_covers() -> None:
    """95% intervals of the AUC over 300 data sets of 40 concepts whose domains have effects: 91 to 99% hold it."""
    domains = [f"d{place % 8}" for place in range(40)]
    held = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        hub = 0.5 * rng.standard_normal(40)
        noise = np.triu(rng.standard_normal((40, 40)), 1)
        matrix = noise + noise.T + hub[:, None] + hub + 1.2 * np.equal.outer(np.arange(40) % 8, np.arange(40) % 8)
        found = overall(domain_rows(matrix, table(domains), 99, rng, 0.95))[names.AUC]
        held.append(found["low"] <= TRUE_AUC <= found["high"])
    assert 0.91 <= np.mean(held) <= 0.99


# P(X + 1.2 > Y) for two independent normal variables of variance 1.5: Phi(1.2 / sqrt(3)).
TRUE_AUC = 0.7558


def test_wins_within_a_group_are_one_per_triplet() -> None:
    matrix = similarity(9, ties=True)
    wins = triplets.pair_wins(matrix, np.ones((9, 9), bool))
    assert np.triu(wins, 1).sum() == pytest.approx(9 * 8 * 7 / 6)


def test_rated_triplets_by_hand() -> None:
    human = np.full((4, 4), np.nan)
    for (i, j), rating in {(0, 1): 3.0, (0, 2): 9.0, (1, 2): 4.0, (1, 3): 5.0, (2, 3): 5.0}.items():
        human[i, j] = human[j, i] = rating
    found, total, unclear = triplets.rated_triplets(human, generator())
    assert found.tolist() == [[0, 2, 1]]  # 1, 2, 3 has two pairs rated highest
    assert (total, unclear) == (2, 1)


def test_people_are_followed_and_chance_is_a_third() -> None:
    human = similarity(14)
    same = triplets.triplet_row(human, human, "norm", 99, generator(), 0.95)
    assert same["value"] == 1
    assert same["p"] == 0.01
    assert same["null_mean"] == pytest.approx(1 / 3, abs=0.05)
    assert same["n"] == 14 * 13 * 12 / 6
    assert "100% of all pairs are" in same["note"]


def test_a_sparse_norm_gives_no_accuracy_but_its_density() -> None:
    human = np.full((14, 14), np.nan)
    human[0, 1] = human[1, 0] = human[0, 2] = human[2, 0] = human[1, 2] = human[2, 1] = 1.0
    found = triplets.triplet_row(similarity(14), human, "norm", 99, generator(), 0.95)
    assert np.isnan(found["value"])
    assert found["note"].startswith("1 triplets have all three pairs rated (3.3% of all pairs are)")


@pytest.mark.parametrize("seed", range(4))
def test_agreement_equals_scikit_learn_under_every_labelling(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clusters, labels = rng.integers(4, size=30), rng.integers(5, size=30)
    labellings = labels[shuffles(rng, 5, 30)]
    counts = contingency(clusters, labellings)
    expected = [adjusted_rand_score(own, clusters) for own in labellings]
    np.testing.assert_allclose(adjusted_rand(counts), expected, atol=1e-12)
    expected = [adjusted_mutual_info_score(own, clusters) for own in labellings]
    np.testing.assert_allclose(adjusted_information(counts), expected, atol=1e-9)


def test_purity_equals_a_naive_loop() -> None:
    tree = linkage(distances(similarity(ties=True)), "average")
    labels = np.unique(DOMAINS, return_inverse=True)[1]
    below: dict[int, set[int]] = {leaf: {leaf} for leaf in range(12)}
    shares = []
    for place, (a, b) in enumerate(tree[:, :2].astype(int)):
        below[12 + place] = below[a] | below[b]
        inside = labels[list(below[12 + place])]
        shares += [np.mean(inside == labels[i]) for i in below[a] for j in below[b] if labels[i] == labels[j]]
    found = purities(tree[:, :2].astype(np.intp), labels[None], 4)
    assert found[0] == pytest.approx(np.mean(shares))


def test_tied_distances_are_told_with_the_spread_over_orders() -> None:
    found = overall(tree_rows(similarity(ties=True), table(DOMAINS), 99, generator()))
    assert found[names.TIED]["value"] > 0.9
    assert found[names.PURITY]["order_low"] < found[names.PURITY]["order_high"]
    assert found[names.PURITY]["order_low"] <= found[names.PURITY]["value"] <= found[names.PURITY]["order_high"]
    clean = overall(tree_rows(similarity(), table(DOMAINS), 99, generator()))
    assert clean[names.TIED]["value"] == 0
    assert np.isnan(clean[names.PURITY]["order_low"])


def test_the_order_of_concepts_does_not_change_a_tree_with_ties() -> None:
    matrix, listed = similarity(ties=True), table(DOMAINS)
    order = np.random.default_rng(3).permutation(12)
    first = overall(tree_rows(matrix, listed, 99, generator()))
    second = overall(tree_rows(matrix[np.ix_(order, order)], listed.iloc[order], 99, generator()))
    for name in (names.ARI, names.AMI, names.PURITY, names.COPHENETIC):
        assert first[name]["value"] == pytest.approx(second[name]["value"])


def test_complete_set_leaves_out_the_least_rated() -> None:
    human = similarity(5)
    human[0, 4] = human[4, 0] = human[1, 4] = human[4, 1] = human[0, 3] = human[3, 0] = np.nan
    # Partners: a 2, b 3, c 4, d 3, e 2 (of 4): e goes first as the later of two, then of a (2) and d (2) the later.
    assert complete_set(human, np.array(list("abcde"))).tolist() == [0, 1, 2]


def test_p_values_are_never_zero_and_count_ties() -> None:
    assert p_value(2.0, np.array([0.0, 1.0, 2.0, 3.0])) == pytest.approx(3 / 5)
    assert p_value(9.0, np.zeros(99)) == 0.01
    assert p_value(-3.0, np.array([-1.0, 1.0, -4.0, 4.0]), two_sided=True) == pytest.approx(3 / 5)
    assert np.isnan(row("x", np.nan, np.zeros(3))["p"])


def test_results_equal_those_of_r() -> None:
    """Values of the notes on statistics: R's hclust, cophenetic, dendextend (Baker's gamma), mclust, naive loops."""
    if not SHARED.is_dir():
        pytest.skip("the tables of the project's notes on statistics are not on this machine")
    expected = json.loads((SHARED / "hierarchy.json").read_text())
    matrix = pd.read_csv(SHARED / "jaccard_matrix.csv", index_col=0)
    human = pd.read_csv(SHARED / "human_matrix.csv", index_col=0).to_numpy(np.float64)
    domains = pd.read_csv(SHARED / "taxonomy.csv").set_index("concept").loc[matrix.index, "domain"]
    listed = pd.DataFrame({"concept": matrix.index, "domain": domains.to_numpy()})
    found = overall(domain_rows(matrix.to_numpy(), listed, 99, generator(), 0.95))
    found |= overall(tree_rows(matrix.to_numpy(), listed, 99, generator()))
    words = listed["concept"].to_numpy(str)
    found |= overall(trees.human_tree_rows(matrix.to_numpy(), human, words, "norm", 99, generator()))
    told = {
        names.AUC: "same_domain_auc",
        names.TRIPLETS: "triplet_accuracy_model",
        names.ARI: "ari_cut10",
        names.PURITY: "dendrogram_purity",
        names.COPHENETIC: "cophenetic_self",
        names.HUMAN_DISTANCE: "cophenetic_model_vs_human_distance",
        names.HUMAN_TREE: "cophenetic_tree_vs_tree",
        names.BAKER: "bakers_gamma_spearman_on_levels",
    }
    for name, key in told.items():
        assert found[name]["value"] == pytest.approx(expected[key], abs=1e-9), key
    hits, counts = triplets.per_concept(*_ordered(matrix.to_numpy(), listed))
    assert counts.sum() / 3 == expected["triplets"]
    assert hits.sum() / counts.sum() == pytest.approx(expected["triplet_accuracy_model"])
    assert found[names.BAKER]["p"] < 0.05


def _ordered(matrix: Array, listed: pd.DataFrame) -> tuple[Array, Array]:
    own = layout(matrix, listed)
    return matrix[np.ix_(own.kept, own.kept)], own.starts
