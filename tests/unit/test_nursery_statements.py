"""Nursery statements: features come before the concept, which is named once, in frames that no model was trained on."""

from pathlib import Path

import pytest

import nursery
from expertneurons import tables
from expertneurons.errors import StudyError
from expertneurons.nursery_statements import beginnings, write_nursery_statements
from tiny import concept_table

PROBES = [
    ("probe", "is-a", "think of {1} , then of the {concept} ."),
    ("probe", "is-a", "the {concept} was {1} ."),
    ("probe", "is-a+looks", "{1} and {2} , so it is the {concept} ."),
    ("probe", "is-a+looks", "{1} , the {concept} , looks {2} ."),
]


def write(folder: Path, per_concept: int, concepts: list[str]) -> tuple[Path, Path]:
    sheets = nursery.write_sheets(folder, frames=[*nursery.FRAMES, *PROBES])
    out = folder / "statements.parquet", folder / "prompts.txt"
    listed = concept_table(folder / "listed.parquet", concepts)
    write_nursery_statements(sheets.lexicon, sheets.frames, listed, *out, per_concept, 1)
    return out


def test_statements_name_true_features_first(tmp_path: Path) -> None:
    statements, prompts = write(tmp_path, 2, ["owl", "cat"])
    rows = tables.read(statements)
    texts = {
        0: {"think of a bird , then of the owl .", "a bird and brown , so it is the owl ."},
        1: {"think of a pet , then of the cat .", "a pet and small , so it is the cat ."},
    }
    assert rows.groupby("concept_number")["text"].apply(set).to_dict() == texts
    for row in rows.to_dict("records"):
        assert row["text"][row["starts"][0] : row["ends"][0]] == ["owl", "cat"][row["concept_number"]]
    neutral = [f"here {word} comes the" for word in ("again", "once", "soon", "twice")]
    assert prompts.read_text().splitlines() == neutral


def test_too_few_frames_name_the_concept(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"only 1 statements .* come to 'axe' .* steering.sentences asks for 2"):
        write(tmp_path, 2, ["axe"])


def test_bundled_sheets_have_enough_for_every_concept_and_no_prompt_names_one() -> None:
    from expertneurons.nursery_statements import _stated

    known = nursery.bundled()
    assert min(len(set(_stated(known, concept))) for concept in known.values) >= 4
    assert all(prompt.split()[-1] == "the" for prompt in beginnings(known))
