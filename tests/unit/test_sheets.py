"""Sheets: what is accepted, and every problem named with its line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tiny
from expertneurons import sheets
from expertneurons.errors import StudyError

GOOD = "id\tconcept\ttext\na-1\tcat\tA cat sleeps.\na-2\tcat\tThe cat eats.\n"
HEX = "ab" * 32


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "sheet.tsv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(folder: Path, text: str | bytes, kind: str = "sentences") -> str:
    """Fail to read and return what the user is told, which always begins with the sheet."""
    path = write(folder, text)
    with pytest.raises(StudyError) as caught:
        sheets.read(path, kind)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_rows_are_text_by_column(tmp_path: Path) -> None:
    rows = sheets.read(write(tmp_path, GOOD), "sentences")
    assert rows == [
        {"id": "a-1", "concept": "cat", "text": "A cat sleeps."},
        {"id": "a-2", "concept": "cat", "text": "The cat eats."},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("cat\t", " cat \t"),
        GOOD.removesuffix("\n"),
        GOOD + "\n\n",
    ],
    ids=["byte order mark", "Windows line ends", "spaces around cells", "no last line end", "blank lines at the end"],
)
def test_what_spreadsheets_add_is_accepted(text: str, tmp_path: Path) -> None:
    assert sheets.read(write(tmp_path, text), "sentences") == sheets.read(write(tmp_path, GOOD), "sentences")


def test_quotes_are_part_of_the_text(tmp_path: Path) -> None:
    rows = sheets.read(write(tmp_path, 'id\tconcept\ttext\na-1\tcat\t"Cat," she said.\n'), "sentences")
    assert rows[0]["text"] == '"Cat," she said.'


def test_columns_stand_in_any_order_and_optional_ones_may_be_empty(tmp_path: Path) -> None:
    rows = sheets.read(write(tmp_path, "pos\tconcept\n\tcat\nverb\trun\n"), "concepts")
    assert rows == [{"pos": "", "concept": "cat"}, {"pos": "verb", "concept": "run"}]


@pytest.mark.parametrize("missing", ["id", "concept", "text"])
def test_a_missing_column_is_named(missing: str, tmp_path: Path) -> None:
    told = refused(tmp_path, GOOD.replace(missing, "source", 1))
    assert f"lacks '{missing}'" in told


def test_an_unknown_column_is_named_with_the_known_ones(tmp_path: Path) -> None:
    told = refused(tmp_path, GOOD.replace("text", "text\tcolour", 1))
    assert "the header has unknown 'colour';" in told
    assert "register" in told


def test_a_sheet_with_commas_is_told_to_use_tabs(tmp_path: Path) -> None:
    assert "use tabs" in refused(tmp_path, GOOD.replace("\t", ","))


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    assert "concept" in refused(tmp_path, "id\tconcept\ttext\tconcept\na-1\tcat\tA cat sleeps.\tdog\n")


@pytest.mark.parametrize("row", ["a-3\tcat", "a-3\tcat\tCats purr.\tmore", "  "])
def test_a_ragged_row_is_named_with_its_line(row: str, tmp_path: Path) -> None:
    assert "line 4 has" in refused(tmp_path, f"{GOOD}{row}\n")


def test_a_duplicate_key_is_named_with_both_lines(tmp_path: Path) -> None:
    told = refused(tmp_path, f"{GOOD}a-1\tdog\tA dog barks.\n")
    assert "line 4: id 'a-1' is already in line 2" in told


def test_a_key_of_two_columns_is_a_duplicate_only_as_a_whole(tmp_path: Path) -> None:
    text = f"checkpoint\tfile\tbytes\tsha256\na\tx\t1\t{HEX}\na\ty\t1\t{HEX}\nb\tx\t1\t{HEX}\n"
    assert len(sheets.read(write(tmp_path, text), "models.lock")) == 3
    assert "line 5: checkpoint file 'a y' is already in line 3" in refused(
        tmp_path, f"{text}a\ty\t2\t{HEX}\n", "models.lock"
    )


def test_several_problems_are_told_in_one_error_each_with_its_line(tmp_path: Path) -> None:
    told = refused(tmp_path, "id\tconcept\ttext\na 1\tcat\tA cat.\na-2\t\tA cat.\na-3\tcat\t\na-3\tcat\tA cat.\n")
    for place in ("line 2, id", "line 3, concept", "line 4, text", "line 5: id 'a-3'"):
        assert place in told


def test_a_blank_line_does_not_shift_the_lines_of_problems(tmp_path: Path) -> None:
    told = refused(tmp_path, "id\tconcept\ttext\n\na-1\tcat\tA cat.\n\na-1\t\tA cat.\n")
    assert "line 5, concept" in told
    assert "line 5: id 'a-1' is already in line 3" in told


def test_of_many_problems_ten_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    told = refused(tmp_path, "id\tconcept\ttext\n" + "".join(f"a-{n}\tcat\t\n" for n in range(25)))
    assert "line 11, text" in told
    assert "line 12" not in told
    assert "(and 15 more)" in told


def test_a_choice_is_told_with_what_may_stand_there(tmp_path: Path) -> None:
    told = refused(tmp_path, "concept\tpos\ncat\tNoun\n", "concepts")
    assert "line 2, pos" in told
    assert "'noun'" in told


def test_a_sheet_that_is_not_utf_8_is_refused_with_the_byte(tmp_path: Path) -> None:
    assert "not UTF-8 at byte 11" in refused(tmp_path, "concept\ncaf\u00e9\n".encode("latin-1"), "concepts")


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_sheet_from_utf_16_is_refused_with_the_remedy(coding: str, tmp_path: Path) -> None:
    told = refused(tmp_path, GOOD.encode(coding))
    assert "UTF-16, not UTF-8" in told or "line 1 holds the control character U+0000" in told
    assert "save" in told
    assert "UTF-8" in told


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x0b", "\x1b", "\x7f", "\x85", "\x9b"])
def test_a_control_character_is_refused_with_its_line(control: str, tmp_path: Path) -> None:
    told = refused(tmp_path, GOOD.replace("eats", f"ea{control}ts"))
    assert f"line 3 holds the control character U+{ord(control):04X}; remove it" in told


@pytest.mark.parametrize("length", [2001, 100_000, 300_000])
def test_a_very_long_text_is_refused_with_its_id_in_a_short_message(length: int, tmp_path: Path) -> None:
    told = refused(tmp_path, GOOD.replace("A cat sleeps.", "A cat sleeps. " + "x" * (length - 14)))
    assert "line 2, text of 'a-1': 'A cat sleeps. xxx" in told
    assert f"{length:,} characters, at most 2,000; shorten it" in told
    assert len(told) < 600


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "..",
        ".",
        "/etc/x",
        "a/b",
        "a\\b",
        ".hidden",
        "-x",
        "a b",
        "~",
        "$HOME",
        "a;b",
        "a*",
        "\u202ex",
        "x\u2044y",
    ],
)
@pytest.mark.parametrize(
    ("sheet", "kind", "column"),
    [
        ("models", "models", "model"),
        ("models", "models", "checkpoint"),
        ("models", "models", "family"),
        ("norms", "norms", "norm"),
        ("norm_files", "norm_files", "file"),
    ],
)
def test_a_name_that_becomes_a_path_cannot_lead_elsewhere(
    sheet: str, kind: str, column: str, name: str, tmp_path: Path
) -> None:
    header, row = [
        line.split("\t") for line in (tiny.ROOT / f"config/{sheet}.tsv").read_text(encoding="utf-8").splitlines()[:2]
    ]
    if column not in header:
        header, row = [*header, column], [*row, ""]
    row[header.index(column)] = name
    assert f"line 2, {column}" in refused(tmp_path, "\t".join(header) + "\n" + "\t".join(row) + "\n", kind)


@pytest.mark.parametrize("concept", ["../../x", "/etc/passwd", "..", "<b>cat</b>", "cat\u202e", "cat/dog", "&amp;"])
@pytest.mark.parametrize(("kind", "row"), [("concepts", "{}"), ("table", "{}\tA cat sleeps.")])
def test_a_concept_is_words_and_no_path_or_markup(kind: str, row: str, concept: str, tmp_path: Path) -> None:
    header = {"concepts": "concept", "table": "concept\tsentence"}[kind]
    assert "line 2, concept" in refused(tmp_path, f"{header}\n{row.format(concept)}\n", kind)


@pytest.mark.parametrize(
    "url", ["package:../../etc/passwd", "package:gensim/../../x", "file:///etc/passwd", "/etc/passwd"]
)
def test_an_address_cannot_lead_out_of_its_package(url: str, tmp_path: Path) -> None:
    header = "file\tversion\turl\tbytes\tsha256\tlicence\tredistributable\tcitation\n"
    told = refused(tmp_path, f"{header}a.txt\t1\t{url}\t1\t{HEX}\tnone\tno\tnobody\n", "norm_files")
    assert "line 2, url of 'a.txt'" in told


def test_a_hundred_thousand_rows_take_seconds_and_little_memory(tmp_path: Path) -> None:
    count = 100_000
    path = write(tmp_path, "id\tconcept\ttext\n" + "".join(f"a-{n}\tcat\tA cat number {n}.\n" for n in range(count)))
    script = (
        "import resource, sys, time; from pathlib import Path; from expertneurons import sheets\n"
        "before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()\n"
        "rows = sheets.read(Path(sys.argv[1]), 'sentences')\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "sys.stdout.write(f'{len(rows)} {time.process_time() - started} {(after - before) / 1024}')"
    )
    environment = {**os.environ, "PYTHONPATH": str(tiny.ROOT / "workflow/src")}
    told = subprocess.run([sys.executable, "-c", script, str(path)], env=environment, capture_output=True, check=True)
    rows, seconds, megabytes = map(float, told.stdout.split())
    assert rows == count
    assert seconds < 20
    assert megabytes < 300


@pytest.mark.parametrize("text", ["id\tconcept\ttext\n", "id\tconcept\ttext\n\n\n"])
def test_a_sheet_without_rows_is_refused(text: str, tmp_path: Path) -> None:
    assert "no rows" in refused(tmp_path, text)


def test_a_sheet_without_anything_is_refused(tmp_path: Path) -> None:
    assert "lacks 'id', 'concept', 'text';" in refused(tmp_path, "")


def test_a_sheet_may_be_empty_where_its_schema_says_so(tmp_path: Path) -> None:
    assert sheets.read(write(tmp_path, "vectors\tpath\tformat\n"), "word_vectors") == []


@pytest.mark.parametrize("name", ["absent.tsv", "."])
def test_a_path_that_is_no_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=f"^{tmp_path / name}: "):
        sheets.read(tmp_path / name, "sentences")


def test_the_bundled_schemas_are_closed_and_complete() -> None:
    for path in sorted(sheets.SCHEMAS.glob("*.schema.yaml")):
        rules = sheets.schema(path.name.removesuffix(".schema.yaml"))
        assert rules["additionalProperties"] is False, path
        if path.name != "config.schema.yaml":
            assert set(rules["unique"]) <= set(rules["required"]) <= set(rules["properties"]), path
