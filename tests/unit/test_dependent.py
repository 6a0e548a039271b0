"""Tests of a difference of two dependent correlations: equal to values by R, to definitions, and to simulations."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, stats
from statsmodels.stats.multitest import multipletests

from expertneurons.dependent import detectable, equivalence, holm, steiger, williams
from tiny import ROOT

Array = npt.NDArray[Any]

NAN = float("nan")
# r of a and of b with y, r of a with b, n; then Williams' t and p and Steiger's Z and p by R.
BY_R = [
    ((0.77, 0.79, 0.93, 3000), (-4.8273768476, 1.4527303102e-06, -4.8116710116, 1.4967358642e-06)),
    ((0.5, 0.4, 0.6, 103), (1.2959270886, 0.19798374056, 1.2877311031, 0.19783958259)),
    ((0.6, 0.6, 0.3, 50), (0.0, 1.0, 0.0, 1.0)),
]
# Difference, error, bound; then the p value and the Bayes factor by R.
BOUNDED = [
    ((0.02, 0.012, 0.05), (0.0062096653258, 1.1524285831)),
    ((0.02, 0.012, 0.03), (0.20232838096, 0.81316822402)),
    ((-0.01, 0.02, 0.05), (0.022750131948, 2.4175197399)),
]


@pytest.mark.parametrize(("given", "expected"), BY_R)
def test_williams_and_steiger_equal_r(
    given: tuple[float, float, float, int], expected: tuple[float, float, float, float]
) -> None:
    assert (*williams(*given), *steiger(*given)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_values_by_r_are_those_of_the_projects_notes() -> None:
    path = ROOT.parent / "shared/data/statistics/r_misc.json"
    if not path.is_file():
        pytest.skip("the values of the project's notes on statistics are not on this machine")
    known = json.loads(path.read_text(encoding="utf-8"))
    columns = ["williams_t", "williams_p", "steiger_z", "steiger_p"]
    assert [tuple(row[name] for name in columns) for row in known["dependent_r"]] == [row for _, row in BY_R]
    assert [(row["p"], row["bf01"]) for row in known["tost"]] == [row for _, row in BOUNDED]
    for (difference, se, _), row in zip([given for given, _ in BOUNDED], known["tost"], strict=True):
        assert row["ci90"] == pytest.approx([difference - 1.6448536 * se, difference + 1.6448536 * se], abs=1e-6)


def test_williams_by_hand() -> None:
    # r .6 and .2, .5 between, n 12: |R| = 1 - .36 - .04 - .25 + .12 = .47; mean .4.
    t, p = williams(0.6, 0.2, 0.5, 12)
    assert t == pytest.approx(0.4 * np.sqrt(11 * 1.5 / (2 * 0.47 * 11 / 9 + 0.16 * 0.125)), rel=1e-12)
    assert p == pytest.approx(2 * stats.t.sf(t, 9), rel=1e-12)


def test_steiger_by_hand() -> None:
    # Mean .4; psi = .5 (1 - .32) - .08 (1 - .32 - .25) = .3056, over (1 - .16)^2 = .7056.
    z, p = steiger(0.6, 0.2, 0.5, 12)
    expected = (np.arctanh(0.6) - np.arctanh(0.2)) * 3 / np.sqrt(2 - 2 * 0.3056 / 0.7056)
    assert z == pytest.approx(expected, rel=1e-12)
    assert p == pytest.approx(2 * stats.norm.sf(z), rel=1e-12)


@pytest.mark.parametrize("test", [williams, steiger])
def test_turning_the_two_turns_the_sign_alone(test: Any) -> None:
    (first, p), (turned, again) = test(0.6, 0.2, 0.5, 40), test(0.2, 0.6, 0.5, 40)
    assert (turned, again) == (-first, p)


@pytest.mark.parametrize("test", [williams, steiger])
def test_independent_pairs_without_a_difference_are_refused_as_often_as_said(test: Any) -> None:
    rng = np.random.default_rng(0)
    y, a, b = rng.standard_normal((3, 1000, 80))
    common = rng.standard_normal((1000, 80))
    rows = (y, 0.7 * y + a + common, 0.7 * y + b + common)
    found = []
    for own in zip(*rows, strict=True):
        r = np.corrcoef(own)
        found.append(test(r[0, 1], r[0, 2], r[1, 2], 80)[1] < 0.05)
    assert 0.03 <= np.mean(found) <= 0.07


@pytest.mark.parametrize(("given", "expected"), BOUNDED)
def test_equivalence_equals_values_by_r(given: tuple[float, float, float], expected: tuple[float, float]) -> None:
    assert tuple(equivalence(*given, np.inf)) == pytest.approx(expected, rel=1e-9)


def test_equivalence_is_the_larger_of_two_one_sided_tests() -> None:
    found = equivalence(0.01, 0.02, 0.05, 20)
    assert found.p == pytest.approx(stats.t.sf((0.05 - 0.01) / 0.02, 20), rel=1e-12)
    assert found.p > stats.t.sf((0.05 + 0.01) / 0.02, 20)


def test_equivalence_agrees_with_the_interval_of_twice_the_level() -> None:
    for difference in np.linspace(-0.06, 0.06, 25):
        reach = stats.t.ppf(0.95, 30) * 0.014
        inside = difference - reach > -0.05 and difference + reach < 0.05
        assert (equivalence(float(difference), 0.014, 0.05, 30).p < 0.05) == inside


@pytest.mark.parametrize("difference", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("df", [8, np.inf])
def test_equivalence_does_not_care_about_the_sign(difference: float, df: float) -> None:
    assert equivalence(difference, 0.02, 0.05, df) == pytest.approx(equivalence(-difference, 0.02, 0.05, df), rel=1e-9)


def test_difference_on_the_bound_is_called_equivalent_as_often_as_said() -> None:
    p = np.array([equivalence(own, 0.02, 0.1, np.inf).p for own in np.random.default_rng(0).normal(0.1, 0.02, 2000)])
    assert 0.035 <= np.mean(p < 0.05) <= 0.065


def test_bayes_factor_is_the_ratio_of_the_two_marginal_likelihoods() -> None:
    def under_difference(true: float) -> float:
        return float(stats.norm.pdf(0.03, true, 0.02) * stats.norm.pdf(true, 0, 0.05))

    marginal = integrate.quad(under_difference, -0.5, 0.5, points=[0.03])[0]
    expected = stats.norm.pdf(0.03, 0, 0.02) / marginal
    assert equivalence(0.03, 0.02, 0.05, 50).bayes_factor == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("df", [10, 1000])
def test_detectable_difference_is_found_as_often_as_said(df: int) -> None:
    true = detectable(0.02, df, level=0.9, power=0.7)
    rng = np.random.default_rng(0)
    se = 0.02 * np.sqrt(rng.chisquare(df, 20_000) / df)
    found = np.abs(rng.normal(true, 0.02, 20_000)) > stats.t.ppf(0.95, df) * se
    assert np.mean(found) == pytest.approx(0.7, abs=0.03 if df == 10 else 0.012)


def test_detectable_difference_grows_with_the_error_and_the_power() -> None:
    assert detectable(0.04, 30) == pytest.approx(2 * detectable(0.02, 30), rel=1e-12)
    assert detectable(0.02, 30, power=0.9) > detectable(0.02, 30, power=0.8) > detectable(0.02, 300, power=0.8)
    assert detectable(1.0, np.inf) == pytest.approx(1.959964 + 0.841621, abs=1e-5)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_holm_equals_statsmodels(count: int) -> None:
    p = np.random.default_rng(count).random(count) ** 3
    np.testing.assert_allclose(holm(p.tolist()), multipletests(p, method="holm")[1], rtol=1e-12)


def test_holm_equals_statsmodels_with_ties_and_at_the_ends() -> None:
    p = [0.01, 0.04, 0.01, 1.0, 0.0, 0.04, 0.03]
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_unknown_p_values_stay_unknown_and_do_not_count() -> None:
    found = holm([0.04, NAN, 0.01, NAN])
    np.testing.assert_allclose(found, [0.04, NAN, 0.02, NAN])
    assert np.isnan(holm([NAN, NAN])).all()
    assert holm([]).size == 0
