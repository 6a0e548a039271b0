"""Driving: the sentences that a unit answers most, of every unit, from its stored responses."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from expertneurons.files import open_array, save_array
from expertneurons.steps import Progress

UNITS_AT_ONCE = 2048


def rank_sentences(responses: Path, output: Path, model: str, count: int = 3) -> None:
    """Keep the sentences with the highest responses of every unit.

    Args:
        responses: `.npy` (sentences, units).
        output: `.npy` (units, count) int32: numbers of sentences, the highest response first.
        model: Its name, for the log.
        count: Sentences a unit; fewer where there are fewer.

    """
    values = open_array(responses)
    progress = Progress(values.shape[1], f"{model}: sentences that drive units", "units")
    found = []
    for first in range(0, values.shape[1], UNITS_AT_ONCE):
        block = values[:, first : first + UNITS_AT_ONCE]
        found.append(highest(block, count))
        progress(block.shape[1])
    save_array(output, np.concatenate(found))


def highest(block: npt.NDArray[Any], count: int) -> npt.NDArray[np.int32]:
    """Rows with the highest values of every column, (columns, count); of equal values the first row."""
    left = np.array(block, np.float32)
    chosen = []
    for _ in range(min(count, len(left))):
        best = left.argmax(axis=0)
        left[best, np.arange(left.shape[1])] = -np.inf
        chosen.append(best)
    return np.stack(chosen, axis=1).astype(np.int32)
