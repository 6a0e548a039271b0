"""Logs and progress of one step: a bar on a terminal, sparse lines in a log."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

LOGGER = logging.getLogger("expertneurons")
SECONDS_BETWEEN_LINES = 20.0


def prefer_own_python() -> None:
    """Let jobs find the Python of this Snakemake first, even where its environment was not activated.

    An environment that is activated for a job later still comes before it.
    """
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


@contextmanager
def logged(command: str, log: Path | None) -> Iterator[logging.Logger]:
    """Send this command's messages to stderr and, where one is named, to a log file, tracebacks included."""
    logging.captureWarnings(capture=True)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(log, mode="w", encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter(f"{command}: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    LOGGER.setLevel(logging.INFO)
    try:
        yield LOGGER
    except Exception:
        if log is not None:
            logging.root.handlers = handlers[1:]  # Python itself prints the traceback on stderr
            LOGGER.exception("failed")
        raise
    finally:
        for handler in handlers[1:]:
            handler.close()


class Progress:
    """Counts what is done of a total; call it with the number of items just finished."""

    def __init__(self, total: int, label: str, unit: str) -> None:
        """Start at zero: a bar where stderr is a terminal, else a log line every 20 seconds."""
        self._terminal = sys.stderr.isatty()
        self._bar = tqdm(total=total, desc=label, unit=unit, disable=not self._terminal, leave=False)
        self._total, self._label, self._unit = total, label, unit
        self._done, self._next = 0, time.monotonic() + SECONDS_BETWEEN_LINES

    def __call__(self, count: int) -> None:
        """Add what was just finished."""
        self._done += count
        self._bar.update(count)
        if not self._terminal and time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
            LOGGER.info("%s: %d of %d %s", self._label, self._done, self._total, self._unit)
        if self._done >= self._total:
            self._bar.close()
