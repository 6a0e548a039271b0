"""Slurm on the loopback: munged, slurmctld and two nodes of two processors, in a folder of their own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
# The jobs of the plugin forget SLURM_CONF, so that only this path reaches all of them.
CONFIGURATION = Path("/etc/slurm/slurm.conf")
NODES = ("n1", "n2")
PATIENCE = 60.0

# A container shows neither cgroups nor an accounting database, and a finished job must stay visible without one.
TEMPLATE = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=100000
ReturnToService=2
MinJobAge=3600
KillWait=2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=16000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=16000
PartitionName=short Nodes=ALL Default=YES MaxTime=90 DefMemPerCPU=100 State=UP
PartitionName=long Nodes=ALL MaxTime=INFINITE DefMemPerCPU=100 State=UP
"""


class Job(NamedTuple):
    """A job that is queued or runs; `comment` names its rule and wildcards."""

    number: str
    state: str
    account: str
    partition: str
    comment: str


def missing() -> str:
    """Why no Slurm can be started here; empty where one can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"no {', '.join(absent)} here"
    if os.getuid() != 0:
        return "Slurm's daemons need root to start jobs"
    return f"{CONFIGURATION} is there: this machine has a Slurm of its own" if CONFIGURATION.exists() else ""


def jobs() -> list[Job]:
    """Jobs that have not ended."""
    told = subprocess.run(["squeue", "-h", "-o", "%i|%T|%a|%P|%k"], capture_output=True, text=True, check=True).stdout
    return [Job(*line.split("|", 4)) for line in told.splitlines()]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def _running(*command: str) -> Iterator[None]:
    """A daemon in the foreground, asked to end and then made to."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_nodes(folder: Path) -> None:
    ended = time.monotonic() + PATIENCE
    while time.monotonic() < ended:
        told = subprocess.run(["sinfo", "-h", "-N", "-t", "idle", "-o", "%N"], capture_output=True, text=True)
        if set(told.stdout.split()) == set(NODES):
            return
        time.sleep(0.2)
    logs = "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log")))
    raise TimeoutError(f"the nodes are not idle after {PATIENCE:.0f} s\n{logs}")


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Start the daemons, wait until the nodes take jobs, and cancel what is left before they end."""
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(parents=True)
    munge = folder / "munge"
    (munge / "key").write_bytes(os.urandom(128))
    (munge / "key").chmod(0o600)
    text = TEMPLATE.format(host=socket.gethostname().partition(".")[0], ports=_free_ports(3), folder=folder)
    (folder / "slurm.conf").write_text(text)
    CONFIGURATION.symlink_to(folder / "slurm.conf")
    files = [f"--{name}={munge}/{name}" for name in ("socket", "seed-file", "pid-file", "log-file")]
    try:
        with ExitStack() as stack:
            # munged refuses a socket below a folder that others may write, such as /tmp, unless it is forced.
            stack.enter_context(_running("munged", "--foreground", "--force", f"--key-file={munge}/key", *files))
            stack.enter_context(_running("slurmctld", "-D"))
            for node in NODES:
                stack.enter_context(_running("slurmd", "-D", "-N", node))
            _wait_for_nodes(folder)
            yield
            subprocess.run(["scancel", "--me"], check=True)
            _wait_for_nodes(folder)
    finally:
        CONFIGURATION.unlink()
