"""Compiled kernels: score every concept in one walk down the ranking of a unit's responses.

The walk visits tie groups from the highest response to the lowest and keeps, per concept, the hits (true positives)
and the false positives so far, so that equal responses form one step of the curve, as in scikit-learn.
"""

import numpy as np
from numba import njit

from expertneurons.ranking import pack, sort, tie_end

# One cache line of counters per concept: hits, excluded sentences, weight, sum of precisions, false positives above.
HITS, EXCLUDED, WEIGHT, PRECISION, ABOVE, LINE = 0, 1, 2, 3, 4, 8
# What a sentence is to the concepts, where it is not the one concept's positive whose number stands there.
NOTHING, SEVERAL, EXCLUDES = -1, -2, -3


@njit(nogil=True, cache=True)
def exclude(packed, mask, i, end, starts, concepts, out_starts, out_concepts, state):  # type: ignore[no-untyped-def]
    """Count the excluded sentences of a tie group; each is half above the positives that it is tied with."""
    for k in range(i, end):
        s = packed[k] & mask
        for m in range(starts[s], starts[s + 1]):
            state[concepts[m], ABOVE] -= 0.5 * state[concepts[m], EXCLUDED]
    for k in range(i, end):
        s = packed[k] & mask
        for m in range(out_starts[s], out_starts[s + 1]):
            state[out_concepts[m], EXCLUDED] += 1.0


@njit(nogil=True, cache=True)
def gain(line, false, above):  # type: ignore[no-untyped-def]
    """Count one positive whose step of the curve ends with so many false positives, and so many others above it."""
    line[PRECISION] += line[HITS] / (line[HITS] + line[WEIGHT] * false)
    line[ABOVE] += above


@njit(nogil=True, cache=True)
def tied_rest(packed, mask, i, end, roles, starts, concepts, out_starts, out_concepts, state):  # type: ignore[no-untyped-def]
    """Take one group of equal responses, ranks `i` to `end`, as one step of the curve."""
    excludes = False
    for k in range(i, end):
        s = packed[k] & mask
        if roles[s] >= 0:
            state[roles[s], HITS] += 1.0
        elif roles[s] != NOTHING:
            excludes |= roles[s] == EXCLUDES
            for m in range(starts[s], starts[s + 1]):
                state[concepts[m], HITS] += 1.0
    if excludes:
        exclude(packed, mask, i, end, starts, concepts, out_starts, out_concepts, state)
    share = 0.5 if excludes else 1.0
    others = 0.5 * (i + end - 1)
    for k in range(i, end):
        s = packed[k] & mask
        for m in range(starts[s], starts[s + 1] if roles[s] != NOTHING else starts[s]):
            line = state[concepts[m]]
            gain(line, end - line[HITS] - line[EXCLUDED], others - share * line[EXCLUDED])


@njit(nogil=True, cache=True)
def walk_rest(packed, shift, roles, starts, concepts, out_starts, out_concepts, state):  # type: ignore[no-untyped-def]
    """Walk where every sentence that is neither a positive nor excluded is a negative.

    roles: (sentences,) the one concept that the sentence is a positive of, NOTHING, SEVERAL, or EXCLUDES where any
    concept excludes it; starts, concepts: sentence -> its concepts as a positive (compressed rows); out_*: as an
    excluded sentence. ABOVE sums, over the positives, all others above that are not excluded, ties counting one half.
    """
    mask = (packed.dtype.type(1) << shift) - packed.dtype.type(1)
    i = 0
    while i < packed.size:
        end = tie_end(packed, shift, i)
        s = packed[i] & mask
        role = roles[s]
        if end > i + 1:
            tied_rest(packed, mask, i, end, roles, starts, concepts, out_starts, out_concepts, state)
        elif role >= 0:
            line = state[role]
            false = i - line[HITS] - line[EXCLUDED]
            line[HITS] += 1.0
            gain(line, false, i - line[EXCLUDED])
        elif role != NOTHING:
            for m in range(starts[s], starts[s + 1]):
                line = state[concepts[m]]
                false = i - line[HITS] - line[EXCLUDED]
                line[HITS] += 1.0
                gain(line, false, i - line[EXCLUDED])
            for m in range(out_starts[s], out_starts[s + 1]):
                state[out_concepts[m], EXCLUDED] += 1.0
        i = end


@njit(nogil=True, cache=True)
def count_false(s, negatives, out_starts, out_concepts, false):  # type: ignore[no-untyped-def]
    """Add sentence `s` to the false positives of every concept that it is a negative of."""
    if negatives.shape[0] > 0:
        row = negatives[s]
        for c in range(row.size):
            false[c] += row[c]
    else:
        for m in range(out_starts[s], out_starts[s + 1]):
            false[out_concepts[m]] += 1


@njit(nogil=True, cache=True)
def walk_lists(packed, shift, starts, concepts, negatives, out_starts, out_concepts, false, state):  # type: ignore[no-untyped-def]
    """Walk where every concept has its own list of negatives.

    negatives: (sentences, concepts) uint16 of 0 and 1, added row by row (a few vector instructions), or of shape
    (0, 0) when the lists are short: then out_* holds sentence -> the concepts that it is a negative of.
    false: (concepts,) counters, zero at the start.
    """
    mask = (packed.dtype.type(1) << shift) - packed.dtype.type(1)
    i = 0
    while i < packed.size:
        end = tie_end(packed, shift, i)
        for k in range(i, end):
            s = packed[k] & mask
            for m in range(starts[s], starts[s + 1]):
                state[concepts[m], ABOVE] += 0.5 * false[concepts[m]]
        for k in range(i, end):
            s = packed[k] & mask
            for m in range(starts[s], starts[s + 1]):
                state[concepts[m], HITS] += 1.0
            count_false(s, negatives, out_starts, out_concepts, false)
        for k in range(i, end):
            s = packed[k] & mask
            for m in range(starts[s], starts[s + 1]):
                line = state[concepts[m]]
                wrong = float(false[concepts[m]])
                line[PRECISION] += line[HITS] / (line[HITS] + line[WEIGHT] * wrong)
                line[ABOVE] += 0.5 * wrong
        i = end


@njit(nogil=True, cache=True)
def score_block(  # type: ignore[no-untyped-def]
    bits,
    rows,
    first,
    packed,
    shift,
    roles,
    starts,
    concepts,
    negatives,
    out_starts,
    out_concepts,
    rest,
    weights,
    totals,
    ap,
    auroc,
):
    """Score a block of units; totals: (concepts, 2) numbers of positives and negatives.

    ap, auroc: (concepts, block), written. Returns False if a response is not finite.
    """
    if not pack(bits, rows, first, packed, shift):
        return False
    spare = np.empty_like(packed[0])
    state = np.zeros((weights.size, LINE))
    false = np.zeros(weights.size, negatives.dtype)
    for unit in range(packed.shape[0]):
        state[:] = 0.0
        state[:, WEIGHT] = weights
        ranked = sort(packed[unit], spare, shift, 8 * bits.itemsize)
        if rest:
            walk_rest(ranked, shift, roles, starts, concepts, out_starts, out_concepts, state)
        else:
            false[:] = 0
            walk_lists(ranked, shift, starts, concepts, negatives, out_starts, out_concepts, false, state)
        for c in range(weights.size):
            # Among the others above positives, positives themselves count n (n - 1) / 2 in any ranking.
            above = state[c, ABOVE] - (0.5 * totals[c, 0] * (totals[c, 0] - 1.0) if rest else 0.0)
            ap[c, unit] = state[c, PRECISION] / totals[c, 0]
            auroc[c, unit] = 1.0 - above / (totals[c, 0] * totals[c, 1])
    return True
