"""Palette: one colour and one mark per domain, the same in every figure."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

# Tol's colour-blind safe scheme "muted". Nine colours do not tell more domains apart: the next nine are hollow.
MUTED = ("#332288", "#88CCEE", "#117733", "#DDCC77", "#CC6677", "#AA4499", "#44AA99", "#999933", "#882255")
NONE = "#8A8A8A"


class Look(NamedTuple):
    """How a domain is drawn: its colour, and whether marks are filled or hollow."""

    colour: str
    filled: bool


def looks(domains: Iterable[str]) -> dict[str, Look]:
    """Give every domain its look, by its place in the alphabet; concepts without a domain are grey."""
    names = sorted({name for name in domains if name})
    own = {name: Look(MUTED[place % 9], (place // 9) % 2 == 0) for place, name in enumerate(names)}
    return {**own, "": Look(NONE, filled=True)}


def domain_of(concepts: pd.DataFrame) -> dict[str, str]:
    """Domain of each concept by its name; a category word without one has that of most of its members."""
    words = [str(name) for name in concepts["concept"]]
    named = dict(zip(words, concepts["domain"].fillna("").astype(str), strict=True))
    found: dict[str, Counter[str]] = {}
    if "superordinate" in concepts:
        for member, word in zip(words, concepts["superordinate"].fillna(""), strict=True):
            if word and named[member]:
                found.setdefault(str(word), Counter())[named[member]] += 1
    most = {word: max(sorted(counts), key=counts.__getitem__) for word, counts in found.items()}
    return {word: named[word] or most.get(word, "") for word in words}
