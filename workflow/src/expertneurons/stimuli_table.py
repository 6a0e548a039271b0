"""Stimuli table: a user's one table of concepts and sentences becomes the two sheets that the study works on."""

from pathlib import Path

import pandas as pd

from expertneurons import sheets
from expertneurons.errors import StudyError
from expertneurons.stimuli import check_counts


def split_table(table: Path, concepts: Path, sentences: Path, min_sentences: int = 2) -> None:
    """Write a table of concept and sentence as a sheet of concepts and a sheet of sentences.

    Concepts keep the order in which they first occur; a sentence is called by its line in the table.

    Args:
        table: Tab-separated: concept, sentence and, where there are several, register.
        concepts: Sheet of concepts to write.
        sentences: Sheet of sentences to write.
        min_sentences: Fewest sentences that a concept may have.

    Raises:
        StudyError: a missing or unknown column, an empty cell, a repeated sentence, a concept written in two ways or
            with too few sentences, or one concept alone; each names the table and the row.

    """
    rows = pd.DataFrame(sheets.read(table, "table"))
    rows["line"] = _lines(table)
    _check_spelling(rows, table)
    width = len(str(rows["line"].iloc[-1]))
    texts = pd.DataFrame(
        {
            "id": [f"line-{line:>0{width}}" for line in rows["line"]],
            "concept": rows["concept"],
            "register": rows.get("register", ""),
            "text": rows["sentence"],
        }
    )
    listed = pd.DataFrame({"concept": texts["concept"].unique()})
    if len(listed) < 2:
        raise StudyError(
            f"{table}: all rows are for {listed['concept'].iloc[0]!r}; add sentences of another concept, against which "
            "its experts are told"
        )
    check_counts(listed, texts, table, table, min_sentences)
    for path, sheet in ((concepts, listed), (sentences, texts)):
        sheets.write(path, [dict(zip(sheet.columns, row, strict=True)) for row in sheet.to_numpy(str).tolist()])


def _lines(table: Path) -> list[int]:
    """Return the rows' numbers as an editor counts: the header is line 1, and blank lines count."""
    lines = table.read_text(encoding="utf-8-sig").split("\n")
    return [number for number, line in enumerate(lines, start=1) if line.strip("\r")][1:]


def _check_spelling(rows: pd.DataFrame, table: Path) -> None:
    first = rows.drop_duplicates("concept")
    folded = first["concept"].str.casefold()
    if folded.duplicated().any():
        again = first[folded.duplicated()].iloc[0]
        before = first[folded == again["concept"].casefold()].iloc[0]
        raise StudyError(
            f"{table}: line {again['line']} writes {again['concept']!r}, line {before['line']} {before['concept']!r}; "
            "write a concept in one way"
        )
