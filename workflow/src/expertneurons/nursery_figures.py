"""Nursery figures: response to how often concepts occurred, and the losses of training."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from expertneurons import tables
from expertneurons.dose_names import HALF, MEAN
from expertneurons.drawing import Form, draw_all, legend_below
from expertneurons.emergence_figures import CHANCE, SIZES, step_axis


def draw_nursery(
    effects: Path, losses: list[Path], folder: Path, threshold: float, prevalence: float, form: Form = "screen"
) -> None:
    """Draw the response to dose and the losses, each as SVG and PNG, or as PDF.

    Args:
        effects: The `dose_effects` table.
        losses: Losses of every run.
        folder: Where the figures go.
        threshold: AP threshold of the experts.
        prevalence: AP of a constant unit, the chance level.
        form: For screens, or for a journal's column.

    """
    drawings: dict[str, Callable[[], Figure]] = {
        "dose_response": lambda: dose_response(tables.read(effects), threshold, prevalence),
        "losses": lambda: loss_curves(pd.concat([tables.read(path) for path in losses])),
    }
    draw_all(drawings, folder, form)


def dose_response(effects: pd.DataFrame, threshold: float, prevalence: float) -> Figure:
    """Draw best AP, experts and the concepts' alignment with the truth by how often they occurred, over training."""
    rows = effects[np.isclose(effects["threshold"], threshold)]
    figure = Figure(figsize=(12.0, 4.2))
    measures = {
        "best_ap": ("best AP of a concept", prevalence),
        "n_experts": (f"experts of a concept, AP >= {threshold:g}", None),
        "rho": ("alignment of a concept with its features", 0.0),
    }
    panels = figure.subplots(1, len(measures))
    for panel, (measure, (title, chance)) in zip(panels, measures.items(), strict=True):
        own = rows[(rows["measure"] == measure) & (rows["kind"] == MEAN)]
        doses = own["dose"].nunique()
        for number, (dose, part) in enumerate(own.groupby("dose")):
            colour = mpl.colors.to_hex(mpl.colormaps["viridis_r"](0.15 + 0.85 * number / max(1, doses - 1)))
            ordered = part.sort_values("step")
            panel.plot(ordered["step"], ordered["value"], "o-", color=colour, markersize=3, label=f"dose {dose:g}")
            panel.fill_between(ordered["step"], ordered["low"], ordered["high"], color=colour, alpha=0.15, linewidth=0)
            half = rows[(rows["measure"] == measure) & (rows["kind"] == HALF) & (rows["dose"] == dose)]
            for step in half["value"].dropna():
                panel.axvline(step, ymax=0.05, color=colour, linewidth=1.8)
        if chance is not None:
            panel.axhline(chance, label="chance", **CHANCE)
        panel.set_title(f"{title}\nmean of {own['n_concepts'].max():.0f} concepts")
        step_axis(panel, own["step"])
    legend_below(figure, 6, panels[0])
    return figure


def loss_curves(losses: pd.DataFrame) -> Figure:
    """Draw the training loss of every run, smoothed over eight steps."""
    figure = Figure(figsize=(6.0, 4.4))
    panel = figure.subplots()
    sizes = list(dict.fromkeys(run.rpartition("-")[0] for run in losses["run"]))
    for run, own in losses.groupby("run", sort=False):
        size, _, seed = str(run).rpartition("-")
        colour, style = SIZES[sizes.index(size) % len(SIZES)], ("-", "--", ":", "-.")[(int(seed) - 1) % 4]
        smooth = own["loss"].rolling(8, min_periods=1).mean()
        panel.plot(own["step"], smooth, style, linewidth=1.1, color=colour, label=run)
    step_axis(panel, [0, *(2**power for power in range(int(np.log2(losses["step"].max() + 1)) + 1))])
    panel.set_ylabel("cross-entropy (nats per token)")
    panel.legend(fontsize=7, ncols=2)
    return figure
