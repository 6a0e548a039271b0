"""The tiny study as fixtures."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from studio import Study, write_study


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study that has run once on two cores, the same for all processes that test: read it, run only copies."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    study, done = Study(shared / "two cores"), shared / "two cores.done"
    with FileLock(shared / "two cores.lock"):
        if not done.exists():
            write_study(study.folder).run()
            done.touch()
    return study


@pytest.fixture
def study(finished: Study, tmp_path: Path) -> Study:
    """A copy of the finished study, for a test that changes it."""
    shutil.copytree(finished.folder, tmp_path / "study", symlinks=True)
    return Study(tmp_path / "study")
