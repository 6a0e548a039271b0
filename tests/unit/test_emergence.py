"""Emergence: curves equal single alignments, planted rises are found, sizes are compared as by hand."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from expertneurons import tables
from expertneurons.alignment import align
from expertneurons.dyadic import covariance
from expertneurons.emergence import (
    Curve,
    _logistic,
    compare_sizes,
    crossing,
    curve,
    half_rise,
    points,
    read_parts,
    representations,
)

Array = npt.NDArray[Any]

STEPS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
GROWTH = np.log10(np.array(STEPS) + 1.0)


def measured(
    seed: int = 0, concepts: int = 16, steps: list[int] = STEPS, signal: Array | None = None, missing: float = 0.0
) -> pd.DataFrame:
    """Similarities of all pairs over the steps, which follow the ratings by the signal of the step."""
    rng = np.random.default_rng(seed)
    pairs = np.array(list(combinations(range(concepts), 2)))
    rating = rng.standard_normal(len(pairs)).round(1)
    hubs = rng.standard_normal((2, concepts))[:, pairs].sum(axis=2)
    noise = rng.standard_normal((2, len(pairs)))
    parts = []
    for step, share in zip(steps, np.linspace(0, 1, len(steps)) if signal is None else signal, strict=True):
        values = share * rating + 0.5 * hubs + noise + 0.1 * rng.standard_normal((2, len(pairs)))
        values[rng.random(values.shape) < missing] = np.nan
        columns: dict[str, Any] = {"word1": [f"w{a:02d}" for a, _ in pairs], "word2": [f"w{b:02d}" for _, b in pairs]}
        columns |= {"rating": rating, "experts.jaccard@0.5": values[0], "draw#0": values[0], "draw#1": values[1]}
        parts.append(pd.DataFrame({"step": step, **columns}))
    return pd.concat(parts, ignore_index=True)


def planted(rho: Array, sd: float, seed: int = 0, steps: list[int] = STEPS, together: float = 0.0) -> Curve:
    """A curve with errors of a given size around known points, which partly move together."""
    errors = sd**2 * (together + (1 - together) * np.eye(len(steps)))
    rng = np.random.default_rng(seed)
    drawn = rho + rng.multivariate_normal(np.zeros(len(steps)), errors, method="cholesky") if sd else rho
    nothing = np.zeros((1, len(steps)))
    places = np.array([[0, 1]])
    return Curve(
        np.array(steps), drawn, errors, np.full(len(steps), 99), nothing, places, 60, np.zeros((1, 1)), np.zeros(1)
    )


def logistic(start: float, rise: float, steepness: float, middle: float) -> Array:
    return np.asarray(start + rise / (1 + np.exp(-steepness * (GROWTH - middle))))


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("concepts", [16, 45])
def test_every_point_is_the_alignment_at_its_step(missing: float, concepts: int) -> None:
    rows = measured(concepts=concepts, missing=missing)
    found = points(curve(rows, ["experts.jaccard@0.5"]), 0.9).set_index("step")
    assert found.index.tolist() == STEPS
    for step, own in rows.groupby("step"):
        number = {f"w{place:02d}": place for place in range(concepts)}
        pairs = own[["word1", "word2"]].apply(lambda words, number=number: words.map(number)).to_numpy(np.intp)
        matrix = np.full((concepts, concepts), np.nan)
        matrix[tuple(pairs.T)] = own["experts.jaccard@0.5"]
        whole = align(matrix, pairs, own["rating"].to_numpy(np.float64), 0.9)
        row = found.loc[step]
        assert row["rho"] == pytest.approx(whole.rho)
        assert row["n_pairs"] == whole.n_pairs
        assert row["se"] == pytest.approx(whole.se, rel=1e-6)
        assert [row["low"], row["high"]] == pytest.approx([whole.low, whole.high], rel=1e-6)


def test_errors_of_a_curve_are_joint() -> None:
    found = curve(measured(concepts=45), ["experts.jaccard@0.5"])
    np.testing.assert_allclose(found.errors, covariance(found.influence, found.pairs), rtol=1e-9)
    correlation = found.errors / np.sqrt(np.outer(*(found.errors.diagonal(),) * 2))
    assert correlation[-1, -2] > 0.8  # neighbours share their noise


def test_over_draws_the_curve_is_the_mean() -> None:
    rows = measured(missing=0.1)
    each = [curve(rows, [f"draw#{draw}"]) for draw in (0, 1)]
    both = curve(rows, ["draw#0", "draw#1"])
    np.testing.assert_allclose(both.rho, (each[0].rho + each[1].rho) / 2)
    np.testing.assert_allclose(both.influence, (each[0].influence + each[1].influence) / 2)
    assert both.n_pairs.tolist() == np.minimum(each[0].n_pairs, each[1].n_pairs).tolist()


def test_order_of_rows_does_not_matter() -> None:
    rows = measured(missing=0.2)
    first, second = (curve(own, ["experts.jaccard@0.5"]) for own in (rows, rows.sample(frac=1, random_state=3)))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert half_rise(first, 50, 0.95, 1) == half_rise(second, 50, 0.95, 1)


def test_steps_without_enough_or_with_constant_similarities_are_not_defined() -> None:
    rows = measured()
    rows.loc[rows["step"] == 0, "experts.jaccard@0.5"] = 0.0
    few = rows.index[rows["step"] == 4][4:]
    rows.loc[few, "experts.jaccard@0.5"] = np.nan
    found = curve(rows, ["experts.jaccard@0.5"])
    assert np.flatnonzero(np.isnan(found.rho)).tolist() == [0, 3]
    assert np.isnan(found.errors[[0, 3]]).all()
    known = np.setdiff1d(np.arange(len(STEPS)), [0, 3])
    assert np.isfinite(found.errors[np.ix_(known, known)]).all()
    assert found.n_pairs[3] == 4
    table = points(found, 0.95)
    assert table.loc[[0, 3], ["rho", "se", "low", "high"]].isna().all(axis=None)


def test_crossing_by_hand() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0])
    assert crossing(x, np.array([0.0, 0.0, 0.4, 0.8]), 0.2) == pytest.approx(1.5)
    assert crossing(x, np.array([0.0, 0.2, 0.4, 0.8]), 0.4) == 2
    assert crossing(x, np.array([0.5, 0.5, 0.6, 0.8]), 0.4) == 0
    # The fit pools 0.6 and 0.2 to 0.4 each, so that a target of 0.4 is there at the first of them.
    assert crossing(x, np.array([0.0, 0.6, 0.2, 0.8]), 0.4) == 1
    # With weights 3 and 1 they pool to 0.5.
    assert crossing(x, np.array([0.0, 0.6, 0.2, 0.8]), 0.25, np.array([1.0, 3, 1, 1])) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "target"), [([0.0, 0.1, 0.2, 0.3], 0.4), ([0.0, 0.1, 0.2, 0.3], 0), ([0.3, 0.2, 0.1, 0.0], 0.2)]
)
def test_crossing_that_never_comes(values: list[float], target: float) -> None:
    assert np.isnan(crossing(np.arange(4.0), np.array(values), target))


def test_crossing_of_an_unknown_curve_is_unknown() -> None:
    assert np.isnan(crossing(np.arange(3.0), np.full(3, np.nan), 0.2))
    assert np.isnan(crossing(np.arange(3.0), np.array([0.0, 0.2, 0.4]), np.nan))
    # Unknown points are left out.
    assert crossing(np.arange(4.0), np.array([np.nan, 0.0, 0.2, 0.4]), 0.1) == pytest.approx(1.5)
    assert crossing(np.arange(4.0), np.array([0.0, np.nan, 0.2, 0.4]), 0.1) == pytest.approx(1.0)


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=4, max_size=9), st.floats(0.01, 1))
def test_crossing_is_within_the_axis_and_earlier_for_a_lower_target(values: list[float], target: float) -> None:
    x = np.arange(float(len(values)))
    found, lower = (crossing(x, np.array(values), goal) for goal in (target, target / 2))
    if not np.isnan(found):
        assert 0 <= lower <= found <= x[-1]


@pytest.mark.parametrize("together", [0.0, 0.6])
def test_half_rise_recovers_a_planted_logistic(together: float) -> None:
    # From 0 to 0.6, steep, with its middle at 31 steps.
    truth = logistic(0.0, 0.6, 6.0, 1.5)
    found = half_rise(planted(truth, 0.03, 1, together=together), 200, 0.95, 1)
    middle = 10**1.5 - 1
    assert found["emerged"]
    for name in ("half_monotone", "half_logistic"):
        assert found[f"{name}_low"] <= middle <= found[f"{name}_high"]
        assert found[name] == pytest.approx(middle, rel=0.25)
    assert found["rise"] == pytest.approx(0.6, abs=0.1)
    assert found["final"] == pytest.approx(0.6, abs=0.1)


def test_half_rise_without_noise_is_exact() -> None:
    truth = logistic(0.0, 0.6, 6.0, 1.5)
    found = half_rise(planted(truth, 0.0)._replace(errors=1e-10 * np.eye(len(STEPS))), 50, 0.95, 1)
    assert found["half_logistic"] == pytest.approx(10**1.5 - 1, rel=1e-3)
    assert found["half_monotone"] == pytest.approx(10 ** np.interp(truth[-1] / 2, truth, GROWTH) - 1, rel=1e-3)


def test_half_rise_covers_at_about_its_level() -> None:
    truth = logistic(0.0, 0.6, 4.0, 1.5)
    middle = 10 ** np.interp(truth[-1] / 2, truth, GROWTH) - 1
    covered = []
    for repeat in range(40):
        found = half_rise(planted(truth, 0.04, repeat, together=0.5), 100, 0.9, repeat)
        covered.append([found[f"{n}_low"] <= middle <= found[f"{n}_high"] for n in ("half_monotone", "half_logistic")])
    shares = np.mean(covered, axis=0)
    # 40 repeats of level 0.9 lie within 0.75 and 1 nearly always.
    assert (shares >= 0.75).all(), shares


def test_flat_curves_do_not_emerge() -> None:
    flat = np.full(len(STEPS), 0.3)
    emerged = [half_rise(planted(flat, 0.05, seed, together=0.3), 200, 0.95, seed)["emerged"] for seed in range(40)]
    assert np.mean(emerged) <= 0.1  # one side of 0.95 is 0.025
    assert not half_rise(planted(logistic(0.5, -0.4, 6.0, 1.5), 0.03), 200, 0.95, 1)["emerged"]


def test_fewer_than_four_points_are_not_fitted() -> None:
    rho = np.where(np.arange(len(STEPS)) < 3, 0.1, np.nan)
    errors = np.where(np.outer(~np.isnan(rho), ~np.isnan(rho)), 1e-4, np.nan)
    found = half_rise(planted(rho, 0.0)._replace(errors=errors), 50, 0.95, 1)
    assert found.pop("emerged") is False
    assert all(np.isnan(value) for value in found.values())


def test_unknown_points_are_left_out_of_the_fit() -> None:
    truth = logistic(0.0, 0.6, 6.0, 1.5)
    whole = planted(truth, 0.02, 3)
    kept = np.arange(len(STEPS)) != 1
    short = Curve(
        whole.steps[kept],
        whole.rho[kept],
        whole.errors[np.ix_(kept, kept)],
        whole.n_pairs[kept],
        whole.influence[:, kept],
        *whole[5:],
    )
    rho, errors = whole.rho.copy(), whole.errors.copy()
    rho[1] = errors[1] = errors[:, 1] = np.nan
    assert half_rise(whole._replace(rho=rho, errors=errors), 50, 0.95, 1) == half_rise(short, 50, 0.95, 1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-0.9, 0.9), min_size=5, max_size=9))
def test_logistic_middle_stays_within_the_steps_of_any_curve(values: list[float]) -> None:
    x = GROWTH[: len(values)]
    middle, error = _logistic(x, np.array(values), np.eye(len(values)))
    assert x[0] <= middle <= x[-1]
    assert error > 0
    errors = 0.01 * np.eye(len(values))
    found = half_rise(planted(np.array(values), 0.0, steps=STEPS[: len(values)])._replace(errors=errors), 20, 0.95, 1)
    ends = [found[f"half_logistic{end}"] for end in ("_low", "", "_high")]
    assert 0 <= ends[0] <= ends[1] <= ends[2] <= STEPS[len(values) - 1] + 1e-9


def test_the_middle_of_a_flat_curve_may_be_anywhere() -> None:
    found = half_rise(planted(np.full(len(STEPS), 0.3), 0.0)._replace(errors=1e-4 * np.eye(len(STEPS))), 50, 0.95, 1)
    assert [found["half_logistic_low"], found["half_logistic_high"]] == pytest.approx([0, 512])


def two_sizes(weaker: float, stronger: float, seed: int = 0, noise: float = 1.0) -> dict[tuple[str, str], Curve]:
    """Two seeds of two sizes, whose last step follows the ratings as told; their noise is their own in part."""
    found = {}
    for place, (size, signal) in enumerate((("a", weaker), ("a", weaker), ("b", stronger), ("b", stronger))):
        rows = measured(seed, concepts=45, steps=[0, 8], signal=np.array([0.0, signal]))
        own = noise * np.random.default_rng([seed, place]).standard_normal(len(rows))
        rows["experts.jaccard@0.5"] = rows["draw#0"] + own
        found[size, str(place % 2 + 1)] = curve(rows, ["experts.jaccard@0.5"])
    return found


def test_sizes_on_two_seeds_by_hand() -> None:
    curves = two_sizes(0.4, 0.8)
    (row,) = compare_sizes(curves, 0.05, 0.95)
    finals = {key: float(stats.spearmanr(own.last[:, 0], own.ratings).statistic) for key, own in curves.items()}
    difference = (finals["b", "1"] + finals["b", "2"] - finals["a", "1"] - finals["a", "2"]) / 2
    a1, a2, b1, b2 = (own.influence[:, 1] for own in curves.values())
    pairs = curves["a", "1"].pairs
    se = np.sqrt(covariance(((b1 + b2) / 2 - (a1 + a2) / 2)[:, None], pairs)[0, 0])
    assert (row["smaller"], row["larger"], row["seeds"], row["n_pairs"]) == ("a", "b", 2, 45 * 44 // 2)
    assert row["difference"] == pytest.approx(difference)
    assert row["se"] == pytest.approx(se)
    reach = stats.t.ppf(0.975, 43) * se
    assert [row["low"], row["high"]] == pytest.approx([difference - reach, difference + reach])
    assert row["p"] == pytest.approx(2 * stats.t.sf(difference / se, 43))
    # Two one-sided tests: the larger is that of the side on which the difference lies.
    assert row["p_equivalence"] == pytest.approx(stats.t.cdf((difference - 0.05) / se, 43))
    spreads = [np.std([finals[size, seed] for seed in "12"], ddof=1) for size in "ab"]
    assert row["sd_over_seeds"] == pytest.approx(np.mean(spreads))


def test_equal_sizes_are_equivalent_and_different_ones_are_not() -> None:
    (same,) = compare_sizes(two_sizes(0.8, 0.8, noise=0.1), 0.05, 0.95)
    (other,) = compare_sizes(two_sizes(0.1, 1.5, noise=0.1), 0.05, 0.95)
    (unsure,) = compare_sizes(two_sizes(0.0, 0.0, noise=30.0), 0.05, 0.95)
    assert same["equivalent"]
    assert same["bayes_factor_01"] > 3
    assert same["p"] > 0.05
    assert not other["equivalent"]
    assert other["bayes_factor_01"] < 0.01
    assert other["p"] < 0.001
    assert not unsure["equivalent"]
    assert unsure["p"] > 0.05


def test_neighbours_and_the_outermost_are_compared_in_the_order_of_the_sizes() -> None:
    first = two_sizes(0.2, 0.8)
    curves = {("c", "1"): first["a", "1"], ("a", "1"): first["b", "1"], ("b", "1"): first["a", "2"]}
    found = list(compare_sizes(curves, 0.05, 0.95))
    assert [(row["smaller"], row["larger"]) for row in found] == [("c", "a"), ("a", "b"), ("c", "b")]
    assert [row["difference"] > 0 for row in found] == [True, False, True]
    assert [row["seeds"] for row in found] == [1, 1, 1]
    assert all(np.isnan(row["sd_over_seeds"]) for row in found)


def test_a_size_without_a_last_point_is_told_and_one_size_has_none_to_compare() -> None:
    curves = two_sizes(0.2, 0.8)
    for last in (np.nan, 0.5):
        broken = {**curves, ("b", "2"): curves["b", "2"]._replace(last=np.full_like(curves["b", "2"].last, last))}
        (row,) = compare_sizes(broken, 0.05, 0.95)
        assert row == {"smaller": "a", "larger": "b", "note": "not defined at the last step of some run"}
    assert list(compare_sizes({("a", "1"): curves["a", "1"]}, 0.05, 0.95)) == []


def test_sizes_are_compared_on_pairs_that_all_runs_have() -> None:
    # The larger size lacks the pairs on which the smaller one does badly; on the others they are nearly the same.
    rows = measured(steps=[0, 8], signal=np.array([0.0, 1.0]))
    worst = rows.index[rows["step"] == 8][::2]
    smaller, larger = rows.copy(), rows.copy()
    smaller.loc[worst, "experts.jaccard@0.5"] *= -1
    larger.loc[worst, "experts.jaccard@0.5"] = np.nan
    larger.loc[rows.index[-1], "experts.jaccard@0.5"] += 2.0
    curves = {(size, "1"): curve(own, ["experts.jaccard@0.5"]) for size, own in (("a", smaller), ("b", larger))}
    assert curves["b", "1"].rho[-1] - curves["a", "1"].rho[-1] > 0.4
    (row,) = compare_sizes(curves, 0.05, 0.95)
    assert row["difference"] == pytest.approx(0.0, abs=0.03)
    assert row["n_pairs"] == 60


def test_draws_are_one_representation() -> None:
    rows = measured().assign(norm="n", run="r")
    assert representations(rows) == {"experts.jaccard@0.5": ["experts.jaccard@0.5"], "draw": ["draw#0", "draw#1"]}


def test_parts_are_joined(tmp_path: Path) -> None:
    for name in ("a", "b"):
        tables.write(pd.DataFrame({"run": [name]}), tmp_path / f"{name}.parquet")
    assert read_parts([tmp_path / "a.parquet", tmp_path / "b.parquet"])["run"].tolist() == ["a", "b"]
