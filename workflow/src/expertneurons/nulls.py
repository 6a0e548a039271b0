"""Nulls: what a measure is where nothing is organised, by shuffling concepts or by other random draws."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from expertneurons.organisation_names import LABELS, NOTHING

Row = dict[str, Any]
Values = npt.NDArray[np.float64]
Shuffles = npt.NDArray[np.intp]

TOLERANCE = 1e-12
BLOCK_CELLS = 2_000_000


def shuffles(generator: np.random.Generator, count: int, concepts: int) -> Shuffles:
    """Draw permutations of so many concepts, (count, concepts)."""
    return np.argsort(generator.random((count, concepts)), axis=1)


def blocks(drawn: Shuffles, cells: int) -> Iterator[Shuffles]:
    """Split permutations so that one block times `cells` values stays small."""
    size = max(1, BLOCK_CELLS // max(cells, 1))
    for first in range(0, len(drawn), size):
        yield drawn[first : first + size]


def p_value(value: float, null: Values, two_sided: bool = False) -> float:
    """Share of the null at least as large as the value, (b + 1) / (m + 1), never zero.

    Two-sided, it is the share at least as far from the null's mean.
    """
    if two_sided:
        value, null = abs(value - null.mean()), np.abs(null - null.mean())
    return float(((null >= value - TOLERANCE).sum() + 1) / (len(null) + 1))


def row(
    measure: str,
    value: float,
    null: Values | None = None,
    n: int = 0,
    kind: str = LABELS,
    two_sided: bool = False,
    **more: Any,
) -> Row:
    """Return one row of the `organisation` table.

    Args:
        measure: Its name.
        value: As observed; NaN where it is not defined.
        null: (draws,) the same measure where nothing is organised.
        n: How many pairs, triplets, concepts or units the value is taken over.
        kind: How the null was drawn.
        two_sided: Whether the p value counts both directions.
        more: Other columns, such as domain, norm, low, high or note.

    """
    known = null is not None and len(null) > 0 and not np.isnan(value) and not np.isnan(null).any()
    own = np.asarray(null, np.float64) if known else np.full(1, np.nan)
    return {
        "measure": measure,
        "norm": "",
        "domain": "",
        "null": kind if known else NOTHING,
        "value": float(value),
        "null_mean": float(own.mean()),
        "null_sd": float(own.std()),
        "p": p_value(value, own, two_sided) if known else np.nan,
        "low": np.nan,
        "high": np.nan,
        "order_low": np.nan,
        "order_high": np.nan,
        "n": n,
        "note": "",
        **more,
    }
