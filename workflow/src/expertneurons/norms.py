"""Norms: each norm's raw file to one tidy table of rated pairs."""

import re
from pathlib import Path
from typing import Literal

import pandas as pd

from expertneurons import tables
from expertneurons.errors import StudyError
from expertneurons.steps import LOGGER

SEPARATORS = {"tab": "\t", "space": " ", "comma": ","}


def tidy_norm(
    raw: Path,
    output: Path,
    norm: str,
    reader: Literal["pairs", "concepticon"],
    scale: tuple[float, float],
    separator: Literal["tab", "space", "comma"] = "tab",
    rows: str = "",
    strip: str = "",
    repeated: Literal["refuse", "mean"] = "refuse",
) -> None:
    """Read a norm's raw file and write word1, word2, rating, scale_low, scale_high, one row per pair.

    Pairs have no order: words are stored in alphabetical order. A word paired with itself is left out.

    Args:
        raw: The file as published.
        output: Parquet file to write.
        norm: The norm's name, for messages.
        reader: pairs (word, word, rating in the first three cells) or concepticon (Multi-SimLex's concept list).
        scale: Lowest and highest rating that the norm's instructions allow.
        separator: What stands between the cells of a `pairs` file.
        rows: First-last numbers of the data rows to keep, for instance 112-777; empty keeps all.
        strip: A regular expression removed from the end of each word, for instance a part-of-speech tag.
        repeated: What to do with a pair that is rated in more than one row.

    """
    pairs = _pairs(raw, SEPARATORS[separator]) if reader == "pairs" else _concepticon(raw)
    if rows:
        first, last = (int(number) for number in rows.split("-"))
        if not 1 <= first <= last <= len(pairs):
            raise StudyError(
                f"norm {norm!r}: rows {rows} are not within its {len(pairs)} rows; correct the norms sheet"
            )
        pairs = pairs.iloc[first - 1 : last]
    try:
        ending = re.compile(f"(?:{strip})$")
    except re.error as error:
        raise StudyError(f"norm {norm!r}: strip {strip!r} is no regular expression ({error}); correct it") from None
    for column in ("word1", "word2"):
        pairs[column] = [ending.sub("", word).strip().casefold() for word in pairs[column]]
    tidy = _checked(pairs, raw, norm, scale, repeated)
    tidy["scale_low"], tidy["scale_high"] = scale
    tables.write(tidy.drop(columns="line"), output, ["word1", "word2"])


def _pairs(raw: Path, separator: str) -> pd.DataFrame:
    found = []
    for line, text in enumerate(lines(raw), start=1):
        if not text.strip() or text.startswith("#"):
            continue
        cells = [cell.strip() for cell in text.rstrip("\r\n").split(separator)]
        if len(cells) < 3:
            raise StudyError(f"{raw}: line {line} has {len(cells)} cells, not word, word, rating; check its separator")
        found.append((*cells[:3], line))
    return pd.DataFrame(found, columns=["word1", "word2", "rating", "line"])


def lines(raw: Path) -> list[str]:
    """Lines of a text file in UTF-8."""
    try:
        return raw.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise StudyError(f"{raw}: not UTF-8 at byte {error.start}; save it as UTF-8") from None


def _concepticon(raw: Path) -> pd.DataFrame:
    """Rebuild Multi-SimLex's English pairs: SIMLEX_IDS holds pair:side, the word's rating its pair's score."""
    sides: dict[tuple[int, int], tuple[str, str, int]] = {}
    header, *rows = [text.split("\t") for text in lines(raw)] or [[]]
    if missing := {"SIMLEX_IDS", "ENGLISH", "ENGLISH_SCORE"} - set(header):
        raise StudyError(f"{raw}: no column {', '.join(sorted(missing))}; get Concepticon's list of Multi-SimLex")
    for line, cells in enumerate(rows, start=2):
        if len(cells) != len(header):
            raise StudyError(f"{raw}: line {line} has {len(cells)} cells, not {len(header)}; get the file again")
        row = dict(zip(header, cells, strict=True))
        ids, ratings = row["SIMLEX_IDS"].split(), row["ENGLISH_SCORE"].split()
        places = [tuple(own.split(":")) for own in ids]
        if len(ids) != len(ratings) or not all(re.fullmatch(r"[0-9]{1,9}:[12]", own) for own in ids):
            raise StudyError(f"{raw}: line {line}: SIMLEX_IDS and ENGLISH_SCORE do not match; get the file again")
        for (pair, side), rating in zip(places, ratings, strict=True):
            if (int(pair), int(side)) in sides:
                raise StudyError(f"{raw}: line {line}: {pair}:{side} stands twice; get the file again")
            sides[int(pair), int(side)] = (row["ENGLISH"], rating, line)
    whole = sorted({pair for pair, side in sides if (pair, 3 - side) in sides})
    LOGGER.info("%d pairs with both words of %d", len(whole), len({pair for pair, _ in sides}))
    found = [(sides[pair, 1][0], sides[pair, 2][0], sides[pair, 1][1], sides[pair, 1][2]) for pair in whole]
    return pd.DataFrame(found, columns=["word1", "word2", "rating", "line"])


def _checked(pairs: pd.DataFrame, raw: Path, norm: str, scale: tuple[float, float], repeated: str) -> pd.DataFrame:
    if nameless := [row for row in pairs.itertuples() if not row.word1 or not row.word2]:
        raise StudyError(f"{raw}: line {nameless[0].line}: an empty word; correct the file or its reader")
    ratings = pd.to_numeric(pairs["rating"], errors="coerce")
    outside = ~ratings.between(*scale)
    if outside.any():
        row = pairs[outside].iloc[0]
        raise StudyError(
            f"{raw}: line {row['line']}, {row['word1']} - {row['word2']}: the rating {row['rating']!r} is not a number "
            f"from {scale[0]:g} to {scale[1]:g}; correct the file or the scale of {norm!r} in the norms sheet"
        )
    pairs = pairs.assign(rating=ratings)
    pairs = pairs[pairs["word1"] != pairs["word2"]]
    if pairs.empty:
        raise StudyError(f"{raw}: no pair of two words; correct the file of {norm!r} or its reader in the norms sheet")
    pairs[["word1", "word2"]] = [sorted(words) for words in zip(pairs["word1"], pairs["word2"], strict=True)]
    twice = pairs[pairs.duplicated(["word1", "word2"], keep=False)]
    if len(twice) and repeated == "refuse":
        row = twice.iloc[0]
        lines = twice[(twice["word1"] == row["word1"]) & (twice["word2"] == row["word2"])]["line"].tolist()
        raise StudyError(
            f"{raw}: {row['word1']} - {row['word2']} is rated in lines {', '.join(map(str, lines))}; keep one, or set "
            f"`repeated` of {norm!r} to mean in the norms sheet"
        )
    if len(twice):
        LOGGER.info("%s: %d rows rate a pair that another row rates too; their mean is taken", norm, len(twice))
    return pairs.groupby(["word1", "word2"], as_index=False).agg({"rating": "mean", "line": "first"})
