"""Files that are whole or absent: temporary names, reserved space, checksums, memory-mapped arrays."""

import errno
import hashlib
import mmap
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from expertneurons.errors import StudyError

AGAIN = "delete it and run again"
SCORE, FINITE = (0.0, 1.0), (-np.inf, np.inf)
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
LOCKED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary name beside the target; it takes the target's place only if the block succeeds.

    Works for a file or a folder. A full disk, or a folder that may not be written to, is an error that names the place.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        _remove(partial)  # of a killed process that had this number
        yield partial
        if not partial.exists():
            raise FileNotFoundError(f"nothing was written for {target}")
        if target.is_dir():
            shutil.rmtree(target)
        partial.replace(target)
    except Exception as error:
        number = _number(error)
        remedy = "free some disk space" if number in FULL else "give the run access to it" if number in LOCKED else ""
        if not remedy:
            raise
        named = str(getattr(error, "filename", None) or partial)
        place = target if partial.name in named else named
        raise StudyError(f"{place}: {os.strerror(number)}; {remedy} and run again") from error
    finally:
        with suppress(OSError):  # of a disk that has become read-only
            _remove(partial)


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Yield an empty folder on the same disk as `beside`, which is gone after the block."""
    folder = beside.with_name(f".{beside.name}.scratch.{os.getpid()}.partial")
    _sweep(beside)
    _remove(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        _remove(folder)


def _sweep(target: Path) -> None:
    """Remove what killed writers of the target left, so that it does not fill the disk."""
    pattern = re.compile(rf"\.{re.escape(target.name)}(?:\.scratch)?\.(\d+)\.partial")
    for path in target.parent.iterdir() if target.parent.is_dir() else ():
        writer = pattern.fullmatch(path.name)
        if writer and not _runs(int(writer[1])):
            _remove(path)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _number(error: Exception) -> int:
    """Return the system's number of an error; safetensors gives it in words alone."""
    told = re.search(r"os error (\d+)", str(error))
    return getattr(error, "errno", None) or (int(told[1]) if told else 0)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


@contextmanager
def new_array(target: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Iterator[npt.NDArray[Any]]:
    """Yield a memory-mapped array that becomes the `.npy` file `target` when the block succeeds.

    The space is reserved first: a mapped page that the disk cannot hold would end the process without a word.
    """
    with replacing(target) as partial:
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.dtype(dtype), shape=shape)
        if hasattr(os, "posix_fallocate"):
            with partial.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
        yield array
        array.flush()
        del array


def let_go(array: npt.NDArray[Any]) -> None:
    """Give a mapped array's pages back to the system, which writes them when it likes."""
    if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.base.madvise(mmap.MADV_DONTNEED)


def save_array(target: Path, values: npt.NDArray[Any]) -> None:
    """Write an array as `.npy`."""
    with new_array(target, values.shape, values.dtype) as array:
        array[...] = values


def open_array(
    path: Path, shape: tuple[int | None, ...] | None = None, within: tuple[float, float] | None = None
) -> npt.NDArray[Any]:
    """Map a `.npy` file read-only.

    Args:
        path: The file.
        shape: What its shape must be, None where any size will do; its values are then floating-point numbers.
        within: SCORE or FINITE, between which all values must lie; without it they are not looked at.

    """
    try:
        array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise StudyError(f"{path} is not a whole .npy file ({error}); {AGAIN}") from error
    if shape is not None and (array.dtype.kind != "f" or not _fits(array.shape, shape)):
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        found = " x ".join(map(str, array.shape))
        raise StudyError(f"{path} holds {found} {array.dtype}, not {wanted} floating-point numbers; {AGAIN}")
    if within is not None:
        for row in array:  # one at a time: the whole may not fit into memory
            _check_values(path, row, within)
    return array


def _check_values(path: Path, values: npt.NDArray[Any], within: tuple[float, float]) -> None:
    wrong = values[~(np.isfinite(values) & (values >= within[0]) & (values <= within[1]))]
    if wrong.size:
        wanted = "finite" if within == FINITE else f"from {within[0]:g} to {within[1]:g}"
        raise StudyError(f"{path} holds {wrong[0]}, which is not {wanted}: the file is damaged; {AGAIN}")


def _fits(found: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(found) == len(shape) and all(own in (None, size) for size, own in zip(found, shape, strict=True))


def sha256(path: Path) -> str:
    """Digest of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, digest: str, size: int | None = None, name: str = "") -> None:
    """Raise unless the file has the expected size (bytes) and sha256; `name` is what the error calls it."""
    name = name or str(path)
    if size is not None and path.stat().st_size != size:
        raise StudyError(f"{name}: {path.stat().st_size} bytes instead of {size}; the copy is cut or another version")
    if (found := sha256(path)) != digest:
        raise StudyError(f"{name}: sha256 is {found}, the sheet says {digest}; do not use this copy, get the right one")
