"""Plans: how a design is laid out for the compiled kernels, and which of them scores it fastest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from expertneurons import duels, walks
from expertneurons.design import Design, Indices
from expertneurons.errors import StudyError
from expertneurons.ranking import shift_for

# Keys of a block of units: more would leave the cache, less would read short pieces of many sentences.
BLOCK_BYTES = 2 << 20
DUEL_UNITS = 256
# Counts of duels are of the responses' size, and all of a list is in memory at once.
LONGEST_DUEL = 16_384
DENSE_BYTES = 64 << 20
# What a kernel takes, in nanoseconds, by `tests/benchmarks/bench_expertise.py` on one core; only their order counts.
COMPARISON = {2: 0.03, 4: 0.06}
SORT = {2: 6.0, 4: 11.0}
VISIT, DENSE, DENSE_CONCEPT = 4.3, 14.0, 0.03


class Plan(Protocol):
    """A design laid out for a kernel; `block` units are scored at a time."""

    @property
    def block(self) -> int:
        """Units that one run scores at most."""

    def buffers(self) -> tuple[npt.NDArray[Any], ...]:
        """Memory that one thread works in."""

    def run(self, first: int, buffers: tuple[npt.NDArray[Any], ...], out: npt.NDArray[np.float32]) -> bool:
        """Score the units from `first` on into out, (2, concepts, units); False if a response is not finite."""


def plan_of(responses: npt.NDArray[Any], design: Design) -> Plan:
    """Check (sentences, units) responses and a design, and lay it out for the kernel that takes least."""
    if responses.dtype not in (np.float16, np.float32) or responses.ndim != 2:
        raise StudyError(f"responses are {responses.dtype} {responses.shape}; (sentences, units) float16 or float32")
    sentences = len(responses)
    counts = design.checked_counts(sentences)
    weights = design.weights(sentences)
    bits = np.asarray(responses).view(f"u{responses.itemsize}")
    if design.negatives is None:
        rows = np.arange(sentences)
        return _Walks.of(bits, rows, design.positives, design.excluded or [], counts, weights, "rest")
    rows = np.unique(np.concatenate([*design.positives, *design.negatives]))
    way = cheapest(counts, len(rows), bits.itemsize)
    if way == "duels":
        return _Duels.of(bits, design.positives, design.negatives, weights)
    if way == "rest":
        others = _unlisted(design.positives, design.negatives, rows)
        if sum(map(len, others)) == len(rows) * len(counts) - counts.sum():
            return _Walks.of(bits, rows, design.positives, others, counts, weights, "rest")
        way = "lists"  # a sentence is listed twice: what is not listed does not say how often the others are
    return _Walks.of(bits, rows, design.positives, design.negatives, counts, weights, way)


def cheapest(counts: npt.NDArray[np.float64], sentences: int, itemsize: int) -> str:
    """Estimate which kernel takes least for concepts with their own negatives: duels, lists, dense or rest.

    counts: (concepts, 2) numbers of positives and negatives, of so many sentences; itemsize: bytes of a response.
    """
    positives, negatives = counts.T
    concepts = len(counts)
    costs = {
        "lists": SORT[itemsize] + VISIT * counts.sum() / sentences,
        "rest": SORT[itemsize] + VISIT * (concepts - negatives.sum() / sentences),
    }
    if counts.max() <= LONGEST_DUEL:
        costs["duels"] = positives @ (positives + 2 * negatives) / sentences * COMPARISON[itemsize]
    if 2 * sentences * concepts <= DENSE_BYTES and counts.max() < 65_536:
        costs["dense"] = SORT[itemsize] + DENSE + DENSE_CONCEPT * concepts
    return min(costs, key=lambda way: costs[way])


def _unlisted(positives: Sequence[Indices], negatives: Sequence[Indices], rows: Indices) -> list[Indices]:
    """Return, for each concept, those of the rows that are in no list of its own."""
    return [rows[~np.isin(rows, np.concatenate(own))] for own in zip(positives, negatives, strict=True)]


@dataclass(frozen=True)
class _Duels:
    """Short lists, whose sentences are compared with each other."""

    bits: npt.NDArray[Any]
    longest: int
    arguments: tuple[Any, ...]

    @classmethod
    def of(
        cls,
        bits: npt.NDArray[Any],
        positives: Sequence[Indices],
        negatives: Sequence[Indices],
        weights: npt.NDArray[np.float64],
    ) -> "_Duels":
        """Lay the lists out one after another."""
        longest = max(map(len, [*positives, *negatives])) + duels.STRIDE
        laid = [part for lists in (positives, negatives) for part in (_ends(lists), np.concatenate(lists))]
        return cls(bits, longest, (*laid, weights))

    @property
    def block(self) -> int:
        return DUEL_UNITS

    def buffers(self) -> tuple[npt.NDArray[Any], ...]:
        return (np.empty((2, self.longest * DUEL_UNITS), self.bits.dtype),)

    def run(self, first: int, buffers: tuple[npt.NDArray[Any], ...], out: npt.NDArray[np.float32]) -> bool:
        return bool(duels.score_block(self.bits, first, *self.arguments, *buffers, *out))


@dataclass(frozen=True)
class _Walks:
    """Sentences with the concepts that each belongs to, met in the order of the responses."""

    bits: npt.NDArray[Any]
    rows: Indices
    shift: np.uint32 | np.uint64
    arguments: tuple[Any, ...]

    @classmethod
    def of(
        cls,
        bits: npt.NDArray[Any],
        rows: Indices,
        positives: Sequence[Indices],
        others: Sequence[Indices],
        counts: npt.NDArray[np.float64],
        weights: npt.NDArray[np.float64],
        way: str,
    ) -> "_Walks":
        """Lay a design out; others: the excluded sentences of each concept (`way` rest), or its negatives."""
        place = np.zeros(len(bits), np.intp)
        place[rows] = np.arange(rows.size)
        starts, members = _compressed(positives, place, rows.size)
        dense = way == "dense"
        negatives = _dense(others if dense else [], place, rows.size if dense else 0)
        out_starts, out_members = _compressed([] if dense else others, place, rows.size)
        fresh = np.zeros((len(positives), walks.LINE))
        fresh[:, walks.WEIGHT] = weights
        if not dense:
            fresh[:, walks.HITS] = counts[:, 0]
            fresh[:, walks.OUT] = [len(own) for own in others] if others else 0
        arguments = (
            *(_roles(starts, members, out_starts), starts, members, negatives, out_starts, out_members),
            *(fresh, counts, way == "rest"),
        )
        return cls(bits, rows, shift_for(bits, rows.size), arguments)

    @property
    def block(self) -> int:
        return max(16, BLOCK_BYTES // (self.bits.itemsize * self.rows.size) // 16 * 16)

    def buffers(self) -> tuple[npt.NDArray[Any], ...]:
        words, spare = np.empty((2, self.rows.size), self.shift.dtype)
        return np.empty((self.block, self.rows.size), self.bits.dtype), words, spare

    def run(self, first: int, buffers: tuple[npt.NDArray[Any], ...], out: npt.NDArray[np.float32]) -> bool:
        return bool(walks.score_block(self.bits, self.rows, first, self.shift, *self.arguments, buffers, *out))


def _ends(lists: Sequence[Indices]) -> Indices:
    """Return where each list starts when they are laid one after another, and where the last one ends."""
    return np.cumsum([0, *map(len, lists)])


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
