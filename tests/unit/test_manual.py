"""The configuration page equals what the schemas say."""

from pathlib import Path

from expertneurons.manual import describe_config
from tiny import ROOT


def test_configuration_page_is_in_step_with_the_schemas(tmp_path: Path) -> None:
    describe_config(tmp_path / "README.md")
    remedy = "run: python -m expertneurons describe-config --output config/README.md"
    assert (tmp_path / "README.md").read_text() == (ROOT / "config/README.md").read_text(), remedy
