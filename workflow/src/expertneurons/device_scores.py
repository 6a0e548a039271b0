"""Device scores: AP and AUROC of every unit for every concept in torch, where a GPU holds the responses."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from expertneurons.design import Design, Indices
from expertneurons.errors import StudyError
from expertneurons.expertise import Scores, not_finite

# What one step of the work may take of the device's memory, beside the responses.
STEP_BYTES = 512 << 20
ABSENT = 1 << 30


def score_on_device(
    responses: npt.NDArray[Any] | torch.Tensor,
    design: Design,
    advance: Callable[[int], object] = lambda _units: None,
    number: int = 0,
    device: str | torch.device = "cuda",
) -> tuple[Scores, Scores]:
    """AP and AUROC as `expertise.score` gives them, to 1e-6, from one sort per unit on a device.

    Ranks of all sentences come from one sort; per concept only those of its positives and of its negatives (or, where
    all other sentences are negatives, of the excluded ones) are put in order and counted against each other.

    Args:
        responses: (sentences, units) float16, bfloat16 or float32, finite.
        design: Over the sentences.
        advance: Told how many units each finished block held.
        number: What errors call the first unit.
        device: Where to work.

    """
    sentences, units = responses.shape
    lists = _Lists(design, sentences, torch.device(device))
    block = max(1, STEP_BYTES // (sentences * 40))
    ap = np.empty((len(design.positives), units), np.float32)
    area = np.empty_like(ap)
    for first in range(0, units, block):
        span = slice(first, min(units, first + block))
        own = torch.as_tensor(responses[:, span]).to(device).float().T.contiguous()
        if not bool(torch.isfinite(own).all()):
            raise StudyError(not_finite(np.asarray(own.T.cpu()), number + first))
        ap[:, span], area[:, span] = (part.T.cpu().numpy() for part in lists.score(*_groups(own)))
        advance(span.stop - first)
    return ap, area


def _groups(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Ranks, from the highest response down, at which each sentence's tie group starts and ends: (units, sentences)."""
    ranked, order = values.sort(dim=1, descending=True)
    new = torch.ones_like(ranked, dtype=torch.bool)
    new[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    rank = torch.arange(values.shape[1], dtype=torch.int32, device=values.device).expand_as(order)
    start = torch.where(new, rank, 0).cummax(dim=1).values
    last = torch.cat([new[:, 1:], new[:, :1]], dim=1)
    last[:, -1] = True
    end = torch.where(last, rank + 1, ABSENT).flip(1).cummin(dim=1).values.flip(1)
    return torch.empty_like(start).scatter_(1, order, start), torch.empty_like(end).scatter_(1, order, end)


class _Lists:
    """A design as padded tables of sentences on the device, worked through in groups of concepts."""

    def __init__(self, design: Design, sentences: int, device: torch.device) -> None:
        self._rest = design.negatives is None
        others = design.excluded if self._rest else design.negatives
        self._counts = torch.tensor(design.checked_counts(sentences), device=device)
        self._weights = torch.tensor(design.weights(sentences), device=device)
        self._positives = _table(design.positives, device)
        self._others = _table(others or [np.empty(0, np.intp)] * len(design.positives), device)

    def score(self, start: torch.Tensor, end: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """AP and AUROC, (units, concepts) float32 each."""
        width = self._positives.shape[1] + self._others.shape[1]
        step = max(1, STEP_BYTES // (start.shape[0] * width * 48))
        parts = [self._some(start, end, slice(c, c + step)) for c in range(0, len(self._counts), step)]
        return torch.cat([ap for ap, _ in parts], 1), torch.cat([area for _, area in parts], 1)

    def _some(self, start: torch.Tensor, end: torch.Tensor, some: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """AP and AUROC of some concepts. Rows below are (units, concepts, positives) in the order of the ranking."""
        own, others = self._positives[some], self._others[some]
        ends, places = _picked(end, own).sort(dim=2)
        starts = _picked(start, own).gather(2, places)
        there = ends < ABSENT
        hits = torch.searchsorted(ends, ends, right=True).double()
        against = _picked(end, others).sort(dim=2).values
        # Others in ranks before the end of a positive's tie group, and before its start.
        down = torch.searchsorted(against, ends, right=True).double()
        above = torch.searchsorted(against, starts, right=True).double()
        middle = 0.5 * (starts + ends - 1).double()
        false = ends - hits - down if self._rest else down
        over = middle - 0.5 * (down + above) if self._rest else 0.5 * (down + above)
        n, m = self._counts[some, 0], self._counts[some, 1]
        precision = hits / (hits + self._weights[some, None] * false)
        ap = torch.where(there, precision, 0.0).sum(2) / n
        # Among the others above positives, positives themselves count n (n - 1) / 2 in any ranking.
        beaten = torch.where(there, over, 0.0).sum(2) - (0.5 * n * (n - 1) if self._rest else 0.0)
        return ap.float(), (1 - beaten / (n * m)).float()


def _table(lists: Sequence[Indices], device: torch.device) -> torch.Tensor:
    """Lay lists of sentences out as rows, filled up with -1."""
    table = np.full((len(lists), max(1, *map(len, lists)) if lists else 1), -1, np.int64)
    for row, own in zip(table, lists, strict=True):
        row[: len(own)] = own
    return torch.tensor(table, device=device)


def _picked(ranks: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Pick the ranks of the listed sentences, (units, concepts, listed); ABSENT where a row is filled up."""
    picked = ranks[:, table.clamp(min=0)]
    return torch.where(table >= 0, picked, ABSENT)
