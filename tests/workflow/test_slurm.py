"""The tiny study through Slurm: jobs cancelled, the controller killed, and the bytes of a local run in the end."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import slurm
from studio import Study, recover, write_study

pytestmark = [
    pytest.mark.study,
    pytest.mark.slurm,
    pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing()),
]

# What a site's own profile says: here there is no accounting, and there is no need to wait long.
SITE = """\
slurm-status-command: squeue
slurm-no-account: true
slurm-init-seconds-before-status-checks: 1
seconds-between-status-checks: 1
slurm-partition-config: site/partitions.yaml
"""
PARTITIONS = "partitions:\n  short: {max_runtime: 90}\n  long: {max_runtime: 10000}\n"
PATIENCE = 1200.0


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    """A study that has not run, with a site's profile, beside a cluster."""
    study = write_study(tmp_path / "study")
    site = study.folder / "site"
    site.mkdir()
    (site / "profile.yaml").write_text(SITE)
    (site / "partitions.yaml").write_text(PARTITIONS)
    monkeypatch.setenv("SBATCH_ACCOUNT", "neurons")
    with slurm.cluster(tmp_path / "slurm"):
        yield study


def start(study: Study) -> subprocess.Popen[str]:
    """Start the documented command, as a user in a terminal does."""
    command = study.command("--workflow-profile", "slurm", "--profile", "site")
    with (study.folder / "told.txt").open("w") as told:
        return subprocess.Popen(command, cwd=study.folder, env=study.environment(), stdout=told, stderr=told, text=True)


def running(study: Study, rule: str, process: subprocess.Popen[str]) -> slurm.Job:
    """Wait until a job of a rule has begun its step on a node."""
    log = study.folder / f"results/logs/{rule}/tiny/everyday.log"
    ended = time.monotonic() + PATIENCE
    while not log.exists():
        assert process.poll() is None, (study.folder / "told.txt").read_text()
        assert time.monotonic() < ended, (study.folder / "told.txt").read_text()
        time.sleep(0.1)
    (job,) = [job for job in slurm.jobs() if job.comment.startswith(f"rule_{rule}_wildcards_tiny_everyday")]
    return job


def stop(study: Study, rule: str) -> None:
    """Let a job neither go on nor end, however long what follows takes."""
    log = f"results/logs/{rule}/tiny/everyday.log"
    (process,) = [one for one in psutil.process_iter(["cmdline"]) if log in (one.info["cmdline"] or [])]
    assert Path(process.cwd()) == study.folder
    process.suspend()


def test_cancelled_and_killed_runs_end_in_the_bytes_of_a_local_one(study: Study, finished: Study) -> None:
    controller = start(study)
    job = running(study, "extract_responses", controller)
    assert (job.state, job.account, job.partition) == ("RUNNING", "neurons", "long")
    subprocess.run(["scancel", job.number], check=True)
    assert controller.wait(PATIENCE) == 1
    assert "CANCELLED" in (study.folder / "told.txt").read_text()
    assert not (study.folder / "results/responses/tiny/everyday/max.npy").exists()
    assert (study.folder / "results/experts/tiny-untrained/everyday/counts.parquet").is_file()

    (study.folder / "results/logs/extract_responses/tiny/everyday.log").unlink()
    controller = start(study)
    job = running(study, "extract_responses", controller)
    stop(study, "extract_responses")
    controller.send_signal(signal.SIGKILL)
    controller.wait()
    assert job.number in {left.number for left in slurm.jobs()}
    assert "LockException" in study.snakemake().stderr
    told = recover(study)
    assert "cancelling 1 jobs in Slurm" in told
    assert slurm.jobs() == []

    controller = start(study)
    assert controller.wait(PATIENCE) == 0, (study.folder / "told.txt").read_text()
    assert study.digests() == finished.digests()
