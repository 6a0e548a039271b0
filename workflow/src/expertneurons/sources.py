"""Fetch a file from where its sheet says and verify it; a local mirror is tried first.

Nothing else in the project reaches a network.
"""

import glob
import gzip
import importlib.metadata
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from expertneurons.errors import StudyError
from expertneurons.files import FULL, replacing, sha256, verify
from expertneurons.retries import ATTEMPTS, pause
from expertneurons.steps import LOGGER, Progress

TIMEOUT = 60.0
CHUNK = 1 << 20


def fetch_norm(url: str, size: int, digest: str, output: Path, mirror: Path | None = None) -> None:
    """Fetch one file of a norm and verify it.

    Args:
        url: An https address, or package:NAME/PATH for a file that an installed package ships.
        size: Its length in bytes.
        digest: Its sha256, 64 hex digits.
        output: Where to put it.
        mirror: Folder searched first, at any depth, for a file of the same name (or that name + .gz) and content.

    """
    with replacing(output) as partial:
        if not _from_mirror(mirror, url.rpartition("/")[2], digest, partial):
            if url.startswith("package:"):
                shutil.copyfile(_packaged(url), partial)
            else:
                _with_retries(url, lambda: _download(url, size, partial))
        verify(partial, digest, size, name=url)


def fetch_wheel(requirement: str, digest: str, folder: Path, mirror: Path | None = None) -> Path:
    """Fetch one wheel, `name==version`, by exact version and sha256, without what it depends on; returns its path.

    The mirror is searched first; then pip looks in the package index that this machine is set up for.
    """
    name, _, version = requirement.partition("==")
    pattern = f"{re.sub(r'[-_.]+', '_', name).lower()}-{version}-*.whl"
    for wheel in sorted(_mirrored(mirror, pattern)):
        if sha256(wheel) == digest:
            return wheel
    asked = folder / "wheel.txt"
    asked.write_text(f"{requirement} --hash=sha256:{digest}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--dest", str(folder), "--requirement", str(asked)]
    LOGGER.info("fetching the wheel %s with pip", requirement)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        remedy = "check the network, or put the wheel into the folder that sources.mirror names"
        raise StudyError(f"pip could not fetch {requirement}: {reason}; {remedy}")
    return next(folder.glob(pattern))


def _from_mirror(mirror: Path | None, name: str, digest: str, target: Path) -> bool:
    for found in sorted(found for ending in ("", ".gz") for found in _mirrored(mirror, f"{glob.escape(name)}{ending}")):
        try:
            if found.suffix == ".gz" and not name.endswith(".gz"):
                with gzip.open(found) as packed, target.open("wb") as plain:
                    shutil.copyfileobj(packed, plain)
            else:
                shutil.copyfile(found, target)
            if sha256(target) == digest:
                return True
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            LOGGER.warning("%s in the mirror is broken (%s); going on without it", found, error)
        else:
            LOGGER.warning("%s in the mirror has another content than the sheet says; going on without it", found)
        target.unlink()
    return False


def _mirrored(mirror: Path | None, pattern: str) -> list[Path]:
    """List the files of a name anywhere in the mirror; none where there is no mirror."""
    if mirror is None:
        return []
    if not mirror.is_dir():
        raise StudyError(f"sources.mirror: {mirror} is not a folder; correct the path or set it to null")
    return [path for path in mirror.rglob(pattern) if path.is_file()]


def _packaged(url: str) -> Path:
    name, _, inside = url.removeprefix("package:").partition("/")
    try:
        found = Path(str(importlib.metadata.distribution(name).locate_file(inside)))
    except importlib.metadata.PackageNotFoundError:
        raise StudyError(f"{url}: the package {name} is not installed; run `make setup`") from None
    if not found.is_file():
        raise StudyError(f"{url}: the installed {name} has no such file; install the version that the lock names")
    return found


def _with_retries(url: str, attempt: Callable[[], None]) -> None:
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except (OSError, HTTPException) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            final, told = False, ""
            if isinstance(error, urllib.error.HTTPError):
                final, told = error.code in (401, 403, 404, 410), error.headers.get("Retry-After", "")
                error.close()
            if final or number == ATTEMPTS:
                remedy = "check the address and the network, or put the file into the folder that sources.mirror names"
                raise StudyError(f"{url}: {error} (attempt {number} of {ATTEMPTS}); {remedy}") from error
            LOGGER.warning("%s: %s; trying again", url, error)
            time.sleep(pause(number, told))
    return None


def _download(url: str, size: int, target: Path) -> None:
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise StudyError(f"{url}: only https addresses are fetched")
    progress = Progress(size, url.rpartition("/")[2], "B")
    with urllib.request.urlopen(url, timeout=TIMEOUT) as reply, target.open("wb") as file:  # noqa: S310 (checked above)
        while chunk := reply.read(CHUNK):
            file.write(chunk)
            progress(len(chunk))
            if file.tell() > size:
                raise StudyError(f"{url}: longer than the {size} bytes that the sheet says; get the right address")
        if file.tell() < size:
            raise OSError(f"the connection ended after {file.tell()} of {size} bytes")
