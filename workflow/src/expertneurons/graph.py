"""Graph: concepts joined where their experts overlap more than those of random sets, laid out the same every time."""

from collections.abc import Iterable

import networkx as nx
import numpy as np
import pandas as pd
from scipy import sparse

from expertneurons.nulls import Values
from expertneurons.popular_units import Compared
from expertneurons.random_sets import overlaps

BEYOND = 0.01  # share of random sets that may overlap as much: above the null's 99th percentile


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


def concept_graph(edges: pd.DataFrame, concepts: Iterable[str]) -> nx.Graph:
    """Join concepts by the edges of `edge_table`; an edge weighs its overlap."""
    graph = nx.Graph()
    graph.add_nodes_from(sorted(concepts))
    known = edges[edges["concept_a"].isin(graph) & edges["concept_b"].isin(graph)] if len(edges) else edges
    graph.add_weighted_edges_from(known[["concept_a", "concept_b", "overlap"]].itertuples(index=False), "overlap")
    return graph


def place(graph: nx.Graph, seed: int) -> dict[str, tuple[float, float]]:
    """Lay a graph out by forces, the same way for the same graph and seed; (x, y) from -1 to 1 by concept."""
    found = nx.spring_layout(graph, k=0.3, iterations=200, weight="overlap", seed=seed)
    spots = np.array([found[name] for name in graph]).reshape(-1, 2)
    spots = spots - spots.mean(axis=0)
    spots = spots / max(float(np.abs(spots).max()), 1e-12)
    return {name: (float(x), float(y)) for name, (x, y) in zip(graph, spots, strict=True)}


def part_labels(spots: Values, sizes: Values, rounds: int = 400) -> Values:
    """Move boxes apart until none overlaps another, each as little as it takes.

    Args:
        spots: (boxes, 2) their centres.
        sizes: (boxes, 2) width and height, in the same unit.
        rounds: Most rounds of pushing.

    """
    spots = spots.astype(np.float64).copy()
    reach = (sizes[:, None] + sizes[None]) / 2
    for _ in range(rounds):
        apart = spots[:, None] - spots[None]
        over = reach - np.abs(apart)
        clash = (over > 0).all(axis=2)
        np.fill_diagonal(clash, val=False)
        if not clash.any():
            break
        # Along the axis that needs less; of two boxes in one spot the first goes down or left.
        axis = over.argmin(axis=2)
        sign = np.where(
            apart > 0,
            1.0,
            np.where(apart < 0, -1.0, np.sign(np.subtract.outer(*(np.arange(len(spots)),) * 2))[..., None]),
        )
        push = np.where(np.arange(2) == axis[..., None], over * sign, 0) * clash[..., None]
        spots += 0.3 * push.sum(axis=1)
    return spots
