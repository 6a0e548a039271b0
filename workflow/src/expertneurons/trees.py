"""Trees: whether the average-linkage tree of the concepts follows their domains, and the tree of people's ratings.

Tied distances make a tree depend on the order of the concepts: they are sorted by name, the share of ties is told, and
where it is above one percent the measures are repeated over 100 other orders.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from scipy.cluster.hierarchy import cophenet, fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics.cluster import expected_mutual_information

from expertneurons import nulls
from expertneurons.compiled import kernel
from expertneurons.domains import layout
from expertneurons.nulls import Row, Shuffles, Values
from expertneurons.organisation_names import AMI, ARI, BAKER, COPHENETIC, HUMAN_DISTANCE, HUMAN_TREE, PURITY, TIED
from expertneurons.similarity import distances

ORDERS, FEW_TIES = 100, 0.01  # fewer tied distances are accidents of the number format
LEAST_CONCEPTS = 10  # with every pair rated, for a tree of people's ratings


def tied(distance: Values) -> float:
    """Share of distances that another one equals."""
    _, counts = np.unique(distance, return_counts=True)
    return float(counts[counts > 1].sum() / len(distance))


@kernel
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


def contingency(clusters: npt.NDArray[np.intp], labels: Shuffles) -> Values:
    """Count concepts by cluster and label under each labelling, (labellings, clusters, labels)."""
    shape = len(labels), int(clusters.max()) + 1, int(labels.max()) + 1
    cells = clusters * shape[2] + labels + shape[1] * shape[2] * np.arange(len(labels))[:, None]
    return np.bincount(cells.ravel(), minlength=shape[0] * shape[1] * shape[2]).reshape(shape).astype(np.float64)


def adjusted_rand(counts: Values) -> Values:
    """Compute the adjusted Rand index of several tables with equal margins; scikit-learn takes one at a time."""
    rows, columns, n = counts[0].sum(axis=1), counts[0].sum(axis=0), counts[0].sum()
    together, of_rows, of_columns = (
        (own * (own - 1)).sum(axis=-1) / 2 for own in (counts.reshape(len(counts), -1), rows, columns)
    )
    by_chance = of_rows * of_columns / (n * (n - 1) / 2)
    most = (of_rows + of_columns) / 2
    return np.asarray((together - by_chance) / (most - by_chance)) if most > by_chance else np.ones(len(counts))


def adjusted_information(counts: Values) -> Values:
    """Compute adjusted mutual information of several tables with equal margins, normed by the mean entropy."""
    rows, columns, n = counts[0].sum(axis=1), counts[0].sum(axis=0), counts[0].sum()
    joint, of_rows, of_columns = (_entropy(own, n) for own in (counts.reshape(len(counts), -1), rows, columns))
    by_chance = expected_mutual_information(counts[0].astype(np.int64), int(n))
    most = (of_rows + of_columns) / 2
    found = (
        (of_rows + of_columns - joint - by_chance) / (most - by_chance) if most > by_chance else np.ones(len(counts))
    )
    return np.asarray(found)


def _entropy(counts: Values, n: float) -> Values:
    return np.asarray(np.log(n) - (counts * np.log(np.where(counts > 0, counts, 1))).sum(axis=-1) / n)


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
        well the tree keeps its own distances) and `tied_distances`; order_low and order_high (`ari`,
        `purity`) are the range over 100 orders of the concepts where over one percent of the distances are tied.

    """
    own = layout(similarity, concepts)
    if len(own.domains) < 2 or len(own.kept) < len(own.domains) + 1:
        return [nulls.row(name, np.nan, note="fewer than two domains, or none with two") for name in (ARI, AMI, PURITY)]
    by_name = np.argsort(own.names, kind="stable")
    kept, labels = own.kept[by_name], own.labels[by_name]
    matrix = np.asarray(similarity, np.float64)[np.ix_(kept, kept)]
    distance = distances(matrix)
    if np.ptp(distance) == 0:
        return [nulls.row(name, np.nan, note="all distances are equal: no tree") for name in (ARI, AMI, PURITY)]
    ties = tied(distance)
    labellings = np.concatenate([labels[None], labels[nulls.shuffles(generator, permutations, len(kept))]])
    tree, counts, seen = _agreement(distance, labellings)
    seen[AMI] = adjusted_information(counts)
    spread = _over_orders(matrix, labels, generator) if ties > FEW_TIES else {}
    told: dict[str, Any] = {"n_concepts": len(kept), "note": own.note}
    rows = [
        nulls.row(name, seen[name][0], seen[name][1:], len(kept), **told, **spread.get(name, {}))
        for name in (ARI, AMI, PURITY)
    ]
    rows.append(nulls.row(COPHENETIC, cophenet(tree, distance)[0], n=len(distance), **told))
    return [*rows, nulls.row(TIED, ties, n=len(distance), **told)]


def _agreement(distance: Values, labellings: Shuffles) -> tuple[Values, Values, dict[str, Values]]:
    """Return the tree, the contingency of its cut with each labelling, and the cheap measures, (labellings,)."""
    tree = linkage(distance, "average")
    domains = int(labellings[0].max()) + 1
    counts = contingency(fcluster(tree, domains, "maxclust").astype(np.intp) - 1, labellings)
    pure = purities(tree[:, :2].astype(np.intp), labellings, domains)
    return tree, counts, {ARI: adjusted_rand(counts), PURITY: pure}


def _over_orders(
    matrix: Values, labels: npt.NDArray[np.intp], generator: np.random.Generator
) -> dict[str, dict[str, Any]]:
    """Range of every measure when the concepts come in other orders."""
    orders = nulls.shuffles(generator, ORDERS, len(matrix))
    measured = [_agreement(distances(matrix[np.ix_(own, own)]), labels[None, own])[-1] for own in orders]
    found = pd.DataFrame(measured).map(np.ndarray.item)
    return {str(name): {"order_low": own.min(), "order_high": own.max()} for name, own in found.items()}


def complete_set(human: Values, names: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Concepts of which every pair is rated: the one with the fewest rated partners is left out until all are.

    Of several with the fewest, the last by name goes first.
    """
    order = np.argsort(names, kind="stable")
    rated = ~np.isnan(human[np.ix_(order, order)])
    np.fill_diagonal(rated, val=True)
    partners, left = rated.sum(axis=1), len(order)
    while left and partners.min() < left:
        worst = len(order) - 1 - int(np.argmin(partners[::-1]))
        partners -= rated[worst]
        partners[worst] = len(order) + 1  # out: never the fewest again
        rated[worst] = rated[:, worst] = False
        left -= 1
    return np.asarray(order[partners == left])


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
