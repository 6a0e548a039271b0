"""Compiled kernels: rank a unit's responses by a radix sort of order-preserving integer keys.

Each key is packed with the number of its sentence into one word, so that the sorted words are the ranking.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from expertneurons.compiled import kernel

TILE = 64


def shift_for(bits: npt.NDArray[Any], sentences: int) -> np.uint32 | np.uint64:
    """Return by how many bits a key lies above the number of its sentence, of the type of the words that hold both."""
    return np.uint32(16) if bits.itemsize == 2 and sentences <= 65_536 else np.uint64(32)


@kernel
def take(bits, rows, first, keys):  # type: ignore[no-untyped-def]
    """Turn responses into keys whose order, ascending, is that of the responses from the highest down.

    bits: (sentences, units) uint16 or uint32, the raw bits of the responses; rows: (n,) sentences to take;
    keys: (n, block) of the type of bits, written, the units from `first` on. No key of a finite response has all bits
    set. Returns False if a response is infinite or not a number.
    """
    kind = bits.dtype.type
    sign = kind(1 << (8 * bits.itemsize - 1))
    size = kind(sign - 1)
    infinite = kind(0x7F800000) if bits.itemsize == 4 else kind(0x7C00)
    largest = kind(0)
    for i in range(rows.size):
        # Unsigned, so that no index counts from the end: with that choice the loop is several times slower, as it is
        # with a view of the row, which is counted for Python.
        sentence = np.uintp(rows[i])
        for unit in range(np.uintp(keys.shape[1])):
            raw = bits[sentence, np.uintp(first) + unit]
            largest = max(largest, raw & size)
            raw = raw if raw != sign else kind(0)  # -0.0 ties with 0.0
            keys[i, unit] = raw if raw & sign else raw ^ size
    return largest < infinite


@kernel
def transpose(bits, rows, first, keys):  # type: ignore[no-untyped-def]
    """Write what `take` gives a unit a line: keys, (block, n). Returns False if a response is not finite."""
    finite = True
    # Sentences are read whole into a small buffer: read down a column, every value would lie on another page.
    tile = np.empty((TILE, keys.shape[0]), bits.dtype)
    for start in range(0, rows.size, TILE):
        stop = min(rows.size, start + TILE)
        finite = take(bits, rows[start:stop], first, tile) and finite
        for unit in range(keys.shape[0]):
            for i in range(start, stop):
                keys[unit, i] = tile[i - start, unit]
    return finite


@kernel
def sort(keys, shift, words, spare):  # type: ignore[no-untyped-def]
    """Sort (n,) keys, each above the `shift` bits of its place, into words or spare; returns the one with the result.

    The highest 22 of 32 bits are sorted by radix; what they leave out of order is put right by insertion, or, where
    that is much, by a radix sort from the lowest bits on.
    """
    if keys.itemsize == 2:
        return radix(keys, shift, 0, 2, 8, words, spare)
    ranked = radix(keys, shift, 10, 2, 11, words, spare)
    budget = 4 * keys.size
    for i in range(1, keys.size):
        value = ranked[i]
        k = i
        while k > 0 and ranked[k - 1] > value:
            ranked[k] = ranked[k - 1]
            k -= 1
        ranked[k] = value
        budget -= i - k
        if budget < 0:
            return radix(keys, shift, 0, 3, 11, words, spare)
    return ranked


@kernel
def radix(keys, shift, low, passes, digit, words, spare):  # type: ignore[no-untyped-def]
    """Sort stably by `passes` digits of `digit` bits of the keys, from bit `low` on; returns as `sort` does."""
    n, low, digit = np.uintp(keys.size), np.uintp(low), np.uintp(digit)
    mask = np.uintp((1 << digit) - 1)
    counts = np.zeros((passes, 1 << digit), np.uint32)
    for i in range(n):
        value = np.uintp(keys[i]) >> low
        for p in range(np.uintp(passes)):
            counts[p, value & mask] += 1
            value >>= digit
    for p in range(np.uintp(passes)):
        total = np.uint32(0)
        for d in range(mask + np.uintp(1)):
            count = counts[p, d]
            counts[p, d] = total
            total += count
    word = words.dtype.type
    for i in range(n):
        d = (np.uintp(keys[i]) >> low) & mask
        words[counts[0, d]] = (word(keys[i]) << shift) | word(i)
        counts[0, d] += 1
    for p in range(np.uintp(1), np.uintp(passes)):
        move = shift + word(low + p * digit)
        for i in range(n):
            d = (words[i] >> move) & word(mask)
            spare[counts[p, d]] = words[i]
            counts[p, d] += 1
        words, spare = spare, words
    return words


@kernel
def tie_end(ranked, shift, i):  # type: ignore[no-untyped-def]
    """Find where the group of equal responses that starts at rank `i` ends."""
    key = ranked[i] >> shift
    end = i + 1
    while end < ranked.size and ranked[end] >> shift == key:
        end += 1
    return end


@kernel
def group_starts(ranked, shift, tops):  # type: ignore[no-untyped-def]
    """Write into tops, (n,), the rank at which the group of equal responses starts that each rank is in."""
    start = 0
    key = ranked[0] >> shift
    for i in range(ranked.size):
        own = ranked[i] >> shift
        start = start if own == key else i
        key = own
        tops[i] = start
