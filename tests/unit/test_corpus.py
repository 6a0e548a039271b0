"""Stimuli from plain text: every concept its own sentences, all through the gate, whatever the order of the corpus."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expertneurons import corpus, quality, sheets, tables
from expertneurons.errors import StudyError
from expertneurons.quality import Sentence
from expertneurons.words import forms

CONCEPTS = ("cat", "kettle", "ladder")
PLACES = ["garden", "attic", "harbour", "museum", "workshop", "orchard", "station", "library", "stable", "bakery"]
VERBS = ["vanished", "appeared", "rested", "waited", "glittered", "trembled"]


def write_corpus(path: Path) -> Path:
    lines = [
        f"Early {verb} light in the {place} showed where the {concept} {verb} before noon."
        for concept in CONCEPTS
        for place in PLACES
        for verb in VERBS
    ]
    lines += [
        f"{place.capitalize()} visitors {verb} when a cat knocked over the ladder."
        for place in PLACES
        for verb in VERBS
    ]
    lines += [
        "A cat sat.",
        "The catfish swam around the old wooden pier today.",
        "Felix saw the cat near Paris one day.",
    ]
    lines = [lines[i] for i in np.random.default_rng(0).permutation(len(lines))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def collect(folder: Path, source: Path, **changes: int) -> pd.DataFrame:
    folder.mkdir(exist_ok=True)
    (folder / "concepts.tsv").write_text("concept\n" + "\n".join([*CONCEPTS, "zebra"]) + "\n", encoding="utf-8")
    norm = folder / "norm.parquet"
    tables.write(pd.DataFrame({"word1": ["cat"], "word2": ["ladder"], "rating": [1.0]}), norm)
    options: dict[str, Any] = {"per_concept": 6, "least": 2, "seed": 1} | changes
    kept, sentences, rejects = (folder / f"{name}.tsv" for name in ("kept", "sentences", "rejects"))
    corpus.collect_sentences(folder / "concepts.tsv", source, [norm], kept, sentences, rejects, **options)
    return pd.DataFrame(sheets.read(folder / "sentences.tsv", "sentences"))


def test_what_is_collected_passes_the_gate_and_serves_one_concept(tmp_path: Path) -> None:
    rows = collect(tmp_path / "out", write_corpus(tmp_path / "corpus.txt"))
    assert not rows["text"].duplicated().any()
    found = [Sentence(row["id"], row["concept"], row["text"]) for row in rows.to_dict("records")]
    spellings = {concept: forms(concept) for concept in CONCEPTS}
    assert quality.check(found, spellings, [("cat", "ladder")]) == []


def test_concepts_without_enough_sentences_are_left_out_and_told(tmp_path: Path) -> None:
    collect(tmp_path / "out", write_corpus(tmp_path / "corpus.txt"))
    kept = [row["concept"] for row in sheets.read(tmp_path / "out/kept.tsv", "concepts")]
    assert "zebra" not in kept
    assert set(kept) <= set(CONCEPTS)
    reasons = pd.read_csv(tmp_path / "out/rejects.tsv", sep="\t")
    assert {"partner", "length", "name"} <= set(reasons["rule"])


def test_order_of_the_corpus_does_not_matter_but_the_seed_does(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "corpus.txt")
    first = collect(tmp_path / "a", source)
    lines = source.read_text().splitlines()
    other = tmp_path / "other.txt"
    other.write_text("\n".join(sorted(lines)) + "\n")
    assert list(first["text"]) == list(collect(tmp_path / "b", other)["text"])
    assert set(first["text"]) != set(collect(tmp_path / "c", source, seed=2)["text"])


def test_folder_of_text_files_is_read_and_sources_are_named(tmp_path: Path) -> None:
    (tmp_path / "texts/deep").mkdir(parents=True)
    write_corpus(tmp_path / "texts/deep/one.txt")
    rows = collect(tmp_path / "out", tmp_path / "texts")
    assert rows["source"].str.match(r"one\.txt:\d+$").all()


def test_missing_corpus_and_useless_corpus_are_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"corpus\.path"):
        collect(tmp_path / "out", tmp_path / "nothing")
    (tmp_path / "empty.txt").write_text("No concept of ours stands in this line.\n")
    with pytest.raises(StudyError, match="no concept"):
        collect(tmp_path / "out", tmp_path / "empty.txt")
    assert not (tmp_path / "out/sentences.tsv").exists()
