"""The pages for readers: they name every table and column, and their links lead somewhere."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import documented
from expertneurons.keys import KEYS
from tiny import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "results/README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("table", sorted(KEYS))
def test_every_table_has_a_section_that_names_its_keys(table: str) -> None:
    assert documented.unnamed(table, KEYS[table]) == []


def test_no_section_is_of_a_table_that_is_not_there() -> None:
    assert set(documented.sections()) - {""} == set(KEYS)


def test_a_column_that_the_page_lacks_is_found() -> None:
    assert documented.unnamed("layers", ["rho_some-norm", "n_units", "colour"]) == ["colour"]


def test_columns_of_the_study_in_this_folder_are_named() -> None:
    folder = ROOT / "results/tables"
    if not list(folder.glob("*.parquet")):
        pytest.skip("no study has run here: make study")
    documented.check(folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, heading = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name} links to {target}"
        if heading:
            assert heading in headings(path), f"{page.name} links to {target}"


def test_the_functions_of_the_readme_run_as_shown() -> None:
    (block,) = re.findall(
        r"^```python\n([\s\S]*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    rng = np.random.default_rng(1)
    positives = [np.arange(6 * concept, 6 * concept + 6) for concept in range(5)]
    pairs = np.array(list(combinations(range(5), 2)))
    names: dict[str, Any] = {
        "responses": rng.standard_normal((30, 400)).astype(np.float32),
        "positives": positives,
        "pairs": pairs,
        "ratings": rng.uniform(0, 10, len(pairs)),
    }
    exec(block, names)  # noqa: S102
    assert names["ap"].shape == (5, 400)
    assert names["similarity"].shape == (5, 5)
    assert (names["n_pairs"], names["n_concepts"]) == (10, 5)
    assert names["low"] <= names["rho"] <= names["high"]


def headings(page: Path) -> set[str]:
    """Return the anchors that a page's headings get."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}
