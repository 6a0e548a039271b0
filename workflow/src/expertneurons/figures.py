"""Figures: alignment, counts, layers, overlaps and AP of one model's experts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from expertneurons import tables
from expertneurons.distribution import BINS, OBSERVED, PERMUTED
from expertneurons.drawing import (
    CONTEXTUAL,
    EXPERTS,
    OTHERS,
    RANDOM,
    STATIC,
    TEXT,
    UNTRAINED,
    Form,
    draw_all,
    legend_below,
)
from expertneurons.layers import ALL
from expertneurons.selection import expert_sets
from expertneurons.similarity import jaccard

SITES = dict(zip(("attn.qkv", "attn.out", "mlp.up", "mlp.act", "mlp.down"), OTHERS, strict=False))


def draw_figures(
    alignment: list[Path],
    experts: list[Path],
    layers: Path,
    distribution: Path,
    expert_table: Path,
    concept_table: Path,
    units: Path,
    folder: Path,
    threshold: float,
    model: str,
    controls: list[str],
    norm_labels: list[str],
    form: Form = "screen",
) -> None:
    """Draw the figures of one model and one set of stimuli, each as SVG and PNG, or as PDF.

    Args:
        alignment: The `alignment` tables of the model and of its untrained controls.
        experts: The `experts` tables of the same.
        layers: The `layers` table of the model.
        distribution: AP counts, observed and permuted.
        expert_table: The model's experts.
        concept_table: The concepts.
        units: Index of the units.
        folder: Where the figures go.
        threshold: AP threshold of the figures that show only one.
        model: Its name.
        controls: Names of its untrained controls.
        norm_labels: Titles of the norms, each as name=title.
        form: For screens, or for a journal's column.

    """
    titles = dict(label.split("=", 1) for label in norm_labels)
    aligned = pd.concat([tables.read(path) for path in alignment])
    counted = pd.concat([tables.read(path) for path in experts])
    concepts, index = tables.read(concept_table), tables.read(units)
    sets = expert_sets(tables.read(expert_table), len(concepts), len(index), threshold=threshold)
    drawings: dict[str, Callable[[], Figure]] = {
        "alignment_by_threshold": lambda: alignment_by_threshold(aligned, model, controls, titles),
        "expert_counts": lambda: expert_counts(counted, model, controls),
        "layers": lambda: layer_profile(tables.read(layers), len(concepts), threshold, titles),
        "similarity_matrix": lambda: similarity_matrix(jaccard(sets), concepts, threshold),
        "ap_distribution": lambda: ap_distribution(tables.read(distribution), counted[counted["model"] == model]),
    }
    draw_all(drawings, folder, form)


def alignment_by_threshold(aligned: pd.DataFrame, model: str, controls: list[str], titles: dict[str, str]) -> Figure:
    """Draw Spearman with each norm against the expert threshold, beside baselines, chance and the untrained control."""
    norms = sorted(aligned["norm"].unique())
    figure = Figure(figsize=(4.2 * len(norms), 3.9))
    panels = figure.subplots(1, len(norms), sharey=True, squeeze=False)[0]
    for panel, norm in zip(panels, norms, strict=True):
        own = aligned[(aligned["norm"] == norm) & (aligned["model"] == model)]
        lines: list[tuple[pd.DataFrame, str, str, str]] = [
            (own, "experts.jaccard", EXPERTS, "expert overlap (Jaccard)")
        ]
        for control in controls:
            rows = aligned[(aligned["norm"] == norm) & (aligned["model"] == control)]
            lines.append((rows, "experts.jaccard", UNTRAINED, "same, untrained weights"))
        lines.append((own, "random_units.jaccard", RANDOM, "random units, matched count and layer"))
        for rows, name, colour, label in lines:
            _curve(panel, rows[rows["representation"] == name], colour, label)
        for name, colour, label in _baselines(own):
            rho = own.loc[own["representation"] == name, "rho"].item()
            panel.axhline(rho, color=colour, linewidth=1.2, linestyle=(0, (5, 2)), label=label)
        own_experts = own[own["representation"] == "experts.jaccard"]
        band = own_experts["null_low"].min(), own_experts["null_high"].max()
        panel.axhspan(*band, color="#000000", alpha=0.06, linewidth=0, label="chance: 95% of node permutations")
        panel.axhline(0, color="#000000", linewidth=0.6)
        headline = own[own["representation"] == "experts.jaccard"].iloc[0]
        panel.set_title(
            f"{titles.get(norm, norm)}\n{headline['n_pairs']:.0f} pairs, {headline['n_concepts']:.0f} concepts"
        )
        panel.set_xlabel("AP threshold for an expert")
    panels[0].set_ylabel("Spearman correlation with people")
    curves = aligned["representation"].isin(["experts.jaccard", "random_units.jaccard"])
    drawn = aligned[curves & aligned["model"].isin([model, *controls])]
    panels[0].set_ylim(min(-0.4, float(drawn["low"].min())), 1)
    legend_below(figure, 2, panels[0])
    return figure


def _curve(panel: Axes, rows: pd.DataFrame, colour: str, label: str) -> None:
    rows = rows.sort_values("threshold")
    panel.plot(rows["threshold"], rows["rho"], color=colour, marker="o", markersize=3.5, label=label)
    panel.fill_between(rows["threshold"], rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0)


def _baselines(own: pd.DataFrame) -> list[tuple[str, str, str]]:
    depth = own["representation"].str.extract(r"^embedding\.layer(\d+)\.concept$")[0].dropna().astype(int).max()
    return [
        (f"embedding.layer{depth}.concept", CONTEXTUAL, "contextual embedding, last layer"),
        ("embedding.static.concept", STATIC, "static token embedding"),
        ("text.tfidf", TEXT, "TF-IDF of the sentences"),
    ]


def expert_counts(counted: pd.DataFrame, model: str, controls: list[str]) -> Figure:
    """Draw experts per concept by threshold, with what shuffled labels give and the untrained control."""
    figure = Figure(figsize=(5.2, 3.6))
    panel = figure.subplots()
    for name, colour, label in [(model, EXPERTS, "trained"), *[(c, UNTRAINED, "untrained weights") for c in controls]]:
        groups = counted[counted["model"] == name].groupby("threshold")["n_experts"]
        low, middle, high = (groups.quantile(q) for q in (0.25, 0.5, 0.75))
        panel.plot(middle.index, middle, color=colour, marker="o", markersize=3.5, label=f"{label}: median concept")
        panel.fill_between(middle.index, low, high, color=colour, alpha=0.15, linewidth=0)
    chance = counted[counted["model"] == model].groupby("threshold")["n_expected_by_chance"].mean()
    panel.plot(chance.index, chance, color="#000000", linestyle=":", label="shuffled labels: mean")
    panel.set_yscale("symlog", linthresh=1)
    panel.set_ylim(bottom=0)
    panel.set_xlabel("AP threshold for an expert")
    panel.set_ylabel("experts per concept")
    legend_below(figure, 2, panel)
    return figure


def layer_profile(layers: pd.DataFrame, concepts: int, threshold: float, titles: dict[str, str]) -> Figure:
    """Draw how often a unit of each layer and site is an expert, and the alignment of each layer's experts alone."""
    rows = layers[np.isclose(layers["threshold"], threshold)]
    figure = Figure(figsize=(8.4, 3.4))
    left, right = figure.subplots(1, 2)
    for site, colour in SITES.items():
        own = rows[rows["site"] == site]
        share = 100 / (own["n_units"] * concepts)
        if len(own):
            left.plot(
                own["layer"], own["n_expert_concept_pairs"] * share, "o-", color=colour, markersize=3.5, label=site
            )
    whole = rows[rows["site"] == ALL]
    chance = 100 * whole["n_pairs_expected_by_chance"] / (whole["n_units"] * concepts)
    left.plot(whole["layer"], chance, color="#000000", linestyle=":", label="shuffled labels")
    left.set(
        xlabel="layer", ylabel="experts per concept (% of units)", title=f"Where experts sit (AP >= {threshold:g})"
    )
    left.set_ylim(bottom=0)
    for number, (norm, title) in enumerate(titles.items()):
        rho, low, high = (whole[f"{name}_{norm}"] for name in ("rho", "low", "high"))
        at = whole["layer"] + 0.12 * (number - (len(titles) - 1) / 2)
        colour = OTHERS[number % len(OTHERS)]
        right.errorbar(at, rho, [rho - low, high - rho], fmt="o-", color=colour, markersize=3.5, label=title)
    right.axhline(0, color="#000000", linewidth=0.6)
    right.set(xlabel="layer", ylabel="Spearman correlation with people", title="Alignment of one layer's experts")
    bottom, top = right.get_ylim()
    right.set_ylim(bottom - (top - bottom) / 4, top)  # room for the legend below every interval
    for panel, place in ((left, "upper left"), (right, "lower right")):
        panel.legend(fontsize=8, loc=place)
        panel.set_xticks(sorted(rows["layer"].unique()))
    return figure


def similarity_matrix(matrix: Any, concepts: pd.DataFrame, threshold: float) -> Figure:
    """Draw the overlap of the experts of every two concepts, ordered by domain."""
    domains = concepts["domain"].replace("", "(none)")
    order = np.lexsort((concepts["concept"], domains))
    ordered = matrix[np.ix_(order, order)].copy()
    np.fill_diagonal(ordered, np.nan)
    names, starts, sizes = np.unique(domains.to_numpy()[order], return_index=True, return_counts=True)
    known = ordered[~np.isnan(ordered)]
    top = float(np.quantile(known, 0.995)) if known.size else 1.0
    figure = Figure(figsize=(6.6, 5.8))
    panel = figure.subplots()
    image = panel.imshow(ordered, cmap="viridis", vmin=0, vmax=top, interpolation="nearest")
    figure.colorbar(image, ax=panel, label=f"Jaccard overlap of experts, AP >= {threshold:g}", shrink=0.8)
    for start in starts[1:]:
        panel.axhline(start - 0.5, color="#ffffff", linewidth=0.5)
        panel.axvline(start - 0.5, color="#ffffff", linewidth=0.5)
    panel.set_xticks(starts + sizes / 2 - 0.5, names, rotation=90, fontsize=7)
    panel.set_yticks(starts + sizes / 2 - 0.5, names, fontsize=7)
    panel.tick_params(length=0)
    return figure


def ap_distribution(distribution: pd.DataFrame, counted: pd.DataFrame) -> Figure:
    """Draw how many units reach each AP for a concept, against shuffled labels."""
    figure = Figure(figsize=(5.2, 3.6))
    panel = figure.subplots()
    edges = np.linspace(0, 1, 51)
    concepts = counted["concept"].nunique()
    for kind, colour, label in ((OBSERVED, EXPERTS, "observed"), (PERMUTED, "#000000", "shuffled labels")):
        own = distribution[distribution["kind"] == kind]
        weight = own["count"] / own.groupby("n_positives")["sets"].first().sum()
        heights, _ = np.histogram(np.minimum(own["low"] + 0.5 / BINS, 1), bins=edges, weights=weight)
        panel.stairs(np.maximum(heights, 1e-9), edges, color=colour, label=label, linewidth=1.4)
    chance = counted["chance"].mean()
    panel.axvline(chance, color=RANDOM, linestyle="--", linewidth=1.2, label=f"chance ({chance:.3f})")
    panel.set_yscale("log")
    panel.set_ylim(bottom=0.3 / concepts)
    panel.set_xlabel("average precision of a unit for a concept")
    panel.set_ylabel("units per concept")
    panel.legend(fontsize=8)
    return figure
