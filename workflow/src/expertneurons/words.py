"""Which concepts a text mentions: whole words, regular inflections, any letter case."""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import inflect

# Letters with their combining accents, digits; a word of a concept joins the next by a space, hyphen or apostrophe.
WORD = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+")
JOINT = re.compile(r"[\s'\u2019-]+")


class Mention(NamedTuple):
    """One occurrence of a concept: its name and its character span, end exclusive."""

    concept: str
    start: int
    end: int


@cache
def _plurals() -> inflect.engine:
    return inflect.engine()


def split(text: str) -> list[str]:
    """Words of a text, lower case; an apostrophe or a hyphen separates ("cat's" gives cat, s)."""
    return [_plain(word) for word in WORD.findall(text)]


def _plain(word: str) -> str:
    """Letter case and the two ways to write an accent do not count."""
    return unicodedata.normalize("NFC", word).casefold()


def forms(concept: str, listed: str = "") -> list[str]:
    """Spellings that count as a mention: those listed (comma separated), else the word and its noun plural."""
    if listed.strip():
        return sorted({form.strip().casefold() for form in listed.split(",") if form.strip()})
    return sorted({concept.casefold(), str(_plurals().plural_noun(concept)).casefold()})


class Lexicon:
    """Finds every concept of a list in a text in one walk over its words.

    Concepts of several words ("ice cream") are found too, and the shorter ones inside them ("cream").
    """

    def __init__(self, spellings: Mapping[str, list[str]]) -> None:
        """Take the spellings of every concept, as `forms` gives them."""
        self._by_first_word: dict[str, set[tuple[tuple[str, ...], str]]] = {}
        for concept, listed in spellings.items():
            for form in listed:
                parts = tuple(split(form))
                if parts:
                    self._by_first_word.setdefault(parts[0], set()).add((parts, concept))

    def find(self, text: str) -> Iterator[Mention]:
        """Yield the mentions in reading order."""
        spans = [(_plain(match.group()), match.start(), match.end()) for match in WORD.finditer(text)]
        for position, (word, start, _) in enumerate(spans):
            for parts, concept in sorted(self._by_first_word.get(word, ())):
                window = spans[position : position + len(parts)]
                joined = all(JOINT.fullmatch(text[a[2] : b[1]]) for a, b in itertools.pairwise(window))
                if joined and tuple(part for part, _, _ in window) == parts:
                    yield Mention(concept, start, window[-1][2])
