"""The controller alone is killed: its jobs live on until `recover` ends them."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from expertneurons import recovery
from studio import Study, recover, write_study

pytestmark = pytest.mark.study

TARGET = "results/experts/tiny/everyday/counts.parquet"


def killed_while_extracting(study: Study) -> recovery.Job:
    """Kill Snakemake when the job that runs the model has begun, and return that job."""
    log = study.folder / "results/logs/extract_responses/tiny/everyday.log"
    controller = subprocess.Popen(
        study.command(TARGET),
        cwd=study.folder,
        env=study.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ended = time.monotonic() + 240
    while not log.exists() and time.monotonic() < ended:
        time.sleep(0.05)
    # Stopped, it cannot finish before it is looked at, however slow this machine is.
    (job,) = [job for job in recovery.left_over(study.folder) if job.command == "extract-responses"]
    job.process.suspend()
    os.kill(controller.pid, signal.SIGKILL)
    controller.wait()
    return job


def test_what_a_killed_run_left_is_ended_and_the_next_run_gives_the_same_bytes(finished: Study, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    job = killed_while_extracting(study)
    half = study.folder / f"results/responses/tiny/everyday/.max.npy.{job.process.pid}.partial"
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_bytes(b"half")
    assert "LockException" in study.snakemake(TARGET).stderr
    assert f"ending extract-responses (process {job.process.pid})" in recover(study)
    assert not job.process.is_running()
    assert not half.exists()
    study.run(TARGET)
    own = study.digests()
    assert own == {name: digest for name, digest in finished.digests().items() if name in own}
    assert TARGET.removeprefix("results/") in own
