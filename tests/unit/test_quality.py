"""The gate for sentences: each rule refuses what it must, and the bundled set passes all of them."""

import csv
from importlib.metadata import distribution
from pathlib import Path
from typing import Literal

import pytest

from expertneurons import norms, quality, tables
from expertneurons.quality import Sentence
from expertneurons.words import forms
from tiny import ROOT

SPELLINGS = {word: forms(word) for word in ("cat", "dog", "ice cream")}
GOOD = "On the windowsill a cat washed its paws before dinner."


def rules(text: str, concept: str = "cat", pairs: list[tuple[str, str]] | None = None) -> set[str]:
    return {problem.rule for problem in quality.check([Sentence("s", concept, text)], SPELLINGS, pairs or [])}


def test_good_sentence_passes() -> None:
    assert rules(GOOD) == set()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("On the windowsill a catfish washed its fins before dinner.", "concept"),
        ("A cat sat down.", "length"),
        ("The old cat " + "very " * 30 + "slowly sat.", "length"),
        ('She told the cat "go away" before dinner was served.', "characters"),
        ("The cat went out. It came back wet and angry.", "one sentence"),
        ("On the windowsill a cat washed its paws before dinner", "one sentence"),
        ("On the windowsill Felix the cat washed its paws.", "name"),
    ],
)
def test_each_rule_refuses(text: str, rule: str) -> None:
    assert rule in rules(text)


def test_rated_partner_is_refused_in_any_inflection() -> None:
    text = "Two dogs chased the cat across the wet yard."
    assert "partner" in rules(text, pairs=[("dog", "cat")])
    assert "partner" not in rules(text)


def test_near_duplicates_are_found_and_named() -> None:
    pair = [Sentence("a", "cat", GOOD), Sentence("b", "cat", GOOD.replace("dinner", "supper"))]
    found = quality.near_duplicates(pair)
    assert [(problem.where, problem.rule) for problem in found] == [("b", "near duplicate")]
    assert "repeats a" in found[0].detail


def test_openings_position_and_definitions_are_counted_per_concept() -> None:
    texts = [f"The cat is a kind of animal that likes {word} at night." for word in ("milk", "fish", "rain", "wool")]
    found = {p.rule for p in quality.check([Sentence(str(i), "cat", t) for i, t in enumerate(texts)], SPELLINGS)}
    assert {"openings", "position", "definitions"} <= found


def bundled() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    tables = []
    for name in ("concepts", "sentences"):
        with (ROOT / f"config/stimuli/everyday/{name}.tsv").open(encoding="utf-8", newline="") as file:
            tables.append(list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)))
    return tables[0], tables[1]


def problems(pairs: list[tuple[str, str]]) -> str:
    concepts, sentences = bundled()
    spellings = {row["concept"]: forms(row["concept"], row["forms"]) for row in concepts}
    found = quality.check([Sentence(r["id"], r["concept"], r["text"]) for r in sentences], spellings, pairs)
    return "\n".join(f"{problem.where}: {problem.rule}: {problem.detail}" for problem in found)


def rated(raw: Path, separator: Literal["tab", "space"], folder: Path) -> list[tuple[str, str]]:
    norms.tidy_norm(raw, folder / "norm.parquet", raw.name, "pairs", (0, 50), separator, repeated="mean")
    table = tables.read(folder / "norm.parquet")
    return list(zip(table["word1"], table["word2"], strict=True))


def test_bundled_sentences_pass_the_gate_with_the_packaged_norms(tmp_path: Path) -> None:
    shipped = Path(str(distribution("gensim").locate_file("gensim/test/test_data")))
    pairs = [pair for name in ("simlex999.txt", "wordsim353.tsv") for pair in rated(shipped / name, "tab", tmp_path)]
    assert len(pairs) > 1300
    assert problems(pairs) == ""


def test_bundled_sentences_pass_the_gate_with_men(tmp_path: Path) -> None:
    raw = ROOT.parent / "shared/data/norms/men/MEN_dataset_natural_form_full"
    if not raw.is_file():
        pytest.skip("MEN is not packaged: needs the norm's file beside the project")
    assert problems(rated(raw, "space", tmp_path)) == ""


def test_bundled_set_is_complete_and_balanced() -> None:
    concepts, sentences = bundled()
    assert len(concepts) == 240
    for row in concepts:
        own = [s["register"] for s in sentences if s["concept"] == row["concept"]]
        assert (own.count("fact"), own.count("story")) == (12, 12), row["concept"]
        assert 2 <= len(row["sense"].split()) <= 14, row
