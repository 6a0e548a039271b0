"""Page names: one file name for each concept, safe on every file system and unique."""

import re
import unicodedata
from collections.abc import Sequence

RESERVED = {
    "index",
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}


def page_names(concepts: Sequence[str]) -> list[str]:
    """Name the page of each concept: lower-case letters, digits and hyphens, a number where two would be the same."""
    taken = set(RESERVED)
    found = []
    for concept in concepts:
        plain = unicodedata.normalize("NFKD", concept).encode("ascii", "ignore").decode().casefold()
        stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80] or "concept"
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        found.append(f"{name}.html")
    return found
