"""Fixtures shared by all tests."""

import logging
import os
from collections.abc import Iterator

import pytest

# The steps share out work themselves; two pools at once only slow the tests down.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Put the root logger back, which `steps.logged` sets up anew."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.captureWarnings(capture=False)
