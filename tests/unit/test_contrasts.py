"""Contrasts: the sheet filled with the models of a run, and every side that a run lacks named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import compared
import tiny
from compared import NAN, Run, place, sheet
from expertneurons import tables
from expertneurons.contrasts import Contrast, Side, conditions, read_contrasts
from expertneurons.errors import StudyError
from expertneurons.sides import parse_side

OF = {"first-0": "first"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return compared.write(tmp_path)


def read(run: Run, *rows: tuple[str, ...], reported: list[str] = compared.REPORTED) -> list[Contrast]:
    path = sheet(run.concept_table.parent / "contrasts.tsv", *rows)
    return read_contrasts(path, run.library(), reported, OF)


def refused(run: Run, *rows: tuple[str, ...]) -> str:
    with pytest.raises(StudyError) as caught:
        read(run, *rows)
    return str(caught.value)


def sides(contrasts: list[Contrast]) -> list[tuple[str, str, str, str]]:
    return [(own.a.model, own.a.label, own.b.model, own.b.label) for own in contrasts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("experts.jaccard@0.5", ("experts.jaccard", 0.5)),
        ("experts.jaccard@.5", ("experts.jaccard", 0.5)),
        ("experts.jaccard@1", ("experts.jaccard", 1.0)),
        ("text.tfidf", ("text.tfidf", None)),
        ("text.tfidf@", ("text.tfidf", None)),
        ("vectors.me@home", ("vectors.me@home", None)),
    ],
)
def test_sides_are_a_representation_and_a_threshold(text: str, expected: tuple[str, float | None]) -> None:
    assert parse_side(text) == expected


def test_a_star_is_every_reported_model_and_the_same_on_both_sides(run: Run) -> None:
    found = read(run, ("one", "family", "*", "experts.jaccard@0.5", "*", "embedding.static.concept"))
    assert [(own.name, own.family) for own in found] == [("one", "family")] * 2
    assert sides(found) == [
        (model, "experts.jaccard@0.5", model, "embedding.static.concept") for model in ("first", "second")
    ]


def test_a_control_is_that_of_the_model_and_missing_gives_no_row(run: Run) -> None:
    row = ("one", "family", "*", "experts.jaccard@0.5", "control", "experts.jaccard@0.5")
    assert sides(read(run, row)) == [("first", "experts.jaccard@0.5", "first-0", "experts.jaccard@0.5")]
    assert read(run, row, reported=["second"]) == []


def test_a_model_may_be_named_on_either_side(run: Run) -> None:
    found = read(
        run,
        ("one", "family", "second", "text.tfidf", "first-0", "text.partner_words"),
        ("two", "family", "*", "text.tfidf", "second", "text.partner_words"),
        ("three", "family", "second", "experts.jaccard@0.5", "*", "experts.jaccard@0.3"),
    )
    assert [(own.a.model, own.b.model) for own in found] == [
        ("second", "first-0"),
        ("first", "second"),
        ("second", "second"),
        ("second", "second"),
    ]


def test_last_is_the_deepest_layer_by_number(run: Run) -> None:
    found = read(run, ("one", "family", "first", "embedding.layer{last}.concept", "first", "embedding.layer2.concept"))
    assert found[0].a == pytest.approx(Side("first", "embedding.layer10.concept", NAN), nan_ok=True)
    assert found[0].b.label == "embedding.layer2.concept"


def test_matrices_are_found_by_name_and_threshold(run: Run) -> None:
    found = read(run, ("one", "family", "*", "experts.jaccard@0.5", "*", "experts.jaccard@0.3"))
    library = run.library()
    for own in found:
        matrices = run.matrices(own.a.model)
        np.testing.assert_array_equal(library.matrix(own.a), matrices[place("experts.jaccard", 0.5)])
        np.testing.assert_array_equal(library.matrix(own.b), matrices[place("experts.jaccard", 0.3)])


@pytest.mark.parametrize("side", ["experts.jacard@0.5", "experts.jaccard", "experts.jaccard@0.4", "text.tfidf@0.5"])
@pytest.mark.parametrize("first", [True, False])
def test_an_unknown_representation_or_threshold_is_refused(side: str, first: bool, run: Run) -> None:
    pair = (side, "text.tfidf") if first else ("text.tfidf", side)
    told = refused(run, ("my contrast", "family", "*", pair[0], "*", pair[1]))
    assert told.startswith(f"{run.concept_table.parent / 'contrasts.tsv'}: contrast 'my contrast': ")
    assert f"'first' has no representation '{side}'; known: experts.jaccard@0.3, experts.jaccard@0.5, random_" in told
    assert told.endswith("text.tfidf, text.partner_words")


@pytest.mark.parametrize("models", [("third", "*"), ("*", "third"), ("control", "*")])
def test_an_unknown_model_is_refused(models: tuple[str, str], run: Run) -> None:
    told = refused(run, ("my contrast", "family", models[0], "text.tfidf", models[1], "text.tfidf"))
    assert told.startswith(f"{run.concept_table.parent / 'contrasts.tsv'}: contrast 'my contrast': no model ")
    assert "known: first, first-0, second; add it to `models`" in told


def test_last_without_any_layer_is_refused(run: Run) -> None:
    for path in run.representations:
        index = tables.read(path)
        names = index["representation"].str.replace(r"^embedding\.layer.*", "vectors.mine", regex=True)
        tables.write(pd.DataFrame({"representation": names, "threshold": index["threshold"]}), path)
    told = refused(run, ("one", "family", "*", "embedding.layer{last}.concept", "*", "text.tfidf"))
    assert "no representation 'embedding.layer{last}.concept'" in told


def test_conditions_are_every_side_once_in_order(run: Run) -> None:
    found = read(
        run,
        ("one", "family", "*", "experts.jaccard@0.5", "*", "text.tfidf"),
        ("two", "family", "*", "experts.jaccard@0.5", "*", "experts.jaccard@0.3"),
    )
    assert [(side.model, side.label) for side in conditions(found)] == [
        ("first", "experts.jaccard@0.5"),
        ("first", "text.tfidf"),
        ("second", "experts.jaccard@0.5"),
        ("second", "text.tfidf"),
        ("first", "experts.jaccard@0.3"),
        ("second", "experts.jaccard@0.3"),
    ]


def test_the_bundled_contrasts_fit_a_run(run: Run) -> None:
    found = read_contrasts(tiny.ROOT / "config/contrasts.tsv", run.library(), compared.REPORTED, OF)
    assert len(found) == 4 * 2 + 1
    assert {own.family for own in found} == {"headline", "controls"}
