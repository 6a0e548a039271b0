"""Seeds: every step draws from its own stream, derived from the study's one seed."""

import zlib

import numpy as np


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a generator that depends on the seed and on the names (of a step, a concept), and on nothing else."""
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])
