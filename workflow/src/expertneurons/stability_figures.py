"""Stability figures: the specification curve, set sizes, controls, and how far models agree."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from expertneurons import stability_names as names
from expertneurons import tables
from expertneurons.drawing import EXPERTS, OTHERS, RANDOM, TEXT, UNTRAINED, Form, draw_all, legend_below

TITLES = {
    "max": "maximum",
    "min": "minimum",
    "mean": "mean",
    "last": "last token",
    "special": "special tokens in",
    "padded": "padding in",
    "activated": "after the nonlinearity",
    "context": "concept's tokens left out",
    "masked": "concept masked in the input",
}
DASHES = ("-", "--", ":", "-.")
RULES = {names.AP: OTHERS[2], names.REFERENCE: EXPERTS, names.AUROC: OTHERS[4], names.TOP: OTHERS[3]}
CONTROLS = {names.OWN: EXPERTS, names.TFIDF: TEXT, names.UNTRAINED: UNTRAINED, names.RANDOM: RANDOM}


def draw_stability(
    stability: list[Path],
    sizes: Path,
    control_table: Path,
    folder: Path,
    model: str,
    threshold: float,
    norm_labels: list[str],
    form: Form = "screen",
) -> None:
    """Draw one model's specification curve, set sizes and controls, each as SVG and PNG, or as PDF.

    Args:
        stability: The `stability` tables of it and of its untrained controls.
        sizes: Its `set_sizes` table.
        control_table: Its `controls` table.
        folder: Where the figures go.
        model: Its name.
        threshold: AP threshold of the study's own experts.
        norm_labels: Titles of the norms, each as name=title.
        form: For screens, or for a journal's column.

    """
    titles = dict(label.split("=", 1) for label in norm_labels)
    chosen = pd.concat([tables.read(path) for path in stability])
    drawings: dict[str, Callable[[], Figure]] = {
        "specification_curve": lambda: specification_curve(chosen, model, threshold, titles),
        "set_sizes": lambda: size_panels(tables.read(sizes), titles),
        "controls": lambda: control_panels(tables.read(control_table), titles),
    }
    draw_all(drawings, folder, form)


def draw_models(models: Path, picture: Path, form: Form = "screen") -> None:
    """Draw how far models agree on the same stimuli, as SVG and PNG, or as PDF.

    Args:
        models: The `models` table of one set of stimuli.
        picture: SVG file to write, with a PNG beside it, or PDF file.
        form: For screens, or for a journal's column.

    """
    draw_all({picture.stem: lambda: model_panels(tables.read(models))}, picture.parent, form)


def specification_curve(rows: pd.DataFrame, model: str, threshold: float, titles: Mapping[str, str]) -> Figure:
    """Draw every choice sorted by alignment, with interval; what was chosen below; controls in their own colours."""
    figure = Figure(figsize=(6.2 * len(titles), 9.0))
    grid = figure.subplots(2, len(titles), sharex="col", height_ratios=[1, 1.5], squeeze=False)
    for column, (norm, title) in enumerate(titles.items()):
        # Experts counted to equal another choice's are no choice of their own, here as in the sentences.
        told = rows["rho"].notna() & (rows["score"] != names.COUNT_MATCHED)
        own = rows[(rows["norm"] == norm) & told].sort_values("rho", kind="stable")
        own = own.reset_index(drop=True)
        top, below = grid[0, column], grid[1, column]
        for kind, colour in (("choice", EXPERTS), ("control", UNTRAINED)):
            part = own[_is_control(own, model) == (kind == "control")]
            reach = np.abs(part[["low", "high"]].to_numpy().T - part["rho"].to_numpy())
            style = {"fmt": ".", "markersize": 3, "elinewidth": 0.5, "color": colour}
            top.errorbar(part.index, part["rho"], yerr=reach, label=f"{len(part)} {kind}s", **style)
        chosen = own[_is_own(own, model, threshold)]
        top.plot(chosen.index, chosen["rho"], "D", color="#000000", markersize=5, label="as the study does")
        top.axhline(0, color="#000000", linewidth=0.6)
        top.set_title(f"{title}\n{own['n_pairs'].max():.0f} pairs")
        _choices(below, own, model)
        below.set_xlabel("choices, by alignment")
    grid[0, 0].set_ylabel("Spearman correlation")
    legend_below(figure, 3, grid[0, 0])
    return figure


def _is_control(rows: pd.DataFrame, model: str) -> Any:
    shuffled = (rows["sentences"] == "shuffled") | rows["responses"].isin(["context", "masked"])
    return (rows["model"] != model) | shuffled


def _is_own(rows: pd.DataFrame, model: str, threshold: float) -> Any:
    as_is = (rows["responses"] == "max") & (rows["precision"] == "float32") & (rows["sentences"] == "labelled")
    rule = (rows["score"] == names.AP) & np.isclose(rows["limit"], threshold) & (rows["sites"] == names.ALL)
    return as_is & rule & (rows["model"] == model)


def _choices(panel: Axes, own: pd.DataFrame, model: str) -> None:
    """Mark what every point of the curve chose, one line per option."""
    marks: dict[str, Any] = {"trained weights": own["model"] == model, "untrained weights": own["model"] != model}
    marks |= {name: own["responses"] == key for key, name in TITLES.items() if (own["responses"] == key).any()}
    marks |= {name: own["precision"] == name for name in ("float32", "float16")}
    marks |= {f"sentences {name}": own["sentences"] == name for name in ("labelled", "shuffled")}
    marks |= {f"sites: {name}": own["sites"] == name for name in names.FAMILIES}
    for score, limit in own[["score", "limit"]].drop_duplicates().sort_values(["score", "limit"]).to_numpy():
        marks[f"{score} {limit:g}"] = (own["score"] == score) & (own["limit"] == limit)
    control = _is_control(own, model).to_numpy()
    for line, chosen in enumerate(marks.values()):
        for kind, colour in ((~control, EXPERTS), (control, UNTRAINED)):
            places = np.repeat(np.flatnonzero(chosen.to_numpy() & kind), 3)
            ends = np.tile([0.3, -0.3, np.nan], len(places) // 3) - line  # one path with gaps, not hundreds of marks
            panel.plot(places, ends, color=colour, linewidth=0.7)
    panel.set_yticks(-np.arange(len(marks)), list(marks), fontsize=7)
    panel.set_ylim(-len(marks), 1)
    panel.spines["left"].set_visible(False)


def size_panels(rows: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw experts, their identity between disjoint draws, and alignment against the sizes of the sets."""
    one = rows[rows["norm"] == rows["norm"].iloc[0]]
    panels: list[tuple[str, str, pd.DataFrame]] = [("n_experts", "experts of the median concept", one)]
    panels.append(("jaccard", "same experts from other sentences\n(Jaccard)", one.dropna(subset="jaccard")))
    panels += [("rho", f"alignment, {title}", rows[rows["norm"] == norm]) for norm, title in titles.items()]
    figure = Figure(figsize=(3.6 * len(panels), 4.2))
    for panel, (value, title, own) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for rule, colour in RULES.items():
            for number, (positives, part) in enumerate(own[own["rule"] == rule].groupby("positives")):
                part = part.sort_values("negatives")
                style = {
                    "color": colour,
                    "linestyle": DASHES[number % 4],
                    "marker": "o",
                    "markersize": 3,
                }
                panel.plot(part["negatives"], part[value], label=f"{rule}, {positives} positives", **style)
                if value == "jaccard":
                    panel.fill_between(
                        part["negatives"], part["jaccard_low"], part["jaccard_high"], color=colour, alpha=0.15
                    )
        panel.set_xscale("log")
        panel.set_xticks(sorted(own["negatives"].unique()), [f"{n:.0f}" for n in sorted(own["negatives"].unique())])
        panel.minorticks_off()
        panel.set_xlabel("negative sentences")
        panel.set_title(title)
        if value == "n_experts":
            panel.set_yscale("symlog", linthresh=1)
            panel.set_ylim(bottom=0)
    legend_below(figure, 4, figure.axes[0])
    return figure


def control_panels(rows: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw the alignment of every control beside the study's own."""
    order = [names.OWN, names.MASKED, names.CONTEXT, names.TFIDF, names.TEXT, names.PARTNER]
    order += [names.UNTRAINED, names.RANDOM, names.SHUFFLED]
    order = [name for name in order if name in set(rows["control"])]
    figure = Figure(figsize=(4.6 * len(titles) + 1.5, 3.6))
    panels = figure.subplots(1, len(titles), sharex=True, sharey=True, squeeze=False)[0]
    for panel, (norm, title) in zip(panels, titles.items(), strict=True):
        own = rows[rows["norm"] == norm].set_index("control").reindex(order)
        reach = np.abs(own[["low", "high"]].to_numpy().T - own["rho"].to_numpy())
        colours = [CONTROLS.get(name, OTHERS[0]) for name in order]
        for line, (colour, rho, ends) in enumerate(zip(colours, own["rho"], reach.T, strict=True)):
            panel.errorbar([rho], [-line], xerr=ends[:, None], fmt="o", color=colour, markersize=4)
            if np.isnan(rho):
                panel.text(0, -line, " not defined", fontsize=8, va="center")
        panel.axvline(0, color="#000000", linewidth=0.6)
        panel.set_yticks(-np.arange(len(order)), order)
        panel.set_title(f"{title}\n{own['n_pairs'].max():.0f} pairs")
        panel.set_xlabel("Spearman correlation")
    return figure


def model_panels(rows: pd.DataFrame) -> Figure:
    """Draw the corrected correlation of every two models, and of the layers of the two that agree most."""
    whole = rows[rows["layer_a"] == names.NO_LAYER].sort_values("rho")
    figure = Figure(figsize=(9.5, 0.9 + 0.24 * max(len(whole), 10)))
    left, right = figure.subplots(1, 2, width_ratios=[1.4, 1])
    pairs = [f"{a} / {b}" for a, b in whole[["a", "b"]].to_numpy()]
    reach = np.abs(whole[["low", "high"]].to_numpy().T - whole["rho"].to_numpy())
    lines = np.arange(len(whole))
    left.errorbar(whole["rho"], lines, xerr=reach, fmt="o", markersize=4, color=EXPERTS, label="raw")
    left.plot(
        whole["corrected"],
        lines,
        "D",
        markersize=4,
        color=EXPERTS,
        markerfacecolor="white",
        label="corrected for reliability",
    )
    left.axvline(0, color="#000000", linewidth=0.6)
    left.set_yticks(lines, pairs, fontsize=7)
    left.set_xlabel("Spearman correlation of the concept similarities")
    left.legend(fontsize=8)
    pair = whole.iloc[-1]
    layers = rows[(rows["a"] == pair["a"]) & (rows["b"] == pair["b"]) & (rows["layer_a"] != names.NO_LAYER)]
    grid = layers.pivot_table(index="layer_a", columns="layer_b", values="rho")
    drawn = right.imshow(grid.to_numpy(), origin="lower", cmap="viridis", vmin=0)
    right.set_xticks(range(grid.shape[1]), [str(n) for n in grid.columns])
    right.set_yticks(range(grid.shape[0]), [str(n) for n in grid.index])
    right.set_xlabel(f"layer of {pair['b']}")
    right.set_ylabel(f"layer of {pair['a']}")
    figure.colorbar(drawn, ax=right, label="Spearman correlation", shrink=0.8)
    return figure
