"""Files that are whole or absent: temporary names, reserved space, checksums, memory-mapped arrays."""

import errno
import hashlib
import mmap
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from expertneurons.errors import StudyError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary name beside the target; it takes the target's place only if the block succeeds.

    Works for a file or a folder. A full disk becomes an error that names the target.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    _remove(partial)  # of a killed process that had this number
    try:
        yield partial
        if not partial.exists():
            raise FileNotFoundError(f"nothing was written for {target}")
        if target.is_dir():
            shutil.rmtree(target)
        partial.replace(target)
    except OSError as error:
        if error.errno in FULL:
            raise StudyError(
                f"{target}: {os.strerror(error.errno or 0)}; free some disk space and run again"
            ) from error
        raise
    finally:
        _remove(partial)


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


def open_array(path: Path) -> npt.NDArray[Any]:
    """Map a `.npy` file read-only."""
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise StudyError(f"{path} is not a whole .npy file ({error}); delete it and run again") from error


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
