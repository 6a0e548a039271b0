"""The container files install what the locks hold; hadolint reads the Dockerfile. No engine runs here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tiny import ROOT

DOCKERFILE = ROOT / "Dockerfile"
DEFINITION = ROOT / "envs/expertneurons.def"


def hadolint(path: Path) -> str:
    """What the linter complains of."""
    command = [str(Path(sys.executable).with_name("hadolint")), "--no-color", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_the_dockerfile_is_linted(tmp_path: Path) -> None:
    assert hadolint(DOCKERFILE) == ""
    worse = tmp_path / "Dockerfile"
    worse.write_text(DOCKERFILE.read_text().replace("--no-cache-dir ", "").replace(":3.11-slim-bookworm", ""))
    assert {"DL3006", "DL3042"} <= set(re.findall(r"DL\d+", hadolint(worse)))


def pip_calls(path: Path) -> list[str]:
    """The calls of pip, in their order, up to the section that tests the image."""
    text = path.read_text().partition("%test")[0]
    return [call.strip() for call in re.findall(r"python -m pip ([^\\\n&]+)", text)]


@pytest.mark.parametrize("path", [DOCKERFILE, DEFINITION], ids=lambda path: path.name)
def test_every_package_comes_from_the_locks(path: Path) -> None:
    locks = "/opt/expertneurons"
    assert pip_calls(path) == [
        f"install --no-cache-dir --no-deps --require-hashes -r {locks}/requirements.lock",
        f"install --no-cache-dir -r {locks}/requirements-torch.txt",
        "check",
    ]
    assert (ROOT / "requirements-torch.txt").read_text().strip() == "torch==2.13.0"


def test_both_start_from_the_python_of_the_locks_and_name_no_registry() -> None:
    docker = re.findall(r"^FROM (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    apptainer = re.findall(r"^From: (\S+)$", DEFINITION.read_text(), re.MULTILINE)
    assert docker == apptainer == ["python:3.11-slim-bookworm"]
    assert "://" not in DOCKERFILE.read_text() + DEFINITION.read_text()


def test_the_build_sees_only_what_it_copies() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    assert sorted(lines[1:]) == sorted(f"!{name}" for name in copied[0].split())
    assert all((ROOT / name).is_file() for name in copied[0].split())
