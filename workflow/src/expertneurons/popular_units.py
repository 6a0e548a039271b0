"""Popular units: how much expert sets would overlap if units kept their popularity but served no one in particular."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import nulls
from expertneurons.domains import Layout, Measured, layout, measure
from expertneurons.hierarchy import Categories
from expertneurons.nulls import Row, Values
from expertneurons.organisation_names import AUC, DIFFERENCE, EFFECT, LIFT, SETS, TRIPLETS
from expertneurons.random_sets import overlaps, random_sets
from expertneurons.similarity import jaccard

SATURATED = 0.25  # share of all units that the mean concept has as experts, from which no random sets are drawn

BEYOND = 0.01  # share of random sets that may overlap as much: above the null's 99th percentile


class Compared(NamedTuple):
    """Overlaps of expert sets beside those of random sets.

    Attributes:
        jaccard: (concepts, concepts) as observed.
        shared: (concepts, concepts) shared units as observed.
        expected: (concepts, concepts) mean shared units of random sets.
        p: (concepts, concepts) share of random sets that share at least as many units, (b + 1) / (m + 1).
        domains: Domain measures of the random sets, (draws,) each.
        lifts: (draws,) mean of shared over expected units in the true pairs of a hierarchy.

    """

    jaccard: Values
    shared: Values
    expected: Values
    p: Values
    domains: Measured | None
    lifts: Values


def saturated(sets: sparse.csr_array) -> bool:
    """Whether the sets hold so many of all units that random ones would hardly differ."""
    return bool(sets.nnz > SATURATED * sets.shape[0] * sets.shape[1])


def compare(
    sets: sparse.csr_array, concepts: pd.DataFrame, found: Categories, draws: int, generator: np.random.Generator
) -> Compared:
    """Draw random sets and keep what they share.

    Args:
        sets: Sparse (concepts, units).
        concepts: Table with the columns concept and domain.
        found: Members and category words.
        draws: Random sets for each concept.
        generator: Of the draws.

    """
    observed = overlaps(sets)
    own = layout(jaccard(sets), concepts)
    sizes = observed.diagonal().astype(np.float64)
    above, total = np.zeros(observed.shape), np.zeros(observed.shape)
    parts, lifts = [], []
    for drawn in random_sets(sets, draws, generator):
        common = overlaps(drawn)
        above += common >= observed
        total += common
        lifts.append(_mean_lift(common, sizes, found, sets.shape[1]))
        if _has_domains(own):
            parts.append(measure(_ratio(common, sizes)[np.ix_(own.kept, own.kept)], own.starts, _as_is(own)))
    domains = Measured(*(np.concatenate(values) for values in zip(*parts, strict=True))) if parts else None
    p = (above + 1) / (draws + 1)
    return Compared(_ratio(observed, sizes), observed.astype(float), total / draws, p, domains, np.array(lifts))


def _ratio(common: npt.NDArray[np.int32], sizes: Values) -> Values:
    whole = sizes[:, None] + sizes - common
    shares: Values = np.full(common.shape, np.nan)
    return np.divide(common, whole, out=shares, where=whole > 0)


def _as_is(own: Layout) -> npt.NDArray[np.intp]:
    return np.arange(len(own.kept))[None]


def _has_domains(own: Layout) -> bool:
    return len(own.domains) > 1 and bool((np.diff(own.starts) > 1).any())


def _mean_lift(common: npt.NDArray[np.int32], sizes: Values, found: Categories, units: int) -> float:
    """Mean lift over the true pairs of member and category word with experts on both sides; NaN without such pairs."""
    words = found.words[found.category]
    by_chance = sizes[found.members] * sizes[words] / units
    known = by_chance > 0
    if not known.any():
        return float("nan")
    return float((common[found.members, words][known] / by_chance[known]).mean())


def popular_rows(compared: Compared, concepts: pd.DataFrame, found: Categories, units: int) -> list[Row]:
    """Hold the domain measures and the mean lift of true pairs against random sets.

    Args:
        compared: As `compare` gives it.
        concepts: Table with the columns concept and domain.
        found: Members and category words.
        units: How many units there are.

    """
    rows = []
    own = layout(compared.jaccard, concepts)
    if compared.domains is not None:
        seen = measure(compared.jaccard[np.ix_(own.kept, own.kept)], own.starts, _as_is(own))
        n = len(own.kept) * (len(own.kept) - 1) // 2
        for name in (AUC, EFFECT, TRIPLETS, DIFFERENCE):
            field = {AUC: "auc", EFFECT: "effect", TRIPLETS: "triplets", DIFFERENCE: "difference"}[name]
            value, null = getattr(seen, field)[0], getattr(compared.domains, field)
            rows.append(nulls.row(name, value, null, n, SETS, n_concepts=len(own.kept), note=own.note))
    if len(found.members):
        sizes = compared.shared.diagonal()
        value = _mean_lift(compared.shared.astype(np.int32), sizes, found, units)
        told: dict[str, Any] = {"n_concepts": len(found.members), "note": found.note}
        rows.append(nulls.row(LIFT, value, compared.lifts, len(found.members), SETS, **told))
    return rows


def edge_table(compared: Compared, sets: sparse.csr_array, concepts: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """List the pairs whose experts overlap more than in 99% of random sets.

    Args:
        compared: Overlaps beside those of random sets.
        sets: Sparse (concepts, units) expert sets.
        concepts: Table of the concepts.
        units: Index of the units: layer.

    Returns:
        concept_a, concept_b, overlap (Jaccard), shared, shared_expected, p, and one column layer_N of shared experts
        per layer, the largest overlap first.

    """
    first, second = np.nonzero(np.triu((compared.p <= BEYOND) & (compared.shared > 0), 1))
    names = concepts["concept"].to_numpy(str)
    pairs = first, second
    table = {
        "concept_a": names[first],
        "concept_b": names[second],
        "overlap": compared.jaccard[pairs],
        "shared": compared.shared[pairs].astype(int),
        "shared_expected": compared.expected[pairs],
        "p": compared.p[pairs],
    }
    for layer, rows in units.groupby("layer"):
        table[f"layer_{layer}"] = overlaps(sets[:, rows["unit"].to_numpy()])[pairs]
    order = np.lexsort((table["concept_b"], table["concept_a"], -table["overlap"]))
    return pd.DataFrame(table).iloc[order].reset_index(drop=True)
