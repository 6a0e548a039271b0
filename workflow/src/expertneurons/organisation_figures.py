"""Organisation figures: domains in every representation, inclusion, polysemy, and the concepts by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from expertneurons import tables
from expertneurons.concept_figures import clustered_heatmap, drawn_graph, radial_tree
from expertneurons.drawing import CONTEXTUAL, OTHERS, RANDOM, STATIC, TEXT, UNTRAINED, Form, draw_all, legend_below
from expertneurons.drawing import EXPERTS as BLUE
from expertneurons.graph import concept_graph, place
from expertneurons.organisation_names import ASYMMETRY, AUC, COVERAGE, EXPERTS, LABELS, RATING, SAME_DOMAIN, TRIPLETS
from expertneurons.palette import domain_of, looks
from expertneurons.selection import expert_sets
from expertneurons.similarity import jaccard

FAMILIES = {
    "experts": BLUE,
    "control": RANDOM,
    "static": STATIC,
    "contextual": CONTEXTUAL,
    "word vectors": "#56B4E9",
    "text": TEXT,
}


def draw_organisation(
    organisation: list[Path],
    inclusions: Path,
    polysemy: Path,
    edges: Path,
    expert_table: Path,
    concept_table: Path,
    units: Path,
    folder: Path,
    threshold: float,
    model: str,
    norm_labels: list[str],
    seed: int = 0,
    form: Form = "screen",
) -> None:
    """Draw how the concepts of one model are organised, each figure as SVG and PNG, or as PDF.

    Args:
        organisation: The `organisation` tables of the model and of its untrained controls.
        inclusions: The `inclusion` table of the model.
        polysemy: The `polysemy` table of the model.
        edges: Edges of the concept graph, as `measure_organisation` writes them.
        expert_table: The model's experts.
        concept_table: The concepts.
        units: Index of the units.
        folder: Where the figures go.
        threshold: AP threshold of the figures that show only one.
        model: Its name.
        norm_labels: Titles of the norms, each as name=title.
        seed: Of the graph's layout.
        form: For screens, or for a journal's column.

    """
    titles = dict(label.split("=", 1) for label in norm_labels)
    measured = pd.concat([tables.read(path) for path in organisation])
    own = measured[measured["model"] == model]
    concepts = tables.read(concept_table)
    sets = expert_sets(tables.read(expert_table), len(concepts), len(tables.read(units)), threshold=threshold)
    matrix = jaccard(sets)
    kept = shown(matrix, concepts)
    inner, listed = matrix[np.ix_(kept, kept)], concepts.iloc[kept].fillna({"domain": ""})
    domains = domain_of(concepts)
    look = looks(domains.values())
    named = [name for name, domain in domains.items() if domain]
    graph = concept_graph(tables.read(edges), named or list(domains))
    label = f"Jaccard overlap of experts, AP >= {threshold:g}"
    words = set(concepts["superordinate"].fillna("")) if "superordinate" in concepts else set()
    drawings: dict[str, Callable[[], Figure]] = {
        "domains": lambda: domain_panel(measured, model),
        "domain_heatmap": lambda: clustered_heatmap(inner, listed, look, label),
        "concept_tree": lambda: radial_tree(inner, listed, look, f"Average linkage on 1 - {label}"),
        "concept_graph": lambda: drawn_graph(graph, place(graph, seed), domains, look, words),
        "inclusion": lambda: inclusion_panels(tables.read(inclusions), own, threshold),
        "polysemy": lambda: polysemy_panels(tables.read(polysemy), own, threshold, titles),
    }
    draw_all(drawings, folder, form)


def shown(matrix: Any, concepts: pd.DataFrame) -> Any:
    """Choose the concepts of heatmap and tree: those with experts and a domain; all with experts if these are few."""
    known = ~np.isnan(np.asarray(matrix).diagonal())
    named = known & (concepts["domain"].fillna("") != "").to_numpy()
    return np.flatnonzero(named if named.sum() > 1 else known)


def domain_panel(measured: pd.DataFrame, model: str) -> Figure:
    """Draw AUC and triplet accuracy for same domain in every representation, with nulls, intervals and controls."""
    rows = measured[(measured["domain"] == "") & (measured["null"] == LABELS)]
    keys = rows.loc[rows["measure"] == AUC, ["family", "representation", "threshold"]].drop_duplicates()
    keys["order"] = keys["family"].map({name: place for place, name in enumerate(FAMILIES)})
    keys["number"] = keys["representation"].str.extract(r"top(\d+)$")[0].astype(float)
    keys = keys.sort_values(["order", "number", "representation", "threshold"], na_position="first")
    names = [_row_label(row) for row in keys.to_dict("records")]
    places = {name: len(names) - 1 - number for number, name in enumerate(names)}
    figure = Figure(figsize=(7.4, 1.2 + 0.135 * len(names)))
    titles = {AUC: ("Same-domain AUC", 0.5), TRIPLETS: ("Domain triplets, accuracy", 1 / 3)}
    for panel, (measure, (title, chance)) in zip(figure.subplots(1, 2, sharey=True), titles.items(), strict=True):
        own = rows[rows["measure"] == measure].merge(keys, on=["family", "representation", "threshold"])
        for row in own.to_dict("records"):
            limit = row["threshold"]
            at = places[f"{row['representation']}{'' if np.isnan(limit) else f', AP >= {limit:g}'}"]
            _interval(
                panel, row, at, FAMILIES[row["family"]] if row["model"] == model else UNTRAINED, row["model"] == model
            )
        panel.axvline(chance, color="#000000", linewidth=0.7, linestyle=":")
        panel.set_title(title)
        panel.set_ylim(-0.8, len(names) - 0.2)
        panel.set_yticks(list(places.values()), list(places), fontsize=6.5)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="y", color="#eeeeee", linewidth=0.5)
        panel.set_axisbelow(True)
    handles = [
        Line2D([], [], marker="o", markersize=4, color=BLUE, label="trained, 95% interval (colour: family)"),
        Line2D([], [], marker="D", markersize=3.5, color=UNTRAINED, markerfacecolor="white", label="untrained weights"),
        Patch(color="#000000", alpha=0.15, label="95% of shuffled domain labels"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7.5)
    return figure


def _row_label(row: Mapping[Any, Any]) -> str:
    limit = row["threshold"]
    return str(row["representation"]) if np.isnan(limit) else f"{row['representation']}, AP >= {limit:g}"


def _interval(panel: Axes, row: Mapping[Any, Any], at: float, colour: str, trained: bool) -> None:
    """Draw a value with its interval, and the central part of its null below it."""
    shift = 0.0 if trained else -0.3
    if trained:
        reach = 1.96 * row["null_sd"]
        panel.barh(at, 2 * reach, left=row["null_mean"] - reach, height=0.7, color="#000000", alpha=0.13, linewidth=0)
    panel.plot([row["low"], row["high"]], [at + shift] * 2, color=colour, linewidth=1.1 if trained else 0.8)
    mark, size, face = ("o", 3.4, colour) if trained else ("D", 2.4, "white")
    panel.plot(row["value"], at + shift, mark, markersize=size, color=colour, markerfacecolor=face, markeredgewidth=0.8)


def inclusion_panels(pairs: pd.DataFrame, measured: pd.DataFrame, threshold: float) -> Figure:
    """Draw coverage and graded asymmetry of every member by category, and what raw containment follows."""
    own = pairs[np.isclose(pairs["threshold"], threshold)]
    rows = measured[np.isclose(measured["threshold"], threshold) & (measured["representation"] == EXPERTS)]
    order = own.groupby("superordinate")[COVERAGE].mean().sort_values().index
    figure = Figure(figsize=(7.4, 4.4))
    first, second, third = figure.subplots(1, 3, width_ratios=(1, 1, 1.1))
    for panel, measure, title in (
        (first, COVERAGE, "Coverage in size-\nmatched sets"),
        (second, ASYMMETRY, "Graded asymmetry\n(mean AP, up - down)"),
    ):
        tests = rows[(rows["measure"] == measure) & (rows["null"] == LABELS)].set_index("domain")
        _by_category(panel, own, measure, tests, list(order))
        panel.set_title(title)
        panel.set_yticks(range(len(order)), order if panel is first else [""] * len(order), fontsize=8)
    _containment(third, own)
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=4, color=BLUE, alpha=0.6, label="a member"),
        Line2D(
            [],
            [],
            marker="|",
            linestyle="",
            markersize=9,
            markeredgewidth=1.6,
            color="#000000",
            label="mean of the category",
        ),
        Patch(color="#000000", alpha=0.15, label="95% of shuffled category labels"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _by_category(panel: Axes, own: pd.DataFrame, measure: str, tests: pd.DataFrame, order: list[str]) -> None:
    """Draw every member, the mean of its category and the central part of the null, one row per category."""
    for at, word in enumerate(order):
        values = own.loc[own["superordinate"] == word, measure].dropna()
        if word in tests.index:
            middle, reach = tests["null_mean"][word], 1.96 * tests["null_sd"][word]
            panel.barh(at, 2 * reach, left=middle - reach, height=0.75, color="#000000", alpha=0.15, linewidth=0)
        panel.plot(values, np.full(len(values), at), "o", color=BLUE, markersize=3, alpha=0.55, markeredgewidth=0)
        panel.plot(values.mean(), at, "|", color="#000000", markersize=9, markeredgewidth=1.6)
    panel.axvline(0, color="#000000", linewidth=0.6)
    panel.tick_params(axis="y", length=0)


def _containment(panel: Axes, own: pd.DataFrame) -> None:
    """Draw the asymmetry of raw containment against what it follows, the size difference."""
    ratio = np.log2(own["in_superordinate"] / own["in_member"])
    difference = own["in_superordinate"] - own["in_member"]
    panel.axhline(0, color="#000000", linewidth=0.6)
    panel.axvline(0, color="#000000", linewidth=0.6)
    panel.plot(ratio, difference, "o", color=BLUE, markersize=3, alpha=0.55, markeredgewidth=0)
    panel.set(
        title="Raw containment:\nonly the size difference",
        xlabel="log2 of member's over word's\nnumber of experts",
        ylabel="shared / word's - shared / member's experts",
    )


def polysemy_panels(spread: pd.DataFrame, measured: pd.DataFrame, threshold: float, titles: dict[str, str]) -> Figure:
    """Draw how many concepts units are experts of, and how close the concepts are that share a unit."""
    own = spread[np.isclose(spread["threshold"], threshold)]
    figure = Figure(figsize=(7.4, 3.4))
    left, right = figure.subplots(1, 2)
    left.bar(own["concepts"], own["n_units"], width=0.85, color=BLUE, alpha=0.75, label="observed")
    left.plot(
        own["concepts"],
        own["n_expected"].clip(lower=1e-3),
        color="#000000",
        linestyle=":",
        label="experts placed at random",
    )
    left.set_yscale("log")
    left.set_ylim(bottom=0.5)
    left.set(
        xlabel="concepts of a unit", ylabel="units", title=f"How many concepts a unit serves\n(AP >= {threshold:g})"
    )
    lines = {("", SAME_DOMAIN): ("same domain", BLUE)}
    for number, (norm, title) in enumerate(titles.items()):
        lines[norm, RATING] = (f"rating, {title}", OTHERS[number % len(OTHERS)])
    for (norm, measure), (label, colour) in lines.items():
        rows = measured[(measured["measure"] == measure) & (measured["norm"] == norm)].sort_values("threshold")
        distance = (rows["value"] - rows["null_mean"]) / rows["null_sd"]
        right.plot(rows["threshold"], distance, "o-", color=colour, markersize=3.5, label=label)
    right.axhspan(-1.96, 1.96, color="#000000", alpha=0.08, linewidth=0, label="95% of shuffled concepts")
    right.axhline(0, color="#000000", linewidth=0.6)
    right.set_yscale("symlog", linthresh=4)
    right.set_yticks([-4, -2, 0, 2, 4, 10, 40], ["-4", "-2", "0", "2", "4", "10", "40"])
    right.set(
        xlabel="AP threshold for an expert",
        ylabel="standard deviations of the null",
        title="Concepts that share a unit\nagainst chance",
    )
    # Below the panels: within, it would hide the band that the curves are held against.
    legend_below(figure, 3, left, right, fontsize=7.5)
    return figure
