"""Concept figures: every concept by name or place, coloured by domain, in a heatmap, a tree and a graph."""

from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from scipy.cluster.hierarchy import dendrogram, linkage

from expertneurons.graph import part_labels
from expertneurons.palette import NONE, Look
from expertneurons.similarity import distances

Similarity = npt.NDArray[Any]


def tint(look: Look, strength: float = 0.35) -> tuple[float, ...]:
    """Mix a domain's colour with white; a hollow domain is white."""
    share = strength if look.filled else 0.0
    return tuple(share * part + 1 - share for part in to_rgb(look.colour))


def clustered_heatmap(matrix: Similarity, concepts: pd.DataFrame, look: dict[str, Look], label: str) -> Figure:
    """Draw the similarity of every two concepts in the order of their tree, with the tree and bars of domains.

    Args:
        matrix: (concepts, concepts), known.
        concepts: Table with the column domain, in the same order.
        look: Look of each domain.
        label: What the colours mean.

    """
    tree = linkage(distances(matrix), "average")
    figure = Figure(figsize=(7.4, 6.4))
    grid = figure.add_gridspec(2, 3, width_ratios=(1.0, 0.28, 7), height_ratios=(0.28, 7), wspace=0.01, hspace=0.01)
    branches, left, top, panel = (figure.add_subplot(grid[place]) for place in ((1, 0), (1, 1), (0, 2), (1, 2)))
    drawn = dendrogram(tree, ax=branches, orientation="left", no_labels=True, link_color_func=lambda _: "#444444")
    for line in branches.collections:
        line.set_linewidth(0.5)
    branches.axis("off")
    branches.set_xlim(float(tree[-1, 2]), 0.95 * float(tree[0, 2]))
    order = np.array(drawn["leaves"], np.intp)
    ordered = matrix[np.ix_(order, order)].copy()
    np.fill_diagonal(ordered, np.nan)
    known = ordered[~np.isnan(ordered)]
    image = panel.imshow(
        ordered, cmap="viridis", vmin=0, vmax=float(np.quantile(known, 0.995)), origin="lower", aspect="auto"
    )
    panel.set(xticks=[], yticks=[])
    domains = concepts["domain"].to_numpy(str)[order]
    for bar, upright in ((left, True), (top, False)):
        _bar(bar, [look[name] for name in domains], upright)
    figure.colorbar(image, ax=panel, label=label, shrink=0.6, aspect=30, pad=0.02)
    _add_legend(figure, set(domains), look)
    return figure


def _bar(panel: Axes, own: list[Look], upright: bool) -> None:
    """Fill a strip with the looks of concepts in their order."""
    for place, look in enumerate(own):
        corner, size = ((0, place), (1, 1)) if upright else ((place, 0), (1, 1))
        hatch = None if look.filled else "/////"
        panel.add_patch(
            Rectangle(
                corner,
                *size,
                facecolor=look.colour if look.filled else "white",
                edgecolor=look.colour,
                hatch=hatch,
                linewidth=0,
            )
        )
    panel.set(xlim=(0, 1 if upright else len(own)), ylim=(0, len(own) if upright else 1))
    panel.axis("off")


def _legend(domains: list[str], look: dict[str, Look]) -> list[Patch]:
    return [
        Patch(
            facecolor=look[name].colour if look[name].filled else "white",
            edgecolor=look[name].colour,
            hatch=None if look[name].filled else "/////",
            label=name.replace("_", " "),
        )
        for name in domains
    ]


def _add_legend(figure: Figure, domains: set[str], look: dict[str, Look]) -> None:
    handles = _legend(sorted(domains), look)
    figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=7.5, handlelength=1.2)


def radial_tree(matrix: Similarity, concepts: pd.DataFrame, look: dict[str, Look], title: str) -> Figure:
    """Draw the average-linkage tree of the concepts around its root; branches within one domain have its colour.

    Args:
        matrix: (concepts, concepts), known.
        concepts: Table with the columns concept and domain, in the same order.
        look: Look of each domain.
        title: Heads the figure.

    """
    tree = linkage(distances(matrix), "average")
    domains, names = concepts["domain"].to_numpy(str), concepts["concept"].to_numpy(str)
    colours = _branch_colours(tree, domains, look)
    drawn = dendrogram(tree, no_plot=True, link_color_func=lambda node: colours[node])
    figure = Figure(figsize=(7.4, 8.0))
    panel = figure.subplots()
    top, leaves = float(tree[-1, 2]), len(names)
    low = 0.9 * float(tree[0, 2])
    for across, up, colour in zip(drawn["icoord"], drawn["dcoord"], drawn["color_list"], strict=True):
        turns = (np.array(across) - 5) / 10 / leaves * 2 * np.pi
        _arc(panel, turns, (top - np.maximum(up, low)) / (top - low), colour)
    for place, leaf in enumerate(np.array(drawn["leaves"], np.intp)):
        _leaf(panel, place / leaves * 2 * np.pi, names[leaf], look[domains[leaf]])
    panel.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal", title=title)
    panel.axis("off")
    _add_legend(figure, set(domains), look)
    return figure


def _arc(panel: Axes, turns: npt.NDArray[np.float64], radii: npt.NDArray[np.float64], colour: str) -> None:
    """Draw a merge: in along one branch, around, out along the other."""
    around = np.linspace(turns[1], turns[2], 40)
    angles = np.r_[turns[0], around, turns[3]]
    radius = np.r_[radii[0], np.full(len(around), radii[1]), radii[3]]
    panel.plot(radius * np.cos(angles), radius * np.sin(angles), color=colour, linewidth=0.9, solid_joinstyle="round")


def _leaf(panel: Axes, turn: float, name: str, look: Look) -> None:
    """Mark and name a concept at the rim, readable from below."""
    x, y = float(np.cos(turn)), float(np.sin(turn))
    face = look.colour if look.filled else "white"
    panel.plot(1.02 * x, 1.02 * y, "o", markersize=3, color=look.colour, markerfacecolor=face, markeredgewidth=0.8)
    degrees, left = float(np.degrees(turn)), x < 0
    style: Any = {"rotation": degrees - 180 if left else degrees, "rotation_mode": "anchor", "va": "center"}
    panel.text(1.045 * x, 1.045 * y, name, fontsize=6.2, ha="right" if left else "left", **style)


def _branch_colours(tree: npt.NDArray[np.float64], domains: npt.NDArray[Any], look: dict[str, Look]) -> dict[int, str]:
    """Colour of every merge: its domain's where all concepts below share one, else grey."""
    below = {leaf: {domain} for leaf, domain in enumerate(domains)}
    for place, (first, second) in enumerate(tree[:, :2].astype(int)):
        below[len(domains) + place] = below[first] | below[second]
    return {node: look[next(iter(own))].colour if len(own) == 1 else NONE for node, own in below.items()}


def drawn_graph(
    graph: nx.Graph,
    spots: dict[str, tuple[float, float]],
    domains: dict[str, str],
    look: dict[str, Look],
    words: set[str],
) -> Figure:
    """Draw concepts as labels that do not overlap, joined by lines as wide as their experts overlap.

    Args:
        graph: Concepts; edges with their overlap.
        spots: Place of each concept, from -1 to 1.
        domains: Domain of each concept.
        look: Look of each domain.
        words: Category words, which are bold.

    """
    figure = Figure(figsize=(7.4, 8.2))
    panel = figure.subplots()
    panel.set(xlim=(-1.06, 1.06), ylim=(-1.06, 1.06))
    panel.axis("off")
    names = list(graph)
    _add_legend(figure, {domains[name] for name in names}, look)
    texts = [_label(panel, name, spots[name], look[domains[name]], name in words) for name in names]
    sizes = _sizes(figure, panel, texts)
    placed = part_labels(np.array([spots[name] for name in names]), sizes)
    for text, spot in zip(texts, placed, strict=True):
        text.set_position(spot)
    at = dict(zip(names, placed, strict=True))
    edges = sorted(graph.edges(data="overlap"), key=lambda edge: float(edge[2]))
    # Few steps of width and shade, so that lines share their looks.
    shares = np.array([np.ceil(20 * overlap / edges[-1][2]) / 20 for _, _, overlap in edges])
    lines = LineCollection([[at[a], at[b]] for a, b, _ in edges], linewidths=3.5 * shares, zorder=1)
    lines.set_color([(0.25, 0.25, 0.25, float(alpha)) for alpha in np.clip(shares**1.3, 0.03, 0.8)])
    panel.add_collection(lines)
    reach = np.abs(placed).max(axis=0) + sizes.max(axis=0) / 2
    panel.set(xlim=(-reach[0], reach[0]), ylim=(-reach[1], reach[1]))
    return figure


def _sizes(figure: Figure, panel: Axes, texts: list[Any]) -> npt.NDArray[np.float64]:
    """Width and height of labels with their boxes and a small gap, in the unit of the panel."""
    renderer: Any = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    figure.draw(renderer)
    back = panel.transData.inverted()
    boxes = [back.transform(text.get_bbox_patch().get_window_extent(renderer)) for text in texts]
    return np.array([np.ptp(box, axis=0) for box in boxes]) + 0.006


def _label(panel: Axes, name: str, spot: tuple[float, float], look: Look, word: bool) -> Any:
    box = {"boxstyle": "round,pad=0.16", "facecolor": tint(look), "edgecolor": look.colour, "linewidth": 0.8}
    return panel.text(
        *spot, name, fontsize=6.2, ha="center", va="center", weight="bold" if word else "normal", bbox=box, zorder=2
    )
