"""Verdicts: one sentence from the numbers, which says when an interval includes zero and when nothing was measured."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import reported
from expertneurons import further_verdicts, growth_verdicts, stability_names, verdicts
from expertneurons.aspects import ASPECTS
from expertneurons.questions import QUESTIONS
from expertneurons.studied import Studied
from expertneurons.verdicts import Verdict


def study(**changed: pd.DataFrame) -> Studied:
    found = reported.all_tables() | changed
    models = {"a-model": "A model", "control": "Its control"}
    return Studied(found, 0.5, ["a-model"], ["everyday"], reported.NORMS, models, {"control": "a-model"})


def told(verdict: Verdict | None) -> Verdict:
    assert verdict is not None
    assert not any("nan" in text.split() for text in verdict)
    return verdict


PLACE = ("a-model", "everyday")


def test_alignment_names_every_norm_with_its_estimate() -> None:
    verdict = told(verdicts.alignment(study(), *PLACE))
    one = "(rho = 0.30 [0.10, 0.60])"
    assert verdict.answer == f"Expert overlap at AP >= 0.5 aligns with SimLex {one} and WordSim & co {one}."
    assert (
        verdict.chance
        == "95% of node permutations lie in [-0.20, 0.20] with SimLex and [-0.20, 0.20] with WordSim & co."
    )
    assert verdict.control == "Its control: rho = 0.30 [-0.10, 0.60] and rho = 0.30 [-0.10, 0.60]."


def test_alignment_tells_norms_apart_by_their_intervals() -> None:
    rows = reported.aligned()
    rows.loc[rows["norm"] == "wordsim", "low"] = -0.05
    assert (
        "; it does not align for certain with WordSim & co (rho = 0.30 [-0.05, 0.60], the interval includes zero)."
        in (told(verdicts.alignment(study(alignment=rows), *PLACE)).answer)
    )
    rows.loc[rows["norm"] == "wordsim", ["rho", "low", "high"]] = -0.3, -0.6, -0.1
    assert "it runs against WordSim & co" in told(verdicts.alignment(study(alignment=rows), *PLACE)).answer
    rows.loc[rows["norm"] == "wordsim", ["rho", "low", "high"]] = np.nan
    assert "WordSim & co (not defined (40 pairs" in told(verdicts.alignment(study(alignment=rows), *PLACE)).answer


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "neither closer nor less close for certain than contextual embedding (SimLex -0.10 [-0.20, 0.01])"),
        ({"p_family": 0.01}, "less close to people than contextual embedding"),
        ({"p_family": 0.01, "difference": 0.1}, "closer to people than contextual embedding"),
        ({"equivalent": True}, "equivalent within 0.05 to contextual embedding"),
        ({"p": np.nan, "difference": np.nan}, "not comparable with contextual embedding (SimLex)"),
    ],
)
def test_comparison_says_what_each_contrast_with_an_embedding_shows(changed: dict[str, Any], words: str) -> None:
    verdict = told(verdicts.comparison(study(comparisons=reported.compared(**changed)), *PLACE))
    assert verdict.answer.startswith(f"On the same pairs experts are {words}")
    assert not re.search(r"\btext\b", verdict.answer)


def test_intervals_that_include_zero_are_said_to_once_or_each() -> None:
    verdict = told(verdicts.comparison(study(), *PLACE))
    assert verdict.answer.endswith(", whose intervals include zero.")
    rows = reported.compared()
    rows.loc[rows["norm"] == "simlex", ["difference", "low", "high"]] = 0.3, 0.2, 0.4
    verdict = told(verdicts.comparison(study(comparisons=rows), *PLACE))
    assert "(SimLex 0.30 [0.20, 0.40])" in verdict.answer
    assert "(WordSim & co -0.10 [-0.20, 0.01], the interval includes zero)" in verdict.answer


def test_without_a_contrast_with_an_embedding_nothing_is_answered() -> None:
    rows = reported.compared()
    assert verdicts.comparison(study(comparisons=rows[rows["b"] == "text.tfidf"]), *PLACE) is None


def test_places_name_the_densest_layer_and_the_best_aligned() -> None:
    verdict = told(verdicts.places(study(), *PLACE))
    assert verdict.answer.startswith(
        "Of layers 0 to 1, experts are densest in layer 1 (1.5 times the mean of the layers)"
    )
    assert "layer 1 with SimLex (rho = 0.10 [-0.10, 0.40], the interval includes zero, 40 pairs)" in verdict.answer
    assert verdict.chance.startswith("Shuffled labels give 6.7% of that layer's experts")
    assert verdict.control.startswith(
        "Its control: densest in layer 1, best aligned in layer 1 with SimLex (rho = 0.10"
    )


def test_organisation_tells_domains_and_claims_no_more_than_its_tests() -> None:
    verdict = told(verdicts.organised_as_people(study(), *PLACE))
    assert verdict.answer == (
        "Expert overlap tells pairs of one domain from pairs of two (AUC 0.80 [0.70, 0.90], p = 0.001, 9 pairs); "
        "category words share more experts with their members than with other categories' members "
        "(lift: 0.8 against 0.5 (shuffled labels, p = 0.001), for new words 0.7 to 0.9, 9 members)."
    )
    weak = reported.organised(p=0.2)
    weak["low"] = 0.4
    verdict = told(verdicts.organised_as_people(study(organisation=weak), *PLACE))
    assert verdict.answer.startswith("Expert overlap does not tell for certain")
    assert verdict.answer.endswith("no hierarchy is claimed.")


def test_the_best_unit_is_told_on_sentences_that_did_not_choose_it() -> None:
    both = pd.concat([reported.counted(), reported.counted().assign(model="control")])
    verdict = told(verdicts.which_unit(study(experts=both), *PLACE))
    assert verdict.answer == (
        "The best unit of the median concept has AP 0.80 on sentences that did not choose it; the lowest is ant, 0.70 "
        "[0.60, 0.90]; 1 of 3 concepts carry a warning: the word alone (1)."
    )
    assert verdict.control.endswith("the best unit of the median concept has AP: A model 0.80 and Its control 0.80.")
    rows = reported.audited().assign(warnings=["null, word", "word", ""])
    answer = told(verdicts.which_unit(study(audit=rows), *PLACE)).answer
    assert answer.endswith("2 of 3 concepts carry a warning: the word alone (2) and no better than chance (1).")
    assert verdict.chance == "A constant unit has AP 0.286."


def test_rivals_and_agreement() -> None:
    verdict = told(further_verdicts.rivals(study(), *PLACE))
    one = "experts 0.40 [0.30, 0.50] (40 pairs)"
    assert verdict.answer == (
        "Rho by method with as many units a concept; differences between methods are not tested. "
        f"SimLex, 1 unit: {one}; 4 units: {one}. WordSim & co, 1 unit: {one}; 4 units: {one}."
    )
    assert verdict.chance.startswith("SimLex, 1 unit: random units 0.05 [-0.05, 0.15] (40 pairs); 4")
    assert verdict.control == "Held-out AP with as many units: 1 unit: experts 0.800; 4 units: experts 0.800."
    verdict = told(further_verdicts.agreement(study(), "", "everyday"))
    assert verdict.answer == (
        "The concept similarities of two models correlate by 0.20 [0.10, 0.30] (a-model, control); 1 pair of models."
    )


def tried(rho: float, **other: Any) -> dict[str, Any]:
    usual = {
        **reported.PLACE,
        "responses": "max",
        "sentences": "labelled",
        "score": stability_names.AP,
        "norm": "simlex",
    }
    return {**usual, "rho": rho, "low": rho - 0.1, "high": rho + 0.1, **other}


def test_stability_keeps_choices_and_controls_apart() -> None:
    rows = [tried(0.4), tried(0.2), tried(0.05), tried(0.9, responses="masked"), tried(0.8, sentences="shuffled")]
    rows += [
        tried(np.nan),
        tried(np.nan, model="control"),
        tried(0.03, model="control"),
        tried(0.7, score=stability_names.COUNT_MATCHED),
    ]
    verdict = told(further_verdicts.stability(study(stability=pd.DataFrame(rows)), *PLACE))
    assert (
        "SimLex 0.20 (middle half 0.12 to 0.30; the interval is above zero in 2 of 3; 1 more undefined)"
        in verdict.answer
    )
    assert verdict.chance == "With sentences dealt out anew: SimLex 0.80 (median of 1)."
    assert "SimLex 0.03 (middle half 0.03 to 0.03; the interval is above zero in 0 of 1; 1 more" in verdict.control


def test_rivals_are_told_at_few_some_and_many_units() -> None:
    rows = reported.rivalled()
    rows = rows[(rows["method"] == "experts") & (rows["norm"] == "simlex") & (rows["k"] == 1)]
    every = pd.concat([rows.assign(k=k, rho=np.nan if k == 1 else k / 100) for k in (1, 2, 4, 8, 16, 64)])
    better = rows.assign(k=8, method="feature_probes", rho=0.5)
    answer = told(further_verdicts.rivals(study(rivals=pd.concat([every, better])), *PLACE)).answer
    assert re.findall(r"(\d+) units?: (.*?) \[", answer) == [
        ("2", "experts 0.02"),
        ("8", "features of a sparse probe 0.50"),
        ("64", "experts 0.64"),
    ]


def test_rivals_are_told_where_experts_overlap_too_little() -> None:
    rows = reported.rivalled().query("norm == 'simlex' and method == 'experts'")
    found = pd.concat([rows.assign(rho=np.nan), rows.assign(method="probes", rho=0.3)])
    answer = told(further_verdicts.rivals(study(rivals=found), *PLACE)).answer
    assert "4 units: units of a sparse probe 0.30" in answer
    assert answer.endswith("Experts share too few units to be aligned.")


def test_growth_tells_the_largest_size_and_where_nothing_emerged() -> None:
    rows = [
        {"family": "f", "stimuli": "s", "run": run, "size": size, "parameters": parameters, "seed": 1, "step": step}
        | {
            "norm": norm,
            "representation": "experts.jaccard",
            "threshold": 0.5,
            "rho": step / 10,
            "se": 0.05 if norm == "simlex" else 0.1,
        }
        for run, size, parameters in (("small-1", "small", 10), ("large-1", "large", 20))
        for norm in reported.NORMS
        for step in (0, 8)
    ]
    ends = {"half_monotone": 3.6, "half_monotone_low": 2.2, "half_monotone_high": 5.4, "threshold": 0.5, "seed": 1}
    halves = [
        {"family": "f", "stimuli": "s", "run": run, "norm": norm, "representation": "experts.jaccard", **ends}
        | {"emerged": norm == "simlex"}
        for run in ("small-1", "large-1")
        for norm in reported.NORMS
    ]
    found = study(emergence=pd.DataFrame(rows), half_rise=pd.DataFrame(halves))
    verdict = told(growth_verdicts.growth(found, "f", "s"))
    assert verdict.answer == (
        "In runs of size large, half of the last alignment is there at: SimLex: step 4 [2, 5]; WordSim & co: no "
        "emergence detected."
    )
    assert verdict.chance == (
        "Zero; 1.96 standard errors of rho at the last step are 0.10 with SimLex and 0.20 with WordSim & co."
    )
    assert verdict.control == "Mean rho of the same run at step 0: SimLex 0.00 and WordSim & co 0.00."


def test_the_outermost_sizes_are_told_with_their_interval() -> None:
    usual = {"family": "f", "stimuli": "s", "norm": "simlex", "representation": "experts.jaccard", "threshold": 0.5}
    usual |= {"bound": 0.05, "seeds": 2, "n_pairs": 40, "note": "too few"}
    pairs = {("small", "medium"): (0.3, 0.001), ("medium", "large"): (-0.2, 0.01), ("small", "large"): (0.1, 0.02)}
    rows = pd.DataFrame(
        [
            {**usual, "smaller": smaller, "larger": larger, "difference": d, "low": d - 0.05, "high": d + 0.05, "p": p}
            for (smaller, larger), (d, p) in pairs.items()
        ]
    ).assign(equivalent=False)
    few = rows.assign(norm="wordsim", difference=np.nan)
    verdict = told(growth_verdicts.sizes(study(sizes=pd.concat([rows, few])), "f", "s"))
    assert verdict.answer == (
        "Difference in rho between the largest size and the smallest (large - small), expert overlap at AP >= 0.5: "
        "SimLex 0.10 [0.05, 0.15], p = 0.020, 40 pairs: the larger higher; WordSim & co: too few."
    )
    assert "hold the seeds fixed, of which there are 2 a size; p values are not adjusted" in verdict.chance
    assert verdict.control == "With equally many units: not defined."
    ends = rows["smaller"].eq("small") & rows["larger"].eq("large")
    for changed, words in (
        ({"p": 0.3}, "pairs: undecided."),
        ({"p": 0.3, "equivalent": True}, "pairs: equivalent within 0.05."),
    ):
        other = rows.copy()
        other.loc[ends, list(changed)] = list(changed.values())
        assert told(growth_verdicts.sizes(study(sizes=other), "f", "s")).answer.endswith(words)
    assert growth_verdicts.sizes(study(sizes=few), "f", "s") is None


def test_what_was_not_measured_has_no_verdict() -> None:
    nothing = Studied({}, 0.5, ["a-model"], ["everyday"], reported.NORMS, {}, {})
    for aspect in ASPECTS:
        assert all(aspect.verdict(nothing, *subject) is None for subject in aspect.subjects(nothing)), aspect


def test_every_question_has_an_aspect() -> None:
    assert {aspect.question for aspect in ASPECTS} == {question.key for question in QUESTIONS}
