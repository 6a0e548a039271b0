"""Grids: tables to read, made from tables of results, for a page and for print."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

Row = Mapping[Any, Any]


class Column(NamedTuple):
    """A column to read: its heading, and the columns of the results that it takes; two are an interval.

    The form is a format of numbers, `p` for a p value, or empty for text.
    """

    heading: str
    source: str
    form: str = ""


class Cell(NamedTuple):
    """What a cell shows, what it is sorted by where that is a number, and where it leads."""

    text: str
    order: float | None = None
    href: str = ""


class Grid(NamedTuple):
    """A table to read, under the name of the results that it is made of; heads say whether a column holds numbers."""

    name: str
    caption: str
    heads: list[tuple[str, bool]]
    rows: list[list[Cell]]

    def frame(self) -> pd.DataFrame:
        """Return the texts as a table."""
        return pd.DataFrame(
            [[cell.text for cell in row] for row in self.rows], columns=[name for name, _ in self.heads]
        )


def grid(
    name: str, caption: str, rows: pd.DataFrame, columns: Sequence[Column], links: Mapping[str, str] | None = None
) -> Grid:
    """Choose and format columns that say something; the texts of the first one lead where `links` says."""
    columns = [column for number, column in enumerate(columns) if number == 0 or rows.empty or _told(rows, column)]
    found = []
    for row in rows.to_dict("records"):
        cells = [_cell(row, column) for column in columns]
        cells[0] = cells[0]._replace(href=(links or {}).get(cells[0].text, ""))
        found.append(cells)
    return Grid(name, caption, [(column.heading, bool(column.form)) for column in columns], found)


def _told(rows: pd.DataFrame, column: Column) -> bool:
    """Whether some row has a value; a column that is empty throughout was not measured in this study."""
    own = rows[column.source.split()[0]]
    return bool((own.notna() & (own != "")).any())


def _cell(row: Row, column: Column) -> Cell:
    low, *high = (row[name] for name in column.source.split())
    if not column.form:
        return Cell("" if _missing(low) else str(low))
    if _missing(low):
        return Cell("" if column.form == "g" else "n/a", float("-inf"))
    if column.form == "p":
        return Cell("< 0.001" if low < 0.001 else f"{low:.3f}", float(low))
    if high:
        return Cell(f"{formatted(low, column.form)} to {formatted(high[0], column.form)}", float(low))
    return Cell(formatted(low, column.form), float(low))


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and pd.isna(value))


def formatted(value: float, form: str) -> str:
    """Write a number in a form, with no minus before zero."""
    text = f"{value:{form}}"
    return text.removeprefix("-") if float(text) == 0 else text


def counted(value: float) -> str:
    """Write a number of things, with one decimal where it is not whole, as a median or a mean can be."""
    return f"{value:.1f}".removesuffix(".0")
