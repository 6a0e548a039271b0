"""Answer figures: contrasts with other similarities, and what the best unit of every concept is worth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from expertneurons import tables
from expertneurons.drawing import CONTEXTUAL, EXPERTS, OTHERS, RANDOM, STATIC, TEXT, UNTRAINED, Form, draw_all

# A contrast has the colour of what experts are held against.
AGAINST = {
    "embedding.static": STATIC,
    "embedding.": CONTEXTUAL,
    "text.": TEXT,
    "random_units.": RANDOM,
}


def draw_answers(
    comparisons: Path,
    audit: Path,
    folder: Path,
    model: str,
    norm_labels: list[str],
    form: Form = "screen",
) -> None:
    """Draw a model's contrasts and its concepts' best units, each as SVG and PNG, or as PDF.

    Args:
        comparisons: The `comparisons` table.
        audit: The `audit` table of the model.
        folder: Where the figures go.
        model: Its name.
        norm_labels: Titles of the norms, each as name=title.
        form: For screens, or for a journal's column.

    """
    titles = dict(label.split("=", 1) for label in norm_labels)
    rows = tables.read(comparisons)
    draw_all(
        {
            "contrasts": lambda: contrast_panels(rows[rows["model"] == model], titles),
            "held_out": lambda: held_out_panel(tables.read(audit)),
        },
        folder,
        form,
    )


def contrast_panels(rows: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Draw the differences in Spearman correlation of every declared contrast, and what counts as none."""
    names = list(dict.fromkeys(rows["contrast"]))
    figure = Figure(figsize=(1.6 + 3.2 * len(titles), 1.5 + 0.3 * max(len(names), 2)))
    panels = figure.subplots(1, len(titles), sharex=True, sharey=True, squeeze=False)[0]
    for panel, (norm, title) in zip(panels, titles.items(), strict=True):
        own = rows[(rows["norm"] == norm) & rows["difference"].notna()]
        for row in own.to_dict("records"):
            reach = [[row["difference"] - row["low"]], [row["high"] - row["difference"]]]
            at = -names.index(row["contrast"])
            panel.errorbar([row["difference"]], [at], xerr=reach, fmt="o", markersize=4.5, color=_colour(row))
        if len(own):
            bound = own["bound"].iloc[0]
            panel.axvspan(-bound, bound, color="#000000", alpha=0.08, linewidth=0, label=f"less than {bound:g}")
            panel.legend(fontsize=7.5, loc="lower right")
        panel.axvline(0, color="#000000", linewidth=0.6)
        panel.set_yticks(-np.arange(len(names)), names)
        panel.set_ylim(-len(names) - 0.2, 0.6)
        panel.set(title=title, xlabel="difference in Spearman correlation")
    return figure


def _colour(row: Mapping[Any, Any]) -> str:
    """Colour of what stands against experts; the same representation in another model is the untrained control."""
    if row["against"] != row["model"]:
        return UNTRAINED
    return next((colour for start, colour in AGAINST.items() if str(row["b"]).startswith(start)), OTHERS[0])


def held_out_panel(rows: pd.DataFrame) -> Figure:
    """Draw the AP of the best unit of every concept on sentences that did not choose it, beside chance."""
    own = rows.drop_duplicates("concept").sort_values("concept_held_out_ap", kind="stable").reset_index(drop=True)
    figure = Figure(figsize=(7.4, 3.2))
    panel = figure.subplots()
    warned = (own["warnings"] != "").to_numpy()
    for chosen, colour, label in ((~warned, EXPERTS, "no warning"), (warned, OTHERS[2], "with a warning")):
        part = own[chosen]
        panel.vlines(
            part.index, part["concept_held_out_ap_low"], part["concept_held_out_ap_high"], color=colour, linewidth=0.8
        )
        panel.plot(part.index, part["concept_held_out_ap"], "o", color=colour, markersize=2.5, label=label)
    chance = own["chance"].mean()
    panel.axhline(chance, color="#000000", linestyle=":", linewidth=1, label=f"chance ({chance:.3f})")
    panel.set(xlabel="concepts, by held-out AP", ylabel="AP of the best unit\non held-out sentences", ylim=(0, 1.03))
    panel.legend(fontsize=8, loc="lower right")
    return figure
