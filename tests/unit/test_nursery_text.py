"""Nursery texts: the corpus says only true things, as often as asked for, and never what the models are asked."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expertneurons import sheets, stimuli, tables
from expertneurons.errors import StudyError
from expertneurons.nursery_text import (
    Lexicon,
    feature_overlap,
    frequencies,
    lexicon_norm,
    read_lexicon,
    write_nursery_corpus,
    write_nursery_probes,
)
from expertneurons.words import forms, split
from nursery import BUNDLED, FEATURES, FRAMES, bundled, fillers, parsed, true_sentences, write_doses, write_sheets
from tiny import ROOT


def corpus(folder: Path, paths: tuple[Path, ...] = (), words: int = 4000, **options: Any) -> list[str]:
    """Write a corpus and return its passages."""
    lexicon, frames = paths[:2] or write_sheets(folder / "sheets")[:2]
    options = {"exponent": 0.0, "seed": 1, **options}
    write_nursery_corpus(lexicon, frames, folder / "corpus.txt", words, **options)
    return (folder / "corpus.txt").read_text(encoding="utf-8").splitlines()


def probes(folder: Path, paths: tuple[Path, ...] = (), pairs: int = 30) -> pd.DataFrame:
    """Write probes and return their sentences."""
    lexicon, frames, listed = paths or write_sheets(folder / "sheets")
    write_nursery_probes(
        lexicon, frames, listed, folder / "concepts.tsv", folder / "sentences.tsv", folder / "norm.parquet", pairs, 1
    )
    return pd.DataFrame(sheets.read(folder / "sentences.tsv", "sentences"))


def subjects(passages: list[str], lexicon: Lexicon) -> Counter[str]:
    """How many passages each concept has; every passage must consist of true sentences about one."""
    truths = {concept: true_sentences(lexicon, concept) for concept in lexicon.values}
    empty = fillers(lexicon)
    found: Counter[str] = Counter()
    for passage in passages:
        if passage in empty:
            found[""] += 1
            continue
        words = set(split(passage))
        tellers = [c for c in truths if c in words and (told := parsed(passage, truths[c])) and len(told) <= 3]
        assert tellers, f"{passage!r} is not true of any concept"
        found[tellers[0]] += 1
    return found


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Sixty thousand words from the bundled sheets."""
    return corpus(tmp_path_factory.mktemp("large"), BUNDLED, words=60_000, exponent=0.7)


def test_every_bundled_sentence_is_true_of_its_concept(large: list[str]) -> None:
    found = subjects(large, bundled())
    assert found.total() == len(large)
    assert set(found) == {"", *bundled().values}


def test_no_probe_sentence_is_in_the_bundled_corpus(large: list[str], tmp_path: Path) -> None:
    asked = probes(tmp_path, (*BUNDLED, ROOT / "config/stimuli/everyday/concepts.tsv"), 1500)
    text = " ".join(large)
    assert set(Counter(asked["concept"]).values()) == {12}
    assert not [probe for probe in asked["text"] if probe in text]


def test_no_bundled_frame_is_both_for_training_and_for_asking() -> None:
    texts = {part: {text for _, text in own} for part, own in bundled().frames.items()}
    assert len(texts["train"]) > 200
    assert len(texts["probe"]) > 20
    assert not texts["train"] & texts["probe"]


def test_no_bundled_frame_or_value_names_a_concept() -> None:
    # So a concept of dose 0 is nowhere in the corpus, in no number.
    known = bundled()
    told = [text.replace("{concept}", "") for own in known.frames.values() for _, text in own]
    told += [value for own in known.values.values() for values in own.values() for value in values]
    named = {form for concept in known.values for form in forms(concept)}
    assert not named & {word for text in told for word in split(text)}


def test_bundled_concepts_have_about_ten_features_and_a_domain() -> None:
    counts = [sum(map(len, own.values())) for own in bundled().values.values()]
    assert np.mean(counts) == pytest.approx(10, abs=1.5)
    assert min(counts) >= 6
    listed = {row["concept"] for row in sheets.read(ROOT / "config/stimuli/everyday/concepts.tsv", "concepts")}
    assert set(bundled().values) <= listed


def test_small_corpus_is_true_and_as_long_as_asked_for(tmp_path: Path) -> None:
    found = corpus(tmp_path)
    assert subjects(found, read_lexicon(*write_sheets(tmp_path / "again")[:2])).total() == len(found)
    words = [len(passage.split(" ")) for passage in found]
    assert sum(words) >= 4000
    assert sum(words[:-1]) < 4000


def test_same_seed_same_bytes_another_seed_or_run_other_bytes(tmp_path: Path) -> None:
    written = [corpus(tmp_path / "a"), corpus(tmp_path / "b"), corpus(tmp_path / "c", seed=2)]
    doses = write_doses(tmp_path / "doses.parquet", {})
    other = corpus(tmp_path / "d", doses=doses, run="rare")
    assert (tmp_path / "a/corpus.txt").read_bytes() == (tmp_path / "b/corpus.txt").read_bytes()
    assert written[0] != written[2]
    assert written[0] != other


def test_exponent_zero_makes_concepts_equal(tmp_path: Path) -> None:
    assert frequencies(["a", "b", "c", "d"], 0, 1).tolist() == [0.25] * 4
    found = subjects(corpus(tmp_path, words=30_000), read_lexicon(*write_sheets(tmp_path / "again")[:2]))
    shares = np.array([found[concept] for concept in FEATURES]) / (found.total() - found[""])
    assert shares == pytest.approx(1 / 7, abs=4 * np.sqrt(1 / 7 / found.total()))
    assert found[""] / found.total() == pytest.approx(0.05, abs=0.02)


def test_zipf_weights_by_hand() -> None:
    # Ranks 1, 2, 3 in some order: (r + 10) ** -1.
    expected = np.array([1 / 11, 1 / 12, 1 / 13])
    found = frequencies(["a", "b", "c"], 1.0, 5)
    assert sorted(found, reverse=True) == pytest.approx(expected / expected.sum())
    assert found.sum() == pytest.approx(1)


def test_dose_zero_never_mentions_a_concept_and_a_tenth_is_a_tenth(tmp_path: Path) -> None:
    doses = write_doses(tmp_path / "doses.parquet", {"cat": 0.0, "oak": 0.1})
    known = read_lexicon(*write_sheets(tmp_path / "again")[:2])
    found = corpus(tmp_path, words=60_000, doses=doses, run="rare")
    counts = subjects(found, known)
    assert "cat" not in {word for passage in found for word in split(passage)}
    others = np.mean([counts[concept] for concept in FEATURES if concept not in ("cat", "oak")])
    assert counts["oak"] / others == pytest.approx(0.1, abs=0.03)


def test_bundled_concepts_of_dose_zero_are_nowhere(tmp_path: Path) -> None:
    absent = list(bundled().values)[::3]
    doses = write_doses(tmp_path / "doses.parquet", dict.fromkeys(absent, 0.0))
    found = corpus(tmp_path, BUNDLED, words=40_000, exponent=0.7, doses=doses, run="rare")
    words = {word for passage in found for word in split(passage)}
    assert not words & set(absent)
    assert set(bundled().values) - set(absent) <= words


def test_probes_name_every_concept_in_every_neutral_frame_and_are_valid_stimuli(tmp_path: Path) -> None:
    asked = probes(tmp_path)
    assert Counter(asked["concept"]) == dict.fromkeys(FEATURES, 4)
    assert asked["text"].iloc[0] == "here once comes the cat ."
    stimuli.build_stimuli(
        tmp_path / "concepts.tsv", tmp_path / "sentences.tsv", tmp_path / "c.parquet", tmp_path / "s.parquet", 4
    )
    assert tables.read(tmp_path / "c.parquet")["concept"].tolist() == list(FEATURES)


def test_feature_overlap_by_hand() -> None:
    # cat and dog: {a pet, fur} of {a pet, fur, hunts, small, barks, brown}; oak and elm: 3 of 4; saw and owl: none.
    known = Lexicon({c: grouped(own) for c, own in FEATURES.items()}, {})
    similarity, concepts = feature_overlap(known)
    found = dict(zip(itertools.product(concepts, concepts), similarity.ravel().tolist(), strict=True))
    assert found["cat", "dog"] == pytest.approx(2 / 6)
    assert found["oak", "elm"] == pytest.approx(3 / 4)
    assert found["saw", "axe"] == pytest.approx(2 / 4)
    assert found["saw", "owl"] == 0
    assert np.allclose(similarity, similarity.T)
    assert np.allclose(similarity.diagonal(), 1)


def grouped(features: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for relation, value in features:
        found.setdefault(relation, []).append(value)
    return found


def test_the_same_word_under_another_relation_is_another_feature() -> None:
    known = Lexicon({"a": {"looks": ["soft"]}, "b": {"feels": ["soft"]}}, {})
    assert feature_overlap(known)[0][0, 1] == 0


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.dictionaries(
            st.sampled_from(["is-a", "does"]),
            st.lists(st.sampled_from("uvwxyz"), min_size=1, max_size=4, unique=True),
            min_size=1,
        ),
        min_size=3,
    ),
    st.integers(2, 40),
)
def test_norm_is_the_jaccard_of_features_in_distinct_ordered_pairs(
    values: dict[str, dict[str, list[str]]], pairs: int
) -> None:
    norm = lexicon_norm(Lexicon(values, {}), pairs, 1)
    every = len(values) * (len(values) - 1) // 2
    assert len(norm) == min(pairs, every)
    assert (norm["word1"] < norm["word2"]).all()
    assert not norm.duplicated(["word1", "word2"]).any()
    for row in norm.to_dict("records"):
        first, second = ({(r, v) for r, own in values[row[key]].items() for v in own} for key in ("word1", "word2"))
        assert row["rating"] == pytest.approx(len(first & second) / len(first | second))


def test_norm_is_tidy_and_half_of_it_is_of_alike_pairs(tmp_path: Path) -> None:
    probes(tmp_path, (*BUNDLED, ROOT / "config/stimuli/everyday/concepts.tsv"), 400)
    norm = tables.read(tmp_path / "norm.parquet")
    assert list(norm) == ["word1", "word2", "rating", "scale_low", "scale_high"]
    assert len(norm) == 400
    assert norm["rating"].between(norm["scale_low"], norm["scale_high"]).all()
    assert (norm["rating"] > 0).mean() == pytest.approx(0.5 + 0.5 * 0.26, abs=0.06)
    assert norm["rating"].max() == pytest.approx(feature_overlap(bundled())[0][np.triu_indices(240, 1)].max())


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (("train", "is-a", "the {concept} is old ."), "does not fit its relations 'is-a'"),
        (("train", "is-a", "the {concept} is {2} ."), "does not fit its relations 'is-a'"),
        (("train", "is-a+does", "the {concept} is {1} and {1} ."), "does not fit its relations 'is-a\\+does'"),
        (("train", "is-a", "it is {1} ."), "does not fit its relations 'is-a'"),
        (("train", "is-a", "the {concept} is {1} , the {concept} ."), "does not fit"),
        (("train", "filler", "the {concept} is there ."), "does not fit its relations 'filler'"),
        (("train", "filler", "it was {2} ."), "does not fit its relations 'filler'"),
        (("probe", "neutral", "the {concept} is {1} ."), "does not fit its relations 'neutral'"),
    ],
)
def test_frame_that_does_not_fit_its_relations_is_refused(
    tmp_path: Path, frame: tuple[str, str, str], told: str
) -> None:
    paths = write_sheets(tmp_path, frames=[*FRAMES, frame])
    with pytest.raises(StudyError, match=told) as refused:
        read_lexicon(paths.lexicon, paths.frames)
    assert str(paths.frames) in str(refused.value)


def test_concept_that_no_frame_can_tell_of_is_refused(tmp_path: Path) -> None:
    paths = write_sheets(tmp_path, {**FEATURES, "fog": [("feels", "damp")]})
    with pytest.raises(StudyError, match=r"frames\.tsv: no train frame for the relations of 'fog'"):
        read_lexicon(paths.lexicon, paths.frames)


def test_concept_without_a_row_in_the_concepts_sheet_is_refused(tmp_path: Path) -> None:
    paths = write_sheets(tmp_path / "sheets", {**FEATURES, "fog": [("is-a", "a cloud")]})
    with pytest.raises(StudyError, match=r"lexicon\.tsv: 'fog' is not in .*concepts\.tsv"):
        probes(tmp_path, paths)
    assert not (tmp_path / "sentences.tsv").exists()


def test_sheet_without_a_frame_to_ask_with_is_refused(tmp_path: Path) -> None:
    paths = write_sheets(tmp_path / "sheets", frames=[row for row in FRAMES if row[0] == "train"])
    with pytest.raises(StudyError, match=r"frames\.tsv: no neutral probe frame"):
        probes(tmp_path, paths)


def test_lexicon_without_adjectives_and_a_frame_of_one_word_can_be_written(tmp_path: Path) -> None:
    features = {c: [own for own in FEATURES[c] if own[0] != "looks"] for c in FEATURES}
    paths = write_sheets(tmp_path / "sheets", features, [*FRAMES, ("train", "is-a", "{concept}:{1}.")])
    text = " ".join(corpus(tmp_path, paths))
    assert "saw:a tool." in text
    assert "that is all , she said ." in text
    assert "{" not in text
