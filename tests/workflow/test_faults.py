"""Faults of a whole run: killed in every step, run twice at once, given folders that may not be written to."""

import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from loopback import Handler, serving
from read_only import locked, unlock
from studio import Study, write_study

pytestmark = pytest.mark.study

# Python reads a module of this name before anything else. Each command dies once, by a signal that nothing can catch,
# when it would put its first file in place; what it wrote is cut to a half, as if it had died while it wrote.
KILLER = """
import os, pathlib, signal, sys

FOLDER, place = pathlib.Path({folder!r}), pathlib.Path.replace

def die_once(path, target):
    command = sys.orig_argv[sys.orig_argv.index("--log") + 2]
    if path.name.endswith(".partial") and not (FOLDER / command).exists():
        (FOLDER / command).touch()
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    return place(path, target)

if "--log" in sys.orig_argv:
    pathlib.Path.replace = die_once
"""


@contextmanager
def started(study: Study, *arguments: str, cores: int = 1) -> Iterator[subprocess.Popen[str]]:
    """Let Snakemake run in a process group of its own, and end it with the block."""
    with subprocess.Popen(
        study.command(*arguments, cores=cores),
        cwd=study.folder,
        env=study.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)


def await_file(path: Path, seconds: float = 300) -> None:
    ended = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < ended, path
        time.sleep(0.1)


def test_a_run_whose_every_step_is_killed_gives_the_bytes_of_an_unbroken_one(finished: Study, tmp_path: Path) -> None:
    """On one core, and Snakemake itself is killed too; the unbroken run had two."""
    study, killed = write_study(tmp_path / "killed"), tmp_path / "killed once"
    killed.mkdir()
    (study.folder / "workflow/src/sitecustomize.py").write_text(KILLER.format(folder=str(killed)))
    with started(study, "--retries", "1") as running:
        await_file(study.folder / "results/logs/extract_responses/tiny/everyday.log")
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    assert not (study.folder / "results/report.html").exists()
    study.run("--unlock")
    study.run("--retries", "1", cores=1)
    steps = {path.stem for path in (study.folder / "results/logs").iterdir()}
    assert {path.name.replace("-", "_") for path in killed.iterdir()} == steps
    assert study.digests() == finished.digests()
    assert not list(study.folder.rglob("*.partial"))


class Held(ThreadingHTTPServer):
    """Gives a norm when it is let go; says when it was asked for it."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _HeldHandler)
        self.content, self.asked, self.let_go = content, threading.Event(), threading.Event()


class _HeldHandler(Handler):
    def do_GET(self) -> None:
        site: Any = self.server
        site.asked.set()
        site.let_go.wait(120)
        self.send_response(200)
        self.send_header("Content-Length", str(len(site.content)))
        self.end_headers()
        self.wfile.write(site.content)


def test_a_second_run_in_the_same_folder_is_told_and_harms_nothing(finished: Study, study: Study) -> None:
    norm, table = study.folder / "resources/norms/simlex999.txt", "results/norms/simlex999-nouns.parquet"
    with serving(Held(norm.read_bytes())) as site:
        sheet = study.folder / "config/norm_files.tsv"
        rows = [line.split("\t") for line in sheet.read_text(encoding="utf-8").splitlines()]
        for row in rows[1:]:
            if row[0] == norm.name:
                row[2] = f"http://127.0.0.1:{site.server_port}/{norm.name}"
        sheet.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
        norm.unlink()
        with started(study, table) as first:
            assert site.asked.wait(120)
            second = study.snakemake(table)
            site.let_go.set()
            told = first.communicate()[0]
    assert first.returncode == 0, told
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stderr
    assert "Traceback" not in second.stderr
    assert study.digests() == finished.digests()


def test_folders_of_inputs_may_be_read_only(study: Study) -> None:
    folders = [study.folder / name for name in ("config", "model", "workflow", "profiles", "envs", "resources")]
    read = study.folder / "results/tokens/tiny/everyday/tokens.parquet"
    before = read.read_bytes()
    read.unlink()
    command = study.command(str(read.relative_to(study.folder)))
    probe = "for folder in config model resources; do ! touch $folder/probe 2> /dev/null || exit 9; done; "
    whole = locked(["sh", "-c", f"{probe}exec {shlex.join(command)}"], folders)
    done = subprocess.run(whole, cwd=study.folder, env=study.environment(), capture_output=True, text=True, check=False)
    unlock(folders)
    assert done.returncode == 0, done.stdout + done.stderr
    assert read.read_bytes() == before
