"""Triplets: whether the most alike pair of three concepts is that of one domain, or people's choice.

No tree and no cut is needed, and chance is one third. Two pairs tied for the first place count one half, three a third.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from expertneurons import nulls
from expertneurons.compiled import kernel
from expertneurons.dyadic import freedom
from expertneurons.nulls import Row, Values
from expertneurons.organisation_names import RATED_TRIPLETS

LEAST, MOST = 20, 20_000  # triplets for an accuracy; more are sampled
PAIRS_OF_THREE = ((0, 1), (0, 2), (1, 2))

Triplets = npt.NDArray[np.intp]


@kernel
def _wins(own, x, y, first, last):  # type: ignore[no-untyped-def]
    """Count where a pair's similarity is above both others', tied with one, tied with both."""
    alone = halves = thirds = 0
    for k in range(first, last):
        below_x, below_y, tied_x, tied_y = x[k] < own, y[k] < own, x[k] == own, y[k] == own
        alone += below_x & below_y
        halves += (tied_x & below_y) | (below_x & tied_y)
        thirds += tied_x & tied_y
    return alone + halves / 2 + thirds / 3


@kernel
def pair_wins(matrix, wanted):  # type: ignore[no-untyped-def]
    """Count for every wanted pair the third concepts with which it is the most alike pair of the three.

    The three pairs of a triplet win one time in all, so that of the wins of all pairs within a group of n concepts,
    n (n - 1) (n - 2) / 6 are against concepts of the group itself.

    Args:
        matrix: (concepts, concepts), symmetric.
        wanted: (concepts, concepts), true where to count.

    Returns:
        (concepts, concepts), zero where not wanted.

    """
    concepts = len(matrix)
    found = np.zeros((concepts, concepts))
    for i in range(concepts):
        for j in range(i + 1, concepts):
            if wanted[i, j] or wanted[j, i]:
                own = matrix[i, j]
                won = _wins(own, matrix[i], matrix[j], 0, i) + _wins(own, matrix[i], matrix[j], i + 1, j)
                found[i, j] = found[j, i] = won + _wins(own, matrix[i], matrix[j], j + 1, concepts)
    return found


def per_concept(matrix: Values, starts: npt.NDArray[np.intp]) -> tuple[Values, Values]:
    """Count by concept the triplets of two concepts of a domain and one of another, and how many the two win.

    Args:
        matrix: (concepts, concepts), one domain after the other.
        starts: (domains + 1,) where each domain begins.

    Returns:
        Wins and triplets that each concept is part of, (concepts,) each.

    """
    hits, counts = np.zeros(len(matrix)), np.zeros(len(matrix))
    for a, b in pairwise(starts):
        outside = np.r_[0:a, b : len(matrix)]
        for i in range(a, b):
            own = matrix[i, i + 1 : b, None]
            others = matrix[i, outside][None], matrix[i + 1 : b][:, outside]
            won = (own >= np.maximum(*others)) / (1 + (others[0] == own) + (others[1] == own))
            hits[i] += won.sum()
            hits[i + 1 : b] += won.sum(axis=1)
            hits[outside] += won.sum(axis=0)
            counts[i] += won.size
            counts[i + 1 : b] += won.shape[1]
            counts[outside] += won.shape[0]
    return hits, counts


def jackknife(hits: Values, counts: Values, level: float) -> tuple[float, float]:
    """Interval of a share of triplets, each of three concepts, by leaving out one concept at a time."""
    concerned = counts > 0
    hits, counts, n = hits[concerned], counts[concerned], int(concerned.sum())
    whole, rest = hits.sum() / counts.sum(), counts.sum() / 3 - counts
    if (rest <= 0).any():
        return float("nan"), float("nan")
    left = (hits.sum() / 3 - hits) / rest
    reach = stats.t.ppf(0.5 + level / 2, freedom(n)) * np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum())
    return float(max(whole - reach, 0)), float(min(whole + reach, 1))


def rated_triplets(human: Values, generator: np.random.Generator) -> tuple[Triplets, int, int]:
    """Triplets whose three pairs are all rated, the pair that people rate highest first.

    Args:
        human: (concepts, concepts) ratings, NaN where a pair has none.
        generator: Of the sample where there are more than 20,000.

    Returns:
        (triplets, 3) concept numbers of which the first two are people's choice; how many triplets are rated in all,
        and how many of those looked at were left out because people rate two pairs the highest.

    """
    rated = np.triu(~np.isnan(human) | ~np.isnan(human.T), 1)
    found = [
        np.column_stack([np.full(len(third), i), np.full(len(third), j), third])
        for i, j in zip(*np.nonzero(rated), strict=True)
        for third in [np.flatnonzero(rated[i] & rated[j])]
    ]
    whole = np.concatenate(found) if found else np.empty((0, 3), np.intp)
    total = len(whole)
    if total > MOST:
        whole = whole[np.sort(generator.choice(total, MOST, replace=False))]
    ratings = np.column_stack([human[whole[:, a], whole[:, b]] for a, b in PAIRS_OF_THREE])
    clear = (ratings == ratings.max(axis=1, keepdims=True)).sum(axis=1) == 1
    order = np.array([[0, 1, 2], [0, 2, 1], [1, 2, 0]])[ratings[clear].argmax(axis=1)]
    return np.take_along_axis(whole[clear], order, axis=1), total, int((~clear).sum())


def credit(matrix: Values, triplets: Triplets, arrangements: npt.NDArray[np.intp]) -> Values:
    """Say whether each triplet's first pair is the most alike, ties shared: (arrangements, triplets) from 0 to 1."""
    a, b, c = (arrangements[:, triplets[:, place]] for place in range(3))
    own, x, y = matrix[a, b], matrix[a, c], matrix[b, c]
    return np.asarray((own >= np.maximum(x, y)) / (1 + (x == own) + (y == own)))


def triplet_row(
    similarity: npt.NDArray[Any],
    human: Values,
    norm: str,
    permutations: int,
    generator: np.random.Generator,
    level: float,
) -> Row:
    """Say in how many triplets the most alike pair is the one that people rate highest, against shuffled concepts.

    Args:
        similarity: (concepts, concepts); concepts whose similarity to themselves is unknown are left out.
        human: (concepts, concepts) ratings, symmetric, NaN where a pair has none.
        norm: Its name.
        permutations: Shuffles of the concepts that are in a triplet.
        generator: Of the shuffles and, with very many triplets, of their sample.
        level: Coverage of the jackknife interval, for new concepts.

    """
    known = ~np.isnan(np.asarray(similarity).diagonal())
    human = np.where(known[:, None] & known, human, np.nan)
    triplets, total, unclear = rated_triplets(human, generator)
    density = 100 * float(np.mean(~np.isnan(human[np.triu_indices(len(human), 1)])))
    note = f"{total} triplets have all three pairs rated ({density:.3g}% of all pairs are), {unclear} left out as tied"
    told: dict[str, Any] = {"norm": norm, "n_concepts": len(np.unique(triplets))}
    if len(triplets) < LEAST:
        return nulls.row(RATED_TRIPLETS, np.nan, n=len(triplets), note=f"{note}; {LEAST} are needed", **told)
    active, places = np.unique(triplets, return_inverse=True)
    places = places.reshape(triplets.shape)
    matrix = np.asarray(similarity, np.float64)[np.ix_(active, active)]
    own = credit(matrix, places, np.arange(len(active))[None])[0]
    drawn = nulls.shuffles(generator, permutations, len(active))
    null = np.concatenate([credit(matrix, places, block).mean(axis=1) for block in nulls.blocks(drawn, len(places))])
    hits, counts = (
        np.bincount(places.ravel(), np.repeat(part, 3)).astype(np.float64) for part in (own, np.ones(len(own)))
    )
    low, high = jackknife(hits, counts, level)
    return nulls.row(RATED_TRIPLETS, own.mean(), null, len(own), low=low, high=high, note=note, **told)
