"""Steering figures: dose curves of forcing and of knock-out, by how many units are held."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from expertneurons import tables
from expertneurons.drawing import EXPERTS, OTHERS, RANDOM, Form, draw_all, legend_below
from expertneurons.steering_names import CAPPED, ITSELF, LOGPROB, MENTIONS, NONE, OFF, ON, OTHER, PERPLEXITY
from expertneurons.steering_names import EXPERTS as HELD
from expertneurons.steering_names import RANDOM as MATCHED

LOOKS = {
    HELD: (EXPERTS, "o", "the concept's experts"),
    MATCHED: (RANDOM, "s", "random units, matched layer and site"),
    OTHER: (OTHERS[2], "^", "another concept's experts"),
}
UNFORCED: Any = {"color": "#000000", "linestyle": ":", "linewidth": 1.0}
SPREAD = 1.03  # of the marks, so that intervals do not hide each other


def draw_steering(effects: Path, folder: Path, form: Form = "screen") -> None:
    """Draw the dose curves of one model, each as SVG and PNG, or as PDF.

    Args:
        effects: The `steering_effects` table.
        folder: Where the figures go.
        form: For screens, or for a journal's column.

    """
    rows = tables.read(effects)
    draw_all({"steering": lambda: steering(rows), "knock_out": lambda: knock_out(rows)}, folder, form)


def steering(rows: pd.DataFrame) -> Figure:
    """Draw log probability of the word, mentions in texts and perplexity of the texts, by number of forced units."""
    own = rows[rows["kind"] == ON]
    panels = {
        LOGPROB: "change in log probability\nof the concept's word (nats)",
        MENTIONS: "share of texts that\nmention the concept",
        PERPLEXITY: "perplexity of the texts,\nunforced model",
    }
    shown = {name: title for name, title in panels.items() if (own["measure"] == name).any()}
    figure = Figure(figsize=(4.0 * len(shown), 3.9))
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for panel, (measure, title) in zip(axes, shown.items(), strict=True):
        _curves(panel, own[own["measure"] == measure], exponential=measure == PERPLEXITY)
        panel.set_ylabel(title)
    _finish(figure, axes[0], own)
    return figure


def knock_out(rows: pd.DataFrame) -> Figure:
    """Draw the change in log probability of the word in sentences about the concept, by number of silenced units."""
    titles = {OFF: "held at their median elsewhere", CAPPED: "kept from rising above it"}
    figure = Figure(figsize=(8.0, 3.9))
    axes = figure.subplots(1, len(titles))
    for panel, (kind, title) in zip(axes, titles.items(), strict=True):
        _curves(panel, rows[(rows["kind"] == kind) & (rows["measure"] == LOGPROB)], exponential=False)
        panel.set_title(f"Units {title}")
    axes[0].set_ylabel("change in log probability\nof the concept's word (nats)")
    _finish(figure, axes[0], rows[rows["kind"] == OFF])
    return figure


def _curves(panel: Axes, rows: pd.DataFrame, exponential: bool) -> None:
    """Draw the means of every condition by k with their intervals, and the unforced model."""
    means = rows[rows["against"] == ITSELF]
    scale = np.exp if exponential else np.asarray
    for number, (condition, (colour, mark, label)) in enumerate(LOOKS.items()):
        own = means[means["condition"] == condition].sort_values("k")
        if own.empty:
            continue
        value, low, high = (scale(own[name].to_numpy(float)) for name in ("value", "low", "high"))
        at = own["k"].to_numpy(float) * SPREAD ** (number - 1)
        panel.errorbar(at, value, [value - low, high - value], fmt=f"{mark}-", color=colour, markersize=4, label=label)
    unforced = means[means["condition"] == NONE]
    if len(unforced):
        panel.axhline(float(scale(unforced["value"].item())), label="unforced", **UNFORCED)
    panel.set_xscale("log")
    panel.set_yscale("log" if exponential else "linear")
    ks = sorted(set(means["k"]) - {0})
    panel.set_xticks(ks, [str(k) for k in ks])
    panel.minorticks_off()
    panel.set_xlabel("units held (k)")


def _finish(figure: Figure, panel: Axes, rows: pd.DataFrame) -> None:
    legend_below(figure, 4, panel)
    figure.suptitle(f"Means of {rows['n_concepts'].max():.0f} concepts", fontsize=9, x=0.01, ha="left")
