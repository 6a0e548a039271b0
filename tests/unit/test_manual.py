"""The configuration page equals what the schemas say, and the page of faults names tests that there are."""

import re
from pathlib import Path

from expertneurons.manual import describe_config
from tiny import ROOT


def test_configuration_page_is_in_step_with_the_schemas(tmp_path: Path) -> None:
    describe_config(tmp_path / "README.md")
    remedy = "run: python -m expertneurons describe-config --output config/README.md"
    assert (tmp_path / "README.md").read_text() == (ROOT / "config/README.md").read_text(), remedy


def test_every_fault_is_shown_by_tests_that_there_are() -> None:
    rows = re.findall(r"^\| .*$", (ROOT / "docs/faults.md").read_text(encoding="utf-8"), re.MULTILINE)[1:]
    for row in rows:
        named = re.findall(r"`((?:workflow/)?test_\w+)`", row.split(" | ")[-1])
        assert named, row
        for name in named:
            folder = "" if "/" in name else "unit/"
            assert (ROOT / f"tests/{folder}{name}.py").is_file(), name
