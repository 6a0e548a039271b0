"""Mixed models: lme4's numbers, nothing that depends on an order, errors that can be redone by hand."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams, VCSpec

from expertneurons import reml
from expertneurons.errors import StudyError
from expertneurons.formulas import build, parse
from expertneurons.mixed import Fit, fit, fit_responses
from expertneurons.rotated import pair_model, rotation
from paired import INTERCEPTS, SLOPES, golden, holding, shared, shared_fits, simulated

Array = npt.NDArray[Any]

FORMULAS = {
    "a": INTERCEPTS,
    "b": SLOPES,
    "c": SLOPES.replace("rating +", "rating + covariate +", 1),
    "d": SLOPES.replace("similarity", "contrast"),
}
NUMBERS = ["estimate", "se", "df", "low", "high", "p", "se_dyadic"]


def fitted(table: pd.DataFrame, text: str = SLOPES, level: float = 0.95) -> Fit:
    return fit(table, {"formula": text}, level)


def column(found: Fit, name: str) -> Array:
    return np.asarray(found.terms[name].to_numpy(np.float64))


def assert_same(found: Fit, expected: Fit) -> None:
    for name in NUMBERS:
        np.testing.assert_allclose(column(found, name), column(expected, name), rtol=1e-6, atol=1e-7, err_msg=name)
    assert found.variances == pytest.approx(expected.variances, rel=1e-5)
    assert found.loglik == pytest.approx(expected.loglik, abs=1e-6)
    assert found.dropped == expected.dropped
    assert found.converged == expected.converged


def covariance_of(table: pd.DataFrame, found: Fit) -> tuple[Array, Array]:
    """Form the fixed effects' matrix and the covariance of all pairs at a fit's variances, in the open."""
    held, rating = holding(table), table["rating"].to_numpy()
    whole = found.variances["residual"] * np.eye(len(table)) + found.variances["concept"] * held @ held.T
    by_rating = held * rating[:, None]
    whole += found.variances.get("concept:rating", 0.0) * by_rating @ by_rating.T
    return np.column_stack([np.ones(len(table)), rating]), whole


def least_squares(fixed: Array, response: Array, whole: Array) -> tuple[Array, Array]:
    """Generalised least squares: the estimates, and what they multiply every response by."""
    inverse = np.linalg.inv(whole)
    weights = np.linalg.solve(fixed.T @ inverse @ fixed, fixed.T @ inverse)
    return weights @ response, weights


@pytest.mark.parametrize("case", FORMULAS)
def test_fit_equals_lme4(case: str) -> None:
    table, fits = golden()
    theirs, found = fits[case], fitted(table, FORMULAS[case])
    assert found.converged
    assert (found.notes, found.dropped, found.left_out) == ([], [], [])
    np.testing.assert_allclose(column(found, "estimate"), list(theirs["fixed"].values()), atol=1e-6)
    # Statsmodels' errors come from the joint Hessian, lme4's hold the variances fixed.
    np.testing.assert_allclose(column(found, "se"), list(theirs["se"].values()), rtol=1e-2)
    np.testing.assert_allclose(list(found.variances.values()), list(theirs["variances"].values()), rtol=1e-4)
    assert found.loglik == pytest.approx(theirs["loglik"], abs=1e-5)
    assert found.loglik_own == pytest.approx(theirs["loglik"], abs=1e-6)


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_conditions_and_contrasts_of_the_notes_equal_lme4(name: str) -> None:
    table, similarities = shared(name)
    fits = shared_fits(f"contrast.{name}.json")
    conditions = fits["meta"]["conds"]
    weights = dict(zip(conditions, np.eye(len(conditions)), strict=True))
    weights |= {contrast: np.array(own["weights"]) for contrast, own in fits["contrasts"].items()}
    responses = pd.DataFrame({label: similarities[conditions].to_numpy() @ own for label, own in weights.items()})
    for label, found in zip(weights, fit_responses(table, {"formula": INTERCEPTS}, responses), strict=True):
        theirs = (fits["conditions"] | fits["contrasts"])[label]["reml"]
        np.testing.assert_allclose(column(found, "estimate"), [theirs["intercept"], theirs["slope"]], atol=1e-4)
        assert column(found, "se")[1] == pytest.approx(theirs["se"], rel=1e-2)
        expected = {"concept": theirs["var_concept"], "residual": theirs["var_resid"]}
        assert found.variances == pytest.approx(expected, rel=1e-2)
        assert found.loglik == pytest.approx(theirs["loglik"], abs=1e-3)
        assert found.converged


def test_concept_slopes_of_the_notes_equal_lme4() -> None:
    table, similarities = shared("slopes")
    for condition, theirs in shared_fits("slopes.json").items():
        found = fitted(table.assign(similarity=similarities[condition].to_numpy()))
        assert column(found, "estimate")[1] == pytest.approx(theirs["slope"], abs=1e-4)
        assert column(found, "se")[1] == pytest.approx(theirs["se"], rel=1e-2)
        np.testing.assert_allclose(list(found.variances.values()), list(theirs["varcomp"].values()), rtol=1e-2)
        assert found.loglik == pytest.approx(theirs["loglik"], abs=1e-3)


@pytest.mark.filterwarnings("ignore:The MLE may be on the boundary")
def test_rotated_rows_have_the_likelihood_of_the_pairs_themselves() -> None:
    table = simulated(1, concepts=14, pairs=60)
    design = build(table, parse(SLOPES))
    names = [str(number) for number in range(14)]
    blocks = [[matrix.toarray()] for matrix in design.memberships]
    direct = MixedLM(
        table["similarity"].to_numpy(),
        design.fixed,
        groups=np.zeros(60),
        exog_re=np.zeros((60, 0)),
        exog_vc=VCSpec(design.components, [[names], [names]], blocks),
    )
    kept = np.arange(2)
    rotated = pair_model(design, table["similarity"].to_numpy(), kept, rotation(design, kept))
    assert rotated.n_groups == 2
    found = fitted(table)
    ratios = np.array([found.variances[name] for name in design.components]) / found.variances["residual"]
    start = MixedLMParams.from_components(fe_params=column(found, "estimate"), cov_re=np.zeros((0, 0)), vcomp=ratios)
    plain = direct.fit(start_params=start, reml=True)
    rotated.fit(start_params=start, reml=True)
    for factor in (1.0, 0.3, 4.0):
        start.vcomp = factor * ratios
        assert rotated.loglike(start) == pytest.approx(direct.loglike(start), abs=1e-8)
    assert found.loglik == pytest.approx(plain.llf, abs=1e-6)
    np.testing.assert_allclose(column(found, "estimate"), plain.fe_params, atol=1e-6)
    np.testing.assert_allclose(column(found, "se"), np.sqrt(np.diag(plain.cov_params())[:2]), rtol=1e-3)
    np.testing.assert_allclose(list(found.variances.values()), [*plain.vcomp, plain.scale], rtol=1e-3)


def test_order_of_the_concept_effects_in_the_formula_does_not_matter() -> None:
    table = golden()[0]
    found = fitted(table, "similarity ~ 1 + rating + mm(concept):rating + mm(concept)")
    assert list(found.variances) == ["concept:rating", "concept", "residual"]
    assert_same(found, fitted(table))


def test_order_of_words_in_a_pair_does_not_matter() -> None:
    table = golden()[0]
    turned = table.copy()
    turned.loc[::3, ["word1", "word2"]] = table.loc[::3, ["word2", "word1"]].to_numpy()
    assert (turned["word1"] != table["word1"]).sum() > 100
    found, expected = fitted(turned), fitted(table)
    assert_same(found, expected)
    pd.testing.assert_frame_equal(found.influence, expected.influence, atol=1e-6)


def test_order_of_rows_does_not_matter() -> None:
    table = golden()[0]
    order = np.random.default_rng(0).permutation(len(table))
    found, expected = fitted(table.iloc[order]), fitted(table)
    assert_same(found, expected)
    np.testing.assert_allclose(found.residuals, expected.residuals[order], atol=1e-6)
    pd.testing.assert_frame_equal(found.influence, expected.influence, atol=1e-6)


def test_names_of_concepts_do_not_matter() -> None:
    table = golden()[0]
    concepts = sorted({*table["word1"], *table["word2"]})
    drawn = np.random.default_rng(0).permutation(len(concepts))
    renamed = dict(zip(concepts, (f"x{number:02d}" for number in drawn), strict=True))
    other = table.assign(word1=table["word1"].map(renamed), word2=table["word2"].map(renamed))
    found, expected = fitted(other), fitted(table)
    assert_same(found, expected)
    moved = found.influence.set_index("concept").loc[[renamed[concept] for concept in concepts]]
    np.testing.assert_allclose(moved, expected.influence.set_index("concept"), atol=1e-6)


@pytest.mark.parametrize("scale", [0.02, 50.0])
def test_unit_of_the_rating_does_not_matter(scale: float) -> None:
    table = golden()[0]
    found, expected = fitted(table.assign(rating=scale * table["rating"])), fitted(table)
    np.testing.assert_allclose(column(found, "estimate") * [1, scale], column(expected, "estimate"), atol=1e-5)
    np.testing.assert_allclose(column(found, "se") * [1, scale], column(expected, "se"), rtol=1e-3)
    assert found.variances["concept:rating"] * scale**2 == pytest.approx(expected.variances["concept:rating"], rel=1e-2)


def test_several_responses_equal_one_by_one() -> None:
    table = golden()[0]
    responses = table[["similarity", "similarity2", "contrast"]]
    for name, found in zip(responses, fit_responses(table, {"formula": SLOPES}, responses), strict=True):
        alone = fitted(table, SLOPES.replace("similarity", str(name)))
        assert_same(found, alone)
        np.testing.assert_allclose(found.residuals, alone.residuals, atol=1e-6)


def test_intervals_and_p_are_students_with_concepts_less_two() -> None:
    table = golden()[0]
    found = fitted(table, level=0.9)
    assert found.n_concepts == len({*table["word1"], *table["word2"]}) == 78
    assert (found.terms["df"] == 76).all()
    estimate, se = column(found, "estimate"), column(found, "se")
    reach = stats.t.ppf(0.95, 76) * se
    np.testing.assert_allclose(column(found, "low"), estimate - reach)
    np.testing.assert_allclose(column(found, "high"), estimate + reach)
    np.testing.assert_allclose(column(found, "p"), 2 * stats.t.sf(np.abs(estimate / se), 76))


def test_fitted_values_are_fixed_effects_with_the_predicted_effects_of_both_concepts() -> None:
    table = simulated(2, concepts=14, pairs=60)
    found = fitted(table)
    np.testing.assert_allclose(found.residuals + found.fitted, table["similarity"], atol=1e-12)
    held, rating = holding(table), table["rating"].to_numpy()
    intercepts, slopes = (found.influence[f"effect_{name}"].to_numpy() for name in ("concept", "concept:rating"))
    fixed, _ = covariance_of(table, found)
    expected = fixed @ column(found, "estimate") + held @ intercepts + rating * (held @ slopes)
    np.testing.assert_allclose(found.fitted, expected, atol=1e-9)
    assert found.influence["concept"].tolist() == sorted({*table["word1"], *table["word2"]})
    np.testing.assert_array_equal(found.influence["n_pairs"], holding(table).sum(axis=0))


def test_predicted_effects_are_their_expectations_given_the_similarities() -> None:
    table = simulated(2, concepts=14, pairs=60)
    found = fitted(table)
    fixed, whole = covariance_of(table, found)
    rest = np.linalg.solve(whole, table["similarity"].to_numpy() - fixed @ column(found, "estimate"))
    held = holding(table)
    expected = found.variances["concept"] * held.T @ rest
    np.testing.assert_allclose(found.influence["effect_concept"], expected, atol=1e-8)
    expected = found.variances["concept:rating"] * (held * table[["rating"]].to_numpy()).T @ rest
    np.testing.assert_allclose(found.influence["effect_concept:rating"], expected, atol=1e-8)


def test_fixed_effects_without_a_concept_equal_a_refit_without_its_pairs() -> None:
    table = simulated(3, concepts=14, pairs=60)
    found = fitted(table)
    fixed, whole = covariance_of(table, found)
    response = table["similarity"].to_numpy()
    for number, concept in enumerate(found.influence["concept"]):
        rest = np.flatnonzero(~table[["word1", "word2"]].eq(concept).any(axis=1))
        assert 0 < len(rest) < len(table)
        expected, _ = least_squares(fixed[rest], response[rest], whole[np.ix_(rest, rest)])
        own = found.influence.loc[number, ["without_Intercept", "without_rating"]].to_numpy(np.float64)
        np.testing.assert_allclose(own, expected, atol=1e-8)


@pytest.mark.parametrize("concepts", [14, 45])
def test_dyadic_error_equals_a_double_sum_over_pairs_that_share_a_concept(concepts: int) -> None:
    table = simulated(4, concepts=concepts, pairs=90)
    found = fitted(table)
    assert found.n_concepts == concepts
    fixed, whole = covariance_of(table, found)
    response = table["similarity"].to_numpy()
    estimates, weights = least_squares(fixed, response, whole)
    adds = weights * (response - fixed @ estimates)  # (fixed effects, pairs)
    words = [set(pair) for pair in table[["word1", "word2"]].to_numpy(str).tolist()]
    total = np.zeros(2)
    for p in range(90):
        for q in range(90):
            # With few concepts the sum is that of a jackknife over concepts: a pair counts once for each of its own.
            times = len(words[p] & words[q]) if concepts < 40 else bool(words[p] & words[q])
            total += times * adds[:, p] * adds[:, q]
    np.testing.assert_allclose(column(found, "se_dyadic"), np.sqrt(total), rtol=1e-6)


def test_interval_covers_the_slope_of_concepts_with_slopes_of_their_own() -> None:
    covered, plain = [], []
    for seed in range(120):
        found = fitted(simulated(seed, concepts=16, pairs=110, effects=0.4, slopes=0.35))
        assert found.converged
        covered.append(column(found, "low")[1] <= 0.5 <= column(found, "high")[1])
        table = simulated(seed, concepts=16, pairs=110, effects=0.4, slopes=0.35)
        own = stats.linregress(table["rating"], table["similarity"])
        plain.append(abs(own.slope - 0.5) <= stats.t.ppf(0.975, 108) * own.stderr)
    assert 0.88 <= np.mean(covered) <= 0.99
    assert np.mean(plain) < 0.75


def unrelated(seed: int) -> pd.DataFrame:
    """Pairs whose similarity holds nothing of their concepts: all that effects and slopes explain is taken out."""
    table = simulated(seed, pairs=60)
    held = holding(table)
    explained = np.column_stack([np.ones(60), table["rating"], held, held * table[["rating"]].to_numpy()])
    response = table["similarity"].to_numpy()
    rest = response - explained @ np.linalg.lstsq(explained, response)[0]
    return table.assign(similarity=0.3 * table["rating"] + rest)


def test_concept_effect_without_variance_is_dropped_and_said() -> None:
    table = unrelated(0)
    effects = np.random.default_rng(1).normal(size=14)
    table["similarity"] += (holding(table) * table[["rating"]].to_numpy()) @ effects
    found = fitted(table)
    assert found.dropped == ["concept"]
    assert "concept: variance zero, dropped" in found.notes
    assert found.variances["concept"] == 0
    assert (found.influence["effect_concept"] == 0).all()
    alone = fitted(table, "similarity ~ 1 + rating + mm(concept):rating")
    np.testing.assert_allclose(column(found, "estimate"), column(alone, "estimate"), atol=1e-6)
    np.testing.assert_allclose(column(found, "se"), column(alone, "se"), rtol=1e-4)
    assert found.loglik == pytest.approx(alone.loglik, abs=1e-6)


def test_without_any_variance_the_fit_is_ordinary_least_squares_and_says_so() -> None:
    table = unrelated(0)
    found = fitted(table)
    assert found.dropped == ["concept", "concept:rating"]
    assert any("ordinary least squares" in note for note in found.notes)
    assert found.converged
    own = stats.linregress(table["rating"], table["similarity"])
    np.testing.assert_allclose(column(found, "estimate"), [own.intercept, own.slope], atol=1e-9)
    np.testing.assert_allclose(column(found, "se"), [own.intercept_stderr, own.stderr], rtol=1e-9)


def test_effects_that_outnumber_the_pairs_are_left_out_and_the_larger_error_counts() -> None:
    larger = set()
    for seed in range(6):
        found = fitted(simulated(seed, concepts=45, pairs=70))
        assert list(found.variances) == ["concept", "residual"]
        assert any(note.startswith("concept:rating: ") and note.endswith("left out") for note in found.notes)
        se, dyadic = column(found, "se"), column(found, "se_dyadic")
        used = np.maximum(se, dyadic)
        larger |= set((dyadic > se).tolist())
        reach = stats.t.ppf(0.975, found.n_concepts - 2) * used
        np.testing.assert_allclose(column(found, "high"), column(found, "estimate") + reach)
        p = 2 * stats.t.sf(np.abs(column(found, "estimate") / used), found.n_concepts - 2)
        np.testing.assert_allclose(column(found, "p"), p)
    assert larger == {True, False}


def test_formula_without_concept_effects_is_ordinary_least_squares_with_a_dyadic_error() -> None:
    table = golden()[0]
    found = fitted(table, "similarity ~ 1 + rating")
    own = stats.linregress(table["rating"], table["similarity"])
    np.testing.assert_allclose(column(found, "estimate"), [own.intercept, own.slope], atol=1e-9)
    assert column(found, "se")[1] == pytest.approx(own.stderr)
    assert column(found, "se_dyadic")[1] > 1.2 * own.stderr
    assert any("ordinary least squares" in note for note in found.notes)


def test_constant_covariate_is_left_out_and_said() -> None:
    table = golden()[0].assign(level=0.1)
    found = fitted(table, SLOPES.replace("rating +", "rating + level +", 1))
    assert found.left_out == ["level"]
    assert "level: constant, left out" in found.notes
    assert_same(found, fitted(table))


def test_likelihood_that_statsmodels_does_not_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    table = golden()[0]
    plain = MixedLM.loglike

    def lower(self: Any, *args: Any, **options: Any) -> float:
        return float(plain(self, *args, **options)) - 0.002

    monkeypatch.setattr(MixedLM, "loglike", lower)
    with pytest.raises(StudyError, match=r"log-likelihood at our optimum is -491\.555\d+, ours -491\.553\d+"):
        fitted(table)


@pytest.mark.parametrize("changed", [{"converged": False}, {"llf": -495.0}])
def test_fit_that_does_not_converge_reports_our_own_and_says_so(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    table = golden()[0]
    plain = MixedLM.fit

    class Other:
        def __init__(self, found: Any) -> None:
            self.found = found

        def __getattr__(self, name: str) -> Any:
            return changed.get(name, getattr(self.found, name))

    monkeypatch.setattr(MixedLM, "fit", lambda self, *args, **options: Other(plain(self, *args, **options)))
    found = fitted(table)
    assert not found.converged
    assert any("ours is reported" in note for note in found.notes)
    design = build(table, parse(SLOPES))
    own = reml.fit(design.fixed, design.memberships, table[["similarity"]].to_numpy())[0]
    np.testing.assert_allclose(column(found, "estimate"), own.fixed)
    np.testing.assert_allclose(column(found, "se"), np.sqrt(own.covariance.diagonal()))
    assert found.loglik == found.loglik_own == own.loglik


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_similarity_that_is_not_a_number_is_refused_and_named(number: float) -> None:
    table = simulated(0)
    table.loc[7, "similarity"] = number
    with pytest.raises(StudyError, match="similarity is not a number in some pairs"):
        fitted(table)


def test_constant_similarity_is_refused_and_named() -> None:
    with pytest.raises(StudyError, match=r"similarity is (constant|the same)"):
        fitted(simulated(0).assign(similarity=0.25))


@pytest.mark.parametrize(
    "text",
    [
        "nothing ~ 1 + rating + mm(concept)",
        "similarity ~ 1 + nothing + mm(concept)",
        "similarity ~ 1 + rating + mm(concept):nothing",
    ],
)
def test_unknown_column_is_named(text: str) -> None:
    with pytest.raises(StudyError, match=rf"{re.escape(text)}.*'nothing'.*known: word1, word2, rating"):
        fitted(simulated(0), text)


def test_unknown_term_is_named() -> None:
    with pytest.raises(StudyError, match=re.escape("'(1|concept)' is not known")):
        fitted(simulated(0), "similarity ~ 1 + (1|concept)")


def test_pair_effect_is_refused_with_one_row_a_pair() -> None:
    with pytest.raises(StudyError, match=r"\(1\|pair\) needs several rows a pair"):
        fitted(simulated(0), f"{INTERCEPTS} + (1|pair)")


def test_pair_that_stands_twice_or_holds_one_word_is_refused() -> None:
    table = simulated(0)
    turned = table.iloc[[4]].rename(columns={"word1": "word2", "word2": "word1"})
    second, first = table[["word1", "word2"]].to_numpy(str)[4].tolist()
    with pytest.raises(StudyError, match=f"row 50 of the pairs, {first} - {second}, stands twice"):
        fitted(pd.concat([table, turned[table.columns]], ignore_index=True))
    table.loc[4, "word2"] = second
    with pytest.raises(StudyError, match=f"row 4 of the pairs, {second} - {second}, pairs a word with itself"):
        fitted(table)


def test_covariates_that_make_up_each_other_are_refused() -> None:
    table = simulated(0)
    table["double"] = 2 * table["rating"] - 1
    with pytest.raises(StudyError, match=r"double.*cannot be told apart in 50 pairs"):
        fitted(table, "similarity ~ 1 + rating + double + mm(concept)")


@pytest.mark.parametrize("rows", [3, 5])
def test_too_few_pairs_are_refused_with_their_number(rows: int) -> None:
    words = [("a", "b"), ("b", "c"), ("a", "c"), ("a", "d"), ("b", "d")]
    table = pd.DataFrame(words, columns=["word1", "word2"])
    table["rating"], table["similarity"] = [0.1, 0.5, 0.2, 0.9, 0.4], [0.3, 0.1, 0.2, 0.5, 0.8]
    concepts = 3 if rows == 3 else 4
    with pytest.raises(StudyError, match=rf"{rows} pairs of {concepts} concepts are too few for 2 fixed effects"):
        fitted(table.iloc[:rows], INTERCEPTS)
