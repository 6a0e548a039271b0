"""Expertise: how well each unit's responses tell a concept's sentences from the others (AP and AUROC)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from expertneurons import walks
from expertneurons.design import Design, Indices
from expertneurons.errors import StudyError

Scores = npt.NDArray[np.float32]

BLOCK_BYTES = 8 << 20
DENSE_SHARE = 1 / 16


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
    plan = _Plan.of(responses, design)
    units = responses.shape[1]
    ap = np.empty((len(design.positives), units), np.float32)
    area = np.empty_like(ap)

    def block(first: int) -> int:
        last = min(units, first + plan.block)
        own = np.empty((2, ap.shape[0], last - first), np.float32)
        if not plan.run(first, own):
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


@dataclass(frozen=True)
class _Plan:
    """A design laid out for the kernels: compressed rows from sentences to concepts."""

    bits: npt.NDArray[Any]
    rows: Indices
    block: int
    shift: Any
    arguments: tuple[Any, ...]

    @classmethod
    def of(cls, responses: npt.NDArray[Any], design: Design) -> "_Plan":
        """Check the input and lay it out."""
        if responses.dtype not in (np.float16, np.float32) or responses.ndim != 2:
            raise StudyError(
                f"responses are {responses.dtype} {responses.shape}; (sentences, units) float16 or float32"
            )
        sentences, concepts = responses.shape[0], len(design.positives)
        counts = design.checked_counts(sentences)
        rest = design.negatives is None
        lists = [*design.positives, *(design.negatives or [])]
        rows = np.arange(sentences) if rest else np.unique(np.concatenate(lists))
        place = np.zeros(sentences, np.intp)
        place[rows] = np.arange(rows.size)
        starts, members = _compressed(design.positives, place, rows.size)
        others = (design.excluded or []) if rest else (design.negatives or [])
        dense = not rest and sum(map(len, others)) > DENSE_SHARE * rows.size * concepts and counts.max() < 65_536
        negatives = _dense(others if dense else [], place, rows.size if dense else 0)
        out_starts, out_members = _compressed([] if dense else others, place, rows.size)
        half = responses.dtype == np.float16
        word = np.dtype(np.uint32 if half and rows.size <= 65_536 else np.uint64)
        block = max(16, BLOCK_BYTES // (word.itemsize * rows.size) // 16 * 16)
        fresh = np.zeros((concepts, walks.LINE))
        fresh[:, walks.WEIGHT] = design.weights(sentences)
        if not dense:
            fresh[:, walks.HITS] = counts[:, 0]
            fresh[:, walks.OUT] = [len(own) for own in others] if others else 0
        arguments = (
            *(_roles(starts, members, out_starts), starts, members, negatives, out_starts, out_members),
            *(fresh, counts, rest),
        )
        bits = np.asarray(responses).view(np.uint16 if half else np.uint32)
        return cls(bits, rows, block, word.type(16 if word.itemsize == 4 else 32), arguments)

    def run(self, first: int, out: Scores) -> bool:
        """Score the units from `first` on into out, (2, concepts, block); False if a response is not finite."""
        packed = np.empty((out.shape[2], self.rows.size), self.shift.dtype)
        return bool(walks.score_block(self.bits, self.rows, first, packed, self.shift, *self.arguments, *out))


def _compressed(
    lists: Sequence[Indices], place: Indices, rows: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Turn lists of sentences per concept into concepts per sentence."""
    sentences = place[np.concatenate([*lists, np.empty(0, np.intp)]).astype(np.intp)]
    concepts = np.repeat(np.arange(len(lists), dtype=np.int32), [len(own) for own in lists])
    starts = np.zeros(rows + 1, np.int64)
    np.cumsum(np.bincount(sentences, minlength=rows), out=starts[1:])
    return starts, concepts[np.argsort(sentences, kind="stable")]


def _roles(
    starts: npt.NDArray[np.int64], members: npt.NDArray[np.int32], out_starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int32]:
    """Name the one concept that a sentence is a positive of, or say that it is of none, or that it is not so simple."""
    positive, out = np.diff(starts), np.diff(out_starts)
    roles = np.where(out + positive > 0, walks.SEVERAL, walks.NOTHING).astype(np.int32)
    single = (positive == 1) & (out == 0)
    roles[single] = members[starts[:-1][single]]
    return roles


def _dense(lists: Sequence[Indices], place: Indices, rows: int) -> npt.NDArray[np.uint16]:
    table = np.zeros((rows, len(lists)), np.uint16)
    for concept, own in enumerate(lists):
        table[place[own], concept] = 1
    return table
