"""Compiled kernels: score concepts with short lists by comparing each positive with every other sentence of its list.

Nothing is sorted: the sentences at or above a positive are counted, for a whole block of units at once, by vector
instructions. The work grows with the square of the list, and is less than a sort's as long as lists are short.
"""

import numpy as np

from expertneurons.compiled import kernel
from expertneurons.ranking import take

# Sentences compared at once: each count is read and written once for so many of them.
STRIDE = 4


@kernel
def count(keys, less, rivals, reached):  # type: ignore[no-untyped-def]
    """Count, for each unit, the rivals whose key is at most that of `keys` less a number.

    keys: (block,); rivals: (a multiple of STRIDE, block); reached: (block,) of the keys' type, written.
    """
    one = keys.dtype.type
    reached[:] = 0
    for j in range(0, rivals.shape[0], STRIDE):
        for unit in range(keys.size):
            key = one(keys[unit] - less)
            first = one(rivals[j, unit] <= key) + one(rivals[j + 1, unit] <= key)
            reached[unit] += first + one(rivals[j + 2, unit] <= key) + one(rivals[j + 3, unit] <= key)


@kernel
def gather(bits, rows, first, block, room):  # type: ignore[no-untyped-def]
    """Take the keys of one list, and up to a multiple of STRIDE keys that none reaches; says whether all are finite.

    room: memory for them; keys: (sentences, block).
    """
    used = (rows.size + STRIDE - 1) // STRIDE * STRIDE
    keys = room[: used * block].reshape(used, block)
    finite = take(bits, rows, first, keys[: rows.size])
    keys[rows.size :] = ~keys.dtype.type(0)
    return keys, finite


@kernel
def score_block(bits, first, starts, positives, out_starts, negatives, weights, room, ap, auroc):  # type: ignore[no-untyped-def]
    """Score a block of units from `first` on.

    starts, positives: concept -> its sentences (compressed rows); out_*: its negatives; weights: (concepts,) of a
    negative; room: (2, block x the longest list in multiples of STRIDE) of the type of bits; ap, auroc: (concepts,
    block), written. Returns False if a response is not finite.
    """
    one, block = bits.dtype.type, ap.shape[1]
    hits, false, over = np.empty(block, bits.dtype), np.empty(block, bits.dtype), np.empty(block, bits.dtype)
    precision, above = np.empty(block), np.empty(block)
    for c in range(weights.size):
        own, fine = gather(bits, positives[starts[c] : starts[c + 1]], first, block, room[0])
        others, finite = gather(bits, negatives[out_starts[c] : out_starts[c + 1]], first, block, room[1])
        if not (fine and finite):
            return False
        n_positives, n_negatives = starts[c + 1] - starts[c], out_starts[c + 1] - out_starts[c]
        precision[:] = 0.0
        above[:] = 0.0
        for i in range(n_positives):
            count(own[i], one(0), own, hits)
            count(own[i], one(0), others, false)
            count(own[i], one(1), others, over)
            for unit in range(block):
                wrong = float(false[unit])
                precision[unit] += float(hits[unit]) / (float(hits[unit]) + weights[c] * wrong)
                above[unit] += 0.5 * (wrong + float(over[unit]))
        for unit in range(block):
            ap[c, unit] = precision[unit] / n_positives
            auroc[c, unit] = 1.0 - above[unit] / (n_positives * n_negatives)
    return True
