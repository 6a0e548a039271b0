"""Stored: responses on disk, scored in blocks of units so that they need not fit into memory."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from expertneurons.design import Design, Indices
from expertneurons.expertise import Scores, score

CHUNK_BYTES = 64 << 20


def spans(answers: npt.NDArray[Any]) -> Iterator[slice]:
    """Slices of the units that are held in memory at once."""
    width = max(16, CHUNK_BYTES // (4 * len(answers)))
    return (slice(first, first + width) for first in range(0, answers.shape[1], width))


def score_stored(
    answers: npt.NDArray[Any],
    design: Design,
    threads: int,
    rows: Indices | None = None,
    precision: str | None = None,
    advance: Callable[[int], object] = lambda _units: None,
) -> tuple[Scores, Scores]:
    """AP and AUROC of every unit on some of the sentences, (concepts, units) float32 each.

    Args:
        answers: (sentences, units).
        design: Over the sentences that are taken, numbered by their place among them.
        threads: Threads that share the units.
        rows: Sentences to take, in this order; None takes all.
        precision: float16 or float32 to round to first; None takes them as they are.
        advance: Told how many units each finished block held.

    """
    parts = []
    for span in spans(answers):
        block = answers[:, span] if rows is None else answers[:, span][rows]
        block = np.ascontiguousarray(block, block.dtype if precision is None else precision)
        parts.append(score(block, design, threads, advance, span.start))
    ap, auroc = (np.concatenate(own, axis=1) for own in zip(*parts, strict=True))
    return ap, auroc
