"""Pool scores: AP and AUROC in many small draws of positives, each against a pool of negatives common to all concepts.

One sort a unit serves all draws, and pools that hold each other come along in the same walk down the ranking.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from expertneurons.compiled import kernel
from expertneurons.design import Indices
from expertneurons.errors import StudyError
from expertneurons.ranking import shift_for, sort, tie_end, transpose

Scores = npt.NDArray[np.float32]


class Draw(NamedTuple):
    """As many positives for each concept, and a pool of which the first so many are one set of negatives."""

    positives: Sequence[Indices]
    pool: Indices


@kernel
def _enter(s, owner, member, out_starts, out, passed, dropped):  # type: ignore[no-untyped-def]
    """Count a sentence that the walk has passed, where a draw's pool holds it."""
    draw = owner[s]
    if draw >= 0:
        concepts = dropped.shape[0] // passed.shape[0]
        for size in range(member[s], passed.shape[1]):
            passed[draw, size] += 1.0
            for m in range(out_starts[s], out_starts[s + 1]):
                dropped[draw * concepts + out[m], size] += 1.0


@kernel
def _walk(ranked, shift, role, drawn, owner, member, out_starts, out, weights, hits, passed, dropped, found):  # type: ignore[no-untyped-def]
    """Walk down one unit's ranking, ties as one step.

    role, drawn: (sentences,) draw x concepts + concept and draw, or -1. Lines of `found`: per size three sums over the
    positives, of precision as it is and weighted, and of the negatives above, ties counting one half.
    """
    mask = (ranked.dtype.type(1) << shift) - ranked.dtype.type(1)
    i = 0
    while i < ranked.size:
        end = tie_end(ranked, shift, i)
        tied = end > i + 1
        share = 0.5 if tied else 1.0
        for k in range(i, end):
            line = role[ranked[k] & mask]
            if line >= 0:
                hits[line] += 1.0
                for size in range(passed.shape[1] if tied else 0):
                    found[line, size, 2] += 0.5 * (passed[drawn[ranked[k] & mask], size] - dropped[line, size])
        for k in range(i, end if tied else i):
            _enter(ranked[k] & mask, owner, member, out_starts, out, passed, dropped)
        for k in range(i, end):
            s = ranked[k] & mask
            line = role[s]
            if line >= 0:
                right, draw = hits[line], drawn[s]
                for size in range(passed.shape[1]):
                    reached = passed[draw, size] - dropped[line, size]
                    found[line, size, 0] += right / (right + reached)
                    found[line, size, 1] += right / (right + weights[line, size] * reached)
                    found[line, size, 2] += share * reached
            if not tied:  # a positive is never a negative of its own concept, so it may be entered afterwards
                _enter(s, owner, member, out_starts, out, passed, dropped)
        i = end


@kernel
def _block(bits, rows, keys, room, shift, roles, drawn, owners, members, out_starts, out, weights, scores):  # type: ignore[no-untyped-def]
    """Score a block of units; groups of draws that share no sentence are walked together.

    room: (2, sentences) words; roles, drawn, owners, members: (groups, sentences); weights: (groups, draws x concepts,
    sizes); scores: (groups, units, draws x concepts, sizes, 3), sums over positives. Returns False if a response is
    not finite.
    """
    if not transpose(bits, rows, 0, keys):
        return False
    words, spare = room
    groups, lines, sizes = weights.shape
    found = np.empty((lines, sizes, 3))
    hits, dropped = np.empty(lines), np.empty((lines, sizes))
    passed = np.empty((drawn.max() + 1, sizes))
    for unit in range(keys.shape[0]):
        ranked = sort(keys[unit], shift, words, spare)
        for g in range(groups):
            found[:], hits[:], passed[:], dropped[:] = 0.0, 0.0, 0.0, 0.0
            _walk(
                *(ranked, shift, roles[g], drawn[g], owners[g], members[g], out_starts, out, weights[g]),
                *(hits, passed, dropped, found),
            )
            scores[g, unit] = found
    return True


def score_draws(
    responses: npt.NDArray[Any],
    groups: Sequence[Sequence[Draw]],
    sizes: Sequence[int],
    excluded: Sequence[Indices],
    prevalence: float,
) -> list[list[tuple[Scores, Scores, Scores]]]:
    """Score every unit for every concept in every draw, against the first so many sentences of the draw's pool.

    A concept's own sentences and those that mention it (`excluded` names them all) are no negatives of it. Equal to
    `expertise.score` with these positives and negatives; ties as there.

    Args:
        responses: (sentences, units) float16 or float32, finite.
        groups: Draws; those of one group share neither positives nor members of their pools.
        sizes: Sentences of each set of negatives; larger ones hold the smaller.
        excluded: Per concept, sentences that are no negatives, its positives among them.
        prevalence: Effective share of positives of the weighted AP.

    Returns:
        Per group and draw: AP as it is, AP at the prevalence, AUROC, each (sizes, concepts, units).

    """
    sentences, units = responses.shape
    most, concepts = max(map(len, groups)), len(excluded)
    roles, drawn, owners, members = (np.full((len(groups), sentences), -1, np.int32) for _ in range(4))
    counts = np.ones((len(groups), most, concepts, len(sizes), 2))
    for g, group in enumerate(groups):
        for d, draw in enumerate(group):
            for concept, own in enumerate(draw.positives):
                roles[g, own], drawn[g, own] = d * concepts + concept, d
            pool = draw.pool[: max(sizes)]
            owners[g, pool] = d
            members[g, pool] = np.searchsorted(sizes, np.arange(len(pool)), side="right")
            for concept, left in enumerate(excluded):
                lost = np.sort(members[g, left][owners[g, left] == d])
                counts[g, d, concept, :, 0] = len(draw.positives[concept])
                counts[g, d, concept, :, 1] = sizes - np.searchsorted(lost, np.arange(len(sizes)), side="right")
    positives, negatives = counts[..., 0], counts[..., 1]
    weights = positives * (1 - prevalence) / (prevalence * negatives)
    by_sentence = np.argsort(np.concatenate(excluded), kind="stable")
    out = np.repeat(np.arange(concepts), [len(own) for own in excluded])[by_sentence]
    out_starts = np.searchsorted(np.sort(np.concatenate(excluded)), np.arange(sentences + 1))
    bits = np.ascontiguousarray(responses).view(f"u{responses.itemsize}")
    shift = shift_for(bits, sentences)
    words = np.empty((2, sentences), shift.dtype)
    keys = np.empty((units, sentences), bits.dtype)
    found = np.empty((len(groups), units, most, concepts, len(sizes), 3), np.float32)
    lines = weights.reshape(len(groups), -1, len(sizes)), found.reshape(len(groups), units, -1, len(sizes), 3)
    inputs = (roles, drawn, owners, members, out_starts, out)
    if not _block(bits, np.arange(sentences), keys, words, shift, *inputs, *lines):
        raise StudyError("a response is not a finite number; extract the responses again")
    found[..., :2] /= positives[:, None, ..., None].astype(np.float32)
    found[..., 2] /= (positives * negatives)[:, None].astype(np.float32)
    np.subtract(1, found[..., 2], out=found[..., 2])
    sorted_out = found.transpose(0, 2, 5, 4, 3, 1)  # (groups, draws, 3, sizes, concepts, units)
    return [[tuple(sorted_out[g, d]) for d in range(len(group))] for g, group in enumerate(groups)]
