"""The Makefile: plain make helps, and set-up refuses what it cannot work with before it starts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tiny import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder that was not set up."""
    shutil.copy(ROOT / "Makefile", folder)
    for lock in ("requirements-dev.lock", "requirements-torch.txt"):
        (folder / lock).touch()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTHON", "XDG_"))}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=clean | environment, capture_output=True, text=True, check=False
    )


def test_plain_make_tells_every_command(tmp_path: Path) -> None:
    told = make(tmp_path)
    assert told.returncode == 0
    (phony,) = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if ".PHONY" in line]
    for target in set(phony.split()[1:]) - {"help"}:
        assert f"make {target} " in told.stdout
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("python", ["no-such-python", "false"])
def test_no_python_or_an_old_one_is_refused_with_the_remedy(python: str, tmp_path: Path) -> None:
    told = make(tmp_path, "setup", f"PYTHON={python}")
    assert told.returncode == 2
    assert f"{python} is no Python 3.11 or newer. Install one, or name it: make setup PYTHON=" in told.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_shim_without_its_python_is_passed_over(tmp_path: Path) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "python3.11").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    (shims / "python3.11").chmod(0o755)
    (shims / "python3.12").symlink_to(sys.executable)
    told = make(tmp_path, "--dry-run", "setup", PATH=f"{shims}{os.pathsep}{os.environ['PATH']}")
    assert "Setting up .venv with python3.12," in told.stdout


@pytest.mark.parametrize(("home", "cache"), [("", ""), ("missing", "/.snakemake/cache")])
def test_a_cache_goes_beside_the_study_where_there_is_no_home(home: str, cache: str, tmp_path: Path) -> None:
    (tmp_path / "show.mk").write_text("include Makefile\nshow:\n\t@echo cache=$$XDG_CACHE_HOME\n", encoding="utf-8")
    told = make(tmp_path, "-f", "show.mk", "show", HOME=str(tmp_path / home))
    assert told.stdout.strip() == (f"cache={tmp_path}{cache}" if cache else "cache=")
