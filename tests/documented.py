"""The columns of the tables, as results/README.md names them."""

import re
from pathlib import Path

from pyarrow import parquet

from tiny import ROOT

HEADING = re.compile(r"^### (?:`tables/(\w+)`|In several tables)$", re.MULTILINE)
# Places for names of norms and registers in the names of columns.
VARIABLE = {"NORM": r"[A-Za-z0-9_-]+", "REGISTER": r"[A-Za-z0-9_ -]+"}


def sections() -> dict[str, set[str]]:
    """Columns by table; under no name those that several tables have."""
    text = (ROOT / "results/README.md").read_text(encoding="utf-8")
    marks = list(HEADING.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    found = {}
    for mark, end in zip(marks, ends, strict=True):
        cells = re.findall(r"^\| (`.+?`) \|", text[mark.end() : end], re.MULTILINE)
        found[mark[1] or ""] = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    return found


def unnamed(table: str, columns: list[str]) -> list[str]:
    """Return the columns of a table that the page does not name, in its section or among the common ones."""
    known = sections()
    named = known[table] | known[""]
    interval = [f"{end}_{name}" for name in named for end in ("low", "high")]
    interval += [f"{name}_{end}" for name in named for end in ("low", "high")]
    patterns = [re.escape(name) for name in (*named, *interval)]
    for place, pattern in VARIABLE.items():
        patterns = [own.replace(place, pattern) for own in patterns]
    whole = re.compile("|".join(patterns))
    return [column for column in columns if not whole.fullmatch(column)]


def check(folder: Path, *, others: bool = False) -> set[str]:
    """Insist that the page names every column of the tables in a folder, where others may lie; returns their names."""
    known = sections()
    found = [path for path in sorted(folder.glob("*.parquet")) if not others or path.stem in known]
    columns = {path.stem: parquet.read_schema(path).names for path in found}
    lacking = {table: own for table, names in columns.items() if (own := unnamed(table, names))}
    assert not lacking, f"results/README.md lacks columns: {lacking}"
    return set(columns)
