"""Compiled kernels: rank a unit's responses once, then score every concept in one walk down the ranking.

The ranking is a radix sort of order-preserving integer keys, each packed with the number of its sentence. The walk
visits tie groups from the highest response to the lowest and keeps, per concept, the hits (true positives) and the
false positives so far, so that equal responses form one step of the curve, as in scikit-learn.
"""

import numpy as np
from numba import njit

# One cache line of counters per concept: hits, excluded sentences, weight, sum of precisions, false positives above.
HITS, EXCLUDED, WEIGHT, PRECISION, ABOVE, LINE = 0, 1, 2, 3, 4, 8


@njit(nogil=True, cache=True)
def pack(bits, rows, first, packed, shift):  # type: ignore[no-untyped-def]
    """Transpose the units from `first` on into rows of packed keys, the highest response first when ascending.

    bits: (sentences, units) uint16 or uint32, the raw bits of the responses; rows: (n,) sentences to take;
    packed: (block, n) unsigned. Returns False if a response is infinite or not a number.
    """
    width = 8 * bits.itemsize
    one = np.uint32(1)
    sign = np.uint32(one << np.uint32(width - 1))
    full = np.uint32((np.uint64(1) << np.uint64(width)) - np.uint64(1))
    infinite = np.uint32(0x7F800000) if width == 32 else np.uint32(0x7C00)
    finite = True
    block, n = packed.shape
    for start in range(0, n, 64):
        stop = min(n, start + 64)
        for unit in range(block):
            for i in range(start, stop):
                raw = np.uint32(bits[rows[i], first + unit])
                if (raw & infinite) == infinite:
                    finite = False
                if raw == sign:  # -0.0 ties with 0.0
                    raw = np.uint32(0)
                key = raw if raw & sign else (~raw & full) ^ sign
                packed[unit, i] = (packed.dtype.type(key) << shift) | packed.dtype.type(i)
    return finite


@njit(nogil=True, cache=True)
def sort(packed, spare, shift, width):  # type: ignore[no-untyped-def]
    """Sort packed keys ascending by their `width` key bits; returns whichever buffer holds the result."""
    n = packed.size
    digit = 8 if width == 16 else 11
    passes = (width + digit - 1) // digit
    mask = packed.dtype.type((1 << digit) - 1)
    counts = np.zeros((3, 2048), np.int32)
    for i in range(n):
        value = packed[i] >> shift
        for p in range(passes):
            counts[p, value & mask] += 1
            value >>= packed.dtype.type(digit)
    for p in range(passes):
        move = packed.dtype.type(shift + packed.dtype.type(p * digit))
        if counts[p, (packed[0] >> move) & mask] == n:  # all keys share this digit
            continue
        total = 0
        for d in range(1 << digit):
            count = counts[p, d]
            counts[p, d] = total
            total += count
        for i in range(n):
            d = (packed[i] >> move) & mask
            spare[counts[p, d]] = packed[i]
            counts[p, d] += 1
        packed, spare = spare, packed
    return packed


@njit(nogil=True, cache=True)
def tie_end(packed, shift, i):  # type: ignore[no-untyped-def]
    """Find where the group of equal responses that starts at rank `i` ends."""
    key = packed[i] >> shift
    end = i + 1
    while end < packed.size and packed[end] >> shift == key:
        end += 1
    return end


@njit(nogil=True, cache=True)
def tied_rest(packed, mask, i, end, starts, concepts, out_starts, out_concepts, state):  # type: ignore[no-untyped-def]
    """Take one group of equal responses, ranks `i` to `end`, as one step of the curve."""
    for k in range(i, end):
        s = packed[k] & mask
        for m in range(starts[s], starts[s + 1]):
            line = state[concepts[m]]
            line[ABOVE] += 0.5 * (i - line[HITS] - line[EXCLUDED])
    for k in range(i, end):
        s = packed[k] & mask
        for m in range(starts[s], starts[s + 1]):
            state[concepts[m], HITS] += 1.0
        for m in range(out_starts[s], out_starts[s + 1]):
            state[out_concepts[m], EXCLUDED] += 1.0
    for k in range(i, end):
        s = packed[k] & mask
        for m in range(starts[s], starts[s + 1]):
            line = state[concepts[m]]
            false = end - line[HITS] - line[EXCLUDED]
            line[PRECISION] += line[HITS] / (line[HITS] + line[WEIGHT] * false)
            line[ABOVE] += 0.5 * false


@njit(nogil=True, cache=True)
def walk_rest(packed, shift, starts, concepts, out_starts, out_concepts, state):  # type: ignore[no-untyped-def]
    """Walk where every sentence that is neither a positive nor excluded is a negative.

    starts, concepts: sentence -> its concepts as a positive (compressed rows); out_*: as an excluded sentence.
    """
    mask = (packed.dtype.type(1) << shift) - packed.dtype.type(1)
    i = 0
    while i < packed.size:
        end = tie_end(packed, shift, i)
        if end > i + 1:
            tied_rest(packed, mask, i, end, starts, concepts, out_starts, out_concepts, state)
        else:
            s = packed[i] & mask
            for m in range(starts[s], starts[s + 1]):
                line = state[concepts[m]]
                false = i - line[HITS] - line[EXCLUDED]
                line[HITS] += 1.0
                line[PRECISION] += line[HITS] / (line[HITS] + line[WEIGHT] * false)
                line[ABOVE] += false
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
            walk_rest(ranked, shift, starts, concepts, out_starts, out_concepts, state)
        else:
            false[:] = 0
            walk_lists(ranked, shift, starts, concepts, negatives, out_starts, out_concepts, false, state)
        for c in range(weights.size):
            ap[c, unit] = state[c, PRECISION] / totals[c, 0]
            auroc[c, unit] = 1.0 - state[c, ABOVE] / (totals[c, 0] * totals[c, 1])
    return True
