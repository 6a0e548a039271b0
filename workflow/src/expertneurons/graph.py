"""Graph: concepts joined where their experts overlap, laid out the same every time, with labels that do not clash."""

from collections.abc import Iterable

import networkx as nx
import numpy as np
import pandas as pd

from expertneurons.nulls import Values


def concept_graph(edges: pd.DataFrame, concepts: Iterable[str]) -> nx.Graph:
    """Join concepts by the edges of `popular_units.edge_table`; an edge weighs its overlap."""
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
        clash = (over > 0).all(axis=2) & ~np.eye(len(spots), dtype=bool)
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
