"""REML: the likelihood as in its textbook form, the optimum as by lme4 and by nothing else that was tried."""

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from expertneurons import reml
from expertneurons.formulas import build, parse
from expertneurons.reml import Products
from paired import INTERCEPTS, SLOPES, golden, holding, shared, shared_fits, simulated

Array = npt.NDArray[Any]

FORMULAS = {
    "a": INTERCEPTS,
    "b": SLOPES,
    "c": SLOPES.replace("rating +", "rating + covariate +", 1),
    "d": SLOPES.replace("similarity", "contrast"),
}
FINE = [0.0, *np.geomspace(1e-3, 30, 12)]
RATIOS = [(0.0, 0.0), (0.3, 0.0), (0.0, 0.4), (0.2, 0.5), (1e-7, 3.0)]


def fitted(table: pd.DataFrame, text: str, response: Array | None = None) -> reml.Optimum:
    formula = parse(text)
    design = build(table.assign(**{formula.response: response}) if response is not None else table, formula)
    values = table[formula.response].to_numpy() if response is None else response
    return reml.fit(design.fixed, design.memberships, values[:, None])[0]


def example(seed: int, **options: Any) -> tuple[Array, list[Array], Array]:
    """Fixed effects, concept effects and slopes as dense matrices, and one response."""
    table = simulated(seed, **options)
    held, rating = holding(table), table["rating"].to_numpy()
    fixed = np.column_stack([np.ones(len(table)), rating, table["covariate"]])
    return fixed, [held, held * rating[:, None]], table[["similarity"]].to_numpy()


def products(seed: int, **options: Any) -> Products:
    return Products(*example(seed, **options))


def dense(fixed: Array, memberships: list[Array], response: Array, ratios: tuple[float, ...] | Array) -> reml.Optimum:
    """Form the covariance of all rows and put it in the formula of the restricted likelihood (Patterson & Thompson)."""
    rows, k = fixed.shape
    shape = np.eye(rows)
    for ratio, matrix in zip(ratios, memberships, strict=True):
        shape += ratio * matrix @ matrix.T
    inverse = np.linalg.inv(shape)
    weighted = fixed.T @ inverse @ fixed
    estimates = np.linalg.solve(weighted, fixed.T @ inverse @ response[:, 0])
    residuals = response[:, 0] - fixed @ estimates
    residual = residuals @ inverse @ residuals / (rows - k)
    whole = residual * shape
    determinants = np.linalg.slogdet(whole)[1] + np.linalg.slogdet(fixed.T @ np.linalg.inv(whole) @ fixed)[1]
    squares = residuals @ np.linalg.inv(whole) @ residuals
    loglik = -((rows - k) * np.log(2 * np.pi) + determinants + squares) / 2
    return reml.Optimum(np.array(ratios), loglik, estimates, residual * np.linalg.inv(weighted), residual)


def assert_same(found: reml.Optimum, expected: reml.Optimum, rtol: float = 1e-8) -> None:
    for name in reml.Optimum._fields:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=rtol, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("case", FORMULAS)
def test_fit_equals_lme4(case: str) -> None:
    table, fits = golden()
    theirs, ours = fits[case], fitted(table, FORMULAS[case])
    np.testing.assert_allclose(ours.fixed, list(theirs["fixed"].values()), atol=1e-7)
    np.testing.assert_allclose(np.sqrt(ours.covariance.diagonal()), list(theirs["se"].values()), rtol=1e-5)
    variances = [*(ours.ratios * ours.residual), ours.residual]
    np.testing.assert_allclose(variances, list(theirs["variances"].values()), rtol=1e-4)
    assert ours.loglik == pytest.approx(theirs["loglik"], abs=1e-6)


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_conditions_and_contrasts_of_the_notes_equal_lme4(name: str) -> None:
    table, similarities = shared(name)
    fits = shared_fits(f"contrast.{name}.json")
    conditions = fits["meta"]["conds"]
    weights = dict(zip(conditions, np.eye(len(conditions)), strict=True))
    weights |= {contrast: np.array(own["weights"]) for contrast, own in fits["contrasts"].items()}
    assert len(weights) == {"tiny": 3, "small": 8}[name]
    for label, weight in weights.items():
        theirs = (fits["conditions"] | fits["contrasts"])[label]["reml"]
        ours = fitted(table, INTERCEPTS, similarities[conditions].to_numpy() @ weight)
        np.testing.assert_allclose(ours.fixed, [theirs["intercept"], theirs["slope"]], atol=1e-6, err_msg=label)
        assert np.sqrt(ours.covariance[1, 1]) == pytest.approx(theirs["se"], rel=1e-5)
        assert ours.ratios[0] * ours.residual == pytest.approx(theirs["var_concept"], rel=1e-4)
        assert ours.residual == pytest.approx(theirs["var_resid"], rel=1e-4)
        assert ours.loglik == pytest.approx(theirs["loglik"], abs=1e-6)


def test_concept_slopes_of_the_notes_equal_lme4() -> None:
    table, similarities = shared("slopes")
    for condition, theirs in shared_fits("slopes.json").items():
        ours = fitted(table, SLOPES, similarities[condition].to_numpy())
        assert ours.fixed[1] == pytest.approx(theirs["slope"], abs=1e-6)
        assert np.sqrt(ours.covariance[1, 1]) == pytest.approx(theirs["se"], rel=1e-4)
        variances = [*(ours.ratios * ours.residual), ours.residual]
        np.testing.assert_allclose(variances, list(theirs["varcomp"].values()), rtol=2e-4)
        assert ours.loglik == pytest.approx(theirs["loglik"], abs=1e-6)


@pytest.mark.parametrize("ratios", RATIOS)
def test_likelihood_and_estimates_equal_the_dense_formula(ratios: tuple[float, float]) -> None:
    assert_same(products(0).optimum(np.array(ratios)), dense(*example(0), ratios))


@pytest.mark.parametrize("ratios", RATIOS)
def test_gradient_equals_a_numeric_difference_at_zero_too(ratios: tuple[float, float]) -> None:
    loss, gradient = products(0).descent(np.array(ratios))
    assert loss == pytest.approx(-dense(*example(0), ratios).loglik)
    # The dense formula also holds a little below zero.
    ends = [
        [dense(*example(0), np.array(ratios) + side * step).loglik for side in (-1, 1)] for step in 1e-5 * np.eye(2)
    ]
    numeric = [-(high - low) / 2e-5 for low, high in ends]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-5)


def test_products_of_sparse_and_dense_memberships_are_the_same() -> None:
    table = simulated(1)
    design = build(table, parse(SLOPES.replace("rating +", "rating + covariate +", 1)))
    whole = Products(design.fixed, design.memberships, table[["similarity"]].to_numpy())
    assert_same(whole.optimum(np.array([0.2, 0.5])), products(1).optimum(np.array([0.2, 0.5])))


def test_products_without_a_component_or_with_one_response_are_those_of_less_data() -> None:
    fixed, memberships, response = example(0)
    two = np.column_stack([response, np.sin(response)])
    for component in (0, 1):
        fewer = Products(fixed, memberships, two).without(component).one(1)
        expected = Products(fixed, [memberships[1 - component]], np.sin(response))
        assert_same(fewer.optimum(np.array([0.7])), expected.optimum(np.array([0.7])))


@pytest.mark.parametrize("ratios", RATIOS)
def test_weights_hold_the_inverse_of_the_covariance_and_give_the_fixed_effects(ratios: tuple[float, float]) -> None:
    fixed, memberships, response = example(2)
    found = reml.weights(fixed, memberships, np.array(ratios))
    shape = np.eye(len(fixed)) + sum(
        ratio * matrix @ matrix.T for ratio, matrix in zip(ratios, memberships, strict=True)
    )
    inverse = np.linalg.inv(shape)
    np.testing.assert_allclose(np.eye(len(fixed)) - found.halves.T @ found.halves, inverse, atol=1e-9)
    np.testing.assert_allclose(found.weighted, inverse @ fixed, atol=1e-9)
    np.testing.assert_allclose(found.inverse, np.linalg.inv(fixed.T @ inverse @ fixed), atol=1e-9)
    estimates = dense(fixed, memberships, response, ratios).fixed
    np.testing.assert_allclose(found.per_row(response[:, 0]).sum(axis=0), estimates, atol=1e-9)


def test_weights_without_components_are_those_of_least_squares() -> None:
    fixed, _, response = example(2)
    found = reml.weights(fixed, [], np.empty(0))
    np.testing.assert_allclose(found.per_row(response[:, 0]).sum(axis=0), np.linalg.lstsq(fixed, response)[0][:, 0])


def test_nothing_on_a_fine_grid_beats_the_optimum() -> None:
    at_a_bound = 0
    for seed in range(25):
        # Small tables and weak effects: flat likelihoods, some with more than one peak.
        own = products(seed, concepts=8, pairs=16, effects=0.3, slopes=0.3)
        found = reml.fit(*example(seed, concepts=8, pairs=16, effects=0.3, slopes=0.3))[0]
        best = max(own.optimum(np.array(ratios)).loglik for ratios in product(FINE, repeat=2))
        assert found.loglik >= best - 1e-5, seed
        at_a_bound += bool((found.ratios == 0).any())
    assert 5 < at_a_bound < 25


@pytest.mark.parametrize(("seed", "start"), [(376, (0.0, 0.0)), (330, (0.0, 0.0)), (218, (0.02, 0.02))])
def test_likelihood_with_two_peaks_ends_on_the_higher_one(seed: int, start: tuple[float, float]) -> None:
    small = {"concepts": 10, "pairs": 20, "effects": 0.3, "slopes": 0.3}
    found = reml.fit(*example(seed, **small))[0]
    single = reml._search(products(seed, **small), np.array(start))
    assert found.loglik > single.loglik + 0.1
    best = max(products(seed, **small).optimum(np.array(own)).loglik for own in product(FINE, repeat=2))
    assert found.loglik >= best - 1e-5


def test_optimum_is_stationary_or_at_zero() -> None:
    for seed in range(10):
        own = products(seed, effects=0.7, slopes=0.7)
        found = reml.fit(*example(seed, effects=0.7, slopes=0.7))[0]
        assert (found.ratios > 0).all()
        assert np.abs(own.descent(found.ratios)[1]).max() < 1e-3


def test_several_responses_at_once_equal_one_by_one() -> None:
    fixed, memberships, _ = example(0)
    responses = np.column_stack([example(0, effects=size)[2] for size in (0.0, 0.2, 0.5, 2.0)])
    together = reml.fit(fixed, memberships, responses)
    for response, found in zip(responses.T, together, strict=True):
        assert_same(found, reml.fit(fixed, memberships, response[:, None])[0])


def without_effects(response: Array, fixed: Array, memberships: list[Array]) -> Array:
    """Take from a response all that effects explain, so that their variance is below what noise alone would give."""
    explained = np.column_stack([fixed, *memberships])
    return np.asarray(response - explained @ np.linalg.lstsq(explained, response)[0] + fixed.sum(axis=1)[:, None])


@pytest.mark.parametrize("component", [0, 1])
def test_component_without_variance_is_dropped_and_the_other_kept(component: int) -> None:
    fixed, memberships, response = example(0, pairs=60, noise=0.3)
    other = memberships[1 - component]
    random = np.random.default_rng(1).normal(size=(other.shape[1], 1))
    response = without_effects(response, fixed, memberships) + 2 * other @ random
    found = reml.fit(fixed, memberships, response)[0]
    assert found.ratios[component] == 0
    alone = reml.fit(fixed, [other], response)[0]
    assert alone.ratios[0] > 0.1
    assert_same(found._replace(ratios=found.ratios[[1 - component]]), alone, rtol=1e-5)


@pytest.mark.parametrize(("seed", "component"), [(573, 0), (484, 1)])
def test_component_that_hardly_changes_the_likelihood_is_dropped(seed: int, component: int) -> None:
    weak = {"effects": 0.1, "slopes": 0.1}
    searched = reml._search(products(seed, **weak), np.array([0.1, 0.1]))
    assert 1e-5 < searched.ratios[component] < 2e-4
    fixed, memberships, response = example(seed, **weak)
    found = reml.fit(fixed, memberships, response)[0]
    assert found.ratios[component] == 0
    assert found.loglik == pytest.approx(searched.loglik, abs=2e-6)
    alone = reml.fit(fixed, [memberships[1 - component]], response)[0]
    assert_same(found._replace(ratios=found.ratios[[1 - component]]), alone, rtol=1e-5)


def test_fit_without_any_variance_is_ordinary_least_squares() -> None:
    fixed, memberships, response = example(0, pairs=60)
    response = without_effects(response, fixed, memberships)
    found = reml.fit(fixed, memberships, response)[0]
    assert found.ratios.tolist() == [0, 0]
    estimates, squares = np.linalg.lstsq(fixed, response)[:2]
    np.testing.assert_allclose(found.fixed, estimates[:, 0])
    assert found.residual == pytest.approx(squares[0] / (len(fixed) - 3))
    np.testing.assert_allclose(found.covariance, found.residual * np.linalg.inv(fixed.T @ fixed))


def test_fit_without_components_is_ordinary_least_squares() -> None:
    fixed, _, response = example(0)
    found = reml.fit(fixed, [], response)[0]
    np.testing.assert_allclose(found.fixed, np.linalg.lstsq(fixed, response)[0][:, 0])


@pytest.mark.parametrize("scale", [1e-4, 1e3])
def test_unit_of_the_response_does_not_matter(scale: float) -> None:
    fixed, memberships, response = example(3)
    found, scaled = (reml.fit(fixed, memberships, own)[0] for own in (response, scale * response))
    np.testing.assert_allclose(scaled.ratios, found.ratios, rtol=1e-4)
    np.testing.assert_allclose(scaled.fixed / scale, found.fixed, rtol=1e-5)
    assert scaled.residual / scale**2 == pytest.approx(found.residual, rel=1e-5)
    assert scaled.loglik + (len(fixed) - 3) * np.log(scale) == pytest.approx(found.loglik, abs=1e-6)


def test_order_of_rows_and_of_effects_does_not_matter() -> None:
    fixed, memberships, response = example(4)
    rng = np.random.default_rng(0)
    rows, effects = rng.permutation(len(fixed)), rng.permutation(memberships[0].shape[1])
    moved = reml.fit(fixed[rows], [matrix[rows][:, effects] for matrix in memberships], response[rows])[0]
    assert_same(moved, reml.fit(fixed, memberships, response)[0], rtol=1e-6)


def test_variances_are_found_on_average() -> None:
    # 40 concepts in 400 pairs, concept effects of .5, slopes of .4 and residuals of .5.
    sized = {"concepts": 40, "pairs": 400}
    found = [reml.fit(*example(seed, **sized))[0] for seed in range(30)]
    variances = np.array([[*(own.ratios * own.residual), own.residual] for own in found])
    np.testing.assert_allclose(variances.mean(axis=0), [0.25, 0.16, 0.25], atol=0.03)
