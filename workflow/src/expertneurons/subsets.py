"""Subsets: the same design on some of the sentences, and concepts' sentences drawn into disjoint parts."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from expertneurons.design import Design, Indices
from expertneurons.errors import StudyError


def restricted(design: Design, rows: Indices, sentences: int) -> Design:
    """Return the design on some sentences only, numbered by their place in `rows`.

    Args:
        design: Over all sentences.
        rows: Distinct sentence numbers, in any order.
        sentences: Number of all sentences.

    """
    place = np.full(sentences, -1, np.intp)
    place[rows] = np.arange(len(rows))

    def kept(lists: Sequence[Indices]) -> list[Indices]:
        return [place[own][place[own] >= 0] for own in lists]

    return Design(
        kept(design.positives),
        None if design.negatives is None else kept(design.negatives),
        None if design.excluded is None else kept(design.excluded),
        design.prevalence,
    )


def parts(
    positives: Sequence[Indices],
    size: int,
    wanted: int,
    generator: np.random.Generator,
    strata: npt.NDArray[np.intp] | None = None,
) -> list[list[Indices]]:
    """Draw sets of `size` positives for every concept; sets cut from one shuffle share no sentence.

    Args:
        positives: Sentences of each concept.
        size: Sentences of a set.
        wanted: Sets a concept.
        generator: Of the shuffles.
        strata: (sentences,) number of the register of each; sets then hold its registers in like shares.

    Returns:
        `wanted` times one array per concept. As many of them in a row as fit into a concept's sentences are disjoint.

    """
    fit = min(len(own) for own in positives) // size
    found: list[list[Indices]] = []
    while len(found) < wanted:
        orders = [_shuffled(own, generator, strata) for own in positives]
        found += [[order[part * size : (part + 1) * size] for order in orders] for part in range(fit)]
    return found[:wanted]


def _shuffled(own: Indices, generator: np.random.Generator, strata: npt.NDArray[np.intp] | None) -> Indices:
    """Shuffle; with strata, so that every stretch holds them in like shares."""
    own = generator.permutation(own)
    if strata is None:
        return own
    # The place of a sentence within its stratum, as a share: sorting by it deals the strata out evenly.
    share = np.empty(len(own))
    for stratum in np.unique(strata[own]):
        members = np.flatnonzero(strata[own] == stratum)
        share[members] = (np.arange(len(members)) + 0.5) / len(members)
    return own[np.argsort(share, kind="stable")]


def halves(
    positives: Sequence[Indices], sentences: int, generator: np.random.Generator, strata: npt.NDArray[np.intp]
) -> tuple[Indices, Indices]:
    """Split all sentences in two, each concept's and each register's as evenly as they go; rising numbers.

    Raises:
        StudyError: a concept with fewer than two positives.

    """
    for concept, own in enumerate(positives):
        if len(own) < 2:
            raise StudyError(f"concept {concept} has {len(own)} sentences, two halves need 2; write more")
    first = np.zeros(sentences, np.bool_)
    rest = np.setdiff1d(np.arange(sentences), np.concatenate(positives))
    for own in [*positives, rest]:
        for stratum in np.unique(strata[own]):
            members = generator.permutation(own[strata[own] == stratum])
            odd = int(generator.integers(2)) if len(members) % 2 else 0
            first[members[: len(members) // 2 + odd]] = True
    return np.flatnonzero(first), np.flatnonzero(~first)


def negatives(design: Design, concept: int, sentences: int) -> Indices:
    """Return the numbers of a concept's negatives."""
    if design.negatives is not None:
        return design.negatives[concept]
    kept = np.ones(sentences, bool)
    kept[design.positives[concept]] = False
    if design.excluded is not None:
        kept[design.excluded[concept]] = False
    return np.flatnonzero(kept)


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
