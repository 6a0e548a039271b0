"""Formulas: what they say, the matrices they give, and what is refused with a name to look for."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from expertneurons.errors import StudyError
from expertneurons.formulas import Design, build, numbered, parse, scaled
from paired import INTERCEPTS, SLOPES, holding, simulated

Array = npt.NDArray[Any]


def built(text: str, table: pd.DataFrame | None = None) -> Design:
    return build(simulated(0) if table is None else table, parse(text))


def test_formula_is_taken_apart() -> None:
    found = parse("y ~ 1 + rating*x + log(z) + mm(concept) + mm(concept):rating")
    assert found.response == "y"
    assert found.fixed == "1 + rating*x + log(z)"
    assert found.by == ["", "rating"]
    assert not found.pair
    assert found.text.startswith("y ~ 1")


def test_spaces_around_terms_do_not_matter() -> None:
    assert parse("y~1+rating+mm(concept)")[1:] == parse("  y ~  1 +  rating + mm(concept) ")[1:]


def test_pair_effect_is_told_from_fixed_terms() -> None:
    found = parse("y ~ 0 + condition + condition:rating + mm(concept) + mm(concept):condition + (1|pair)")
    assert found.pair
    assert (found.fixed, found.by) == ("0 + condition + condition:rating", ["", "condition"])


def test_formula_of_concept_effects_alone_has_an_intercept() -> None:
    assert parse("y ~ mm(concept)").fixed == "1"
    assert built("similarity ~ mm(concept)").names == ["Intercept"]


@pytest.mark.parametrize("text", ["similarity", "y ~", "~ rating", "log(y) ~ rating", "y + z ~ 1", "y ~ 1 + + rating"])
def test_formula_of_another_shape_is_refused_and_named(text: str) -> None:
    with pytest.raises(StudyError, match=re.escape(f"{text!r}: write `response ~ term + term`")):
        parse(text)


@pytest.mark.parametrize("term", ["(1|concept)", "(1|word1)", "(rating|pair)", "mm(word)", "mm(concept):log(rating)"])
def test_unknown_random_term_is_named_with_those_that_are_known(term: str) -> None:
    with pytest.raises(StudyError, match=re.escape(f"{term!r} is not known; effects of concepts are mm(concept)")):
        parse(f"y ~ 1 + {term}")


def test_the_same_concept_effect_twice_is_refused() -> None:
    with pytest.raises(StudyError, match="stands twice"):
        parse("y ~ 1 + mm(concept) + mm(concept)")
    with pytest.raises(StudyError, match="stands twice"):
        parse("y ~ 1 + mm(concept):rating + mm(concept):rating")


def test_fixed_effects_are_the_columns_with_an_intercept() -> None:
    table = simulated(0)
    found = built("similarity ~ rating + covariate + mm(concept)")
    assert found.names == ["Intercept", "rating", "covariate"]
    np.testing.assert_array_equal(found.fixed, np.column_stack([np.ones(50), table["rating"], table["covariate"]]))
    assert built("similarity ~ 0 + rating + mm(concept)").names == ["rating"]
    assert built("similarity ~ rating:covariate").names == ["Intercept", "rating:covariate"]


def test_both_words_of_a_pair_belong_to_one_set_of_effects() -> None:
    table = simulated(0)
    found = built(SLOPES, table)
    held = holding(table)
    assert (held.sum(axis=1) == 2).all()
    assert found.components == ["concept", "concept:rating"]
    np.testing.assert_array_equal(found.memberships[0].toarray(), held)
    np.testing.assert_allclose(found.memberships[1].toarray(), held * table[["rating"]].to_numpy())


def test_concepts_are_in_alphabetical_order_and_pairs_name_them() -> None:
    table = pd.DataFrame({"word1": ["b", "c", "d"], "word2": ["a", "b", "a"], "y": 0.0})
    found = built("y ~ 1", table)
    assert found.concepts == ["a", "b", "c", "d"]
    assert found.pairs.tolist() == [[0, 1], [1, 2], [0, 3]]


def test_more_concepts_than_a_byte_can_number() -> None:
    words = [f"w{number:04d}" for number in range(700)]
    table = pd.DataFrame({"word1": words[:-1], "word2": words[1:], "y": 0.0})
    held = built("y ~ mm(concept)", table).memberships[0].toarray()
    assert held.shape == (699, 700)
    assert np.argmax(held, axis=1).tolist() == list(range(699))
    assert held.sum() == 2 * 699


def test_an_odd_index_of_the_table_does_not_matter() -> None:
    table = simulated(0)
    moved = built(SLOPES, table.set_index(np.arange(50)[::-1] % 7))
    np.testing.assert_array_equal(moved.fixed, built(SLOPES, table).fixed)
    np.testing.assert_array_equal(moved.memberships[1].toarray(), built(SLOPES, table).memberships[1].toarray())


@pytest.mark.parametrize("text", ["nothing ~ 1", "similarity ~ nothing", "similarity ~ 1 + mm(concept):nothing"])
def test_unknown_column_is_named_with_those_that_are_known(text: str) -> None:
    with pytest.raises(StudyError, match=r"'nothing'.*known: word1, word2, rating, similarity, covariate"):
        built(text)


@pytest.mark.parametrize("name", ["formula", "np", "known"])
def test_names_of_the_code_are_not_columns(name: str) -> None:
    with pytest.raises(StudyError, match=rf"'{name}' is not defined"):
        built(f"similarity ~ 1 + {name}")


@pytest.mark.parametrize("again", [("ant", "bee"), ("bee", "ant")])
def test_pair_that_stands_twice_is_named(again: tuple[str, str]) -> None:
    table = pd.DataFrame([("ant", "bee"), ("cat", "dog"), again], columns=["word1", "word2"]).assign(y=0.0)
    with pytest.raises(StudyError, match=f"row 2 of the pairs, {again[0]} - {again[1]}, stands twice"):
        build(table, parse("y ~ 1"))


def test_pair_of_a_word_with_itself_is_named() -> None:
    table = pd.DataFrame({"word1": ["ant", "cat"], "word2": ["bee", "cat"]})
    with pytest.raises(StudyError, match="row 1 of the pairs, cat - cat, pairs a word with itself"):
        numbered(table)


def test_covariates_that_make_up_each_other_are_refused() -> None:
    table = simulated(0)
    table["double"] = 2 * table["rating"] - 1
    with pytest.raises(StudyError, match=r"double.*its 3 fixed effects cannot be told apart in 50 pairs"):
        built("similarity ~ 1 + rating + double + mm(concept)", table)


def test_constant_covariate_is_left_out_and_said() -> None:
    table = simulated(0).assign(level=0.1)
    found = built("similarity ~ 1 + rating + level + mm(concept)", table)
    assert (found.names, found.left_out) == (["Intercept", "rating"], ["level"])
    assert built(SLOPES, table).left_out == []


def test_constant_covariate_stays_where_it_is_the_only_intercept() -> None:
    found = built("similarity ~ 0 + rating + level", simulated(0).assign(level=2.0))
    assert (found.names, found.left_out) == (["rating", "level"], [])


@pytest.mark.parametrize("text", [INTERCEPTS, "similarity ~ 1 + mm(concept):rating"])
def test_covariate_that_is_not_a_number_is_refused(text: str) -> None:
    table = simulated(0)
    table.loc[3, "rating"] = np.nan
    with pytest.raises(StudyError, match="similarity ~ 1"):
        built(text, table)


def test_standard_scale_has_mean_zero_and_population_deviation_one() -> None:
    values = [1.0, 2.0, 2.0, 7.0]
    found = scaled(values, "standard")
    np.testing.assert_allclose(found, (np.array(values) - 3) / np.sqrt(5.5))
    assert np.std(found, ddof=0) == pytest.approx(1)


def test_normal_scores_are_quantiles_of_middle_ranks() -> None:
    found = scaled([5.0, 1.0, 5.0, 9.0], "normal scores")
    scores = stats.norm.ppf(np.array([2.5, 1, 2.5, 4]) / 5)
    np.testing.assert_allclose(found, (scores - scores.mean()) / scores.std())
    values = np.random.default_rng(0).standard_normal(30)
    np.testing.assert_allclose(scaled(np.exp(values), "normal scores"), scaled(values, "normal scores"))
    assert not np.allclose(scaled(np.exp(values), "standard"), scaled(values, "standard"))


@pytest.mark.parametrize("scale", ["standard", "normal scores"])
def test_constant_column_scales_to_zeros(scale: str) -> None:
    np.testing.assert_allclose(scaled([3.0, 3.0, 3.0], scale), 0)


@pytest.mark.parametrize(
    "term", ["open({!r}, 'w')", "__import__('pathlib').Path({!r}).touch()", "eval('open')({!r}, 'w')"]
)
def test_a_term_runs_no_code(term: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"word1": ["a", "a", "b"], "word2": ["b", "c", "c"], "y": [1.0, 2.0, 4.0]})
    with pytest.raises(StudyError, match=r"^formula .y ~ "):
        build(table, parse("y ~ " + term.format(str(tmp_path / "trace"))))
    assert not list(tmp_path.iterdir())
