"""Domains: whether concepts of one domain share more than concepts of two.

A domain has at least two concepts here; one with a single concept has no overlap within. Its concept still counts as
the other one of pairs between domains.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from expertneurons import nulls
from expertneurons.compiled import kernel
from expertneurons.dyadic import covariance, freedom, interval
from expertneurons.nulls import Row, Shuffles, Values
from expertneurons.organisation_names import AUC, DIFFERENCE, EFFECT, TRIPLETS, WITHIN
from expertneurons.triplets import jackknife, pair_wins, per_concept


class Layout(NamedTuple):
    """Concepts with a named domain and a known similarity, one domain after the other.

    Attributes:
        kept: (concepts,) their numbers in the study.
        names: (concepts,) their words.
        labels: (concepts,) numbers of their domains.
        domains: Names of the domains.
        starts: (domains + 1,) where each domain begins.
        note: How many concepts were left out and why; empty where none was.

    """

    kept: npt.NDArray[np.intp]
    names: npt.NDArray[Any]
    labels: npt.NDArray[np.intp]
    domains: list[str]
    starts: npt.NDArray[np.intp]
    note: str


class Measured(NamedTuple):
    """Overall and per-domain measures, each (arrangements,) or (arrangements, domains)."""

    auc: Values
    effect: Values
    difference: Values
    triplets: Values
    within: Values
    to_others: Values


def layout(similarity: npt.NDArray[Any], concepts: pd.DataFrame) -> Layout:
    """Choose and order the concepts; those whose similarity to themselves is unknown (empty sets) are left out.

    Args:
        similarity: (concepts, concepts).
        concepts: Table with the columns concept and domain, in the same order.

    """
    words, domain = concepts["concept"].to_numpy(str), concepts["domain"].fillna("").to_numpy(str)
    named, known = domain != "", ~np.isnan(np.asarray(similarity).diagonal())
    kept = np.flatnonzero(named & known)
    kept = kept[np.lexsort((words[kept], domain[kept]))]
    names, starts, labels = np.unique(domain[kept], return_index=True, return_inverse=True)
    lost = int((named & ~known).sum())
    note = f"{lost} of {named.sum()} concepts left out: no expert" if lost else ""
    return Layout(
        kept, words[kept], labels.astype(np.intp), list(names), np.r_[starts, len(kept)].astype(np.intp), note
    )


def domain_rows(
    similarity: npt.NDArray[Any],
    concepts: pd.DataFrame,
    permutations: int,
    generator: np.random.Generator,
    level: float,
) -> list[Row]:
    """Hold the overlap within domains against that between them, overall and per domain, and against shuffled labels.

    Args:
        similarity: (concepts, concepts).
        concepts: Table with the columns concept and domain.
        permutations: Shuffles of the domain labels over the concepts, sizes kept.
        generator: Of the shuffles.
        level: Coverage of the intervals, which are for new concepts: dyadic-robust, or a jackknife (triplets).

    Returns:
        Rows `domain_auc` (a pair of one domain is more alike than a pair of two), `domain_effect` (difference of the
        means over the common standard deviation), `domain_triplets` (of two concepts of a domain and one of another,
        the two are the most alike pair; a tie counts its share), `within` and `within_minus_between`.

    """
    own = layout(similarity, concepts)
    order = np.ix_(own.kept, own.kept)
    matrix = np.asarray(similarity, np.float64)[order]
    sizes = np.diff(own.starts)
    if len(sizes) < 2 or sizes.max() < 2:
        note = "fewer than two domains, or no domain with two concepts"
        return [nulls.row(name, np.nan, note=note) for name in (AUC, EFFECT, TRIPLETS, DIFFERENCE)]
    seen = measure(matrix, own.starts, np.arange(len(matrix))[None])
    null = measure(matrix, own.starts, nulls.shuffles(generator, permutations, len(matrix)))
    pairs = np.stack(np.triu_indices(len(matrix), 1), axis=1)
    same = own.labels[pairs[:, 0]] == own.labels[pairs[:, 1]]
    auc, effect = _errors(matrix[tuple(pairs.T)], same, pairs, seen, level)
    hits, triplets = per_concept(matrix, own.starts)
    told: dict[str, Any] = {"n_concepts": len(matrix), "note": own.note}
    return [
        nulls.row(AUC, seen.auc[0], null.auc, len(pairs), low=auc[0], high=auc[1], **told),
        nulls.row(EFFECT, seen.effect[0], null.effect, len(pairs), low=effect[0], high=effect[1], **told),
        nulls.row(DIFFERENCE, seen.difference[0], null.difference, len(pairs), **told),
        nulls.row(TRIPLETS, seen.triplets[0], null.triplets, triplets.sum() // 3, **told)
        | dict(zip(("low", "high"), jackknife(hits, triplets, level), strict=True)),
        *_per_domain(own, seen, null),
    ]


def _per_domain(own: Layout, seen: Measured, null: Measured) -> list[Row]:
    rows = []
    for number, (domain, size) in enumerate(zip(own.domains, np.diff(own.starts), strict=True)):
        told: dict[str, Any] = {"domain": domain, "n_concepts": int(size)}
        if size < 2:
            rows.append(nulls.row(WITHIN, np.nan, note="one concept: no overlap within", **told))
            continue
        n = int(size * (size - 1) // 2)
        rows.append(nulls.row(WITHIN, seen.within[0, number], null.within[:, number], n, **told))
        value, chance = (part.within[:, number] - part.to_others[:, number] for part in (seen, null))
        rows.append(nulls.row(DIFFERENCE, value[0], chance, n, **told))
    return rows


def measure(matrix: Values, starts: npt.NDArray[np.intp], arrangements: Shuffles) -> Measured:
    """Measure how well domains stand out when concepts take the places given by each arrangement.

    Args:
        matrix: (concepts, concepts), known, one domain after the other.
        starts: (domains + 1,) where each domain begins.
        arrangements: (arrangements, concepts) which concept stands at which place.

    """
    concepts, sizes = len(matrix), np.diff(starts)
    all_pairs = np.triu_indices(concepts, 1)
    values, ranks = matrix[all_pairs], np.zeros_like(matrix)
    ranks[all_pairs] = stats.rankdata(values)
    stacked = np.stack([matrix, ranks + ranks.T, pair_wins(matrix, _needed(sizes, arrangements))], axis=2)
    sums = within_sums(stacked, starts, arrangements)
    within, rank, won = sums[..., 0], sums[..., 1].sum(axis=1), sums[..., 2].sum(axis=1)
    around = (matrix.sum(axis=1) - matrix.diagonal())[arrangements]
    outside = np.add.reduceat(around, starts[:-1], axis=1) - 2 * within
    pairs = sizes * (sizes - 1) / 2
    n, rest = pairs.sum(), len(values) - pairs.sum()
    inner, outer = within.sum(axis=1) / n, (values.sum() - within.sum(axis=1)) / rest
    spread = np.maximum((values**2).sum() - n * inner**2 - rest * outer**2, 0) / len(values)
    return Measured(
        auc=auc_of_ranks(rank, n, rest),
        effect=np.divide(inner - outer, np.sqrt(spread), out=np.zeros(len(inner)), where=spread > 0),
        difference=inner - outer,
        triplets=(won - (pairs * (sizes - 2) / 3).sum()) / (pairs * (concepts - sizes)).sum(),
        within=within / np.where(pairs > 0, pairs, np.nan),
        to_others=outside / (sizes * (concepts - sizes)),
    )


def auc_of_ranks(total: Any, within: Any, between: Any) -> Any:
    """Give the chance that a pair within a domain is more alike than one between two, a tie counting half.

    Args:
        total: Sums of the ranks that pairs within have among all pairs, the least alike first; of any shape.
        within: Number of pairs within.
        between: Number of pairs between.

    """
    return (total - within * (within + 1) / 2) / (within * between)


def _needed(sizes: npt.NDArray[np.intp], arrangements: Shuffles) -> npt.NDArray[np.bool_]:
    """Pairs that stand within a domain in any arrangement; of several, all pairs are taken to."""
    if len(arrangements) > 1:
        return np.ones((arrangements.shape[1],) * 2, bool)
    own = np.empty(arrangements.shape[1], np.intp)
    own[arrangements[0]] = np.repeat(np.arange(len(sizes)), sizes)
    return np.asarray(own[:, None] == own)


@kernel
def within_sums(stacked, starts, arrangements):  # type: ignore[no-untyped-def]
    """Add up several values of the pairs within each domain, (arrangements, domains, values)."""
    found = np.zeros((len(arrangements), len(starts) - 1, stacked.shape[2]))
    for number in range(len(arrangements)):
        for domain in range(len(starts) - 1):
            for i in range(starts[domain], starts[domain + 1]):
                own = stacked[arrangements[number, i]]
                for j in range(i + 1, starts[domain + 1]):
                    for value in range(stacked.shape[2]):
                        found[number, domain, value] += own[arrangements[number, j], value]
    return found


def _errors(
    values: Values, same: npt.NDArray[np.bool_], pairs: npt.NDArray[np.intp], seen: Measured, level: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Intervals of the AUC (on Fisher's z of 2 AUC - 1) and of the effect, from every pair's influence on them."""
    share, n = same.mean(), len(values)
    auc, effect = seen.auc[0], seen.effect[0]
    placed = stats.rankdata(values)
    above = np.empty(n)
    for own in (same, ~same):
        above[own] = (placed[own] - stats.rankdata(values[own])) / (n - own.sum())  # share of the others below
    rank = np.where(same, (above - auc) / share, (1 - above - auc) / (1 - share))
    mean = np.where(same, values[same].mean(), values[~same].mean())
    spread = ((values - mean) ** 2).mean()
    shift = (values - mean) * np.where(same, 1 / share, -1 / (1 - share))
    size = shift / np.sqrt(spread) - effect / 2 * ((values - mean) ** 2 / spread - 1) if spread else np.zeros(n)
    errors = np.sqrt(covariance(np.column_stack([rank, size]), pairs).diagonal())
    critical = float(stats.t.ppf(0.5 + level / 2, freedom(len(np.unique(pairs)))))
    low, high = interval(2 * auc - 1, 2 * errors[0], critical)
    return ((low + 1) / 2, (high + 1) / 2), (effect - critical * errors[1], effect + critical * errors[1])
