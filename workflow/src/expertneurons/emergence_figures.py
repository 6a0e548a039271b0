"""Emergence figures: one for each question that training runs answer, the step axis logarithmic with step 0 on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from expertneurons import tables
from expertneurons.emergence import read_parts
from expertneurons.figures import CONTEXTUAL, RANDOM, STYLE, save

SIZES = ("#56B4E9", "#0072B2", "#003A5C", "#D55E00")
DOSES = ("#D55E00", "#E69F00", "#56B4E9", "#0072B2", "#009E73")


def draw_emergence(
    emergence: Path,
    half_rises: Path,
    effects: Path,
    losses: list[Path],
    folder: Path,
    threshold: float,
    norm_labels: list[str],
) -> None:
    """Draw alignment, experts, response to dose and loss over the steps of training, each as SVG and PNG.

    Args:
        emergence: The `emergence` table.
        half_rises: The `half_rise` table.
        effects: The `dose_effects` table.
        losses: Losses of every run.
        folder: Where the figures go.
        threshold: AP threshold of the experts.
        norm_labels: Titles of the norms, each as name=title.

    """
    titles = dict(label.split("=", 1) for label in norm_labels)
    grown = tables.read(emergence)
    pictures: dict[str, Callable[[], Figure]] = {
        "emergence": lambda: alignment_by_step(grown, tables.read(half_rises), threshold, titles),
        "experts_by_step": lambda: experts_by_step(grown, threshold),
        "dose_response": lambda: dose_response(tables.read(effects), threshold),
        "losses": lambda: loss_curves(read_parts(losses)),
    }
    with mpl.rc_context(STYLE):
        for name, draw in pictures.items():
            save(draw(), folder / name)


def _steps(panel: Axes, steps: Any) -> None:
    """Give a panel a logarithmic step axis with room for step 0."""
    panel.set_xscale("symlog", base=2, linthresh=1)
    panel.set_xticks(sorted(set(steps)), [f"{step:g}" for step in sorted(set(steps))], fontsize=7)
    panel.set_xlabel("training step")


def _over_seeds(panel: Axes, rows: pd.DataFrame, column: str, colour: str, label: str, style: str = "-") -> None:
    """Draw the mean over seeds and the range between them."""
    groups = rows.groupby("step")[column]
    middle, low, high = groups.mean(), groups.min(), groups.max()
    panel.plot(middle.index, middle, style, color=colour, marker="o", markersize=3, label=label, linewidth=1.4)
    panel.fill_between(middle.index, low, high, color=colour, alpha=0.15, linewidth=0)


def _sizes(rows: pd.DataFrame) -> list[tuple[str, str]]:
    ordered = rows.sort_values("parameters").drop_duplicates("size")
    return [(row.size_name, f"{row.size_name} ({row.parameters / 1e6:.2g} million)") for row in _named(ordered)]


def _named(rows: pd.DataFrame) -> Any:
    return rows.rename(columns={"size": "size_name"}).itertuples()


def alignment_by_step(grown: pd.DataFrame, halves: pd.DataFrame, threshold: float, titles: dict[str, str]) -> Figure:
    """Draw alignment over training for every size and norm, and where half of it is reached."""
    figure = Figure(figsize=(4.1 * len(titles), 4.0))
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for panel, (norm, title) in zip(panels, titles.items(), strict=True):
        own = grown[grown["norm"] == norm]
        experts = own[(own["representation"] == "experts.jaccard") & np.isclose(own["threshold"], threshold)]
        for (size, label), colour in zip(_sizes(own), SIZES, strict=False):
            _over_seeds(panel, experts[experts["size"] == size], "rho", colour, f"experts, {label}")
        largest = _sizes(own)[-1][0]
        last = own[(own["representation"] == "embedding.last.concept") & (own["size"] == largest)]
        _over_seeds(panel, last, "rho", CONTEXTUAL, f"last hidden state, {largest}", "--")
        rise = halves[(halves["norm"] == norm) & (halves["representation"] == "experts.jaccard")]
        rise = rise[np.isclose(rise["threshold"], threshold) & rise["emerged"].astype(bool)]
        for (size, _), colour in zip(_sizes(own), SIZES, strict=False):
            for step in rise.loc[rise["size"] == size, "half_monotone"].dropna():
                panel.axvline(step, ymax=0.05, color=colour, linewidth=1.6)
        bands = experts.assign(reach=1.96 * experts["se"]).groupby("step")["reach"].mean()
        panel.fill_between(
            bands.index, -bands, bands, color="#000000", alpha=0.06, linewidth=0, label="chance: 1.96 SE"
        )
        panel.axhline(0, color="#000000", linewidth=0.6)
        panel.set_title(f"{title}\n{experts['n_pairs'].max():.0f} pairs")
        _steps(panel, own["step"])
    panels[0].set_ylabel("Spearman correlation")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def experts_by_step(grown: pd.DataFrame, threshold: float) -> Figure:
    """Draw experts per concept, how far they stay the same, and how well they tell domains, over training."""
    experts = grown[(grown["representation"] == "experts.jaccard") & np.isclose(grown["threshold"], threshold)]
    experts = experts[experts["norm"] == experts["norm"].iloc[0]]
    figure = Figure(figsize=(12.0, 3.6))
    panels = figure.subplots(1, 3)
    columns = (
        ("n_experts", "n_expected_by_chance", f"experts of the median concept, AP >= {threshold:g}"),
        ("identity", "identity_by_chance", "Jaccard with the next checkpoint's experts"),
        ("domain_auc", None, "AUC of overlap for same domain"),
    )
    for panel, (column, chance, title) in zip(panels, columns, strict=True):
        for (size, label), colour in zip(_sizes(experts), SIZES, strict=False):
            own = experts[experts["size"] == size]
            _over_seeds(panel, own, column, colour, label)
            if chance:
                expected = own.groupby("step")[chance].mean()
                panel.plot(expected.index, expected, ":", color=colour, linewidth=1.2)
        if chance is None:
            panel.axhline(0.5, color="#000000", linestyle=":", linewidth=1)
        panel.set_title(title)
        _steps(panel, experts["step"])
    panels[0].plot([], [], ":", color=RANDOM, label="chance")
    panels[0].legend(fontsize=8)
    return figure


def dose_response(effects: pd.DataFrame, threshold: float) -> Figure:
    """Draw best AP, experts and the alignment with the truth by how often concepts occurred, over training."""
    rows = effects[np.isclose(effects["threshold"], threshold) & (effects["kind"] == "mean")]
    figure = Figure(figsize=(12.0, 3.6))
    measures = {
        "best_ap": "best AP of a unit",
        "n_experts": f"experts, AP >= {threshold:g}",
        "rho": "concept's alignment",
    }
    for panel, (measure, title) in zip(figure.subplots(1, 3), measures.items(), strict=True):
        own = rows[rows["measure"] == measure]
        for (dose, part), colour in zip(own.groupby("dose"), DOSES, strict=False):
            ordered = part.sort_values("step")
            panel.plot(ordered["step"], ordered["value"], "o-", color=colour, markersize=3, label=f"dose {dose:g}")
            panel.fill_between(ordered["step"], ordered["low"], ordered["high"], color=colour, alpha=0.15, linewidth=0)
        panel.set_title(f"{title}\n{own['n_concepts'].max():.0f} concepts a dose")
        _steps(panel, own["step"])
        panel.legend(fontsize=8)
    return figure


def loss_curves(losses: pd.DataFrame) -> Figure:
    """Draw the training loss of every run."""
    figure = Figure(figsize=(5.4, 3.6))
    panel = figure.subplots()
    for run, own in losses.groupby("run"):
        panel.plot(own["step"], own["loss"].rolling(8, min_periods=1).mean(), linewidth=1, label=run, color=None)
    panel.set_xscale("symlog", base=2, linthresh=1)
    panel.set(xlabel="training step", ylabel="cross-entropy (nats per token)")
    panel.legend(fontsize=7, ncols=2)
    return figure
