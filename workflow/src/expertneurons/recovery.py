"""After a killed run: end what it left running, here and in Slurm, so that the next run is alone."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from expertneurons.errors import StudyError
from expertneurons.steps import LOGGER

RUN = re.compile(r"^SLURM run ID: (\S+)$", re.MULTILINE)
HOST = re.compile(r"^ *Host: (\S+)$", re.MULTILINE)
WRITTEN = ("results", "resources")
PATIENCE = 10.0
SLURM_PATIENCE = 180.0


class Job(NamedTuple):
    """A step of the study that runs on this machine: the command's name and its process."""

    command: str
    process: psutil.Process


def recover(folder: Path = Path(), host_gone: bool = False) -> None:
    """Make the next run safe after a killed one: cancel its Slurm jobs, end its own jobs, unlock the folder.

    What was finished stays; what was half written is removed, and Snakemake makes it again.

    Args:
        folder: The study's folder.
        host_gone: The machine that the last run was started on no longer exists, so that nothing runs there.

    """
    folder = folder.resolve()
    if not (folder / "Snakefile").is_file():
        raise StudyError(f"{folder} holds no Snakefile; recover in the study's folder")
    logs = sorted((folder / ".snakemake/log").glob("*.snakemake.log"))
    locked = any((folder / ".snakemake/locks").glob("*"))
    _refuse_a_live_run(folder, logs if locked and not host_gone else [])
    _cancel({run for log in logs for run in _told(RUN, log)}, needed=bool(locked and logs and _told(RUN, logs[-1])))
    _end(list(left_over(folder)))
    for name in WRITTEN:
        _remove_partials(folder / name)
    if locked:
        _unlock(folder)
    LOGGER.info("ready for the next run")


def _refuse_a_live_run(folder: Path, logs: list[Path]) -> None:
    """Raise where Snakemake still runs in the folder, or ran last on a machine that cannot be seen from here."""
    for process, words in _processes(folder):
        # Snakemake starts itself again, with a mode, inside a Slurm job.
        if any(Path(word).name == "snakemake" for word in words[:4]) and "--mode" not in words:
            raise StudyError(f"Snakemake still runs in {folder} (process {process.pid}); end it with Ctrl-C and wait")
    hosts = _told(HOST, logs[-1]) if logs else []
    if hosts and hosts[0] != socket.gethostname():
        raise StudyError(
            f"the last run was started on {hosts[0]}, and this is {socket.gethostname()}: recover there, or, where "
            "that machine is gone, with --host-gone True"
        )


def _processes(folder: Path) -> Iterator[tuple[psutil.Process, list[str]]]:
    """Find the user's processes that work in the folder, with the words of their command lines."""
    for process in psutil.process_iter():
        try:
            if process.uids().real == os.getuid() and Path(process.cwd()) == folder:
                yield process, process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


def left_over(folder: Path) -> Iterator[Job]:
    """Jobs of the study that run on this machine; a step by hand, which writes no log of the study, is none."""
    for process, words in _processes(folder):
        for place in range(len(words) - 4):
            if words[place : place + 3] == ["-m", "expertneurons", "--log"]:
                yield Job(words[place + 4], process)


def _end(jobs: list[Job]) -> None:
    """End jobs with what they started; results take their names only when whole, so that none is left half written."""
    for job in jobs:
        LOGGER.info("ending %s (process %d)", job.command, job.process.pid)
    processes = [one for job in jobs for one in (job.process, *_children(job.process))]
    for action in ("terminate", "kill"):
        for process in processes:
            try:
                getattr(process, action)()
            except psutil.NoSuchProcess:
                continue
        _, processes = psutil.wait_procs(processes, timeout=PATIENCE)
    if processes:
        raise StudyError(f"process {processes[0].pid} does not end; wait for its disk, then recover again")


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _told(pattern: re.Pattern[str], log: Path) -> list[str]:
    found: list[str] = pattern.findall(log.read_text(encoding="utf-8", errors="replace"))
    return found


def _cancel(runs: set[str], needed: bool) -> None:
    """Cancel the Slurm jobs of these runs, whose jobs bear the run's id as their name, and wait until they are gone."""
    if needed and shutil.which("squeue") is None:
        raise StudyError("the last run sent jobs to Slurm, and there is no squeue here: recover where there is one")
    if not runs or shutil.which("squeue") is None:
        return
    found = _queued(runs)
    if found:
        LOGGER.info("cancelling %d jobs in Slurm", len(found))
        _slurm("scancel", *found)
    ended = time.monotonic() + SLURM_PATIENCE
    while found := _queued(runs):
        if time.monotonic() > ended:
            raise StudyError(f"Slurm job {found[0]} was cancelled and still runs; see squeue, then recover again")
        time.sleep(0.5)


def _queued(runs: set[str]) -> list[str]:
    """Numbers of this user's Slurm jobs that belong to one of the runs and have not ended."""
    lines = [line.split(maxsplit=1) for line in _slurm("squeue", "--me", "-h", "-o", "%i %j").splitlines()]
    return [number for number, name in lines if name in runs]


def _slurm(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StudyError(f"{command[0]} failed ({done.stderr.strip()}); recover when Slurm answers")
    return done.stdout


def _remove_partials(folder: Path) -> None:
    """Remove what a step that was ended had begun to write."""
    for path in list(folder.rglob(".*.partial")):
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)


def _unlock(folder: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "--unlock"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StudyError(f"snakemake --unlock failed: {(done.stderr or done.stdout).strip()[-500:]}")
