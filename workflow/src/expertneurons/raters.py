"""Raters: the files in which a norm's raters stand one by one, joined to the norm by pair, never by row."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import sheets
from expertneurons.errors import StudyError
from expertneurons.norms import SEPARATORS, lines
from expertneurons.steps import LOGGER

Pair = tuple[str, str]
Values = npt.NDArray[np.float64]


def read_raters(sheet: Path, norm: str, files: list[Path], pairs: pd.DataFrame) -> Values:
    """Read the raters' own ratings of a norm's pairs.

    A row of the sheet describes one file. Where it is written in other word forms than the norm, `forms` names a file
    with these forms and `forms_of` one with the norm's, whose rows are the same pairs in the same order.

    Args:
        sheet: The sheet of raters.
        norm: The norm's name.
        files: Its fetched files, those with forms among them; found by name.
        pairs: The tidy norm.

    Returns:
        (raters, pairs), NaN where a rater did not rate.

    """
    places = {pair: number for number, pair in enumerate(zip(pairs["word1"], pairs["word2"], strict=True))}
    folder = {path.name: path for path in files}
    found = []
    for row in (row for row in sheets.read(sheet, "norm_raters") if row["norm"] == norm):
        rated = _ratings(folder[row["file"]], row)
        same = _same_pairs(folder[row["forms"]], folder[row["forms_of"]], row) if row.get("forms") else {}
        values = np.full((len(next(iter(rated.values()))), len(places)), np.nan)
        unknown = []
        for pair, own in rated.items():
            place = places.get(same.get(pair, pair))
            if place is None:
                unknown.append(pair)
            else:
                values[:, place] = own
        if len(unknown) > len(rated) // 2:
            raise StudyError(
                f"{folder[row['file']]}: {len(unknown)} of {len(rated)} pairs, {' - '.join(unknown[0])} first, are not "
                f"in norm {norm!r}; correct `strip`, `replace` or `forms` of {sheet}"
            )
        LOGGER.info("%s: %d pairs joined, %d unknown", row["file"], len(rated) - len(unknown), len(unknown))
        found.append(values)
    return np.concatenate(found)


def _ratings(path: Path, row: dict[str, str]) -> dict[Pair, Values]:
    """Ratings of each pair, one per rater of the file; an empty cell is no rating, a repeated pair has their mean."""
    first = int(row.get("first_rater") or 3) - 1
    found: dict[Pair, list[list[float]]] = {}
    for line, cells in _rows(path, row):
        try:
            own = [float(cell) if cell else float("nan") for cell in cells[first:]]
        except ValueError:
            raise StudyError(f"{path}: line {line}: {cells[first:]} are not numbers; correct `first_rater`") from None
        if not own or (found and len(own) != len(next(iter(found.values()))[0])):
            raise StudyError(f"{path}: line {line} has {len(own)} ratings, unlike the others; correct the file")
        found.setdefault(_pair(cells, row), []).append(own)
    if not found:
        raise StudyError(f"{path}: no ratings; correct `skip` in the sheet of raters")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a rater who rated none of the rows stays unknown
        return {pair: np.nanmean(rows, axis=0) for pair, rows in found.items()}


def _rows(path: Path, row: dict[str, str], skip: int | None = None) -> list[tuple[int, list[str]]]:
    """Return the cells of every line after the header, with their line numbers."""
    separator = SEPARATORS.get(row.get("separator") or "")  # None: any white space
    skip = int(row.get("skip") or 0) if skip is None else skip
    rows = [
        (number, [cell.strip() for cell in text.split(separator)])
        for number, text in enumerate(lines(path), start=1)
        if number > skip and text.strip()
    ]
    if short := [number for number, cells in rows if len(cells) < 3]:
        raise StudyError(f"{path}: line {short[0]} has fewer than 3 cells; correct `separator` in the sheet of raters")
    return rows


def _pair(cells: list[str], row: dict[str, str]) -> Pair:
    strip, replace = row.get("strip", ""), dict(own.split("=") for own in row.get("replace", "").split())
    words = [cell.casefold() for cell in cells[:2]]
    for ending in strip.split():
        words = [word.removesuffix(ending) for word in words]
    first, second = sorted(replace.get(word, word) for word in words)
    return first, second


def _same_pairs(forms: Path, forms_of: Path, row: dict[str, str]) -> dict[Pair, Pair]:
    """Pairs in other word forms, as the norm writes them: the two files have the same pairs in the same rows."""
    other, own = _rows(forms, row, skip=0), _rows(forms_of, row, skip=0)
    if len(other) != len(own) or any(a[2] != b[2] for (_, a), (_, b) in zip(other, own, strict=True)):
        raise StudyError(f"{forms} and {forms_of} do not have the same ratings in the same rows; correct the sheet")
    return {_pair(a, row): _pair(b, {}) for (_, a), (_, b) in zip(other, own, strict=True)}
