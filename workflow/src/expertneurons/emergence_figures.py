"""Emergence figures: one for each question that training runs answer, the step axis logarithmic with step 0 on it."""

from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from expertneurons import tables
from expertneurons.drawing import CONTEXTUAL, OTHERS, RANDOM, UNTRAINED, Form, draw_all, legend_below
from expertneurons.organisation_names import COVERAGE, LABELS, LIFT, RATED_TRIPLETS, TRIPLETS

# Experts are blue, the larger the darker; sizes beyond three have colours of their own.
SIZES = ("#56B4E9", "#0072B2", "#003A5C", *OTHERS)
EXPERTS, LAST = "experts.jaccard", "embedding.last.concept"
SIDES = {EXPERTS: "AP threshold", "experts.subsampled": "AP threshold, equally many units"}
MOST_STEPS = 8  # that fit side by side by name
CHANCE = {"color": "#000000", "linestyle": ":", "linewidth": 1.0}


def draw_emergence(
    emergence: Path,
    half_rises: Path,
    sizes: Path,
    organised: Path,
    folder: Path,
    threshold: float,
    prevalence: float,
    norm_labels: list[str],
    form: Form = "screen",
) -> None:
    """Draw alignment, experts and comparisons of sizes over the steps of training, each as SVG and PNG, or as PDF.

    Args:
        emergence: The `emergence` table.
        half_rises: The `half_rise` table.
        sizes: The `sizes` table.
        organised: The `organisation_by_step` table.
        folder: Where the figures go.
        threshold: AP threshold of the experts.
        prevalence: AP of a constant unit, the chance level.
        norm_labels: Titles of the norms, each as name=title.
        form: For screens, or for a journal's column.

    """
    grown = tables.read(emergence)
    known = dict(label.split("=", 1) for label in norm_labels)
    titles = {norm: title for norm, title in known.items() if norm in set(grown["norm"])}
    drawings: dict[str, Callable[[], Figure]] = {
        "alignment_by_step": lambda: alignment_by_step(grown, tables.read(half_rises), threshold, titles),
        "thresholds_by_step": lambda: thresholds_by_step(grown, titles),
        "experts_by_step": lambda: experts_by_step(grown, threshold, prevalence),
        "organisation_by_step": lambda: organisation_by_step(tables.read(organised), titles),
        "sizes": lambda: size_differences(tables.read(sizes), threshold, titles),
    }
    draw_all(drawings, folder, form)


def step_axis(panel: Axes, steps: Any) -> None:
    """Give a panel a logarithmic step axis with room for step 0."""
    shown = sorted(set(steps))
    panel.set_xscale("symlog", base=2, linthresh=1)
    every = 1 if len(shown) <= MOST_STEPS else 2  # the last is always named
    named = {step: _short(step) for step in shown[::-1][::every]}
    panel.set_xticks(shown, [named.get(step, "") for step in shown], fontsize=7)
    panel.minorticks_off()
    panel.set_xlim(-0.35, 1.25 * max(shown[-1], 1))
    panel.set_xlabel("training step")


def _short(step: float) -> str:
    return f"{step / 1000:g}k" if step >= 1000 and step % 1000 == 0 else f"{step:g}"


def by_size(rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield colour, label and rows of every size, the smallest first."""
    ordered = rows.sort_values("parameters", kind="stable")
    for colour, (size, own) in zip(cycle(SIZES), ordered.groupby("size", sort=False), strict=False):
        parameters = own["parameters"].iloc[0]
        count = f"{parameters / 1e6:.2g} million" if parameters < 1e9 else f"{parameters / 1e9:.2g} billion"
        yield colour, f"{size} ({count} parameters)", own


def over_seeds(panel: Axes, rows: pd.DataFrame, column: str, colour: str, label: str, style: str = "-") -> None:
    """Draw the mean over seeds and the range between them."""
    groups = rows.groupby("step")[column]
    middle, low, high = groups.mean(), groups.min(), groups.max()
    panel.plot(middle.index, middle, style, color=colour, marker="o", markersize=3, label=label, linewidth=1.4)
    panel.fill_between(middle.index, low, high, color=colour, alpha=0.18, linewidth=0)


def _chance(panel: Axes, rows: pd.DataFrame) -> None:
    """Draw where alignments lie without any: 1.96 standard errors around zero, and the untrained models."""
    reach = 1.96 * rows.groupby("step")["se"].mean()
    panel.fill_between(reach.index, -reach, reach, color="#000000", alpha=0.07, linewidth=0, label="chance (1.96 SE)")
    panel.axhline(0, color="#000000", linewidth=0.6)
    untrained = rows.loc[rows["step"] == 0, "rho"]
    if len(untrained):
        panel.axhline(untrained.mean(), color=UNTRAINED, linestyle="--", linewidth=1, label="untrained (step 0), mean")


def _panels(titles: dict[str, str]) -> tuple[Figure, Any]:
    figure = Figure(figsize=(4.3 * len(titles), 4.4))
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    panels[0].set_ylabel("Spearman correlation")
    return figure, panels


def alignment_by_step(grown: pd.DataFrame, halves: pd.DataFrame, threshold: float, titles: dict[str, str]) -> Figure:
    """Draw alignment over training for every size and norm, and where half of it is reached."""
    figure, panels = _panels(titles)
    for panel, (norm, title) in zip(panels, titles.items(), strict=True):
        own = grown[grown["norm"] == norm]
        experts = own[(own["representation"] == EXPERTS) & np.isclose(own["threshold"], threshold)]
        rise = halves[(halves["norm"] == norm) & (halves["representation"] == EXPERTS) & halves["emerged"].astype(bool)]
        rise = rise[np.isclose(rise["threshold"], threshold)]
        for colour, label, rows in by_size(experts):
            over_seeds(panel, rows, "rho", colour, f"experts, {label}")
            for step in rise.loc[rise["run"].isin(rows["run"]), "half_monotone"].dropna():
                panel.axvline(step, ymax=0.05, color=colour, linewidth=1.8)
        *_, (_, label, largest) = by_size(own[own["representation"] == LAST])
        over_seeds(panel, largest, "rho", CONTEXTUAL, f"last hidden state, {label}", "--")
        _chance(panel, experts)
        panel.set_title(f"{title}\n{experts['n_pairs'].max():.0f} pairs")
        step_axis(panel, own["step"])
    legend_below(figure, 3, panels[0])
    return figure


def thresholds_by_step(grown: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw alignment over training of the largest size, one line per AP threshold."""
    figure, panels = _panels(titles)
    colours = mpl.colormaps["viridis_r"]
    for panel, (norm, title) in zip(panels, titles.items(), strict=True):
        *_, (_, label, own) = by_size(grown[(grown["norm"] == norm) & (grown["representation"] == EXPERTS)])
        limits = sorted(own["threshold"].unique())
        for number, limit in enumerate(limits):
            colour = mpl.colors.to_hex(colours(0.1 + 0.9 * number / max(1, len(limits) - 1)))
            over_seeds(panel, own[own["threshold"] == limit], "rho", colour, f"AP >= {limit:g}")
        _chance(panel, own)
        panel.set_title(f"{title}\n{label}")
        step_axis(panel, own["step"])
    legend_below(figure, 5, panels[0])
    return figure


def experts_by_step(grown: pd.DataFrame, threshold: float, prevalence: float) -> Figure:
    """Draw experts per concept, their best AP, how far they stay the same, and how well they tell domains."""
    experts = grown[(grown["representation"] == EXPERTS) & np.isclose(grown["threshold"], threshold)]
    experts = experts[experts["norm"] == experts["norm"].iloc[0]]
    figure = Figure(figsize=(9.0, 7.2))
    panels = figure.subplots(2, 2).ravel()
    columns = {
        "n_experts": f"experts of the median concept, AP >= {threshold:g}",
        "best_ap": "best AP of the median concept",
        "identity": "same experts at the next checkpoint\n(Jaccard beyond chance)",
        "domain_auc": "overlap tells same domain (AUC)",
    }
    chance = {
        "n_experts": experts["n_expected_by_chance"].mean(),
        "best_ap": prevalence,
        "identity": 0.0,
        "domain_auc": 0.5,
    }
    for panel, (column, title) in zip(panels, columns.items(), strict=True):
        for colour, label, own in by_size(experts):
            over_seeds(panel, own, column, colour, label)
            if f"{column}_low" in own:
                means = own.groupby("step")[[f"{column}_low", f"{column}_high"]].mean()
                panel.plot(means.index, means, color=colour, linewidth=0.6, alpha=0.7)
            if column != "identity":
                untrained = own.loc[own["step"] == 0, column].mean()
                panel.axhline(untrained, color=colour, linestyle="--", linewidth=0.8, alpha=0.8)
        panel.plot([], [], "--", color=RANDOM, linewidth=0.8, label="untrained (step 0)")
        panel.axhline(chance[column], label="chance", **CHANCE)
        panel.set_title(title)
        step_axis(panel, experts["step"])
    legend_below(figure, 3, panels[0])
    return figure


def organisation_by_step(rows: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw domains, people's triplets and hierarchy over training, each with the mean of its null."""
    rows = rows[(rows["domain"] == "") & rows["value"].notna()]
    rated = [norm for norm in titles if norm in set(rows.loc[rows["measure"] == RATED_TRIPLETS, "norm"])]
    wanted = [(TRIPLETS, "", "two of a domain against one\n(accuracy)")]
    wanted += [(RATED_TRIPLETS, norm, f"the most alike of three\n({titles[norm]})") for norm in rated]
    wanted += [
        (COVERAGE, "", "members cover the category\nword's experts"),
        (LIFT, "", "lift of member and\ncategory word"),
    ]
    figure = Figure(figsize=(3.4 * len(wanted), 3.9))
    panels = figure.subplots(1, len(wanted), squeeze=False)[0]
    for panel, (measure, norm, title) in zip(panels, wanted, strict=True):
        own = rows[(rows["measure"] == measure) & (rows["norm"] == norm) & (rows["null"] == LABELS)]
        for colour, label, size in by_size(own):
            over_seeds(panel, size, "value", colour, label)
            null = size.groupby("step")["null_mean"].mean()
            panel.plot(null.index, null, ":", color=colour, linewidth=1)
        panel.plot([], [], ":", color=RANDOM, label="shuffled labels, mean")
        panel.set_title(title)
        if len(own):
            step_axis(panel, own["step"])
    legend_below(figure, 4, panels[0])
    return figure


def size_differences(compared: pd.DataFrame, threshold: float, titles: dict[str, str]) -> Figure:
    """Draw the differences between sizes against the smallest effect of interest."""
    figure = Figure(figsize=(4.3 * len(titles), 3.6))
    panels = figure.subplots(1, len(titles), sharex=True, sharey=True, squeeze=False)[0]
    shown = compared[compared["threshold"].isna() | np.isclose(compared["threshold"], threshold)]
    shown = shown[shown["representation"].str.startswith("experts") & shown["difference"].notna()]
    pairs = list(dict.fromkeys(zip(shown["smaller"], shown["larger"], strict=True)))
    names = sorted(shown["representation"].unique())
    for panel, (norm, title) in zip(panels, titles.items(), strict=True):
        own = shown[shown["norm"] == norm]
        for number, name in enumerate(names):
            rows = own[own["representation"] == name]
            places = [pairs.index(pair) for pair in zip(rows["smaller"], rows["larger"], strict=True)]
            heights = -np.array(places, np.float64) - 0.7 / len(names) * (number - (len(names) - 1) / 2)
            reach = np.abs(rows[["low", "high"]].to_numpy().T - rows["difference"].to_numpy())
            panel.errorbar(
                rows["difference"], heights, xerr=reach, fmt="o", markersize=4, color=SIZES[number], label=_side(name)
            )
        bound = shown["bound"].iloc[0] if len(shown) else 0.0
        panel.axvspan(-bound, bound, color=RANDOM, alpha=0.2, linewidth=0, label=f"smaller than {bound:g}")
        panel.axvline(0, color="#000000", linewidth=0.6)
        panel.set_yticks(-np.arange(len(pairs)), [f"{larger} - {smaller}" for smaller, larger in pairs])
        panel.set_ylim(0.5 - max(len(pairs), 1), 0.5)
        panel.set_title(title)
        panel.set_xlabel("difference in Spearman correlation")
    legend_below(figure, 4, panels[0])
    return figure


def _side(name: str) -> str:
    return SIDES.get(name, f"top {name.removeprefix('experts.top')} units each")
