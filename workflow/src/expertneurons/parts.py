"""Parts: what a long step has finished, kept beside its result until all is there, so that a killed step goes on."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from expertneurons.errors import StudyError
from expertneurons.files import open_array, replacing, save_array
from expertneurons.steps import LOGGER

KEY = "key.txt"


class Parts:
    """A hidden folder of finished parts beside a result; parts made from something else are thrown away."""

    def __init__(self, result: Path, *made_from: Any) -> None:
        """Open the folder; `made_from` is all that decides what the parts hold, as texts, numbers, arrays or paths.

        A path stands for its file's length and time of change, or for those of all files in its folder.
        """
        self.folder = result.with_name(f".{result.name}.parts")
        key = digest(*made_from)
        noted = self.folder / KEY
        if not noted.is_file() or noted.read_text(encoding="utf-8") != key:
            self.close()
            self.folder.mkdir(parents=True)
            with replacing(noted) as partial:
                partial.write_text(key, encoding="utf-8")

    def save(self, name: str, values: npt.NDArray[Any]) -> None:
        """Keep one part."""
        save_array(self._path(name), values)

    def load(self, name: str, shape: tuple[int | None, ...], within: tuple[float, float]) -> npt.NDArray[Any] | None:
        """Give back a part of this or of an earlier, killed run; None where there is none, or a damaged one."""
        path = self._path(name)
        try:
            return open_array(path, shape, within) if path.is_file() else None
        except StudyError as error:
            LOGGER.warning("%s; it is made again", error)
            return None

    def close(self) -> None:
        """Throw the parts away."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npy"


def digest(*made_from: Any) -> str:
    """Digest of texts, numbers, arrays, lists of arrays, and the state of files; 64 hex digits."""
    found = hashlib.sha256()
    for item in made_from:
        found.update(b"\0" + type(item).__name__.encode())
        if isinstance(item, np.ndarray):
            found.update(f"{item.dtype}{item.shape}".encode() + np.ascontiguousarray(item).tobytes())
        elif isinstance(item, list | tuple):
            found.update(digest(*item).encode())
        elif isinstance(item, Path):
            files = sorted(item.rglob("*")) if item.is_dir() else [item]
            states = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
            found.update(repr(states).encode())
        else:
            found.update(repr(item).encode())
    return found.hexdigest()
