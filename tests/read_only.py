"""Folders that may not be written to, for one command: by their mode, or for root, who passes over it, by a mount."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest


def locked(command: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Return a command that runs another one to which these folders are read-only; skip where there is no way."""
    if os.geteuid():
        for folder in folders:
            for path in (folder, *folder.rglob("*")):
                path.chmod(path.stat().st_mode & ~0o222)
        return list(command)
    if shutil.which("unshare") is None or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("root is not kept from writing by a folder's mode, and may not mount one read-only here")
    places = [shlex.quote(str(folder)) for folder in folders]
    mounts = [f"mount --bind {place} {place} && mount -o remount,bind,ro {place}" for place in places]
    return ["unshare", "--mount", "sh", "-c", " && ".join([*mounts, f"exec {shlex.join(command)}"])]


def unlock(folders: Sequence[Path]) -> None:
    """Give the modes back, so that the folders can be deleted."""
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)
