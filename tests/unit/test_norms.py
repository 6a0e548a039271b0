"""Norms: every reader's rows as tidy pairs, and what is refused with its line."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tiny
from expertneurons import tables
from expertneurons.errors import StudyError
from expertneurons.norms import tidy_norm

PAIRS = "# a comment\nword1\tword2\t0\n\ncat\tdog\t7.5\tmore\nSun\tMoon\t3\nman\tboy\t10\n"


def tidy(folder: Path, text: str, **options: Any) -> pd.DataFrame:
    raw, output = folder / "raw.txt", folder / "out" / "norm.parquet"
    raw.write_text(text, encoding="utf-8")
    tidy_norm(raw, output, "toy", **{"reader": "pairs", "scale": (0, 10), **options})
    return tables.read(output)


def ratings(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    return dict(zip(zip(table["word1"], table["word2"], strict=True), table["rating"], strict=True))


def refused(folder: Path, text: str, **options: Any) -> str:
    """Fail to tidy, leaving nothing behind, and return what the user is told."""
    with pytest.raises(StudyError) as caught:
        tidy(folder, text, **options)
    assert not (folder / "out" / "norm.parquet").exists()
    assert not tiny.leftovers(folder)
    return str(caught.value)


def test_pairs_are_lower_case_and_in_alphabetical_order_with_their_scale(tmp_path: Path) -> None:
    table = tidy(tmp_path, PAIRS, scale=(-1, 10))
    assert list(table.columns) == ["word1", "word2", "rating", "scale_low", "scale_high"]
    assert ratings(table) == {("boy", "man"): 10, ("cat", "dog"): 7.5, ("moon", "sun"): 3, ("word1", "word2"): 0}
    assert list(zip(table["word1"], table["word2"], strict=True)) == sorted(ratings(table))
    assert table[["scale_low", "scale_high"]].drop_duplicates().to_numpy().tolist() == [[-1, 10]]


@pytest.mark.parametrize(("separator", "cell"), [("tab", "\t"), ("space", " "), ("comma", ",")])
def test_every_separator(separator: str, cell: str, tmp_path: Path) -> None:
    text = PAIRS.replace("\t", cell)
    assert ratings(tidy(tmp_path, text, separator=separator)) == ratings(tidy(tmp_path, PAIRS))


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    assert ratings(tidy(tmp_path, "\ufeff" + PAIRS.replace("\n", "\r\n"))) == ratings(tidy(tmp_path, PAIRS))


def test_the_order_of_words_and_of_rows_does_not_matter(tmp_path: Path) -> None:
    tidy(tmp_path, PAIRS)
    before = (tmp_path / "out" / "norm.parquet").read_bytes()
    tidy(tmp_path, "boy\tman\t10\ndog\tcat\t7.5\nword2\tword1\t0\nmoon\tsun\t3\n")
    assert (tmp_path / "out" / "norm.parquet").read_bytes() == before


def test_rows_are_counted_without_comments_and_blank_lines(tmp_path: Path) -> None:
    assert ratings(tidy(tmp_path, PAIRS, rows="2-3")) == {("cat", "dog"): 7.5, ("moon", "sun"): 3}


@pytest.mark.parametrize("rows", ["0-2", "3-2", "2-5"])
def test_rows_that_the_file_lacks_are_refused(rows: str, tmp_path: Path) -> None:
    told = refused(tmp_path, PAIRS, rows=rows)
    assert "'toy'" in told
    assert f"rows {rows} are not within its 4 rows" in told


def test_strip_takes_a_tag_off_the_end_of_words(tmp_path: Path) -> None:
    text = "sun-n\trun-v-v\t1\na-n-b\tj-j\t2\n"
    assert ratings(tidy(tmp_path, text, strip="-[nvj]")) == {("run-v", "sun"): 1, ("a-n-b", "j"): 2}


def test_strip_sees_the_words_as_published(tmp_path: Path) -> None:
    assert ratings(tidy(tmp_path, "Sun-N\tMoon-N\t1\n", strip="-N")) == {("moon", "sun"): 1}


def test_alternatives_of_strip_all_hold_at_the_end_only(tmp_path: Path) -> None:
    assert ratings(tidy(tmp_path, "_nail_n\t_van_v\t1\n", strip="_n|_v")) == {("_nail", "_van"): 1}


def test_a_strip_that_is_no_regular_expression_is_refused(tmp_path: Path) -> None:
    assert "'toy'" in refused(tmp_path, PAIRS, strip="-[n")


@pytest.mark.parametrize("again", ["cat\tdog\t6.5", "dog\tcat\t6.5", "Dog\tCat\t6.5", "cat\tdog\t7.5"])
def test_a_pair_rated_twice_is_refused_with_both_lines(again: str, tmp_path: Path) -> None:
    told = refused(tmp_path, f"{PAIRS}{again}\n")
    assert "cat - dog is rated in lines 4, 7" in told
    assert "'toy'" in told


def test_a_pair_rated_twice_gets_the_mean_where_the_sheet_says_so(tmp_path: Path) -> None:
    assert ratings(tidy(tmp_path, f"{PAIRS}dog\tcat\t6.5\n", repeated="mean"))["cat", "dog"] == 7


def test_a_word_paired_with_itself_is_left_out(tmp_path: Path) -> None:
    text = "tiger\ttiger\t10\ntiger\tTiger\t10\ntiger\tcat\t7\n"
    assert ratings(tidy(tmp_path, text)) == {("cat", "tiger"): 7}


@pytest.mark.parametrize("rating", ["high", "", "nan", "7,5"])
def test_a_rating_that_is_no_number_is_refused_with_its_line(rating: str, tmp_path: Path) -> None:
    told = refused(tmp_path, PAIRS.replace("7.5", rating))
    assert f"line 4, cat - dog: the rating {rating!r}" in told


@pytest.mark.parametrize("rating", ["-0.1", "10.1", "inf", "1e9"])
def test_a_rating_outside_the_scale_is_refused_with_its_line(rating: str, tmp_path: Path) -> None:
    told = refused(tmp_path, PAIRS.replace("7.5", rating))
    assert f"line 4, cat - dog: the rating {rating!r} is not a number from 0 to 10" in told
    assert "'toy'" in told


@pytest.mark.parametrize("row", ["cat\tdog", "cat dog 7", "cat"])
def test_too_few_cells_are_refused_with_their_line(row: str, tmp_path: Path) -> None:
    told = refused(tmp_path, PAIRS.replace("cat\tdog\t7.5\tmore", row))
    assert str(tmp_path / "raw.txt") in told
    assert "line 4 has" in told


@pytest.mark.parametrize("row", ["\tdog\t7.5", "cat\t\t7.5", "-n\tdog\t7.5"])
def test_an_empty_word_is_refused_with_its_line(row: str, tmp_path: Path) -> None:
    assert "line 4" in refused(tmp_path, PAIRS.replace("cat\tdog\t7.5\tmore", row), strip="-n")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "cat\tcat\t10\n"])
@pytest.mark.parametrize("repeated", ["refuse", "mean"])
def test_a_norm_without_pairs_is_refused(text: str, repeated: str, tmp_path: Path) -> None:
    assert str(tmp_path / "raw.txt") in refused(tmp_path, text, repeated=repeated)


@pytest.mark.parametrize("reader", ["pairs", "concepticon"])
def test_a_file_that_is_not_utf_8_is_refused_with_the_byte(reader: Any, tmp_path: Path) -> None:
    raw = tmp_path / "raw.txt"
    raw.write_bytes("cat\tcafé\t7\n".encode("latin-1"))
    with pytest.raises(StudyError, match=f"{raw}: not UTF-8 at byte 7"):
        tidy_norm(raw, tmp_path / "norm.parquet", "toy", reader, (0, 10))
    assert list(tmp_path.iterdir()) == [raw]


# Pairs 1 (cat - dog), 2 (cat - sun) and 4 (moon - sun); of pair 3 only one side is in the list.
CONCEPTS = [
    ("ID", "SIMLEX_IDS", "ENGLISH", "WELSH", "ENGLISH_SCORE"),
    ("a-1", "1:1 2:2", "cat", "cath", "5.5 1.25"),
    ("a-2", "1:2 3:1", "dog", "ci", "5.5 4"),
    ("a-3", "2:1 4:2", "Sun", "haul", "1.25 3"),
    ("a-4", "4:1", "moon", "lleuad", "3"),
]


def concept_list(*changes: tuple[int, int, str]) -> str:
    rows = [list(row) for row in CONCEPTS]
    for row, column, text in changes:
        rows[row][column] = text
    return "\n".join("\t".join(row) for row in rows) + "\n"


def test_concepticon_rebuilds_the_pairs_that_are_whole(tmp_path: Path) -> None:
    table = tidy(tmp_path, concept_list(), reader="concepticon", scale=(0, 6))
    assert ratings(table) == {("cat", "dog"): 5.5, ("cat", "sun"): 1.25, ("moon", "sun"): 3}


def test_concepticon_names_the_line_of_a_bad_rating(tmp_path: Path) -> None:
    told = refused(tmp_path, concept_list((1, 4, "6.5 1.25")), reader="concepticon", scale=(0, 6))
    assert "line 2, cat - dog: the rating '6.5'" in told


@pytest.mark.parametrize("column", [1, 2, 4])
def test_concepticon_names_a_missing_column(column: int, tmp_path: Path) -> None:
    told = refused(tmp_path, concept_list((0, column, "OTHER")), reader="concepticon", scale=(0, 6))
    assert str(tmp_path / "raw.txt") in told
    assert CONCEPTS[0][column] in told


@pytest.mark.parametrize(
    "change",
    [
        (2, 1, "1:2 3"),
        (2, 1, "1:2 3:x"),
        (2, 1, "1:2 3:3"),
        (2, 1, "1:1 3:1"),
        (2, 4, "5.5"),
    ],
    ids=["no side", "side not a number", "side 3", "a side twice", "a rating short"],
)
def test_concepticon_names_the_line_that_it_cannot_read(change: tuple[int, int, str], tmp_path: Path) -> None:
    told = refused(tmp_path, concept_list(change), reader="concepticon", scale=(0, 6))
    assert str(tmp_path / "raw.txt") in told
    assert "line 3" in told


def test_concepticon_names_a_cut_line(tmp_path: Path) -> None:
    told = refused(tmp_path, concept_list().replace("\tmoon\tlleuad\t3\n", "\n"), reader="concepticon", scale=(0, 6))
    assert "line 5" in told
