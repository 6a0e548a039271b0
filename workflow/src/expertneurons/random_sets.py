"""Random sets: expert sets of the same sizes over units of the same popularity, and what they share.

Curveball trades (Strona et al. 2014, doi 10.1038/ncomms5114): two concepts pool the units that only one of them has and
deal them out anew. Every concept keeps its number of experts and every unit its number of concepts.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from expertneurons.compiled import kernel

Counts = npt.NDArray[np.int32]

BURN_IN, THINNING = 20, 2  # rounds in which every concept trades once; then between two draws


@kernel
def _pool(indices, first, second, mark, pool):  # type: ignore[no-untyped-def]
    """Gather the units that only one of two concepts has; leaves 1 at the first's own, 2 at shared units."""
    for i in range(first[0], first[1]):
        mark[indices[i]] = 1
    size = 0
    for i in range(second[0], second[1]):
        if mark[indices[i]] == 1:
            mark[indices[i]] = 2
        else:
            pool[size] = indices[i]
            size += 1
    own = 0
    for i in range(first[0], first[1]):
        if mark[indices[i]] == 1:
            pool[size + own] = indices[i]
            own += 1
    return own, size + own


@kernel
def _deal(indices, first, second, mark, pool, own):  # type: ignore[no-untyped-def]
    """Give the first `own` units of the pool to the first concept, the others to the second, and clear the marks."""
    rest = own
    for i in range(second[0], second[1]):
        if mark[indices[i]] != 2:
            indices[i] = pool[rest]
            rest += 1
    taken = 0
    for i in range(first[0], first[1]):
        was = mark[indices[i]]
        mark[indices[i]] = 0
        if was == 1:
            indices[i] = pool[taken]
            taken += 1


@kernel
def _trade(indices, starts, pairs, mark, pool, generator):  # type: ignore[no-untyped-def]
    """Let pairs of concepts trade; `mark` (units,) is zero before and after."""
    for k in range(len(pairs)):
        a, b = pairs[k, 0], pairs[k, 1]
        if starts[a + 1] - starts[a] > starts[b + 1] - starts[b]:
            a, b = b, a
        first, second = (starts[a], starts[a + 1]), (starts[b], starts[b + 1])
        own, size = _pool(indices, first, second, mark, pool)
        for taken in range(own):
            drawn = taken + int(generator.random() * (size - taken))
            pool[taken], pool[drawn] = pool[drawn], pool[taken]
        _deal(indices, first, second, mark, pool, own)


@kernel
def _by_unit(starts, concepts, weights, found):  # type: ignore[no-untyped-def]
    """Add up the weights of shared units from the concepts of each unit, which rise; below the diagonal only."""
    for unit in range(len(starts) - 1):
        for i in range(starts[unit], starts[unit + 1]):
            for j in range(starts[unit], i + 1):
                found[concepts[i], concepts[j]] += weights[unit]


@kernel
def _by_bit(bits, found):  # type: ignore[no-untyped-def]
    """Count shared units of every two rows of bits (concepts, words)."""
    fives, threes, nibbles = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
    one, two, four, top, sum_up = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56), np.uint64(0x0101010101010101)
    for a in range(len(bits)):
        for b in range(a, len(bits)):
            total = np.uint64(0)
            for word in range(bits.shape[1]):
                x = bits[a, word] & bits[b, word]
                x -= (x >> one) & fives
                x = (x & threes) + ((x >> two) & threes)
                total += (((x + (x >> four)) & nibbles) * sum_up) >> top
            found[a, b] = found[b, a] = total


def overlaps(experts: sparse.csr_array) -> Counts:
    """Count shared units of every two sets, (concepts, concepts), the cheaper of two ways."""
    concepts, units = experts.shape
    found = np.zeros((concepts, concepts), np.int32)
    popularity = np.bincount(experts.indices, minlength=units).astype(np.float64)
    if 2 * (popularity**2).sum() < concepts**2 * units / 64:
        return np.asarray(weighted_overlaps(experts, np.ones(units, np.int32)))
    bits = np.zeros((concepts, -(-units // 64) * 8), np.uint8)
    for number in range(concepts):
        own = np.zeros(units, bool)
        own[experts.indices[experts.indptr[number] : experts.indptr[number + 1]]] = True
        bits[number, : -(-units // 8)] = np.packbits(own)
    _by_bit(bits.view(np.uint64), found)
    return found


def weighted_overlaps(experts: sparse.csr_array, weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Add up the weights (units,) of the units that every two sets share, (concepts, concepts)."""
    found = np.zeros((experts.shape[0], experts.shape[0]), weights.dtype)
    columns = experts.tocsc()
    _by_unit(columns.indptr, columns.indices, weights, found)
    return np.asarray(np.maximum(found, found.T))


def random_sets(experts: sparse.csr_array, draws: int, generator: np.random.Generator) -> Iterator[sparse.csr_array]:
    """Yield random sets with the sizes and the popularity of units of the given ones.

    Args:
        experts: Sparse (concepts, units).
        draws: How many to yield; they come from one chain and share memory: use each before the next.
        generator: Of the trades.

    """
    concepts, units = experts.shape
    indices, starts = experts.indices.copy(), experts.indptr
    mark, pool = np.zeros(units, np.int8), np.zeros(units, indices.dtype)
    ones = np.ones(len(indices), np.int8)
    for draw in range(draws):
        for _ in range(THINNING if draw else BURN_IN):
            order = generator.permutation(concepts)
            _trade(indices, starts, order[: concepts // 2 * 2].reshape(-1, 2), mark, pool, generator)
        yield sparse.csr_array((ones, indices, starts), shape=experts.shape)
