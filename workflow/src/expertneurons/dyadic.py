"""Dyadic inference: errors of estimates over pairs, where two pairs that share a concept are not independent.

An estimate over pairs is known by its influence: what every pair adds to it. Pairs without a shared concept are taken
as independent, nothing is assumed of the others (Aronow, Samii & Assenova 2015, doi 10.1093/pan/mpv018, eq. 5).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats

from expertneurons import seeds
from expertneurons.steps import LOGGER

Values = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.intp]

# Below this the sandwich is too small (coverage 0.87 with 30 concepts); the concept jackknife, which counts the pairs'
# own noise twice, then covers 0.96.
FEW_CONCEPTS = 40
BLOCK = 250


def incidence(pairs: Pairs) -> Any:
    """Sparse (pairs, concepts): one where the pair holds the concept. Concepts are those of the pairs, in order."""
    _, places = np.unique(pairs, return_inverse=True)
    rows = np.repeat(np.arange(len(pairs)), 2)
    return sparse.csr_array((np.ones(2 * len(pairs)), (rows, places.ravel())), shape=(len(pairs), places.max() + 1))


def covariance(influence: Values, pairs: Pairs) -> Values:
    """Covariance of estimates that are means over pairs of their influence.

    With fewer than 40 concepts it is that of a jackknife over concepts, which is larger. A variance that is not
    positive, possible where pairs hardly depend on each other, is replaced by the one over pairs.

    Args:
        influence: (pairs, estimates).
        pairs: (pairs, 2) numbers of the two concepts.

    Returns:
        (estimates, estimates), positive semidefinite.

    """
    centred = influence - influence.mean(axis=0)
    shared = incidence(pairs).T @ centred
    own = centred.T @ centred
    summed = shared.T @ shared
    if len(shared) >= FEW_CONCEPTS:
        summed = summed - own
        odd = summed.diagonal() <= 0
        if odd.any():
            LOGGER.info("dyadic variance not positive with %d pairs; the variance over pairs is taken", len(pairs))
            summed[odd, :], summed[:, odd] = own[odd, :], own[:, odd]
        values, vectors = np.linalg.eigh(summed)
        if values[0] < 0:
            summed = (vectors * np.maximum(values, 0)) @ vectors.T
    return np.asarray(summed / len(influence) ** 2)


def freedom(concepts: int) -> int:
    """Degrees of freedom of Student's t beside a dyadic error."""
    return max(concepts - 2, 1)


def interval(rho: float, se: float, critical: float) -> tuple[float, float]:
    """Interval of a correlation on Fisher's z, whose error is se / (1 - rho^2)."""
    reach = critical * se / max(1 - rho**2, 1e-12)
    low, high = np.tanh(np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12)) + np.array([-reach, reach]))
    return float(low), float(high)


def simultaneous(errors: Values, df: float, level: float, seed: int, draws: int = 20_000) -> float:
    """Critical value for intervals of several estimates that all hold at once (max-T; Hothorn, Bretz & Westfall 2008).

    Args:
        errors: (estimates, estimates) covariance.
        df: Degrees of freedom of Student's t.
        level: Joint coverage, 0 to 1.
        seed: Of the draws.
        draws: From the joint distribution.

    """
    generator = seeds.generator(seed, "simultaneous")
    scale = np.sqrt(errors.diagonal())
    values, vectors = np.linalg.eigh(errors / scale / scale[:, None])
    root = vectors * np.sqrt(np.maximum(values, 0))
    drawn = np.abs(generator.standard_normal((draws, len(scale))) @ root.T).max(axis=1)
    return float(np.quantile(drawn / np.sqrt(generator.chisquare(df, draws) / df), level))


def rank_products(values: Values) -> tuple[Values, Values]:
    """Covariances of the ranks of several variables over pairs, and the influence of every pair on each.

    Args:
        values: (pairs, variables).

    Returns:
        (variables, variables) covariances of middle ranks as shares of n, and (pairs, variables, variables)
        influences, which include what a pair does to the ranks of the others.

    """
    grades = (stats.rankdata(values, axis=0) - 0.5) / len(values) - 0.5
    products = grades.T @ grades / len(values)
    count = grades.shape[1]
    influence = grades[:, :, None] * grades[:, None, :] - products
    for ranked in range(count):
        through = _above(values[:, ranked], grades) - products[ranked] - grades.mean(axis=0) / 2
        influence[:, ranked, :] += through
        influence[:, :, ranked] += through
    return products, influence


def _above(values: Values, weights: Values) -> Values:
    """For every pair p, the mean over q of weights[q] where values[q] is above values[p], ties counting one half."""
    order = np.argsort(values, kind="stable")
    tails = np.zeros((len(values) + 1, weights.shape[1]))
    tails[:-1] = np.cumsum(weights[order][::-1], axis=0)[::-1]
    left, right = (np.searchsorted(values[order], values, side=side) for side in ("left", "right"))
    return np.asarray((tails[left] + tails[right]) / 2 / len(values))


def spearman(values: Values, against: Values) -> tuple[Values, Values]:
    """Spearman of several similarities with the same ratings, and the influence of every pair on each.

    Args:
        values: (pairs, conditions), none constant.
        against: (pairs,), not constant.

    Returns:
        (conditions,) coefficients and (pairs, conditions) influences.

    """
    found = [_correlation(*rank_products(np.column_stack([own, against]))) for own in values.T]
    return np.array([rho for rho, _ in found]), np.column_stack([influence for _, influence in found])


def _correlation(products: Values, influence: Values) -> tuple[float, Values]:
    """Turn rank covariances into the correlation of the first two, the others held fixed, and its influence."""
    if len(products) == 2:
        scale = np.sqrt(products[0, 0] * products[1, 1])
        rho = products[0, 1] / scale
        spreads = influence[:, 0, 0] / products[0, 0] + influence[:, 1, 1] / products[1, 1]
        return float(rho), influence[:, 0, 1] / scale - rho / 2 * spreads
    precision = np.linalg.inv(products)
    change = -np.einsum("ai,pij,jb->pab", precision[:2], influence, precision[:, :2])
    first, second, cross = precision[0, 0], precision[1, 1], precision[0, 1]
    rho = -cross / np.sqrt(first * second)
    slope = -change[:, 0, 1] / np.sqrt(first * second)
    return float(rho), slope - rho / 2 * (change[:, 0, 0] / first + change[:, 1, 1] / second)


def partial_spearman(values: Values, against: Values, given: Values) -> tuple[float, Values]:
    """Spearman of similarities with ratings, the ranks of covariates held fixed, and every pair's influence on it.

    Args:
        values: (pairs,).
        against: (pairs,).
        given: (pairs, covariates); together with the others of full rank.

    """
    return _correlation(*rank_products(np.column_stack([values, against, given])))


def node_bootstrap(values: Values, against: Values, pairs: Pairs, draws: int, seed: int) -> Values:
    """Spearman of several similarities with ratings when concepts are drawn with replacement.

    A pair weighs the product of how often its two concepts were drawn. Conservative: it counts the noise of pairs
    three times, so its intervals are 1.2 to 1.8 times too wide.

    Args:
        values: (pairs, conditions).
        against: (pairs,).
        pairs: (pairs, 2).
        draws: Number of draws.
        seed: Of the draws.

    Returns:
        (draws, conditions).

    """
    _, places = np.unique(pairs, return_inverse=True)
    places = places.reshape(pairs.shape)
    concepts = int(places.max()) + 1
    generator = seeds.generator(seed, "node_bootstrap")
    found = []
    for block in np.array_split(np.arange(draws), max(1, draws // BLOCK)):
        counts = generator.multinomial(concepts, np.full(concepts, 1 / concepts), size=len(block))
        weights = (counts[:, places[:, 0]] * counts[:, places[:, 1]]).astype(np.float64)
        human = _weighted_ranks(against, weights)
        found.append(np.column_stack([_weighted(_weighted_ranks(own, weights), human, weights) for own in values.T]))
    return np.concatenate(found)


def _weighted_ranks(values: Values, weights: Values) -> Values:
    """Middle ranks of values (pairs,) when every pair stands there as often as its weight; one row per draw."""
    order = np.argsort(values, kind="stable")
    firsts = np.flatnonzero(np.r_[True, np.diff(values[order]) > 0])
    tied = np.add.reduceat(weights[:, order], firsts, axis=1)
    ranks = np.cumsum(tied, axis=1) - tied / 2
    group = np.empty(len(values), np.intp)
    group[order] = np.repeat(np.arange(len(firsts)), np.diff(np.r_[firsts, len(values)]))
    return np.asarray(ranks[:, group])


def _weighted(x: Values, y: Values, weights: Values) -> Values:
    """Return the weighted correlation of every row; NaN where a row is constant or has no weight."""
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = (own - (weights * own).sum(axis=1, keepdims=True) / total for own in (x, y))
        cross = (weights * x * y).sum(axis=1)
        return np.asarray(cross / np.sqrt((weights * x * x).sum(axis=1) * (weights * y * y).sum(axis=1)))
