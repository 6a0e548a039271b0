"""Trees: whether the average-linkage tree of the concepts follows their domains, and the tree of people's ratings.

Tied distances make a tree depend on the order of the concepts: they are sorted by name, the share of ties is told, and
measures are repeated over 100 other orders.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit
from scipy import stats
from scipy.cluster.hierarchy import cophenet, fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

from expertneurons import nulls
from expertneurons.domains import layout
from expertneurons.nulls import Row, Shuffles, Values

ARI, AMI, PURITY, COPHENETIC, TIED = "ari", "ami", "purity", "cophenetic", "tied_distances"
HUMAN_DISTANCE, HUMAN_TREE, BAKER = "cophenetic_human_distance", "cophenetic_human_tree", "bakers_gamma"
ORDERS = 100
LEAST_CONCEPTS = 10  # with every pair rated, for a tree of people's ratings


def distances(similarity: Values) -> Values:
    """Return 1 - similarity of every two concepts, condensed as scipy wants it."""
    return np.asarray(1 - similarity[np.triu_indices(len(similarity), 1)])


def tied(distance: Values) -> float:
    """Share of distances that another one equals."""
    _, counts = np.unique(distance, return_counts=True)
    return float(counts[counts > 1].sum() / len(distance))


@njit(nogil=True, cache=True)
def purities(merges, labels, domains):  # type: ignore[no-untyped-def]
    """Dendrogram purity (Heller & Ghahramani 2005) of a tree under several labellings of its leaves.

    For two concepts of one domain, the share of that domain in the smallest subtree that holds both; the mean over all
    such pairs.

    Args:
        merges: (concepts - 1, 2) which two nodes each merge joins.
        labels: (labellings, concepts) numbers of domains.
        domains: How many there are.

    Returns:
        (labellings,).

    """
    leaves = labels.shape[1]
    found = np.empty(len(labels))
    counts = np.zeros((2 * leaves - 1, domains))
    for number in range(len(labels)):
        counts[:leaves] = 0
        for leaf in range(leaves):
            counts[leaf, labels[number, leaf]] = 1
        total = pure = 0.0
        for k in range(leaves - 1):
            size = part = 0.0
            for domain in range(domains):
                x, y = counts[merges[k, 0], domain], counts[merges[k, 1], domain]
                counts[leaves + k, domain] = x + y
                size += x + y
                total += x * y
                part += x * y * (x + y)
            pure += part / size
        found[number] = pure / total if total else np.nan
    return found


def agreement(clusters: npt.NDArray[np.intp], labels: Shuffles) -> tuple[Values, Values]:
    """Compare one clustering with several labellings of the same sizes: adjusted Rand, adjusted mutual information.

    Equal to scikit-learn's, for thousands of labellings at once.

    Args:
        clusters: (concepts,) numbers of clusters.
        labels: (labellings, concepts) numbers of domains; the first labelling gives the sizes.

    Returns:
        (labellings,) each.

    """
    table = contingency_matrix(clusters, labels[0])
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    cells = clusters * len(columns) + labels + table.size * np.arange(len(labels))[:, None]
    counts = np.bincount(cells.ravel(), minlength=table.size * len(labels)).reshape(len(labels), -1).astype(np.float64)
    n = len(clusters)
    together = (counts * (counts - 1)).sum(axis=1) / 2
    of_rows, of_columns = (float((side * (side - 1)).sum() / 2) for side in (rows, columns))
    by_chance = of_rows * of_columns / (n * (n - 1) / 2)
    shared = (counts * np.log(np.where(counts > 0, counts, 1))).sum(axis=1) / n + np.log(n)
    shared -= sum((side * np.log(side)).sum() / n for side in (rows, columns))
    entropy = sum(stats.entropy(side) for side in (rows, columns)) / 2
    expected = expected_mutual_information(table, n)
    scale = [(of_rows + of_columns) / 2 - by_chance, entropy - expected]
    rand, information = (
        np.divide(part, own) if own else np.ones(len(labels))
        for part, own in zip((together - by_chance, shared - expected), scale, strict=True)
    )
    return rand, information


def tree_rows(
    similarity: npt.NDArray[Any], concepts: pd.DataFrame, permutations: int, generator: np.random.Generator
) -> list[Row]:
    """Hold the tree of the concepts that have a domain against the domains, and against shuffled labels.

    Args:
        similarity: (concepts, concepts).
        concepts: Table with the columns concept and domain.
        permutations: Shuffles of the domain labels over the concepts.
        generator: Of the shuffles and of the row orders.

    Returns:
        Rows `ari` and `ami` (one cut, at as many clusters as there are domains), `purity` (no cut), `cophenetic` (how
        well the tree keeps its own distances) and `tied_distances`; order_low and order_high are the range over 100
        orders of the concepts where distances are tied.

    """
    own = layout(similarity, concepts)
    if len(own.domains) < 2 or len(own.kept) < len(own.domains) + 1:
        return [nulls.row(name, np.nan, note="fewer than two domains, or none with two") for name in (ARI, AMI, PURITY)]
    by_name = np.argsort(own.names, kind="stable")
    kept, labels = own.kept[by_name], own.labels[by_name]
    matrix = np.asarray(similarity, np.float64)[np.ix_(kept, kept)]
    distance = distances(matrix)
    ties = tied(distance)
    labellings = np.concatenate([labels[None], labels[nulls.shuffles(generator, permutations, len(kept))]])
    seen = _measured(matrix, labellings)
    spread: dict[str, dict[str, float]] = {}
    if ties:
        others = [
            (order, _measured(matrix[np.ix_(order, order)], labels[None, order]))
            for order in nulls.shuffles(generator, ORDERS, len(kept))
        ]
        spread = {
            name: dict(zip(("order_low", "order_high"), _ends([m[name][0] for _, m in others]), strict=True))
            for name in seen
        }
    told: dict[str, Any] = {"n_concepts": len(kept), "note": own.note}
    rows = [
        nulls.row(name, seen[name][0], seen[name][1:], len(kept), **told, **spread.get(name, {}))
        for name in (ARI, AMI, PURITY)
    ]
    rows.append(nulls.row(COPHENETIC, seen[COPHENETIC][0], n=len(distance), **told, **spread.get(COPHENETIC, {})))
    return [*rows, nulls.row(TIED, ties, n=len(distance), **told)]


def _measured(matrix: Values, labellings: Shuffles) -> dict[str, Values]:
    """Measures of the tree of a matrix under each labelling of its concepts, (labellings,) each."""
    distance = distances(matrix)
    tree = linkage(distance, "average")
    domains = int(labellings[0].max()) + 1
    clusters = fcluster(tree, domains, "maxclust").astype(np.intp) - 1
    rand, information = agreement(clusters, labellings)
    kept = np.array([float(cophenet(tree, distance)[0])])
    return {
        ARI: rand,
        AMI: information,
        PURITY: purities(tree[:, :2].astype(np.intp), labellings, domains),
        COPHENETIC: kept,
    }


def _ends(values: list[float]) -> tuple[float, float]:
    return float(min(values)), float(max(values))


def complete_set(human: Values, names: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Concepts of which every pair is rated: the one with the fewest rated partners is left out until all are.

    Of several with the fewest, the last by name goes first.
    """
    rated = ~np.isnan(human)
    np.fill_diagonal(rated, val=True)
    own = np.argsort(names, kind="stable")
    while not (inner := rated[np.ix_(own, own)]).all():
        partners = inner.sum(axis=1)
        own = np.delete(own, len(own) - 1 - int(np.argmin(partners[::-1])))
    return np.asarray(own)


def merge_levels(tree: Values) -> Values:
    """Count the clusters that are left when two concepts first meet, for every two, condensed."""
    order = tree.copy()
    order[:, 2] = np.arange(len(tree))
    return np.asarray(len(tree) - cophenet(order))


def human_tree_rows(
    similarity: npt.NDArray[Any],
    human: Values,
    names: npt.NDArray[Any],
    norm: str,
    permutations: int,
    generator: np.random.Generator,
) -> list[Row]:
    """Hold the tree of the concepts against people's, where a norm rates every pair of at least ten concepts.

    Baker's gamma here is Spearman's correlation of the numbers of clusters at which two concepts meet in either tree.

    Args:
        similarity: (concepts, concepts).
        human: (concepts, concepts) ratings, symmetric, NaN where a pair has none.
        names: (concepts,) their words; they give the order.
        norm: Its name.
        permutations: Shuffles of the model's concepts.
        generator: Of the shuffles.

    """
    known = np.flatnonzero(~np.isnan(np.asarray(similarity).diagonal()))
    own = known[complete_set(human[np.ix_(known, known)], names[known])]
    told: dict[str, Any] = {"norm": norm, "n_concepts": len(own)}
    measures = (HUMAN_DISTANCE, HUMAN_TREE, BAKER)
    if len(own) < LEAST_CONCEPTS:
        note = f"only {len(own)} concepts have all their pairs rated; {LEAST_CONCEPTS} are needed for a tree"
        return [nulls.row(name, np.nan, note=note, **told) for name in measures]
    rated = human[np.ix_(own, own)]
    apart = distances(1 + rated - rated[np.triu_indices(len(own), 1)].max())
    trees = [
        linkage(distances(np.asarray(similarity, np.float64)[np.ix_(own, own)]), "average"),
        linkage(apart, "average"),
    ]
    high, people = (cophenet(tree) for tree in trees)
    levels, human_levels = (stats.rankdata(merge_levels(tree)) for tree in trees)
    arrangements = np.concatenate([np.arange(len(own))[None], nulls.shuffles(generator, permutations, len(own))])
    found = [_correlations(a, b, arrangements) for a, b in ((high, apart), (high, people), (levels, human_levels))]
    return [
        nulls.row(name, values[0], values[1:], len(apart), **told) for name, values in zip(measures, found, strict=True)
    ]


def _correlations(own: Values, other: Values, arrangements: Shuffles) -> Values:
    """Pearson of condensed matrices when the concepts of the first take the places given by each arrangement."""
    square = squareform(own)
    first, second = np.triu_indices(len(square), 1)
    other = (other - other.mean()) / max(float(other.std()), 1e-300)
    spread, mean = max(float(own.std()), 1e-300), float(own.mean())
    parts = [
        (square[block[:, first], block[:, second]] - mean) @ other / (spread * len(other))
        for block in nulls.blocks(arrangements, len(other))
    ]
    return np.concatenate(parts)
