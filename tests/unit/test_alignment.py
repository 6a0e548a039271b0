"""Alignment: Spearman as in scipy, an error that respects shared concepts, a permutation test that is calibrated."""

from collections.abc import Sequence
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from expertneurons import dyadic, tables
from expertneurons.alignment import align, align_representations, by_domain, node_permutation, rated_pairs
from expertneurons.ceilings import ERROR, RELIABILITY, ceiling
from expertneurons.errors import StudyError

Array = npt.NDArray[Any]


def all_pairs(concepts: int) -> Array:
    return np.array(list(combinations(range(concepts), 2)))


def symmetric(rng: np.random.Generator, concepts: int) -> Array:
    drawn = rng.standard_normal((concepts, concepts))
    return drawn + drawn.T


def example(seed: int = 0, concepts: int = 14, decimals: int = 1) -> tuple[Array, Array, Array]:
    """A similarity, two thirds of its pairs, and ratings that follow it in part, with ties on both sides."""
    rng = np.random.default_rng(seed)
    matrix = symmetric(rng, concepts).round(decimals)
    pairs = all_pairs(concepts)
    pairs = pairs[np.sort(rng.choice(len(pairs), 2 * len(pairs) // 3, replace=False))]
    ratings = matrix[pairs[:, 0], pairs[:, 1]] + 1.5 * rng.standard_normal(len(pairs))
    return matrix, pairs, ratings.round(decimals)


def dependent(rng: np.random.Generator, concepts: int, slope: float = 0.0) -> tuple[Array, Array, Array]:
    """Similarities and ratings whose noise belongs to the concepts, so that pairs with a shared one go together."""
    pairs = all_pairs(concepts)
    noise = rng.standard_normal((2, concepts))
    shared = noise[:, pairs].sum(axis=2)  # (2, pairs)
    own = rng.standard_normal((3, len(pairs)))
    matrix = np.zeros((concepts, concepts))
    matrix[pairs[:, 0], pairs[:, 1]] = matrix[pairs[:, 1], pairs[:, 0]] = shared[0] + 0.5 * own[0] + slope * own[2]
    return matrix, pairs, shared[1] + 0.5 * own[1] + slope * own[2]


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_rho_equals_scipy_with_ties_and_unknown_pairs_left_out(decimals: int) -> None:
    matrix, pairs, ratings = example(decimals=decimals)
    matrix[3, :5] = matrix[:5, 3] = np.nan
    own = matrix[pairs[:, 0], pairs[:, 1]]
    known = ~np.isnan(own)
    assert 0 < (~known).sum() < 5
    found = align(matrix, pairs, ratings)
    assert found.rho == pytest.approx(stats.spearmanr(own[known], ratings[known]).statistic, abs=1e-12)
    assert found.n_pairs == known.sum()
    assert found.n_concepts == len(np.unique(pairs[known]))


def test_order_of_pairs_does_not_matter() -> None:
    matrix, pairs, ratings = example()
    order = np.random.default_rng(1).permutation(len(pairs))
    assert align(matrix, pairs[order], ratings[order]) == pytest.approx(align(matrix, pairs, ratings), abs=1e-12)


def test_order_of_words_in_a_pair_does_not_matter() -> None:
    matrix, pairs, ratings = example()
    turned = pairs.copy()
    turned[::2] = turned[::2, ::-1]
    assert align(matrix, turned, ratings) == pytest.approx(align(matrix, pairs, ratings), abs=1e-12)


def test_order_of_concepts_does_not_matter() -> None:
    matrix, pairs, ratings = example()
    order = np.random.default_rng(2).permutation(len(matrix))
    moved = np.argsort(order)[pairs]
    found = align(matrix[np.ix_(order, order)], moved, ratings)
    assert found == pytest.approx(align(matrix, pairs, ratings), abs=1e-12)


def test_a_growing_function_of_either_side_changes_nothing() -> None:
    matrix, pairs, ratings = example()
    assert align(np.exp(matrix), pairs, ratings**3) == pytest.approx(align(matrix, pairs, ratings), abs=1e-12)


def test_perfect_alignment_has_bounds() -> None:
    pairs = all_pairs(6)
    matrix = symmetric(np.random.default_rng(0), 6)
    found = align(matrix, pairs, matrix[pairs[:, 0], pairs[:, 1]])
    assert found.rho == pytest.approx(1)
    assert -1 <= found.low <= found.high <= 1


def test_opposite_alignment_has_bounds() -> None:
    pairs = all_pairs(6)
    matrix = symmetric(np.random.default_rng(0), 6)
    found = align(matrix, pairs, -matrix[pairs[:, 0], pairs[:, 1]])
    assert found.rho == pytest.approx(-1)
    assert -1 <= found.low <= found.high <= 1


def influences(matrix: Array, pairs: Array, ratings: Array) -> Array:
    """How far each pair's influence is from their mean."""
    influence = dyadic.spearman(matrix[pairs[:, 0], pairs[:, 1]][:, None], ratings)[1][:, 0]
    return np.asarray(influence - influence.mean())


def test_dyadic_error_equals_a_double_sum_over_pairs_that_share_a_concept() -> None:
    matrix, pairs, ratings = dependent(np.random.default_rng(3), dyadic.FEW_CONCEPTS)
    chosen = np.sort(np.random.default_rng(4).choice(len(pairs), 200, replace=False))
    pairs, ratings = pairs[chosen], ratings[chosen]
    assert len(np.unique(pairs)) == dyadic.FEW_CONCEPTS
    centred = influences(matrix, pairs, ratings)
    total = sum(
        centred[p] * centred[q] for p in range(len(pairs)) for q in range(len(pairs)) if set(pairs[p]) & set(pairs[q])
    )
    assert align(matrix, pairs, ratings).se == pytest.approx(np.sqrt(total) / len(pairs), rel=1e-9)


def test_error_with_few_concepts_is_that_of_leaving_out_each_of_them() -> None:
    matrix, pairs, ratings = dependent(np.random.default_rng(3), 12)
    centred = influences(matrix, pairs, ratings)
    sums = [centred[(pairs == concept).any(axis=1)].sum() for concept in range(12)]
    expected = np.sqrt(np.square(sums).sum()) / len(pairs)
    assert align(matrix, pairs, ratings).se == pytest.approx(expected, rel=1e-9)


def test_interval_is_on_fishers_z_with_students_t() -> None:
    matrix, pairs, ratings = example()
    found = align(matrix, pairs, ratings, level=0.9)
    reach = stats.t.ppf(0.95, found.n_concepts - 2) * found.se / (1 - found.rho**2)
    assert found.low == pytest.approx(np.tanh(np.arctanh(found.rho) - reach))
    assert found.high == pytest.approx(np.tanh(np.arctanh(found.rho) + reach))


def test_interval_covers_the_truth_where_fishers_does_not() -> None:
    # The population value is that of a sample so large that its own error does not count.
    truth = align(*dependent(np.random.default_rng(99), 1000, slope=1.0)).rho
    runs = [align(*dependent(np.random.default_rng(seed), 25, slope=1.0)) for seed in range(300)]
    reach = stats.norm.ppf(0.975) * 1.03 / np.sqrt(runs[0].n_pairs - 3)
    plain = np.mean([abs(np.arctanh(found.rho) - np.arctanh(truth)) <= reach for found in runs])
    covered = np.mean([found.low <= truth <= found.high for found in runs])
    assert covered >= 0.88
    assert plain < covered - 0.1


def test_p_is_the_share_of_permutations_as_high_and_never_zero() -> None:
    matrix, pairs, _ = example(concepts=20)
    p, null = node_permutation(matrix, pairs, matrix[pairs[:, 0], pairs[:, 1]], 199, 1)
    assert p == pytest.approx(1 / 200)
    assert null.shape == (199,)
    matrix, pairs, ratings = example(seed=5, concepts=8)
    p, null = node_permutation(matrix, pairs, ratings, 199, 1)
    rho = align(matrix, pairs, ratings).rho
    assert p == pytest.approx(((null >= rho - 1e-12).sum() + 1) / 200)


def test_null_holds_correlations_of_shuffled_concepts() -> None:
    # Every shuffle of four concepts can be listed.
    matrix, pairs = symmetric(np.random.default_rng(6), 4), all_pairs(4)
    ratings = np.random.default_rng(0).standard_normal(len(pairs))
    _, null = node_permutation(matrix, pairs, ratings, 500, 0)
    orders = np.array(list(permutations(range(4))))
    possible = {
        round(float(stats.spearmanr(matrix[order[pairs[:, 0]], order[pairs[:, 1]]], ratings).statistic), 9)
        for order in orders
    }
    assert {round(float(value), 9) for value in null} == possible


def test_permutation_test_keeps_its_level_without_alignment() -> None:
    # Concept-wide noise on both sides, which a test that shuffles pairs takes for alignment.
    found = []
    for seed in range(200):
        matrix, pairs, ratings = dependent(np.random.default_rng(seed), 15)
        found.append(node_permutation(matrix, pairs, ratings, 199, seed)[0])
    assert 0.01 <= np.mean(np.array(found) <= 0.05) <= 0.10
    assert min(found) > 0


def test_permutation_test_leaves_out_concepts_without_similarity() -> None:
    matrix, pairs, ratings = example(concepts=16)
    empty = matrix.copy()
    empty[5] = empty[:, 5] = np.nan
    kept = ~(pairs == 5).any(axis=1)
    found = node_permutation(empty, pairs, ratings, 199, 1)
    others = np.delete(np.arange(16), 5)
    moved = np.searchsorted(others, pairs[kept])
    whole = node_permutation(matrix[np.ix_(others, others)], moved, ratings[kept], 199, 1)
    assert found[0] == whole[0]
    np.testing.assert_allclose(found[1], whole[1])


def test_the_same_seed_gives_the_same_p_and_null() -> None:
    first, again = (node_permutation(*example(), 199, 4) for _ in range(2))
    assert first[0] == again[0]
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], node_permutation(*example(), 199, 5)[1])


@pytest.mark.parametrize("case", ["constant similarity", "constant ratings", "four pairs", "no pairs", "all unknown"])
def test_what_cannot_be_aligned_is_nan(case: str) -> None:
    matrix, pairs, ratings = example()
    if case == "constant similarity":
        matrix[:] = 0.3
    elif case == "constant ratings":
        ratings[:] = 2
    elif case == "all unknown":
        matrix[:] = np.nan
    else:
        pairs, ratings = (values[: 4 if case == "four pairs" else 0] for values in (pairs, ratings))
    found = align(matrix, pairs, ratings)
    assert np.isnan([found.rho, found.se, found.low, found.high]).all()
    assert found.n_pairs == (0 if case == "all unknown" else len(pairs))
    assert np.isnan(node_permutation(matrix, pairs, ratings, 99, 0)[0])


def norm_file(folder: Path, rows: list[tuple[str, str, float]], name: str = "a-norm") -> Path:
    tables.write(pd.DataFrame(rows, columns=["word1", "word2", "rating"]), folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


def test_rated_pairs_are_numbered_and_sorted_whatever_the_case_and_order(tmp_path: Path) -> None:
    rows = [("tree", "dog", 1.0), ("cat", "ant", 2.0), ("cat", "whale", 9.0), ("ant", "dog", 3.0)]
    pairs, ratings = rated_pairs(norm_file(tmp_path, rows), ["Ant", "cat", "dog", "tree"])
    assert pairs.tolist() == [[0, 1], [0, 2], [2, 3]]
    assert ratings.tolist() == [2.0, 3.0, 1.0]


@pytest.mark.parametrize("rows", [[("cat", "whale", 1.0)], [("ant", "cat", 1.0), ("ant", "dog", 2.0)], []])
def test_norm_without_enough_rated_pairs_is_named(tmp_path: Path, rows: list[tuple[str, str, float]]) -> None:
    with pytest.raises(StudyError, match=r"norm 'a-norm' rates \d pairs of the 3 concepts, fewer than 3"):
        rated_pairs(norm_file(tmp_path, rows), ["ant", "cat", "dog"])


NAMES = [f"c{number:02d}" for number in range(12)]
# Animals 0 to 4, tools 5 to 8; one domain of a single concept, and three concepts without one.
DOMAINS: Sequence[str | None] = [*["animal"] * 5, *["tool"] * 4, "plant", "", None]


def study(
    folder: Path,
    matrices: list[Array],
    least: float = 0.1,
    error: float | None = None,
    domains: Sequence[str | None] = DOMAINS,
    **options: Any,
) -> pd.DataFrame:
    """Align matrices over twelve concepts with one norm that rates every pair."""
    rng = np.random.default_rng(0)
    ratings = [(NAMES[a], NAMES[b], round(float(rng.random()), 3)) for a, b in all_pairs(12)]
    norms = [norm_file(folder, ratings)]
    np.save(folder / "similarity.npy", np.array(matrices, np.float32))
    names = [f"representation{number}" for number in range(len(matrices))]
    index = pd.DataFrame(
        {"representation": names, "family": "experts", "threshold": [0.5, *[np.nan] * (len(names) - 1)]}
    )
    tables.write(index, folder / "representations.parquet")
    places = folder / "similarity.npy", folder / "representations.parquet", concept_file(folder, domains)
    given = {"permutations": 99, "max_undefined": least, **options}
    known = [agreement_file(folder, error)]
    align_representations(*places, norms, known, folder / "alignment.parquet", "a-model", "everyday", **given)
    return tables.read(folder / "alignment.parquet").set_index("representation")


def concept_file(folder: Path, domains: Sequence[str | None] = DOMAINS) -> Path:
    path = folder / "concepts.parquet"
    tables.write(pd.DataFrame({"concept_number": range(12), "concept": NAMES, "domain": domains}), path)
    return path


def agreement_file(folder: Path, error: float | None = None) -> Path:
    path = folder / "agreement.parquet"
    rows = [{"norm": "a-norm", "measure": RELIABILITY, "value": np.nan}]
    rows += [] if error is None else [{"norm": "a-norm", "measure": ERROR, "value": error}]
    tables.write(pd.DataFrame(rows), path)
    return path


def without(matrix: Array, pairs: Array) -> Array:
    found = matrix.copy()
    found[pairs[:, 0], pairs[:, 1]] = found[pairs[:, 1], pairs[:, 0]] = np.nan
    return found


def test_representations_that_lose_few_pairs_are_compared_on_identical_ones(tmp_path: Path) -> None:
    matrix = symmetric(np.random.default_rng(1), 12)
    pairs = all_pairs(12)  # 66
    few, others, many = without(matrix, pairs[:4]), without(matrix, pairs[2:7]), without(matrix, pairs[10:40])
    table = study(tmp_path, [matrix, few, others, many])
    assert table["identical_pairs"].tolist() == [True, True, True, False]
    assert table["n_pairs"].tolist() == [59, 59, 59, 36]
    assert len(set(table["rho"].iloc[:3])) == 1
    assert table["undefined_pairs"].iloc[3] == 30


def test_share_of_undefined_pairs_decides_who_is_compared(tmp_path: Path) -> None:
    matrix = symmetric(np.random.default_rng(1), 12)
    few = without(matrix, all_pairs(12)[:4])
    assert study(tmp_path, [matrix, few], least=4 / 66)["n_pairs"].tolist() == [62, 62]
    assert study(tmp_path, [matrix, few], least=0.05)["n_pairs"].tolist() == [66, 62]


def test_rows_hold_what_align_and_the_permutations_give(tmp_path: Path) -> None:
    matrix = symmetric(np.random.default_rng(1), 12).astype(np.float32)
    row = study(tmp_path, [matrix], level=0.9, seed=7).iloc[0]
    pairs, ratings = rated_pairs(tmp_path / "a-norm.parquet", NAMES)
    found = align(matrix, pairs, ratings, 0.9)
    p, null = node_permutation(matrix, pairs, ratings, 99, 7)
    assert tuple(row[list(found._fields)]) == pytest.approx(tuple(found))
    assert row["p"] == p
    assert (row["null_low"], row["null_high"]) == pytest.approx(tuple(np.quantile(null, [0.05, 0.95])))
    assert (row["model"], row["stimuli"], row["norm"], row["family"]) == ("a-model", "everyday", "a-norm", "experts")


def test_representation_without_any_defined_pair_is_a_row_of_nan(tmp_path: Path) -> None:
    matrix = symmetric(np.random.default_rng(1), 12)
    table = study(tmp_path, [matrix, np.full((12, 12), np.nan)])
    assert np.isnan(table["rho"].iloc[1])
    assert table["n_pairs"].tolist() == [66, 0]
    assert not table["identical_pairs"].iloc[1]


def test_norm_that_does_not_overlap_leaves_no_file(tmp_path: Path) -> None:
    norm = norm_file(tmp_path, [("whale", "shark", 1.0)])
    np.save(tmp_path / "similarity.npy", np.zeros((1, 12, 12), np.float32))
    tables.write(pd.DataFrame({"representation": ["r"], "family": "experts", "threshold": 0.5}), tmp_path / "r.parquet")
    places = tmp_path / "similarity.npy", tmp_path / "r.parquet", concept_file(tmp_path)
    known = agreement_file(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StudyError, match="norm 'a-norm'"):
        align_representations(*places, [norm], [known], tmp_path / "out.parquet", "m", "s")
    assert sorted(tmp_path.iterdir()) == before


def test_a_concept_without_a_domain_shares_none() -> None:
    concepts = pd.DataFrame({"concept": NAMES, "domain": DOMAINS})
    pairs = np.array([[0, 1], [0, 5], [5, 6], [9, 9], [10, 11], [10, 10], [11, 11], [4, 10]])
    parts = by_domain(concepts, pairs)
    assert parts["within"].tolist() == [True, False, True, True, False, False, False, False]
    assert parts["between"].tolist() == [False, True, False, False, False, False, False, False]
    assert parts["unnamed"].tolist() == [False, False, False, False, True, True, True, True]


def test_alignment_is_split_into_pairs_within_and_between_domains(tmp_path: Path) -> None:
    matrix = symmetric(np.random.default_rng(1), 12).astype(np.float32)
    row = study(tmp_path, [matrix], level=0.9).iloc[0]
    pairs, ratings = rated_pairs(tmp_path / "a-norm.parquet", NAMES)
    within = (pairs < 5).all(axis=1) | ((pairs >= 5) & (pairs < 9)).all(axis=1)
    between = (pairs < 10).all(axis=1) & ~within
    assert (row["n_pairs_within"], row["n_pairs_between"], row["n_pairs_unnamed"]) == (10 + 6, 45 - 16, 66 - 45)
    for name, chosen in (("within", within), ("between", between), ("unnamed", ~within & ~between)):
        found = align(matrix, pairs[chosen], ratings[chosen], 0.9)
        assert row[f"rho_{name}"] == pytest.approx(
            stats.spearmanr(matrix[tuple(pairs[chosen].T)], ratings[chosen]).statistic
        )
        assert (row[f"low_{name}"], row[f"high_{name}"]) == pytest.approx((found.low, found.high))


def test_undefined_pairs_are_in_neither_part(tmp_path: Path) -> None:
    # Of the pairs left out two are animals, one is of an animal and a tool.
    matrix = without(symmetric(np.random.default_rng(1), 12), np.array([[0, 1], [2, 3], [4, 5]]))
    row = study(tmp_path, [matrix]).iloc[0]
    assert (row["n_pairs"], row["n_pairs_within"], row["n_pairs_between"]) == (63, 14, 28)


def test_a_domain_in_the_order_of_the_ratings_takes_no_table_down(tmp_path: Path) -> None:
    matrix = symmetric(np.random.default_rng(1), 12)
    study(tmp_path, [matrix])
    pairs, ratings = rated_pairs(tmp_path / "a-norm.parquet", NAMES)
    within = (pairs < 5).all(axis=1) | ((pairs >= 5) & (pairs < 9)).all(axis=1)
    for (first, second), rating in zip(pairs[within], ratings[within], strict=True):
        matrix[first, second] = matrix[second, first] = rating
    assert study(tmp_path, [matrix])["rho_within"].iloc[0] == pytest.approx(1)


def test_concepts_without_domains_have_no_alignment_within(tmp_path: Path) -> None:
    row = study(tmp_path, [symmetric(np.random.default_rng(1), 12)], domains=[""] * 12).iloc[0]
    assert np.isnan([row["rho_within"], row["low_within"], row["high_within"]]).all()
    assert row["n_pairs_within"] == 0
    columns = ["rho", "low", "high", "n_pairs"]
    assert [row[f"{name}_unnamed"] for name in columns] == [row[name] for name in columns]


def test_joint_intervals_are_wider_by_one_critical_value(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    own, constant = symmetric(rng, 12), np.full((12, 12), 0.3)
    many = without(own, all_pairs(12)[10:40])
    table = study(tmp_path, [own, constant, symmetric(rng, 12), many, own + 0.3 * symmetric(rng, 12)])
    joint = table.loc[["representation0", "representation2", "representation4"]]
    assert (joint["low_joint"] < joint["low"]).all()
    assert (joint["high_joint"] > joint["high"]).all()
    single, together = (
        (np.arctanh(joint["rho"]) - np.arctanh(joint[low])) * (1 - joint["rho"] ** 2) / joint["se"]
        for low in ("low", "low_joint")
    )
    np.testing.assert_allclose(single, stats.t.ppf(0.975, 10))
    np.testing.assert_allclose(together, together.iloc[0])
    assert stats.t.ppf(0.975, 10) * 1.03 < together.iloc[0] < stats.t.ppf(1 - 0.025 / 3, 10) * 1.01
    # Neither the one that correlates with nothing nor the one on pairs of its own.
    assert table.loc[["representation1", "representation3"], ["low_joint", "high_joint"]].isna().all(axis=None)


def test_joint_interval_of_one_representation_is_its_own(tmp_path: Path) -> None:
    row = study(tmp_path, [symmetric(np.random.default_rng(1), 12)]).iloc[0]
    assert (row["low_joint"], row["high_joint"]) == pytest.approx((row["low"], row["high"]), abs=0.02)


def test_ceiling_is_that_of_the_rated_pairs(tmp_path: Path) -> None:
    matrix = symmetric(np.random.default_rng(1), 12)
    table = study(tmp_path, [matrix, without(matrix, all_pairs(12)[10:40])], error=0.02)
    ratings = rated_pairs(tmp_path / "a-norm.parquet", NAMES)[1]
    expected = ceiling(tables.read(tmp_path / "agreement.parquet"), ratings)
    assert expected == pytest.approx(np.sqrt(1 - 0.02 / ratings.var()))
    assert table["ceiling"].tolist() == [expected, expected]
    np.testing.assert_allclose(table["share_of_ceiling"], table["rho"] / expected)


def test_ceiling_is_unknown_where_the_reliability_is(tmp_path: Path) -> None:
    row = study(tmp_path, [symmetric(np.random.default_rng(1), 12)]).iloc[0]
    assert np.isnan([row["ceiling"], row["share_of_ceiling"]]).all()


def test_each_norm_has_its_own_ceiling_and_joint_intervals(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    matrices = [symmetric(rng, 12), symmetric(rng, 12)]
    alone = study(tmp_path, matrices, error=0.02)
    again = norm_file(tmp_path, [(NAMES[a], NAMES[b], float(a - b)) for a, b in all_pairs(12)[::2]], "b-norm")
    known = [agreement_file(tmp_path, 0.02), tmp_path / "none.parquet"]
    tables.write(pd.DataFrame({"norm": ["b-norm"], "measure": [RELIABILITY], "value": [np.nan]}), known[1])
    places = tmp_path / "similarity.npy", tmp_path / "representations.parquet", tmp_path / "concepts.parquet"
    norms, output = [tmp_path / "a-norm.parquet", again], tmp_path / "both.parquet"
    align_representations(*places, norms, known, output, "a-model", "everyday", permutations=99)
    both = tables.read(output).set_index("representation")
    pd.testing.assert_frame_equal(both[both["norm"] == "a-norm"], alone)
    assert both[both["norm"] == "b-norm"]["ceiling"].isna().all()
    assert (both[both["norm"] == "b-norm"]["n_pairs"] == 33).all()
