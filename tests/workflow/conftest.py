"""The tiny study as fixtures."""

import shutil
from pathlib import Path

import pytest

from studio import Study, write_study


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study that has run once on two cores."""
    study = write_study(tmp_path_factory.mktemp("study") / "two cores")
    study.run()
    return study


@pytest.fixture
def study(finished: Study, tmp_path: Path) -> Study:
    """A copy of the finished study, for a test that changes it."""
    shutil.copytree(finished.folder, tmp_path / "study", symlinks=True)
    return Study(tmp_path / "study")
