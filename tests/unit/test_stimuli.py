"""Stimuli as numbered tables, and their labels as a design."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

import tiny
from expertneurons import tables
from expertneurons.errors import StudyError
from expertneurons.stimuli import build_stimuli, label_sentences, read_design

CAT, DOG, SUN = range(3)
SENTENCES = {
    "cat": ["A cat sleeps.", "The cats chase a dog.", "One cat and another Cat."],
    "dog": ["A dog barks.", "Dogs and a cat play.", "The dog eats."],
    "sun": ["The sun shines.", "Sun on the cat and the dog.", "Suns are stars."],
}
# Sentences are numbered in the order above; which of the other concepts' they mention:
OTHERS = {1: [DOG], 4: [CAT], 7: [CAT, DOG]}
EXCLUDED = {CAT: [4, 7], DOG: [1, 7], SUN: []}


def build(folder: Path, sentences: dict[str, list[str]] | None = None, **options: Any) -> tuple[Path, Path]:
    sheets = tiny.write_stimuli(folder / "sheets", SENTENCES if sentences is None else sentences)
    return build_from(folder, *sheets, **options)


def build_from(folder: Path, concepts: Path, sentences: Path, **options: Any) -> tuple[Path, Path]:
    made = folder / "out" / "concepts.parquet", folder / "out" / "sentences.parquet"
    build_stimuli(concepts, sentences, *made, **options)
    return made


def refused(folder: Path, sentences: dict[str, list[str]], **options: Any) -> str:
    """Fail to build, leaving nothing behind, and return what the user is told."""
    sheets = tiny.write_stimuli(folder / "sheets", sentences)
    return refused_from(folder, *sheets, **options)


def refused_from(folder: Path, concepts: Path, sentences: Path, **options: Any) -> str:
    with pytest.raises(StudyError) as caught:
        build_from(folder, concepts, sentences, **options)
    assert not list((folder / "out").glob("*"))
    assert not tiny.leftovers(folder)
    return str(caught.value)


def test_concepts_are_numbered_as_listed_and_sentences_within_them(tmp_path: Path) -> None:
    concepts, sentences = (tables.read(path) for path in build(tmp_path))
    assert concepts["concept_number"].tolist() == [CAT, DOG, SUN]
    assert concepts["concept"].tolist() == ["cat", "dog", "sun"]
    assert sentences["sentence"].tolist() == list(range(9))
    assert sentences["concept_number"].tolist() == [CAT] * 3 + [DOG] * 3 + [SUN] * 3
    assert sentences["text"].tolist() == [text for texts in SENTENCES.values() for text in texts]


def test_spans_are_those_of_every_mention_of_the_own_concept(tmp_path: Path) -> None:
    rows = tables.read(build(tmp_path)[1])
    cut = [
        [text[start:end] for start, end in zip(starts, ends, strict=True)]
        for text, starts, ends in zip(rows["text"], rows["starts"], rows["ends"], strict=True)
    ]
    expected = [["cat"], ["cats"], ["cat", "Cat"], ["dog"], ["Dogs"], ["dog"], ["sun"], ["Sun"], ["Suns"]]
    assert cut == expected


def test_other_concepts_that_a_sentence_mentions_are_noted(tmp_path: Path) -> None:
    rows = tables.read(build(tmp_path)[1])
    assert {
        n: list(others) for n, others in zip(rows["sentence"], rows["others"], strict=True) if len(others)
    } == OTHERS


def test_the_order_of_the_sentences_sheet_does_not_matter(tmp_path: Path) -> None:
    made = build(tmp_path)
    before = [path.read_bytes() for path in made]
    sheet = tmp_path / "sheets" / "sentences.tsv"
    header, *rows = sheet.read_text(encoding="utf-8").splitlines()
    sheet.write_text("\n".join([header, *rows[::-1]]) + "\n", encoding="utf-8")
    build_from(tmp_path, tmp_path / "sheets" / "concepts.tsv", sheet)
    assert [path.read_bytes() for path in made] == before


def test_listed_forms_count_as_mentions(tmp_path: Path) -> None:
    concepts, sentences = tiny.write_stimuli(
        tmp_path / "sheets", {"go": ["She went.", "He goes."], "be": ["I am.", "We be."]}
    )
    concepts.write_text("concept\tforms\ngo\tgo, goes, went\nbe\tbe, am\n", encoding="utf-8")
    rows = tables.read(build_from(tmp_path, concepts, sentences)[1])
    assert [list(starts) for starts in rows["starts"]] == [[4], [3], [2], [3]]


def test_a_concept_listed_twice_is_refused(tmp_path: Path) -> None:
    concepts, sentences = tiny.write_stimuli(tmp_path / "sheets", SENTENCES)
    concepts.write_text("concept\ncat\ndog\nsun\ncat\n", encoding="utf-8")
    assert f"{concepts}: line 5: concept 'cat' is already in line 2" in refused_from(tmp_path, concepts, sentences)


def test_a_concept_listed_in_two_letter_cases_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, {**SENTENCES, "Cat": ["My cat purrs.", "Your cat purrs."]})
    assert str(tmp_path / "sheets" / "concepts.tsv") in told
    assert "'Cat'" in told


@pytest.mark.parametrize("text", ["The category is wide.", "A kitten sleeps.", "A dog barks loudly."])
def test_a_sentence_without_its_concept_is_named(text: str, tmp_path: Path) -> None:
    told = refused(tmp_path, {**SENTENCES, "cat": ["A cat sleeps.", text]})
    assert str(tmp_path / "sheets" / "sentences.tsv") in told
    assert "1 sentences do not contain their concept: cat-02 lacks 'cat'" in told


def test_too_few_sentences_are_refused_with_concept_and_count(tmp_path: Path) -> None:
    few = {**SENTENCES, "moon": ["A moon."], "star": []}
    told = refused(tmp_path, few, min_sentences=3)
    assert "moon has 1, star has 0; every concept needs 3" in told
    assert "cat has" not in told


def test_a_text_that_serves_two_concepts_is_refused_with_both_ids(tmp_path: Path) -> None:
    told = refused(tmp_path, {**SENTENCES, "sun": [SENTENCES["cat"][1], "The sun shines.", "Suns are stars."]})
    assert "cat-02" in told
    assert "sun-01" in told


def test_a_sentence_for_a_concept_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    concepts, sentences = tiny.write_stimuli(tmp_path / "sheets", SENTENCES)
    concepts.write_text("concept\ncat\nsun\n", encoding="utf-8")
    assert f"{sentences}: dog-01 is for 'dog', which {concepts} does not list" in refused_from(
        tmp_path, concepts, sentences
    )


def label(folder: Path, negatives: Literal["all", "sampled"], count: int = 1000, seed: int = 0) -> pd.DataFrame:
    label_sentences(*build(folder), folder / "labels.parquet", negatives, count, seed)
    return tables.read(folder / "labels.parquet")


def chosen(labels: pd.DataFrame, name: str) -> dict[int, list[int]]:
    rows = labels[labels["label"] == name]
    return {concept: rows.loc[rows["concept_number"] == concept, "sentence"].tolist() for concept in (CAT, DOG, SUN)}


@pytest.mark.parametrize("negatives", ["all", "sampled"])
def test_own_sentences_are_positives_and_mentions_are_excluded(negatives: Any, tmp_path: Path) -> None:
    labels = label(tmp_path, negatives)
    assert chosen(labels, "positive") == {CAT: [0, 1, 2], DOG: [3, 4, 5], SUN: [6, 7, 8]}
    assert chosen(labels, "excluded") == EXCLUDED


def test_all_negatives_are_not_written(tmp_path: Path) -> None:
    assert set(label(tmp_path, "all")["label"]) == {"positive", "excluded"}


def test_sampled_negatives_are_all_others_where_there_are_too_few(tmp_path: Path) -> None:
    assert chosen(label(tmp_path, "sampled"), "negative") == {
        CAT: [3, 5, 6, 8],
        DOG: [0, 2, 6, 8],
        SUN: [0, 1, 2, 3, 4, 5],
    }


@pytest.mark.parametrize("seed", range(8))
def test_sampled_negatives_are_as_many_as_asked_and_never_positive_or_excluded(seed: int, tmp_path: Path) -> None:
    labels = label(tmp_path, "sampled", 2, seed)
    assert not labels.duplicated(["concept_number", "sentence"]).any()
    for concept, drawn in chosen(labels, "negative").items():
        assert len(drawn) == 2
        assert not {3 * concept, 3 * concept + 1, 3 * concept + 2, *EXCLUDED[concept]} & set(drawn)


def test_sampled_negatives_depend_on_the_seed_only(tmp_path: Path) -> None:
    first = label(tmp_path, "sampled", 3, seed=1)
    before = (tmp_path / "labels.parquet").read_bytes()
    np.random.default_rng(0).random(9)
    label(tmp_path, "sampled", 3, seed=1)
    assert (tmp_path / "labels.parquet").read_bytes() == before
    assert any(not first.equals(label(tmp_path, "sampled", 3, seed)) for seed in (2, 3, 4))


def test_labels_of_stimuli_without_any_other_mention(tmp_path: Path) -> None:
    made = build(tmp_path, {"cat": ["A cat.", "My cat."], "dog": ["A dog.", "My dog."]})
    label_sentences(*made, tmp_path / "labels.parquet")
    assert tables.read(tmp_path / "labels.parquet")["label"].tolist() == ["positive"] * 4


def lists(design_part: Any) -> list[list[int]]:
    return [rows.tolist() for rows in design_part]


def test_a_design_of_all_negatives_has_exclusions_and_the_prevalence(tmp_path: Path) -> None:
    label(tmp_path, "all")
    design = read_design(tmp_path / "labels.parquet", 3, 0.25)
    assert lists(design.positives) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert design.negatives is None
    assert lists(design.excluded) == list(EXCLUDED.values())
    assert design.prevalence == 0.25
    assert design.counts(9).tolist() == [[3, 4], [3, 4], [3, 6]]


def test_a_sampled_design_has_its_negatives_unweighted(tmp_path: Path) -> None:
    labels = label(tmp_path, "sampled", 2)
    design = read_design(tmp_path / "labels.parquet", 3, 0.25)
    assert lists(design.positives) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert lists(design.negatives) == list(chosen(labels, "negative").values())
    assert design.excluded is None
    assert design.prevalence is None
    assert design.weights(9).tolist() == [1, 1, 1]
