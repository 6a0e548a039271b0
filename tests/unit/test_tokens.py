"""Activations at tokens against the pooled responses and the text."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny
from expertneurons import tables
from expertneurons.errors import StudyError
from expertneurons.extraction import extract_responses
from expertneurons.stimuli import build_stimuli
from expertneurons.tokens import read_tokens

SHEET = tiny.ROOT / "config/sites.tsv"
SITES = ["attn.qkv", "attn.out", "mlp.up"]
SENTENCES = {
    "dog": ["The dog sleeps.", "Our neighbour walks her old dog slowly around the frozen lake."],
    "tree": ["A tree fell across the road.", "Nobody mentions it here, but shade is what it gives."],
}


@pytest.fixture(scope="module", params=["bert", "llama"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    at: Path = tmp_path_factory.mktemp("tokens")
    tiny.write_model(at / "model", request.param, [text for own in SENTENCES.values() for text in own])
    sheets = tiny.write_stimuli(at / "sheets", SENTENCES)
    build_stimuli(*sheets, at / "concepts.parquet", at / "sentences.parquet", named=False)
    poolings: Any = ["max", "min"]
    paths = [at / f"{name}.npy" for name in poolings]
    embeddings = at / "embeddings.npy"
    extract_responses(
        at / "model", at / "sentences.parquet", SHEET, paths, at / "units.parquet", embeddings, SITES, poolings, "toy"
    )
    count = np.load(at / "max.npy").shape[1]
    asked = [(0, unit, sentence) for unit in (0, 5, count - 1) for sentence in (0, 1, 3)] + [(1, 5, 3), (1, 9, 2)]
    tables.write(pd.DataFrame(asked, columns=["concept_number", "unit", "sentence"]), at / "reads.parquet")
    read(at, SITES)
    return at


def read(at: Path, sites: list[str]) -> None:
    inputs = at / "sentences.parquet", SHEET, at / "units.parquet", at / "reads.parquet"
    read_tokens(
        at / "model", *inputs, at / "activations.parquet", at / "tokens.parquet", sites, "toy", tokens_per_batch=30
    )


def test_pooled_over_tokens_they_are_the_responses(folder: Path) -> None:
    found = tables.read(folder / "activations.parquet")
    highest, lowest = np.load(folder / "max.npy"), np.load(folder / "min.npy")
    for unit, sentence, values in zip(found["unit"], found["sentence"], found["values"], strict=True):
        assert values.max() == pytest.approx(highest[sentence, unit], abs=1e-5)
        assert values.min() == pytest.approx(lowest[sentence, unit], abs=1e-5)


def test_what_is_asked_for_twice_is_read_once_and_nothing_else(folder: Path) -> None:
    asked = tables.read(folder / "reads.parquet")[["unit", "sentence"]].drop_duplicates()
    found = tables.read(folder / "activations.parquet")[["unit", "sentence"]]
    assert sorted(map(tuple, found.to_numpy().tolist())) == sorted(map(tuple, asked.to_numpy().tolist()))


def test_tokens_spell_the_sentence_and_know_the_concept(folder: Path) -> None:
    texts = tables.read(folder / "sentences.parquet")["text"].tolist()
    tokens = tables.read(folder / "tokens.parquet").to_dict("records")
    assert [row["sentence"] for row in tokens] == [0, 1, 2, 3]
    for text, row in zip(texts, tokens, strict=True):
        pieces = [text[start:end] for start, end in zip(row["starts"], row["ends"], strict=True)]
        assert "".join(pieces) == text.replace(" ", "")
        own = "".join(piece for piece, is_own in zip(pieces, row["own"], strict=True) if is_own)
        assert own == ("dog", "dog", "tree", text.replace(" ", ""))[row["sentence"]]
    found = tables.read(folder / "activations.parquet")
    assert all(
        len(row) == len(tokens[number]["starts"])
        for number, row in zip(found["sentence"], found["values"], strict=True)
    )


def test_another_choice_of_sites_is_told(folder: Path) -> None:
    with pytest.raises(StudyError, match="units, but the model has"):
        read(folder, ["mlp.up"])
