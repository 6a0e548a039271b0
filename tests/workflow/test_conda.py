"""Rules in conda environments, made from `envs/*.yaml` and a channel in a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import channel
from studio import Study, write_study
from tiny import ROOT

pytestmark = [pytest.mark.study, pytest.mark.conda]

TARGET = "results/agreement/simlex999-nouns.parquet"
SHIM = ROOT / "tests/conda_shim.py"
ENVIRONMENTS = ("acquire", "analysis")


def write_conda(home: Path, study: Study) -> dict[str, str]:
    """Write a channel of what two environments name, and a `conda` that installs from it; return the environment."""
    versions: dict[str, str] = {}
    for name in ENVIRONMENTS:
        lines = yaml.safe_load((study.folder / f"envs/{name}.yaml").read_text())["dependencies"]
        versions |= dict(line.replace("==", "").split(maxsplit=1) for line in lines)
    pip = versions.pop("pip")
    versions.pop("python")
    own = {theirs: name for name, theirs in channel.NAMES.items()}
    channel.write_channel(home / "channel", [own.get(name, name) for name in versions], pip, contents=True)
    (home / "bin").mkdir()
    conda = home / "bin/conda"
    conda.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{SHIM}" "$@"\n')
    conda.chmod(0o755)
    (home / "bin/activate").write_text('export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n')
    known = study.environment()
    return known | {"PATH": f"{home / 'bin'}{os.pathsep}{known['PATH']}", "CONDA_SHIM": str(home)}


def test_rules_run_in_their_own_environments_and_give_the_same_bytes(finished: Study, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    environment = write_conda(tmp_path / "conda", study)
    command = study.command("--sdm", "conda", "--", TARGET)
    done = subprocess.run(command, cwd=study.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (study.folder / TARGET).read_bytes() == (finished.folder / TARGET).read_bytes()
    made = sorted(path for path in (study.folder / ".snakemake/conda").iterdir() if path.is_dir())
    assert len(made) == len(ENVIRONMENTS)
    for prefix in made:
        assert str(prefix.resolve()) in imported_from(prefix, "pandas")
        assert "ModuleNotFoundError" in imported_from(prefix, "snakemake")


def imported_from(prefix: Path, module: str) -> str:
    """Where an environment finds a module, or what it says where it finds none."""
    code = f"import {module}; print({module}.__file__)"
    done = subprocess.run([prefix / "bin/python", "-c", code], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
