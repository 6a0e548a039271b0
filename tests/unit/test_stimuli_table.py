"""A user's one table of concepts and sentences, and what is said of a wrong one."""

from pathlib import Path

import pytest

import tiny
from expertneurons import sheets, tables
from expertneurons.errors import StudyError
from expertneurons.stimuli import build_stimuli
from expertneurons.stimuli_table import split_table

ROWS = [
    ("late delivery", "The parcel came a week after the date.", "complaint"),
    ("leak", "Water drips from the hose.", "report"),
    ("late delivery", "Late delivery again, and no word of regret.", "complaint"),
    ("leak", "There is a leak under my sink.", "complaint"),
]
HEADER = "concept\tsentence\tregister"


def write(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    table = folder / "own.tsv"
    table.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return table


def lines() -> list[str]:
    return ["\t".join(row) for row in ROWS]


def split(folder: Path, table: Path, least: int = 2) -> tuple[Path, Path]:
    made = folder / "concepts.tsv", folder / "sentences.tsv"
    split_table(table, *made, least)
    return made


def test_concepts_in_their_order_and_sentences_called_by_their_line(tmp_path: Path) -> None:
    concepts, sentences = split(tmp_path, write(tmp_path, lines()))
    assert [row["concept"] for row in sheets.read(concepts, "concepts")] == ["late delivery", "leak"]
    rows = sheets.read(sentences, "sentences")
    assert [row["id"] for row in rows] == ["line-2", "line-3", "line-4", "line-5"]
    assert [(row["concept"], row["text"], row["register"]) for row in rows] == ROWS


def test_blank_lines_count_as_lines(tmp_path: Path) -> None:
    own = lines()
    sentences = split(tmp_path, write(tmp_path, [own[0], "", *own[1:]]))[1]
    assert [row["id"] for row in sheets.read(sentences, "sentences")] == ["line-2", "line-4", "line-5", "line-6"]


def test_ids_sort_as_the_lines_do(tmp_path: Path) -> None:
    rows = [f"{concept}\tSentence {number} about {concept}.\t" for concept in ("a", "b") for number in range(60)]
    ids = [row["id"] for row in sheets.read(split(tmp_path, write(tmp_path, rows))[1], "sentences")]
    assert ids == sorted(ids)
    assert len({len(name) for name in ids}) == 1


def test_registers_may_be_absent(tmp_path: Path) -> None:
    rows = ["\t".join(row[:2]) for row in ROWS]
    sentences = split(tmp_path, write(tmp_path, rows, "concept\tsentence"))[1]
    assert [row["register"] for row in sheets.read(sentences, "sentences")] == [""] * 4


def test_sentences_need_not_name_their_concept(tmp_path: Path) -> None:
    made = split(tmp_path, write(tmp_path, lines()))
    built = tmp_path / "concepts.parquet", tmp_path / "sentences.parquet"
    build_stimuli(*made, *built, named=False)
    assert [len(starts) for starts in tables.read(built[1])["starts"]] == [0, 1, 0, 1]
    with pytest.raises(StudyError, match="line-2 lacks 'late delivery'"):
        build_stimuli(*made, *built)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["leak\t\treport"], "line 6, sentence: '' should be non-empty"),
        (["leak_2\tIt drips.\treport"], "line 6, concept: 'leak_2' does not match"),
        (["leak\tWATER drips from the hose.\treport"], "sentence 'WATER drips from the hose.' is already in line 3"),
        (["Leak\tIt drips.\treport"], "line 6 writes 'Leak', line 3 'leak'; write a concept in one way"),
        (["smell\tIt smells of gas.\treport"], "smell has 1; every concept needs 2 sentences"),
        (["leak\tIt drips."], "line 6 has 2 cells, the header 3; check its tabs"),
    ],
)
def test_a_wrong_row_is_named_with_its_file(rows: list[str], told: str, tmp_path: Path) -> None:
    table = write(tmp_path, [*lines(), *rows])
    with pytest.raises(StudyError) as caught:
        split(tmp_path, table)
    assert str(table) in str(caught.value)
    assert told in str(caught.value)
    assert not (tmp_path / "sentences.tsv").exists()
    assert not tiny.leftovers(tmp_path)


def test_a_missing_column_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"own\.tsv: the header lacks 'sentence' and has unknown 'text'"):
        split(tmp_path, write(tmp_path, ["leak\tIt drips."], "concept\ttext"))


def test_one_concept_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="all rows are for 'leak'; add sentences of another concept"):
        split(tmp_path, write(tmp_path, [lines()[1], lines()[3]]))


def test_the_bundled_example_is_six_concepts_of_thirty_sentences_in_two_registers(tmp_path: Path) -> None:
    concepts, sentences = split(tmp_path, tiny.ROOT / "config/stimuli/quality/quality.tsv", 30)
    rows = sheets.read(sentences, "sentences")
    assert len(sheets.read(concepts, "concepts")) == 6
    assert len(rows) == 180
    counts = {(row["concept"], row["register"]) for row in rows}
    assert {register for _, register in counts} == {"report", "complaint"}
    assert all(8 <= len(row["text"].split()) <= 22 for row in rows)
