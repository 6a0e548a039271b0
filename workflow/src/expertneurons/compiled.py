"""Compiled kernels: the decorator that all of them carry, with a cache that knows what they are made of.

numba keeps machine code by the source of one module, but a kernel holds those that it calls in other modules too: after
a change there it would run as it was before. So the folder of the cache is named by the source of all kernels.
"""

import hashlib
from pathlib import Path

from numba import config, njit

FOLDER = Path(__file__).parent


def source_digest(folder: Path) -> str:
    """Return the digest of all modules of a folder that hold kernels."""
    sources = [path.read_bytes() for path in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"\0".join(source for source in sources if b"\n@kernel\n" in source)).hexdigest()[:16]


config.CACHE_DIR = str(Path(config.CACHE_DIR or FOLDER / "__pycache__") / f"kernels-{source_digest(FOLDER)}")

# Threads run kernels side by side (nogil); no division asks first whether it is one by zero (error_model).
kernel = njit(nogil=True, cache=True, error_model="numpy")
