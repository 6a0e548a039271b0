"""Expertise: how well each unit's responses tell a concept's sentences from the others (AP and AUROC)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from expertneurons.design import Design, Indices
from expertneurons.errors import StudyError
from expertneurons.plans import plan_of

Scores = npt.NDArray[np.float32]


def average_precision(
    responses: npt.NDArray[Any],
    positives: Sequence[Indices],
    negatives: Sequence[Indices] | None = None,
    excluded: Sequence[Indices] | None = None,
    prevalence: float | None = None,
) -> Scores:
    """Average precision of every unit as a score for every concept.

    AP = sum over steps of the ranking of (recall gained) x precision, equal responses forming one step; equal to
    `sklearn.metrics.average_precision_score`, with sample weights where `prevalence` is given. A constant unit scores
    the prevalence. Definition: Suau et al. 2020 (arXiv 2005.07647, section 3), ties as in scikit-learn.

    Args:
        responses: (sentences, units) float16 or float32, finite.
        positives: one array of sentence numbers per concept.
        negatives: one array per concept; None takes all other sentences.
        excluded: one array per concept of sentences that are neither; only with `negatives=None`.
        prevalence: share of positives, 0 to 1, to which the negatives are weighted; None leaves them unweighted.

    Returns:
        (concepts, units) float32.

    Raises:
        StudyError: responses that are not finite, or a concept without positives or without negatives.

    """
    return score(responses, Design(positives, negatives, excluded, prevalence))[0]


def auroc(
    responses: npt.NDArray[Any],
    positives: Sequence[Indices],
    negatives: Sequence[Indices] | None = None,
    excluded: Sequence[Indices] | None = None,
    prevalence: float | None = None,
) -> Scores:
    """Area under the ROC curve of every unit for every concept; arguments and errors as in `average_precision`.

    The chance that a positive's response is above a negative's, ties counting one half; it does not depend on the
    prevalence. Equal to `sklearn.metrics.roc_auc_score`. Returns (concepts, units) float32.
    """
    return score(responses, Design(positives, negatives, excluded, prevalence))[1]


def score(
    responses: npt.NDArray[Any],
    design: Design,
    threads: int = 1,
    advance: Callable[[int], object] = lambda _units: None,
    number: int = 0,
) -> tuple[Scores, Scores]:
    """AP and AUROC of every unit for every concept from one sort per unit: two (concepts, units) float32 arrays.

    `threads` share the units; `advance` is told how many units each finished block held;
    `number` is what errors call the first unit.
    """
    plan = plan_of(responses, design)
    units = responses.shape[1]
    ap = np.empty((len(design.positives), units), np.float32)
    area = np.empty_like(ap)
    # Kept from block to block: memory that is new to a process is slow to come by.
    spare = [plan.buffers() for _ in range(threads)]

    def block(first: int) -> int:
        last = min(units, first + plan.block)
        own = np.empty((2, ap.shape[0], last - first), np.float32)
        buffers = spare.pop()
        finite = plan.run(first, buffers, own)
        spare.append(buffers)
        if not finite:
            raise StudyError(not_finite(responses[:, first:last], number + first))
        ap[:, first:last], area[:, first:last] = own
        return int(last - first)

    with ThreadPoolExecutor(threads) as pool:
        for done in pool.map(block, range(0, units, plan.block)):
            advance(done)
    return ap, area


def not_finite(responses: npt.NDArray[Any], number: int) -> str:
    """Say which of (sentences, units) is not finite, the first unit having this number."""
    row, column = np.argwhere(~np.isfinite(responses))[0]
    return (
        f"the response of unit {number + column} to sentence {row} is {responses[row, column]}: "
        "responses must be finite numbers"
    )
