"""Senses: whether a concept's sentences fall into two groups that have different experts.

The groups are the two sides of the first principal component of the sentences' standardised responses over all units,
registers set aside. Groups made this way always differ somewhere; what counts is whether the units that tell one group
from all other sentences also find the other group, as they do where both speak of one thing.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from expertneurons.design import Design, Indices

Values = npt.NDArray[np.float64]

LEAST = 3  # sentences in a group
BEST = 5  # units of a group


def add_products(products: Sequence[Values], responses: npt.NDArray[np.float32], positives: Sequence[Indices]) -> None:
    """Add a block of units, (sentences, units), to the products of every two sentences of each concept."""
    spread = responses.std(axis=0)
    standard = (responses - responses.mean(axis=0)) / np.where(spread > 0, spread, 1)
    for product, rows in zip(products, positives, strict=True):
        product += standard[rows] @ standard[rows].T


def split(product: Values, registers: npt.NDArray[np.str_]) -> npt.NDArray[np.bool_] | None:
    """Say on which side each sentence of a concept is, (sentences,); None where a side has fewer than 3 sentences.

    Args:
        product: (sentences, sentences) sums over units of products of standardised responses.
        registers: (sentences,) whose means are taken off first.

    """
    same = registers[:, None] == registers[None]
    centring = np.eye(len(product)) - same / same.sum(axis=1, keepdims=True)
    leading = np.linalg.eigh(centring @ product @ centring.T)[1][:, -1]
    side = leading * leading[0] > 0  # an eigenvector has no sign: the first sentence's side is the first group
    return side if LEAST <= side.sum() <= len(side) - LEAST else None


def grouped(design: Design, sides: Sequence[npt.NDArray[np.bool_] | None]) -> tuple[list[int], Design]:
    """Make each group of a divided concept a concept, the other group being neither positive nor negative.

    Returns:
        The numbers of the divided concepts, and a design in which they stand twice: group, other group, group, ...

    """
    divided = [number for number, side in enumerate(sides) if side is not None]
    positives, out, others = [], [], []
    for number in divided:
        rows, side = design.positives[number], np.asarray(sides[number])
        positives += [rows[side], rows[~side]]
        excluded = np.empty(0, np.intp) if design.excluded is None else design.excluded[number]
        out += [np.union1d(rows[own], excluded).astype(np.intp) for own in (~side, side)]
        others += [] if design.negatives is None else [design.negatives[number]] * 2
    if design.negatives is None:
        return divided, Design(positives, None, out, design.prevalence)
    return divided, Design(positives, others, None, design.prevalence)


class Crossing:
    """Keeps, for every group, the AP of its best units on its own sentences and on those of the other group."""

    def __init__(self, groups: int) -> None:
        """Start without units; groups come in pairs."""
        self._own = np.full((groups, BEST), -1.0)
        self._other = np.full((groups, BEST), np.nan)

    def add(self, ap: npt.NDArray[np.float32]) -> None:
        """Take the AP of a block of units, (groups, units)."""
        swapped = ap.reshape(-1, 2, ap.shape[1])[:, ::-1].reshape(ap.shape)
        own, other = np.hstack([self._own, ap]), np.hstack([self._other, swapped])
        best = np.argsort(-own, axis=1, kind="stable")[:, :BEST]
        self._own, self._other = np.take_along_axis(own, best, 1), np.take_along_axis(other, best, 1)

    def means(self) -> tuple[Values, Values]:
        """Return the mean AP of each group's best units on its own and on the other group, (groups / 2, 2) each."""
        kept = self._own >= 0
        total = np.maximum(kept.sum(axis=1), 1)
        own = np.where(kept, self._own, 0).sum(axis=1) / total
        other = np.where(kept, self._other, 0).sum(axis=1) / total
        return own.reshape(-1, 2), other.reshape(-1, 2)
