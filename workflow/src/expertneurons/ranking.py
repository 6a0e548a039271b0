"""Compiled kernels: rank a unit's responses by a radix sort of order-preserving integer keys.

Each key is packed with the number of its sentence, so that the sorted words are the ranking.
"""

import numpy as np
from numba import njit

TILE = 64


@njit(nogil=True, cache=True)
def pack(bits, rows, first, packed, shift):  # type: ignore[no-untyped-def]
    """Transpose the units from `first` on into rows of packed keys, the highest response first when ascending.

    bits: (sentences, units) uint16 or uint32, the raw bits of the responses; rows: (n,) sentences to take;
    packed: (block, n) unsigned. Returns False if a response is infinite or not a number.
    """
    width = 8 * bits.itemsize
    sign = bits.dtype.type(1 << (width - 1))
    size = bits.dtype.type((1 << (width - 1)) - 1)
    infinite = bits.dtype.type(0x7F800000) if width == 32 else bits.dtype.type(0x7C00)
    largest = bits.dtype.type(0)
    block, n = packed.shape
    # Rows of a tile are read whole into a small buffer: read down a column, every value would lie on another page.
    tile = np.empty((TILE, block), bits.dtype)
    for start in range(0, n, TILE):
        stop = min(n, start + TILE)
        for i in range(start, stop):
            row = bits[rows[i]]
            for unit in range(block):
                raw = row[first + unit]
                largest = max(largest, raw & size)
                raw = raw if raw != sign else bits.dtype.type(0)  # -0.0 ties with 0.0
                tile[i - start, unit] = raw if raw & sign else raw ^ size
        for unit in range(block):
            for i in range(start, stop):
                packed[unit, i] = (packed.dtype.type(tile[i - start, unit]) << shift) | packed.dtype.type(i)
    return largest < infinite


@njit(nogil=True, cache=True)
def sort(packed, spare, shift, width):  # type: ignore[no-untyped-def]
    """Sort packed keys ascending by their `width` key bits; returns whichever buffer holds the result.

    The highest 22 of 32 bits are sorted by radix; what they leave out of order is put right by insertion, or, where
    that is much, by a radix sort from the lowest bits on.
    """
    if width == 16:
        return radix(packed, spare, shift, 2, 8)
    half = packed.dtype.type(shift + packed.dtype.type(10))
    ranked = radix(packed, spare, half, 2, 11)
    budget = 4 * packed.size
    for i in range(1, packed.size):
        value = ranked[i]
        k = i
        while k > 0 and ranked[k - 1] > value:
            ranked[k] = ranked[k - 1]
            k -= 1
        ranked[k] = value
        budget -= i - k
        if budget < 0:
            other = spare if ranked is packed else packed
            return radix(ranked, other, shift, 3, 11)
    return ranked


@njit(nogil=True, cache=True)
def radix(packed, spare, low, passes, digit):  # type: ignore[no-untyped-def]
    """Sort stably by `passes` digits of `digit` bits from bit `low` on."""
    n = packed.size
    mask = packed.dtype.type((1 << digit) - 1)
    counts = np.zeros((passes, 1 << digit), np.int32)
    for i in range(n):
        value = packed[i] >> low
        for p in range(passes):
            counts[p, value & mask] += 1
            value >>= packed.dtype.type(digit)
    for p in range(passes):
        move = packed.dtype.type(low + packed.dtype.type(p * digit))
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
def group_starts(packed, shift, tops):  # type: ignore[no-untyped-def]
    """Write into tops, (n,), the rank at which the group of equal responses starts that each rank is in."""
    start = 0
    key = packed[0] >> shift
    for i in range(packed.size):
        own = packed[i] >> shift
        start = start if own == key else i
        key = own
        tops[i] = start
