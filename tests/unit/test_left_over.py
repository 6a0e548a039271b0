"""Recovery looks before it acts: a live run, another machine, a step by hand and whole files are left alone."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from expertneurons import recovery
from expertneurons.errors import StudyError
from tiny import ROOT

RUN = "0b1e9dc5-37a4-4f4e-8d7c-111111111111"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A locked folder whose last run was on this machine."""
    (tmp_path / "Snakefile").write_text('rule all:\n    shell:\n        "sleep 60"\n')
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.input.lock").touch()
    write_log(tmp_path, "2026-01-02", "this")
    return tmp_path


def write_log(folder: Path, date: str, host: str, run: str = "") -> None:
    name = socket.gethostname() if host == "this" else host
    log = folder / f".snakemake/log/{date}T000000.000000.snakemake.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"SNAKEMAKE\n  Host: {name}\n" + (f"SLURM run ID: {run}\n" if run else ""))


@pytest.fixture
def live(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Snakemake itself, in the folder, with a job that takes a minute."""
    (folder / ".snakemake/locks/0.input.lock").unlink()
    running = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1"], cwd=folder, stderr=subprocess.DEVNULL
    )
    yield running
    children = psutil.Process(running.pid).children(recursive=True)
    running.terminate()
    for child in children:
        child.terminate()
    running.wait()


def test_a_live_run_is_left_alone(folder: Path, live: subprocess.Popen[bytes]) -> None:
    with pytest.raises(StudyError, match=rf"process {live.pid}\)"):
        recovery.recover(folder)
    assert live.poll() is None


def test_a_dead_run_is_unlocked_and_only_what_is_half_written_goes(folder: Path) -> None:
    for name in ("results/a.parquet", "results/deep/.b.npy.12.partial", "resources/.model.7.partial/x", "mine.partial"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    recovery.recover(folder)
    assert list((folder / ".snakemake/locks").glob("*")) == []
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in found if not name.startswith(".snakemake")} == {
        *("Snakefile", "mine.partial", "results/a.parquet")
    }


def test_another_machine_is_asked_for_unless_it_is_gone(folder: Path) -> None:
    write_log(folder, "2026-01-03", "login-2")
    with pytest.raises(StudyError, match=r"started on login-2.*--host-gone True"):
        recovery.recover(folder)
    assert list((folder / ".snakemake/locks").glob("*"))
    recovery.recover(folder, host_gone=True)
    assert not list((folder / ".snakemake/locks").glob("*"))


def test_a_run_on_slurm_is_recovered_where_slurm_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_log(folder, "2026-01-03", "this", RUN)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(StudyError, match="no squeue here"):
        recovery.recover(folder)
    assert list((folder / ".snakemake/locks").glob("*"))


def test_a_silent_slurm_keeps_the_lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_log(folder, "2026-01-03", "this", RUN)
    squeue = folder / "bin/squeue"
    squeue.parent.mkdir()
    squeue.write_text("#!/bin/sh\necho 'Unable to contact slurm controller' >&2\nexit 1\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{squeue.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(StudyError, match="Unable to contact slurm controller"):
        recovery.recover(folder)
    assert list((folder / ".snakemake/locks").glob("*"))


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="holds no Snakefile"):
        recovery.recover(tmp_path)


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """A step of the study that waits for its input, a pipe that no one writes to."""
    os.mkfifo(folder / "in.tsv")
    step = ["split-table", "--table", "in.tsv", "--concepts", "c", "--sentences", "s", "--min-sentences", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow/src")}
    return subprocess.Popen(
        [sys.executable, "-m", "expertneurons", *words, *step], cwd=folder, env=environment, stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize(("words", "ended"), [(["--log", "step.log"], True), ([], False)])
def test_steps_of_a_run_are_ended_and_steps_by_hand_are_not(folder: Path, words: list[str], ended: bool) -> None:
    process = started(folder, *words)
    # From its fork on the new process has the words of this one until it becomes the step.
    began = time.monotonic()
    while time.monotonic() - began < 20 and "expertneurons" not in psutil.Process(process.pid).cmdline():
        time.sleep(0.01)
    try:
        recovery.recover(folder)
        assert psutil.pid_exists(process.pid) != ended
    finally:
        process.kill()
        process.wait()


def test_make_recover_runs_the_command() -> None:
    told = subprocess.run(
        ["make", "-n", "--no-print-directory", "-o", ".venv/.ready", "recover"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.fullmatch(r"PYTHONPATH=workflow/src .venv/bin/python -m expertneurons recover\n", told)
