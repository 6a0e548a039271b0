"""Polysemy: how many concepts a unit is an expert of, and whether concepts that share a unit belong together."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, stats

from expertneurons import nulls
from expertneurons.nulls import Row, Values
from expertneurons.organisation_names import EXACT, PER_EXPERT
from expertneurons.random_sets import weighted_overlaps

Sets = sparse.csr_array

LEAST_RATED = 5
TINY = float(np.finfo(np.float64).tiny)  # what a p value that underflows is set to


def popularity(sets: Sets, units: pd.DataFrame) -> pd.DataFrame:
    """Count the units that are experts of 0, 1, 2, ... concepts, against sets placed at random.

    By chance, every concept draws its experts of a layer and site from all units there, whatever the others drew; the
    number of concepts of a unit is then Poisson-binomial.

    Args:
        sets: Sparse (concepts, units).
        units: Index of the units: layer, site.

    Returns:
        concepts, n_units, n_expected.

    """
    counts = np.bincount(sets.indices, minlength=sets.shape[1])
    expected = np.zeros(sets.shape[0] + 1)
    for shares, size in _shares(sets, units):
        mass = np.ones(1)
        for share in shares:
            mass = np.convolve(mass, [1 - share, share])
        expected += size * mass
    most = max(int(counts.max()), int(np.flatnonzero(expected >= 0.5).max()))
    seen = np.bincount(counts, minlength=most + 1)
    return pd.DataFrame({"concepts": np.arange(most + 1), "n_units": seen, "n_expected": expected[: most + 1]})


def _shares(sets: Sets, units: pd.DataFrame) -> list[tuple[Values, int]]:
    """Per layer and site: the share of its units that are experts of each concept, and its number of units."""
    place = units.groupby(["layer", "site"]).ngroup().to_numpy()
    sizes = np.bincount(place)
    concepts = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
    cells = concepts * len(sizes) + place[sets.indices]
    counts = np.bincount(cells, minlength=sets.shape[0] * len(sizes)).reshape(-1, len(sizes))
    return [(counts[:, number] / size, int(size)) for number, size in enumerate(sizes)]


def popularity_row(sets: Sets, units: pd.DataFrame) -> Row:
    """Mean number of concepts of a unit that is an expert of any, against sets placed at random (exact moments)."""
    n_experts = len(np.unique(sets.indices))
    if not n_experts:
        return nulls.row(PER_EXPERT, np.nan, note="no expert")
    empty = variance = 0.0
    for shares, size in _shares(sets, units):
        held = shares * size
        one = float(np.prod(1 - shares))
        two = float(np.prod((size - held) * (size - held - 1) / (size * (size - 1)))) if size > 1 else 0.0
        empty += size * one
        variance += size * one + size * (size - 1) * two - (size * one) ** 2
    expected, entries = sets.shape[1] - empty, len(sets.indices)
    spread = np.sqrt(max(variance, 0.0)) * entries / expected**2
    value, mean = entries / n_experts, entries / expected
    p = max(float(stats.norm.sf((value - mean) / spread)), TINY) if spread > 0 else np.nan
    chance = {"null": EXACT, "null_mean": mean, "null_sd": spread, "p": p}
    return nulls.row(PER_EXPERT, value, n=n_experts, n_concepts=sets.shape[0]) | chance


def shared_units(sets: Sets) -> Values:
    """Weigh every two concepts, (concepts, concepts), by the units that they share, every unit weighing one in all."""
    counts = np.bincount(sets.indices, minlength=sets.shape[1])
    found = weighted_overlaps(sets, np.where(counts > 1, 2 / np.maximum(counts * (counts - 1), 1), 0.0))
    np.fill_diagonal(found, 0)
    return found


def sharing_row(
    measure: str,
    weights: Values,
    target: Values,
    permutations: int,
    generator: np.random.Generator,
    **more: Any,
) -> Row:
    """Mean of a target over pairs that share a unit, every unit weighing the same, against shuffled concepts.

    Args:
        measure: Its name.
        weights: (concepts, concepts) as `shared_units` gives them.
        target: (concepts, concepts), symmetric, NaN where it is not known: ratings, or one where domains agree.
        permutations: Shuffles of the concepts that are in a known pair.
        generator: Of the shuffles.
        more: Other columns of the row.

    """
    active = np.flatnonzero((~np.isnan(target) & ~np.eye(len(target), dtype=bool)).any(axis=1))
    first, second = np.nonzero(np.triu(~np.isnan(target[np.ix_(active, active)]), 1))
    values, own = target[active[first], active[second]], weights[np.ix_(active, active)]
    arrangements = np.concatenate([np.arange(len(active))[None], nulls.shuffles(generator, permutations, len(active))])
    n, whole = len(values), float(np.triu(own, 1).sum())
    if n and n == len(active) * (len(active) - 1) // 2:  # all pairs are known: only those whose target is not zero move
        first, second, values = (side[values != 0] for side in (first, second, values))
    parts = []
    for block in nulls.blocks(arrangements, len(values)):
        there = own[block[:, first], block[:, second]]
        total = there.sum(axis=1) if len(values) == n else np.full(len(there), whole)
        parts.append(np.divide(there @ values, total, out=np.full(len(there), np.nan), where=total > 0))
    found = np.concatenate(parts) if n >= LEAST_RATED else np.full(permutations + 1, np.nan)
    note = "" if n >= LEAST_RATED else f"{n} pairs known; {LEAST_RATED} are needed"
    null = found[1:][~np.isnan(found[1:])]  # a shuffle may leave no shared unit among the pairs
    told = {"note": note or ("no pair shares a unit" if np.isnan(found[0]) else ""), **more}
    return nulls.row(measure, found[0], null, n, n_concepts=len(active), **told)


def same_domain_target(concepts: pd.DataFrame) -> npt.NDArray[np.float64]:
    """One where two concepts share a named domain, zero where they do not, NaN where one has none."""
    domain = concepts["domain"].fillna("").to_numpy(str)
    named = domain != ""
    return np.where(named[:, None] & named, (domain[:, None] == domain).astype(np.float64), np.nan)
