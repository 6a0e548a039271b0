"""Dyadic inference: errors as double sums over pairs, influences as derivatives, bootstraps as repeated rows."""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from expertneurons import dyadic, seeds
from expertneurons.dyadic import (
    covariance,
    freedom,
    incidence,
    interval,
    node_bootstrap,
    partial_spearman,
    rank_products,
    simultaneous,
    spearman,
)

Array = npt.NDArray[Any]


def some_pairs(rng: np.random.Generator, concepts: int, count: int) -> Array:
    every = np.array(list(combinations(range(concepts), 2)))
    return every[rng.choice(len(every), count, replace=False)]


def example(
    seed: int = 0, concepts: int = 14, count: int = 60, decimals: int = 1, conditions: int = 3
) -> tuple[Array, Array, Array]:
    """Similarities of some conditions and the ratings they follow in part, with ties; and the pairs."""
    rng = np.random.default_rng(seed)
    pairs = some_pairs(rng, concepts, count)
    hubs = rng.standard_normal((conditions, concepts))[:, pairs].sum(axis=2).T
    ratings = rng.standard_normal(count)
    values = ratings[:, None] + hubs + rng.standard_normal((count, conditions))
    return values.round(decimals), ratings.round(decimals), pairs


def double_sum(influence: Array, pairs: Array) -> Array:
    """Sum the products of all pairs of pairs that share a concept (Aronow, Samii & Assenova, eq. 5)."""
    centred = influence - influence.mean(axis=0)
    total = np.zeros((influence.shape[1],) * 2)
    for p in range(len(pairs)):
        for q in range(len(pairs)):
            if set(pairs[p]) & set(pairs[q]):
                total += np.outer(centred[p], centred[q])
    return total / len(pairs) ** 2


def test_incidence_marks_both_concepts_of_a_pair_and_skips_unused_numbers() -> None:
    held = incidence(np.array([[7, 2], [2, 300], [300, 4]])).toarray()
    assert held.tolist() == [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1]]


def test_covariance_equals_a_double_sum_over_pairs_that_share_a_concept() -> None:
    rng = np.random.default_rng(0)
    pairs = some_pairs(rng, 45, 200)
    assert len(np.unique(pairs)) == 45
    hubs = rng.standard_normal((2, 45))[:, pairs].sum(axis=2).T
    influence = hubs + rng.standard_normal((200, 2)) + 5
    found = covariance(influence, pairs)
    np.testing.assert_allclose(found, double_sum(influence, pairs), rtol=1e-10)
    np.testing.assert_allclose(found, found.T, rtol=1e-12)


def test_covariance_with_few_concepts_is_that_of_a_jackknife_over_concepts() -> None:
    rng = np.random.default_rng(1)
    pairs = some_pairs(rng, 12, 40)
    influence = rng.standard_normal((40, 2)) + rng.standard_normal((2, 12))[:, pairs].sum(axis=2).T
    centred = influence - influence.mean(axis=0)
    sums = np.array([centred[(pairs == concept).any(axis=1)].sum(axis=0) for concept in range(12)])
    found = covariance(influence, pairs)
    np.testing.assert_allclose(found, sums.T @ sums / 40**2, rtol=1e-10)
    # A pair, in two concepts, counts twice by itself.
    np.testing.assert_allclose(found, double_sum(influence, pairs) + centred.T @ centred / 40**2, rtol=1e-10)


def test_order_of_words_pairs_and_concepts_does_not_matter_to_the_covariance() -> None:
    rng = np.random.default_rng(2)
    pairs = some_pairs(rng, 50, 150)
    influence = rng.standard_normal((150, 2)) + rng.standard_normal((2, 50))[:, pairs].sum(axis=2).T
    order, names = rng.permutation(150), rng.permutation(50)
    turned = np.where(rng.random((150, 1)) < 0.5, pairs, pairs[:, ::-1])
    found = covariance(influence[order], names[turned[order]])
    np.testing.assert_allclose(found, covariance(influence, pairs), rtol=1e-9)


def test_joint_covariance_is_symmetric_and_never_negative() -> None:
    mended = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pairs = some_pairs(rng, 45, 60)
        influence = rng.standard_normal((60, 8))
        influence[:, 4:] = influence[:, :4] + 0.1 * influence[:, 4:]  # differences are small
        found = covariance(influence, pairs)
        np.testing.assert_allclose(found, found.T, rtol=1e-12, atol=1e-15)
        values = np.linalg.eigvalsh(found)
        assert values[0] >= -1e-12 * values[-1]
        sums = double_sum(influence, pairs)
        if (np.diag(sums) > 0).all() and np.linalg.eigvalsh(sums)[0] < 0:
            mended += 1
            assert (np.diag(found) >= np.diag(sums) - 1e-12).all()
    assert mended > 3


def ring() -> tuple[Array, Array, Array]:
    """Pairs along a ring of 48 concepts; an influence that turns its sign at every pair, and one that seldom does."""
    pairs = np.column_stack([np.arange(48), (np.arange(48) + 1) % 48])
    return pairs, np.tile([1.0, -1.0], 24)[:, None], np.repeat([1.0, -1.0], 24)[:, None]


def test_variance_that_is_not_positive_is_replaced_by_that_over_pairs() -> None:
    pairs, turning, _ = ring()
    assert double_sum(turning, pairs)[0, 0] < 0
    assert covariance(turning, pairs)[0, 0] == pytest.approx(1 / 48)


def test_error_of_an_estimate_does_not_shrink_beside_others() -> None:
    pairs, turning, steady = ring()
    alone = covariance(steady, pairs)[0, 0]
    assert alone > 2 / 48
    together = covariance(np.column_stack([turning, steady]), pairs)
    assert together[1, 1] >= alone * (1 - 1e-9)


def test_degrees_of_freedom_are_concepts_less_two() -> None:
    assert [freedom(concepts) for concepts in (2, 3, 10)] == [1, 1, 8]


def test_interval_is_on_fishers_z_and_stays_within_bounds() -> None:
    low, high = interval(0.6, 0.1, 2.0)
    assert low == pytest.approx(np.tanh(np.arctanh(0.6) - 0.2 / 0.64))
    assert high == pytest.approx(np.tanh(np.arctanh(0.6) + 0.2 / 0.64))
    for rho in (1.0, -1.0, 0.999):
        low, high = interval(rho, 0.1, 2.0)
        assert -1 <= low <= high <= 1


def test_simultaneous_critical_value_equals_what_is_known() -> None:
    one = simultaneous(np.array([[0.04]]), 20, 0.95, 0, 200_000)
    assert one == pytest.approx(stats.t.ppf(0.975, 20), rel=0.01)
    root = np.array([[1.0], [2.0], [-0.5]])
    same = simultaneous(root @ root.T, 20, 0.95, 0, 200_000)
    assert same == pytest.approx(stats.t.ppf(0.975, 20), rel=0.01)
    apart = simultaneous(np.diag([1.0, 9.0, 0.1, 4.0]), 1e6, 0.95, 0, 200_000)
    assert apart == pytest.approx(stats.norm.ppf((1 + 0.95 ** (1 / 4)) / 2), rel=0.01)
    assert simultaneous(np.eye(3), 20, 0.95, 7) == simultaneous(np.eye(3), 20, 0.95, 7)


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_rho_equals_scipy_with_ties(decimals: int) -> None:
    values, ratings, _ = example(decimals=decimals)
    expected = [stats.spearmanr(own, ratings).statistic for own in values.T]
    np.testing.assert_allclose(spearman(values, ratings)[0], expected, atol=1e-12)


def test_rank_products_are_covariances_of_middle_ranks() -> None:
    values, ratings, _ = example()
    together = np.column_stack([values, ratings])
    expected = np.cov(stats.rankdata(together, axis=0) / 60, rowvar=False, bias=True)
    np.testing.assert_allclose(rank_products(together)[0], expected, atol=1e-12)


def weighted_products(values: Array, weights: Array) -> Array:
    """Covariances of middle ranks, as shares of the whole, in a sample with weights."""
    grades = np.column_stack(
        [(own[None, :] < own[:, None]) @ weights + (own[None, :] == own[:, None]) @ weights / 2 for own in values.T]
    )
    grades -= weights @ grades
    return np.asarray(grades.T @ (grades * weights[:, None]))


def partial(products: Array) -> float:
    """Correlation of the first two variables, the others held fixed, from the inverse of all correlations."""
    scale = np.sqrt(np.diag(products))
    inverse = np.linalg.inv(products / np.outer(scale, scale))
    return float(-inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1]))


@pytest.mark.parametrize("decimals", [0, 8])
def test_influences_equal_numerical_derivatives(decimals: int) -> None:
    values, ratings, _ = example(decimals=decimals)
    flat, step = np.full(60, 1 / 60), 1e-6
    ends = [[flat + side * (point - flat) for side in (-step, step)] for point in np.eye(60)]

    def derivative(columns: Array) -> list[float]:
        found = [[partial(weighted_products(columns, weights)) for weights in pair] for pair in ends]
        return [(high - low) / (2 * step) for low, high in found]

    for own, influence in zip(values.T, spearman(values, ratings)[1].T, strict=True):
        np.testing.assert_allclose(influence, derivative(np.column_stack([own, ratings])), atol=1e-6)
    given = values[:, 1:]
    influence = partial_spearman(values[:, 0], ratings, given)[1]
    np.testing.assert_allclose(influence, derivative(np.column_stack([values[:, 0], ratings, given])), atol=1e-6)


def test_influences_equal_leaving_out_a_pair_in_first_order() -> None:
    values, ratings, _ = example(concepts=60, count=600)
    rho, influence = spearman(values, ratings)
    left_out = [
        [stats.spearmanr(np.delete(own, pair), np.delete(ratings, pair)).statistic for own in values.T]
        for pair in range(0, 600, 3)
    ]
    changes = 599 * (rho - np.array(left_out))
    np.testing.assert_allclose(changes, influence[::3], atol=0.02)
    assert np.abs(influence).max() > 1
    np.testing.assert_allclose(influence.mean(axis=0), 0, atol=1e-10)


def test_partial_rho_equals_the_correlation_of_what_covariates_leave_of_the_ranks() -> None:
    values, ratings, _ = example(decimals=0, conditions=4)
    given = values[:, 1:]
    found, influence = partial_spearman(values[:, 0], ratings, given)
    ranks = stats.rankdata(np.column_stack([values[:, 0], ratings, given]), axis=0)
    others = np.column_stack([np.ones(60), ranks[:, 2:]])
    left = ranks[:, :2] - others @ np.linalg.lstsq(others, ranks[:, :2])[0]
    assert found == pytest.approx(np.corrcoef(left.T)[0, 1], abs=1e-10)
    assert found == pytest.approx(partial(np.asarray(np.corrcoef(ranks.T))), abs=1e-10)
    assert influence.shape == (60,)


def test_partial_rho_without_covariates_is_rho() -> None:
    values, ratings, _ = example()
    plain = spearman(values[:, :1], ratings)
    found, influence = partial_spearman(values[:, 0], ratings, np.empty((60, 0)))
    assert found == pytest.approx(plain[0][0], abs=1e-12)
    np.testing.assert_allclose(influence, plain[1][:, 0], atol=1e-10)


def test_growing_function_changes_neither_rho_nor_influence() -> None:
    values, ratings, _ = example()
    for found, expected in zip(spearman(np.exp(values), ratings**3), spearman(values, ratings), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def repeated(values: Array, ratings: Array, pairs: Array, counts: Array) -> float:
    """Spearman of rows that stand there as often as both of their concepts were drawn."""
    rows = np.repeat(np.arange(len(pairs)), counts[pairs].prod(axis=1))
    return float(stats.spearmanr(values[rows], ratings[rows]).statistic)


def test_draws_of_the_node_bootstrap_equal_rows_that_are_repeated() -> None:
    values, ratings, pairs = example()
    draws = 2 * dyadic.BLOCK + 100  # several blocks draw from one stream
    found = node_bootstrap(values, ratings, pairs, draws, 5)
    assert found.shape == (draws, 3)
    counts = seeds.generator(5, "node_bootstrap").multinomial(14, np.full(14, 1 / 14), size=draws)
    for draw in range(0, draws, 20):
        expected = [repeated(own, ratings, pairs, counts[draw]) for own in values.T]
        np.testing.assert_allclose(found[draw], expected, atol=1e-10)


def test_node_bootstrap_depends_on_the_seed_alone() -> None:
    values, ratings, pairs = example()
    found = node_bootstrap(values, ratings, pairs, 30, 1)
    np.testing.assert_array_equal(found, node_bootstrap(values, ratings, pairs, 30, 1))
    assert not np.array_equal(found, node_bootstrap(values, ratings, pairs, 30, 2))


def test_order_of_words_pairs_and_conditions_does_not_matter_to_the_node_bootstrap() -> None:
    values, ratings, pairs = example()
    expected = node_bootstrap(values, ratings, pairs, 30, 1)
    rng = np.random.default_rng(0)
    order = rng.permutation(60)
    turned = np.where(rng.random((60, 1)) < 0.5, pairs, pairs[:, ::-1])
    found = node_bootstrap(values[order][:, ::-1], ratings[order], turned[order], 30, 1)
    np.testing.assert_allclose(found, expected[:, ::-1], atol=1e-12)
    np.testing.assert_allclose(node_bootstrap(values, ratings, 3 * pairs + 2, 30, 1), expected, atol=1e-12)


def test_constant_similarity_has_no_bootstrap_and_spoils_no_other() -> None:
    values, ratings, pairs = example()
    values[:, 1] = 0.3
    found = node_bootstrap(values, ratings, pairs, 20, 0)
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(found[:, [0, 2]]).all()
    np.testing.assert_array_equal(found[:, [0, 2]], node_bootstrap(values[:, [0, 2]], ratings, pairs, 20, 0))


def test_node_bootstrap_is_wider_than_the_dyadic_error_but_not_by_much() -> None:
    values, ratings, pairs = example(concepts=60, count=700, conditions=1)
    errors = np.sqrt(covariance(spearman(values, ratings)[1], pairs).diagonal())
    drawn = node_bootstrap(values, ratings, pairs, 400, 0).std(axis=0)
    assert 1 < drawn[0] / errors[0] < 2


def test_interval_covers_no_alignment_where_fishers_does_not() -> None:
    # Hubs on both sides: concepts that are similar to all others, in the model and to people.
    pairs = np.array(list(combinations(range(60), 2)))
    dyadic_covers, plain_covers = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        hubs = rng.standard_normal((2, 60))[:, pairs].sum(axis=2)
        values, ratings = 0.7 * hubs + rng.standard_normal((2, len(pairs)))
        rho, influence = spearman(values[:, None], ratings)
        se = np.sqrt(covariance(influence, pairs)[0, 0])
        low, high = interval(rho[0], se, stats.t.ppf(0.975, freedom(60)))
        dyadic_covers.append(low <= 0 <= high)
        plain_covers.append(abs(np.arctanh(rho[0])) <= 1.96 * 1.03 / np.sqrt(len(pairs) - 3))
    assert 0.88 <= np.mean(dyadic_covers) <= 0.99
    assert np.mean(plain_covers) < 0.85
