"""Halves: one half of every concept's sentences chooses and fits, the other half judges."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from expertneurons import seeds
from expertneurons.design import Design, Indices
from expertneurons.errors import StudyError


def halves(design: Design, sentences: int, seed: int) -> tuple[Indices, Indices]:
    """Split all sentences in two, each concept's positives evenly; returns the numbers of both halves, rising.

    Sentences that are no concept's positives all fall to the second half.
    """
    first = np.zeros(sentences, np.bool_)
    for concept, rows in enumerate(design.positives):
        if len(rows) < 2:
            raise StudyError(f"concept {concept} has {len(rows)} sentences, two halves need 2; write more")
        order = seeds.generator(seed, "halves", concept).permutation(rows)
        first[order[: len(rows) // 2]] = True
    return np.flatnonzero(first), np.flatnonzero(~first)


def restricted(design: Design, rows: Indices, sentences: int) -> Design:
    """Return the design over some of the sentences, numbered anew in the order of `rows`."""
    place = np.full(sentences, -1)
    place[rows] = np.arange(len(rows))

    def among(lists: Sequence[Indices] | None) -> list[Indices] | None:
        return None if lists is None else [own[own >= 0] for own in (place[given] for given in lists)]

    return Design(among(design.positives) or [], among(design.negatives), among(design.excluded), design.prevalence)


def roles(design: Design, sentences: int) -> Iterator[npt.NDArray[np.int8]]:
    """Yield for each concept what its sentences are: 1 a positive, -1 a negative, 0 neither."""
    for concept, positives in enumerate(design.positives):
        own = np.full(sentences, -1 if design.negatives is None else 0, np.int8)
        if design.negatives is not None:
            own[design.negatives[concept]] = -1
        if design.excluded is not None:
            own[design.excluded[concept]] = 0
        own[positives] = 1
        yield own
