"""Stimuli from a local model: seeded, resumed per concept, through the gate, refusals kept with their reasons.

A random model writes nonsense, so nothing passes; a model overfitted in a second to a few sentences shows that what
is good enough passes.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tiny
from expertneurons import generator, sheets
from expertneurons.errors import StudyError

SENTENCES = [
    "Before noon the small cat waited under the old bench.",
    "Our old kettle hissed while the small girl waited.",
    "Under the bench the cat hissed before the girl came.",
    "While we waited the kettle hissed on the old stove.",
]


def ask(folder: Path, model: Path, **changes: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "concepts.tsv").write_text("concept\tsense\ncat\tan animal\nkettle\ta pot\n", encoding="utf-8")
    options: dict[str, Any] = {
        "prompts": ["fact=Before", "story=While"],
        "per_register": 1,
        "least": 1,
        "completions": 4,
        "rounds": 2,
        "max_new_tokens": 14,
        "temperature": 0.5,
        "seed": 3,
    } | changes
    kept, sentences, rejects = (folder / f"{name}.tsv" for name in ("kept", "sentences", "rejects"))
    generator.generate_sentences(
        folder / "concepts.tsv", model, [], kept, sentences, rejects, folder / "drafts", **options
    )


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_causal_model(tmp_path_factory.mktemp("random") / "model", SENTENCES, steps=0)


@pytest.fixture(scope="module")
def taught_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_causal_model(tmp_path_factory.mktemp("taught") / "model", SENTENCES, steps=150)


def test_refusals_of_a_random_model_are_kept_with_reasons(tmp_path: Path, random_model: Path) -> None:
    with pytest.raises(StudyError, match="no concept has 1 sentences"):
        ask(tmp_path, random_model)
    refused = pd.read_csv(tmp_path / "rejects.tsv", sep="\t", keep_default_na=False)
    assert set(refused["concept"]) == {"cat", "kettle"}
    assert set(refused["register"]) == {"fact", "story"}
    assert refused["rule"].str.len().gt(0).all()
    assert not (tmp_path / "sentences.tsv").exists()


def test_sentences_of_a_taught_model_pass(tmp_path: Path, taught_model: Path) -> None:
    ask(tmp_path, taught_model, prompts=["fact=Write:"], rounds=8, max_new_tokens=40)
    rows = sheets.read(tmp_path / "sentences.tsv", "sentences")
    assert {row["concept"] for row in rows} == {
        row["concept"] for row in sheets.read(tmp_path / "kept.tsv", "concepts")
    }
    for row in rows:
        assert row["concept"] in row["text"]


def test_same_seed_same_text(tmp_path: Path, random_model: Path) -> None:
    for name in ("a", "b"):
        with pytest.raises(StudyError):
            ask(tmp_path / name, random_model)
    assert (tmp_path / "a/rejects.tsv").read_bytes() == (tmp_path / "b/rejects.tsv").read_bytes()
    with pytest.raises(StudyError):
        ask(tmp_path / "c", random_model, seed=4)
    assert (tmp_path / "a/rejects.tsv").read_bytes() != (tmp_path / "c/rejects.tsv").read_bytes()


def test_finished_concepts_are_not_asked_again_but_damaged_ones_are(tmp_path: Path, random_model: Path) -> None:
    with pytest.raises(StudyError):
        ask(tmp_path, random_model)
    whole = (tmp_path / "rejects.tsv").read_bytes()
    drafts = sorted((tmp_path / "drafts").iterdir())
    assert len(drafts) == 2
    times = {path: path.stat().st_mtime_ns for path in drafts}
    first = drafts[0].read_bytes()
    for damage in (None, first[: len(first) // 2], b"[1, 2]", b"[[], [[1]]]", b"\xff"):
        drafts[0].unlink()
        if damage is not None:
            drafts[0].write_bytes(damage)
        with pytest.raises(StudyError):
            ask(tmp_path, random_model)
        assert drafts[1].stat().st_mtime_ns == times[drafts[1]]
        assert drafts[0].read_bytes() == first
        assert (tmp_path / "rejects.tsv").read_bytes() == whole
