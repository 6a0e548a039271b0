"""Halves: sentences dealt into two halves, units chosen on one of them and measured on the other."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from expertneurons.design import Design, Indices

Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def deal(concepts: Indices, registers: npt.NDArray[np.str_], generator: np.random.Generator) -> Mask:
    """Deal every concept's sentences into two halves at random, its registers alike in both.

    Args:
        concepts: (sentences,) the concept that each sentence is for.
        registers: (sentences,).
        generator: Of the order in which they are dealt.

    Returns:
        (sentences,) whether a sentence is in the first half; halves of a concept, and of a register within it, differ
        by one sentence at most.

    """
    order = np.lexsort((generator.random(len(concepts)), registers, concepts))
    first = np.empty(len(concepts), bool)
    place = np.arange(len(concepts)) - np.searchsorted(concepts[order], concepts[order])
    first[order] = place % 2 == 0
    return first


def complete(design: Design, sentences: int) -> tuple[Indices, Design]:
    """Leave out concepts without positives or negatives; returns the numbers of the others, and their design."""
    kept = np.flatnonzero((design.counts(sentences) >= 1).all(axis=1))

    def lists(found: Sequence[Indices] | None) -> list[Indices] | None:
        return None if found is None else [found[number] for number in kept.tolist()]

    return kept, Design(
        lists(design.positives) or [], lists(design.negatives), lists(design.excluded), design.prevalence
    )


class Choice:
    """Which units a half of the sentences chooses: the best of every concept, in their order."""

    def __init__(self, concepts: int, count: int) -> None:
        """Take how many units are chosen for a concept."""
        self._ap = np.full((concepts, count), -1, np.float32)
        self._units = np.full((concepts, count), -1, np.intp)

    def add(self, ap: Scores, first: int) -> None:
        """Take the AP of a block of units, (concepts, units), the first of which has the number `first`."""
        numbers = np.broadcast_to(np.arange(first, first + ap.shape[1]), ap.shape)
        both, units = np.hstack([self._ap, ap]), np.hstack([self._units, numbers])
        best = np.argsort(-both, axis=1, kind="stable")[:, : self._ap.shape[1]]
        self._ap, self._units = np.take_along_axis(both, best, 1), np.take_along_axis(units, best, 1)

    def of(self, concept: int) -> list[int]:
        """Units of a concept, the best first."""
        units = self._units[concept]
        return [int(unit) for unit in units[units >= 0]]


class Pick(NamedTuple):
    """A listed unit: its rank in the half that put it higher, the halves (0, 1) that did, and how many list it."""

    unit: int
    rank: int
    chosen_on: tuple[int, ...]
    halves: int


def merged(lists: Sequence[Sequence[int]], count: int) -> list[Pick]:
    """Merge the lists of two halves by rank, best of the first, best of the second, and so on.

    A unit counts as chosen by the half that ranks it higher, by both where they agree. What it is worth on the other
    half then owes nothing to that half; where both list it, it is measured where it did less well.
    """
    found: list[Pick] = []
    for unit in dict.fromkeys(unit for pair in zip_longest(*lists) for unit in pair if unit is not None):
        ranks = {half: own.index(unit) + 1 for half, own in enumerate(lists) if unit in own}
        best = min(ranks.values())
        found.append(Pick(unit, best, tuple(half for half, rank in ranks.items() if rank == best), len(ranks)))
    return found[:count]
