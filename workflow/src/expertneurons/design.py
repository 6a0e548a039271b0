"""Designs: which sentences are positives and negatives of a concept, and what chance is under them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from expertneurons.errors import StudyError

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Design:
    """Which sentences are positives and negatives of each concept.

    positives, excluded: one index array per concept. negatives: one per concept, or None for every other sentence
    that is not excluded. prevalence: weight the negatives so that positives make up this share (None: as they are).
    """

    positives: Sequence[Indices]
    negatives: Sequence[Indices] | None = None
    excluded: Sequence[Indices] | None = None
    prevalence: float | None = None

    def lists(self) -> list[Sequence[Indices]]:
        """Return all lists of sentences that the design names."""
        return [self.positives, self.negatives or [], self.excluded or []]

    def counts(self, sentences: int) -> npt.NDArray[np.float64]:
        """Return the numbers of positives and negatives, (concepts, 2)."""
        positives = [len(rows) for rows in self.positives]
        if self.negatives is not None:
            negatives = [len(rows) for rows in self.negatives]
        else:
            out = self.excluded or [np.empty(0, np.intp)] * len(positives)
            negatives = [sentences - n - len(rows) for n, rows in zip(positives, out, strict=True)]
        return np.array([positives, negatives], np.float64).T

    def checked_counts(self, sentences: int) -> npt.NDArray[np.float64]:
        """Return `counts`; raise where a concept has no positives or no negatives."""
        counts = self.counts(sentences)
        for concept, (positives, negatives) in enumerate(counts):
            if positives < 1 or negatives < 1:
                raise StudyError(
                    f"concept {concept} has {positives:.0f} positive and {negatives:.0f} negative sentences"
                )
        return counts

    def weights(self, sentences: int) -> npt.NDArray[np.float64]:
        """Return the weight of one negative, (concepts,): n_pos (1 - p) / (p n_neg) at the prevalence p."""
        positives, negatives = self.counts(sentences).T
        if self.prevalence is None:
            return np.ones_like(positives)
        return np.asarray(positives * (1 - self.prevalence) / (self.prevalence * negatives), np.float64)

    def chance(self, sentences: int) -> npt.NDArray[np.float64]:
        """Return the AP of a constant unit, (concepts,): the effective prevalence."""
        positives, negatives = self.counts(sentences).T
        return np.asarray(positives / (positives + self.weights(sentences) * negatives), np.float64)

    def permuted(self, generator: np.random.Generator, sentences: int, repeats: int) -> "Design":
        """Return the same design over shuffled sentences, `repeats` times each concept."""
        orders = [generator.permutation(sentences) for _ in range(repeats)]

        def shuffle(lists: Sequence[Indices]) -> list[Indices]:
            return [order[rows] for order in orders for rows in lists]

        return Design(
            shuffle(self.positives),
            None if self.negatives is None else shuffle(self.negatives),
            None if self.excluded is None else shuffle(self.excluded),
            self.prevalence,
        )
