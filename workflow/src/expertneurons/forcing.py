"""Forcing: hold chosen units of a model at given values during its passes, every row of a batch its own units."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from expertneurons import sites


class UnitSet(NamedTuple):
    """Units by their number over all taps, (n,), and the value that each is held at, (n,): at most, if `capped`."""

    units: npt.NDArray[np.intp]
    values: npt.NDArray[np.float32]
    capped: bool = False


NOTHING = UnitSet(np.empty(0, np.intp), np.empty(0, np.float32))

# Of one tap: rows of the batch, columns of the tensor, values, and whether they only cap; all (n,).
Plan = tuple[torch.Tensor, ...]


class Forcing:
    """Which units the current batch of each thread holds."""

    def __init__(self, sizes: Sequence[int]) -> None:
        """Take how many units each tap has, in the order of the taps."""
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._current = threading.local()

    @contextmanager
    def rows(self, sets: Sequence[UnitSet]) -> Iterator[None]:
        """Force the units of one set per row of the batch, at every token, in this thread and during this block."""
        self._current.plans = self._planned(sets)
        try:
            yield
        finally:
            self._current.plans = {}

    def _planned(self, sets: Sequence[UnitSet]) -> dict[int, Plan]:
        rows = np.repeat(np.arange(len(sets)), [len(own.units) for own in sets])
        units = np.concatenate([own.units for own in sets])
        values = np.concatenate([own.values for own in sets]).astype(np.float32)
        capped = np.repeat([own.capped for own in sets], [len(own.units) for own in sets])
        taps = np.searchsorted(self._starts, units, side="right") - 1
        columns = units - self._starts[taps]
        return {
            int(tap): tuple(torch.from_numpy(part[taps == tap]) for part in (rows, columns, values, capped))
            for tap in np.unique(taps)
        }

    def sink(self, number: int, values: torch.Tensor) -> Any:
        """Return what a tap sees, (batch, tokens, units), with the forced units replaced; None where there are none."""
        plan = getattr(self._current, "plans", {}).get(number)
        if plan is None:
            return None
        rows, columns, forced, capped = (part.to(values.device) for part in plan)
        forced = forced.to(values.dtype)[:, None]
        changed = values.clone()
        lower = torch.minimum(values[rows, :, columns], forced)  # (n, tokens)
        changed[rows, :, columns] = torch.where(capped[:, None], lower, forced)
        return changed


@contextmanager
def forcible(network: Any, taps: list[sites.Tap], sizes: Sequence[int]) -> Iterator[Forcing]:
    """Let batches force units of a model; the hooks are gone after the block, even on error.

    Args:
        network: The model in which the taps were resolved, without its head.
        taps: Where units are.
        sizes: Units of each tap, as `sites.widths` counts them.

    """
    forcing = Forcing(sizes)
    with sites.tapped(network, taps, forcing.sink):
        yield forcing
