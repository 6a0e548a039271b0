"""Raters: files in the layouts of the bundled sheet, joined by pair; joining by row would give a wrong agreement."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

import tiny
from expertneurons import sheets
from expertneurons.errors import StudyError
from expertneurons.raters import read_raters

Array = npt.NDArray[Any]

NAN = float("nan")
COLUMNS = ["norm", "file", "separator", "skip", "first_rater", "strip", "replace", "forms", "forms_of", "note"]
PAIRS = [("cat", "dog"), ("cat", "sun"), ("moon", "sun"), ("nature", "tv")]


def norm(pairs: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["word1", "word2"]).assign(rating=0.0)


def read(
    folder: Path, files: dict[str, str], *rows: dict[str, str], pairs: list[tuple[str, str]] | None = None
) -> Array:
    """Read raters of a norm called toy from files with these texts, described by rows of the sheet."""
    sheet = folder / "raters.tsv"
    lines = [COLUMNS, *([{"norm": "toy", **row}.get(name, "") for name in COLUMNS] for row in rows)]
    sheet.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return read_raters(sheet, "toy", [folder / name for name in files], norm(PAIRS if pairs is None else pairs))


def refused(folder: Path, files: dict[str, str], *rows: dict[str, str], **options: Any) -> str:
    with pytest.raises(StudyError) as caught:
        read(folder, files, *rows, **options)
    return str(caught.value)


MATRIX = (
    "Word 1,Word 2,Human (mean),1,2,3\ncat,dog,5.5,5,6,7\nSun,Cat,1,0,1,2\nnature, tv ,4,2.5,3.5,\nsun,moon,8,8,7,9\n"
)
MATRIX_ROW = {"file": "set1.csv", "separator": "comma", "skip": "1", "first_rater": "4"}


def test_matrix_of_raters_beside_their_mean(tmp_path: Path) -> None:
    # In the norm's order: words of a pair in either order and case; an empty cell is no rating.
    found = read(tmp_path, {"set1.csv": MATRIX}, MATRIX_ROW)
    np.testing.assert_array_equal(found, [[5, 0, 8, 2.5], [6, 1, 7, 3.5], [7, 2, 9, NAN]])


def test_files_with_other_pairs_add_raters(tmp_path: Path) -> None:
    first = "w,w,m,1,2\ncat,dog,5,4,6\nsun,cat,1,0,2\n"
    second = "w,w,m,1\ntv,nature,5,3\nmoon,sun,1,2\n"
    files = {"set1.csv": first, "set2.csv": second}
    found = read(tmp_path, files, MATRIX_ROW, {**MATRIX_ROW, "file": "set2.csv"})
    np.testing.assert_array_equal(found, [[4, 0, NAN, NAN], [6, 2, NAN, NAN], [NAN, NAN, 2, 3]])


def test_pair_in_two_rows_of_a_file_has_the_mean_of_each_rater(tmp_path: Path) -> None:
    found = read(tmp_path, {"set1.csv": f"{MATRIX}dog,cat,6,7,6,1\n"}, MATRIX_ROW)
    assert found[:, 0].tolist() == [6, 6, 4]


def test_pair_in_two_rows_of_a_file_keeps_the_rating_that_a_rater_gave_once(tmp_path: Path) -> None:
    found = read(tmp_path, {"set1.csv": f"{MATRIX}dog,cat,6,7,,1\n"}, MATRIX_ROW)
    assert found[:, 0].tolist() == [6, 6, 4]


PLAIN = "word1 word2  rating\ncat dog 5\nsun\tcat 1\nnature tav 3\nmoon sun 6\n"
PLAIN_ROW = {"file": "one.txt", "skip": "1", "first_rater": "3", "replace": "tav=tv"}


def test_file_of_one_rater_in_white_space_with_a_misspelt_word(tmp_path: Path) -> None:
    assert read(tmp_path, {"one.txt": PLAIN}, PLAIN_ROW).tolist() == [[5, 1, 6, 3]]
    again = read(tmp_path, {"one.txt": PLAIN}, {**PLAIN_ROW, "replace": "sol=sun tav=tv", "first_rater": ""})
    assert again.tolist() == [[5, 1, 6, 3]]


def test_pair_that_the_norm_lacks_is_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, {"one.txt": PLAIN}, {**PLAIN_ROW, "replace": ""})
    np.testing.assert_array_equal(found, [[5, 1, 6, NAN]])


def test_endings_are_taken_off_words(tmp_path: Path) -> None:
    text = "cat-n dog-n 5\nsun-n cat-n 1\nnature-n tv-n 3\nmoon-n sun-n 6\n"
    assert read(tmp_path, {"one.txt": text}, {"file": "one.txt", "strip": "-n -v -j"}).tolist() == [[5, 1, 6, 3]]


def test_blank_lines_marks_and_line_ends_of_windows_do_not_matter(tmp_path: Path) -> None:
    text = "\ufeff" + PLAIN.replace("\n", "\r\n") + "\r\n \r\n"
    assert read(tmp_path, {"one.txt": text}, PLAIN_ROW).tolist() == [[5, 1, 6, 3]]


# As in MEN: the norm in natural forms and in lemmas, the same pairs in the same rows, words tagged in the latter.
NATURAL = [("men", "sun"), ("feet", "cats"), ("was", "tv"), ("mice", "better"), ("cats", "men"), ("tv", "ate")]
LEMMAS = {
    "ate": "eat-v",
    "better": "good-j",
    "cats": "cat-n",
    "feet": "foot-n",
    "men": "man-n",
    "mice": "mouse-n",
    "sun": "sun-n",
    "tv": "tv-n",
    "was": "be-v",
}
LEMMA_ROW = {"file": "lemma.txt", "skip": "1", "strip": "-n -v -j", "forms": "lemma_full", "forms_of": "natural_full"}


def ordered(pair: tuple[str, str]) -> tuple[str, str]:
    first, second = sorted(pair)
    return first, second


def plain(word: str) -> str:
    return LEMMAS[word].partition("-")[0]


def forms(pairs: list[tuple[str, str]] = NATURAL) -> dict[str, str]:
    """Write the norm in both forms."""
    natural = "".join(f"{a} {b} {number}.5\n" for number, (a, b) in enumerate(pairs))
    lemma = "".join(f"{LEMMAS[a]} {LEMMAS[b]} {number}.5\n" for number, (a, b) in enumerate(pairs))
    return {"natural_full": natural, "lemma_full": lemma}


def test_file_in_lemmas_is_joined_through_the_rows_of_two_others(tmp_path: Path) -> None:
    lines = [f"{plain(b)} {plain(a)} {number}\n" for number, (a, b) in enumerate(NATURAL)]
    files = {"lemma.txt": "word1 word2 rating\n" + "".join(lines[::-1]), **forms()}
    found = read(tmp_path, files, LEMMA_ROW, pairs=[ordered(pair) for pair in NATURAL])
    assert found.tolist() == [[0, 1, 2, 3, 4, 5]]
    # Without the two files next to nothing could be joined.
    told = refused(tmp_path, files, {**LEMMA_ROW, "forms": "", "forms_of": ""}, pairs=[ordered(p) for p in NATURAL])
    assert "6 of 6 pairs" in told


def test_joining_by_row_after_sorting_would_give_a_wrong_agreement(tmp_path: Path) -> None:
    # Two raters who agree, one of whom wrote lemmas, so that sorting puts other pairs in the same rows.
    rng = np.random.default_rng(0)
    pairs = list(combinations(LEMMAS, 2))
    first = rng.integers(1, 8, len(pairs)).astype(np.float64)
    second = np.clip(first + rng.integers(-1, 2, len(pairs)), 1, 7)
    lines = [sorted(f"{a} {b} {own:g}" for (a, b), own in zip(pairs, first, strict=True))]
    lines.append(sorted(f"{plain(a)} {plain(b)} {own:g}" for (a, b), own in zip(pairs, second, strict=True)))
    files = {"one.txt": "header\n" + "\n".join(lines[0]), "lemma.txt": "header\n" + "\n".join(lines[1])}
    joined = read(tmp_path, files | forms(pairs), PLAIN_ROW, LEMMA_ROW, pairs=pairs)
    np.testing.assert_array_equal(joined, [first, second])
    by_pair = stats.spearmanr(joined[0], joined[1]).statistic
    rows = [[float(line.split()[2]) for line in own] for own in lines]
    by_row = stats.spearmanr(rows[0], rows[1]).statistic
    assert by_pair > 0.9
    assert by_row < by_pair - 0.3


def test_the_bundled_sheet_describes_these_layouts() -> None:
    rows = sheets.read(tiny.ROOT / "config/norm_raters.tsv", "norm_raters")
    told = [{key: row[key] for key in MATRIX_ROW if key != "file"} for row in rows if row["norm"] == "wordsim353"]
    assert told == [{key: value for key, value in MATRIX_ROW.items() if key != "file"}] * 2
    one, other = (row for row in rows if row["norm"] == "men")
    assert {key: one[key] for key in PLAIN_ROW if key != "file"} == {k: v for k, v in PLAIN_ROW.items() if k != "file"}
    assert (other["skip"], other["strip"]) == (LEMMA_ROW["skip"], LEMMA_ROW["strip"])
    assert (other["forms"], other["forms_of"]) == ("MEN_dataset_lemma_form_full", "MEN_dataset_natural_form_full")


@pytest.mark.parametrize("row", ["cat;dog;5;5;6;7", "cat,dog"])
def test_too_few_cells_are_refused_with_their_line(row: str, tmp_path: Path) -> None:
    told = refused(tmp_path, {"set1.csv": MATRIX.replace("cat,dog,5.5,5,6,7", row)}, MATRIX_ROW)
    assert told.startswith(f"{tmp_path / 'set1.csv'}: line 2 has fewer than 3 cells")


@pytest.mark.parametrize("row", ["cat,dog,5.5,5,6", "cat,dog,5.5,5,6,7,8", "cat,dog,5.5"])
def test_another_number_of_ratings_is_refused_with_its_line(row: str, tmp_path: Path) -> None:
    told = refused(tmp_path, {"set1.csv": MATRIX.replace("cat,dog,5.5,5,6,7\n", "") + row}, MATRIX_ROW)
    assert told.startswith(f"{tmp_path / 'set1.csv'}: line 5 has {row.count(',') - 2} ratings")


def test_a_file_without_rater_columns_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, {"set1.csv": MATRIX}, {**MATRIX_ROW, "first_rater": "7"})
    assert told.startswith(f"{tmp_path / 'set1.csv'}: line 2 has 0 ratings")


@pytest.mark.parametrize("cell", ["high", "5;5", "-"])
def test_a_rating_that_is_no_number_is_refused_with_its_line(cell: str, tmp_path: Path) -> None:
    told = refused(tmp_path, {"set1.csv": MATRIX.replace("0,1,2", f"0,{cell},2")}, MATRIX_ROW)
    assert told.startswith(f"{tmp_path / 'set1.csv'}: line 3: ")
    assert repr(cell) in told


def test_a_header_that_is_not_skipped_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, {"one.txt": PLAIN}, {**PLAIN_ROW, "skip": ""})
    assert told.startswith(f"{tmp_path / 'one.txt'}: line 1: ['rating'] are not numbers")


@pytest.mark.parametrize("text", ["", "word1 word2 rating\n"])
def test_a_file_without_ratings_is_refused(text: str, tmp_path: Path) -> None:
    assert refused(tmp_path, {"one.txt": text}, PLAIN_ROW).startswith(f"{tmp_path / 'one.txt'}: no ratings")


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    read(tmp_path, {"one.txt": PLAIN}, PLAIN_ROW)
    (tmp_path / "one.txt").write_bytes("café dog 5\n".encode("latin-1"))
    with pytest.raises(StudyError, match=r"one\.txt: not UTF-8 at byte 3"):
        read_raters(tmp_path / "raters.tsv", "toy", [tmp_path / "one.txt"], norm(PAIRS))


@pytest.mark.parametrize(("old", "new"), [("3.5", "3.6"), ("was tv 2.5\n", "")], ids=["another rating", "a row short"])
def test_files_of_forms_that_do_not_match_are_refused(old: str, new: str, tmp_path: Path) -> None:
    files = {"lemma.txt": "header\nman sun 1\n", **forms()}
    files["natural_full"] = files["natural_full"].replace(old, new)
    told = refused(tmp_path, files, LEMMA_ROW)
    assert f"{tmp_path / 'lemma_full'} and {tmp_path / 'natural_full'} do not have the same ratings" in told


def test_a_file_with_mostly_unknown_pairs_is_refused(tmp_path: Path) -> None:
    text = "h\ncat dog 1\nred sky 2\nhot red 3\n"
    told = refused(tmp_path, {"one.txt": text}, PLAIN_ROW)
    assert told.startswith(f"{tmp_path / 'one.txt'}: 2 of 3 pairs, red - sky first, are not in norm 'toy'")
    assert str(tmp_path / "raters.tsv") in told
    # Half of them may be unknown.
    found = read(tmp_path, {"one.txt": text.replace("hot red 3\n", "")}, PLAIN_ROW)
    np.testing.assert_array_equal(found, [[1, NAN, NAN, NAN]])
