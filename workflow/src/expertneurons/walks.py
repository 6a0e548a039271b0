"""Compiled kernels: score every concept in one walk over the ranking of a unit's responses.

The walks go from the lowest response to the highest, so that at each positive the hits (true positives) and the
false positives down to the end of its tie group are what has not been passed yet: one visit to each sentence, equal
responses forming one step of the curve, as in scikit-learn. Counters are addressed by their indices: a view of a
concept's line would be counted for Python at every visit, which takes longer than all the rest.
"""

import numpy as np

from expertneurons.compiled import kernel
from expertneurons.ranking import group_starts, sort, tie_end, transpose

# One cache line of counters per concept. Not passed yet: hits, and what counts against them (false positives; where
# all other sentences are negatives, excluded ones). The same as they were when the walk entered the tie group that
# ends at STAMP. Then the weight of a negative, the sum of precisions, and the others above positives.
HITS, OUT, END_HITS, END_OUT, STAMP, WEIGHT, PRECISION, ABOVE, LINE = 0, 1, 2, 3, 4, 5, 6, 7, 8
# What a sentence is to the concepts, where it is not the one concept's positive whose number stands there.
NOTHING, SEVERAL = -1, -2


@kernel
def enter(state, c, end):  # type: ignore[no-untyped-def]
    """Keep the counts of a concept as they are at the end of a tie group, when its first sentence there is met."""
    if state[c, STAMP] != end:
        state[c, STAMP] = end
        state[c, END_HITS] = state[c, HITS]
        state[c, END_OUT] = state[c, OUT]


@kernel
def pass_positive(state, c, false, above):  # type: ignore[no-untyped-def]
    """Pass one positive whose step ends with so many false positives, and with so many others above it."""
    state[c, PRECISION] += state[c, END_HITS] / (state[c, END_HITS] + state[c, WEIGHT] * false)
    state[c, ABOVE] += above
    state[c, HITS] -= 1.0


@kernel
def pass_rest(state, c, start, end):  # type: ignore[no-untyped-def]
    """Pass one positive of the tie group from `start` to `end` where all other sentences are negatives."""
    enter(state, c, end)
    false = end - state[c, END_HITS] - state[c, END_OUT]
    pass_positive(state, c, false, 0.5 * (start + end - 1 - state[c, END_OUT] - state[c, OUT]))


@kernel
def pass_out(state, c, tie):  # type: ignore[no-untyped-def]
    """Pass one sentence of OUT; `tie` is what each positive that is tied with it and passed already gains above."""
    state[c, ABOVE] += tie * (state[c, END_HITS] - state[c, HITS])
    state[c, OUT] -= 1.0


@kernel
def walk_rest(ranked, shift, tops, roles, starts, concepts, out_starts, out_concepts, state):  # type: ignore[no-untyped-def]
    """Walk where every sentence that is neither a positive nor excluded is a negative.

    tops: (n,) spare; roles: (sentences,) the one concept that the sentence is a positive of, NOTHING or SEVERAL;
    starts, concepts: sentence -> its concepts as a positive (compressed rows); out_*: as an excluded sentence. ABOVE
    sums, over the positives, all others above that are not excluded, ties counting one half.
    """
    mask = (ranked.dtype.type(1) << shift) - ranked.dtype.type(1)
    group_starts(ranked, shift, tops)
    end = ranked.size
    for passed in range(np.uintp(1), np.uintp(ranked.size + 1)):
        i = np.uintp(ranked.size) - passed  # unsigned: an index that may count from the end costs more
        s = ranked[i] & mask
        role = roles[s]
        if role >= 0:
            pass_rest(state, np.uintp(role), tops[i], end)
        elif role == SEVERAL:
            for m in range(starts[s], starts[s + 1]):
                pass_rest(state, np.uintp(concepts[m]), tops[i], end)
            for m in range(out_starts[s], out_starts[s + 1]):
                c = np.uintp(out_concepts[m])
                enter(state, c, end)
                pass_out(state, c, 0.5)
        end = np.int64(i) if tops[i] == i else end


@kernel
def walk_lists(ranked, shift, tops, starts, concepts, out_starts, out_concepts, state):  # type: ignore[no-untyped-def]
    """Walk where every concept has its own short list of negatives; out_*: sentence -> the concepts it is one of."""
    mask = (ranked.dtype.type(1) << shift) - ranked.dtype.type(1)
    group_starts(ranked, shift, tops)
    end = ranked.size
    for passed in range(np.uintp(1), np.uintp(ranked.size + 1)):
        i = np.uintp(ranked.size) - passed
        s = ranked[i] & mask
        for m in range(starts[s], starts[s + 1]):
            c = np.uintp(concepts[m])
            enter(state, c, end)
            pass_positive(state, c, state[c, END_OUT], 0.5 * (state[c, END_OUT] + state[c, OUT]))
        for m in range(out_starts[s], out_starts[s + 1]):
            c = np.uintp(out_concepts[m])
            enter(state, c, end)
            pass_out(state, c, -0.5)
        end = np.int64(i) if tops[i] == i else end


@kernel
def walk_dense(ranked, shift, starts, concepts, negatives, false, state):  # type: ignore[no-untyped-def]
    """Walk, from the highest response on, where every concept has its own long list of negatives.

    negatives: (sentences, concepts) uint16 of 0 and 1, added row by row (a few vector instructions); false:
    (concepts,) counters, zero at the start, as HITS are here.
    """
    mask = (ranked.dtype.type(1) << shift) - ranked.dtype.type(1)
    i = 0
    while i < ranked.size:
        end = tie_end(ranked, shift, i)
        for k in range(i, end):
            s = ranked[k] & mask
            for m in range(starts[s], starts[s + 1]):
                state[concepts[m], ABOVE] += 0.5 * false[concepts[m]]
        for k in range(i, end):
            s = ranked[k] & mask
            for m in range(starts[s], starts[s + 1]):
                state[concepts[m], HITS] += 1.0
            for c in range(negatives.shape[1]):
                false[c] += negatives[s, c]
        for k in range(i, end):
            s = ranked[k] & mask
            for m in range(starts[s], starts[s + 1]):
                c = concepts[m]
                wrong = float(false[c])
                state[c, PRECISION] += state[c, HITS] / (state[c, HITS] + state[c, WEIGHT] * wrong)
                state[c, ABOVE] += 0.5 * wrong
        i = end


@kernel
def score_block(  # type: ignore[no-untyped-def]
    bits,
    rows,
    first,
    shift,
    roles,
    starts,
    concepts,
    negatives,
    out_starts,
    out_concepts,
    fresh,
    totals,
    rest,
    buffers,
    *out,
):
    """Score a block of units.

    fresh: (concepts, LINE) counters as a walk starts with them; totals: (concepts, 2) numbers of positives and
    negatives; buffers: keys, (block or more, n) of the type of bits, and two lines of (n,) words; out: AP and AUROC,
    (concepts, block), written. Returns False if a response is not finite.
    """
    keys, words, spare = buffers
    ap, auroc = out
    keys = keys[: ap.shape[1]]
    if not transpose(bits, rows, first, keys):
        return False
    tops = np.empty(rows.size, np.int32)
    state, false = np.empty_like(fresh), np.zeros(fresh.shape[0], negatives.dtype)
    for unit in range(keys.shape[0]):
        state[:] = fresh
        ranked = sort(keys[unit], shift, words, spare)
        if rest:
            walk_rest(ranked, shift, tops, roles, starts, concepts, out_starts, out_concepts, state)
        elif negatives.shape[0] > 0:
            false[:] = 0
            walk_dense(ranked, shift, starts, concepts, negatives, false, state)
        else:
            walk_lists(ranked, shift, tops, starts, concepts, out_starts, out_concepts, state)
        for c in range(fresh.shape[0]):
            # Among the others above positives, positives themselves count n (n - 1) / 2 in any ranking.
            above = state[c, ABOVE] - (0.5 * totals[c, 0] * (totals[c, 0] - 1.0) if rest else 0.0)
            ap[c, unit] = state[c, PRECISION] / totals[c, 0]
            auroc[c, unit] = 1.0 - above / (totals[c, 0] * totals[c, 1])
    return True
