"""Rival figures: experts beside probes and features with as many units for a concept."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from expertneurons import tables
from expertneurons.drawing import EXPERTS, OTHERS, RANDOM, UNTRAINED, Form, draw_all, legend_below

LOOKS = {
    "experts": ("the concept's experts", EXPERTS, "o"),
    "probes": ("units chosen together (sparse probe)", OTHERS[2], "s"),
    "features": ("features of a dictionary", OTHERS[1], "^"),
    "feature_probes": ("features chosen together (sparse probe)", OTHERS[4], "v"),
    "random": ("random units", RANDOM, "x"),
}


def draw_rivals(rivals: list[Path], folder: Path, model: str, norm_labels: list[str], form: Form = "screen") -> None:
    """Draw held-out AP and alignment by number of units, as SVG and PNG, or as PDF.

    Args:
        rivals: The `rivals` tables of the model and of its untrained controls.
        folder: Where the figure goes.
        model: Its name.
        norm_labels: Titles of the norms, each as name=title.
        form: For screens, or for a journal's column.

    """
    titles = dict(label.split("=", 1) for label in norm_labels)
    rows = pd.concat([tables.read(path) for path in rivals])
    draw_all({"rivals": lambda: rival_panels(rows, model, titles)}, folder, form)


def rival_panels(rows: pd.DataFrame, model: str, titles: dict[str, str]) -> Figure:
    """Draw held-out AP and the alignment with each norm against the number of units a concept has."""
    first = rows[rows["norm"] == next(iter(titles))]
    panels = [("AP on held-out sentences", first, ("ap", "ap_low", "ap_high"))]
    panels += [(title, rows[rows["norm"] == norm], ("rho", "low", "high")) for norm, title in titles.items()]
    figure = Figure(figsize=(3.6 * len(panels), 3.6))
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, (title, own, columns) in zip(axes, panels, strict=True):
        for method, (label, colour, mark) in LOOKS.items():
            _line(panel, own[(own["model"] == model) & (own["method"] == method)], columns, f"{mark}-", colour, label)
        for _, control in own[(own["model"] != model) & (own["method"] == "experts")].groupby("model"):
            _line(panel, control, columns, "D--", UNTRAINED, "experts, untrained weights")
        panel.set_xscale("log")
        ks = sorted(own["k"].unique())
        panel.set_xticks(ks, [str(k) for k in ks])
        panel.minorticks_off()
        panel.set(xlabel="units of a concept (k)", title=title)
        if columns[0] == "rho":
            panel.axhline(0, color="#000000", linewidth=0.6)
            panel.set_ylabel("Spearman correlation with people")
    legend_below(figure, 3, axes[0])
    return figure


def _line(panel: Axes, rows: pd.DataFrame, columns: tuple[str, str, str], style: str, colour: str, label: str) -> None:
    rows = rows.sort_values("k")
    value, low, high = (rows[name] for name in columns)
    panel.errorbar(
        rows["k"],
        value,
        [value - low, high - value],
        fmt=style,
        color=colour,
        markersize=4,
        elinewidth=0.8,
        label=label,
    )
