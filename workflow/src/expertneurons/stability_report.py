"""Stability report: would the result survive other choices, sentences, models and controls, in sentences of numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from expertneurons import stability_names as names
from expertneurons.grids import counted
from expertneurons.statements import between, number
from expertneurons.steering_report import units


def choice_statements(rows: pd.DataFrame, model: str, norm: str, title: str) -> list[str]:
    """Say how far the alignment moves over the choices, and which choice moves it most."""
    named = (rows["norm"] == norm) & (rows["sentences"] == "labelled") & ~rows["responses"].isin(["masked", "context"])
    found = []
    for weights, which in (("", rows["model"] == model), (" with untrained weights", rows["model"] != model)):
        own = rows[named & which & (rows["score"] != names.COUNT_MATCHED)]
        known = own["rho"].dropna()
        if len(known):
            low, middle, high = known.quantile([0.25, 0.5, 0.75])
            above, lost = int((own["low"] > 0).sum()), len(own) - len(known)
            few = f"; {lost} more leave too few experts" if lost else ""
            found.append(
                f"{title}, {len(known)} choices{weights}: rho {number(known.min())} to {number(known.max())}, median "
                f"{number(middle)}, middle half {number(low)} to {number(high)}; the interval is above "
                f"zero in {above}{few}."
            )
    return found + _by_option(rows[named & (rows["model"] == model)], title)


def _by_option(own: pd.DataFrame, title: str) -> list[str]:
    """Give the best alignment that each pooling reaches at any AP threshold, all sites together."""
    own = own[(own["sites"] == names.ALL) & (own["score"] == names.AP) & (own["precision"] == "float32")]
    best = own.loc[own.groupby("responses")["rho"].idxmax().dropna()].sort_values("rho", ascending=False)
    parts = [
        f"{row['responses']} {number(row['rho'])} {between(row['low'], row['high'])} at {row['limit']:g}"
        for row in best.to_dict("records")
    ]
    return [f"{title}, best AP threshold of each pooling: {'; '.join(parts)}."] if parts else []


def control_statements(rows: pd.DataFrame, norms: Mapping[str, str]) -> list[str]:
    """Give each control's alignment and its share of the study's own."""
    told = []
    for norm, title in norms.items():
        own = {row["control"]: row for row in rows[rows["norm"] == norm].to_dict("records")}
        if names.OWN not in own:
            continue
        mine = own.pop(names.OWN)
        parts = [
            f"{control}: not defined"
            if np.isnan(row["rho"])
            else f"{control}: {_with_ends(row)}, {100 * row['share']:.0f}%"
            for control, row in own.items()
        ]
        told.append(
            f"{title}, {mine['n_pairs']:.0f} pairs: experts {_with_ends(mine)}. Controls, with their share of it: "
            f"{'; '.join(parts)}."
        )
    return told


def _with_ends(row: Mapping[Any, Any], name: str = "rho", side: str = "") -> str:
    """Write a value with its interval; the ends of rho go without its name."""
    ends = ("low", "high") if name == "rho" else (f"{name}_low", f"{name}_high")
    return f"{number(row[name + side])} {between(row[ends[0] + side], row[ends[1] + side])}"


def source_statements(rows: pd.DataFrame, norms: Mapping[str, str], threshold: float) -> list[str]:
    """Say what remains of AP, of the experts and of the alignment on other sentences."""
    told = []
    for (a, b), own in rows.groupby(["a", "b"]):
        row = own.iloc[0].to_dict()
        aligned = "; ".join(
            f"{norms[one['norm']]} {_with_ends(one, side='_a')} and {_with_ends(one, side='_b')}"
            for one in own.to_dict("records")
        )
        told.append(
            f"Experts (AP >= {threshold:g}) found on {a}: AP {number(row['ap_found'])} there, "
            f"{_with_ends(row, 'ap_held_out')} on {b}; Jaccard with the experts of {b} {_with_ends(row, 'jaccard')} "
            f"(random sets {row['jaccard_chance']:.3f}); the two similarities correlate {number(row['rho_between'])}; "
            f"alignment: {aligned}."
        )
    return told


def size_statements(rows: pd.DataFrame, threshold: float) -> list[str]:
    """Say what a fixed AP threshold mistakes for stability: the share of positives moves it, not the experts."""
    one = rows[rows["norm"] == rows["norm"].iloc[0]]
    told = []
    for rule in (names.AP, names.REFERENCE, names.AUROC, names.TOP):
        own = one[one["rule"] == rule].sort_values(["positives", "negatives"])
        parts = []
        for positives, part in own.groupby("positives"):
            first, last = part.iloc[0], part.iloc[-1]
            ends = f"{number(first['jaccard'])} to {number(last['jaccard'])}"
            same = "" if np.isnan(last["jaccard"]) else f", Jaccard {ends}"
            parts.append(
                f"{positives} positives, {first['negatives']} to {last['negatives']} negatives: "
                f"{counted(first['n_experts'])} to {counted(last['n_experts'])} experts{same}"
            )
        told.append(f"Experts by {rule}: {'; '.join(parts)}.")
    raw = one[one["rule"] == names.AP]
    told.append(
        f"With AP as it is, chance is the share of positives, here {raw['chance'].min():.3f} to "
        f"{raw['chance'].max():.3f}, so that a threshold of {threshold:g} asks for something else at every size."
    )
    return told


def rival_statements(rows: pd.DataFrame, norms: Mapping[str, str]) -> list[str]:
    """Hold experts, sparse probes, features of a dictionary and random units together at equal numbers of units."""
    told = []
    sizes = sorted(rows["k"].unique().tolist())
    first = rows[rows["norm"] == rows["norm"].iloc[0]]
    for k in sizes:
        own = first[first["k"] == k]
        known = own.dropna(subset="ap").sort_values("ap", ascending=False)
        parts = [f"{names.METHODS[row['method']]} {row['ap']:.3f}" for row in known.to_dict("records")]
        told.append(f"Held-out AP with {units(k)} a concept: {', '.join(parts)}.")
    for norm, title in norms.items():
        for k in sizes:
            own = rows[(rows["norm"] == norm) & (rows["k"] == k) & rows["rho"].notna()]
            ranked = own.sort_values("rho", ascending=False).to_dict("records")
            parts = [f"{names.METHODS[row['method']]} {_with_ends(row)}" for row in ranked]
            told.append(f"{title}, alignment with {units(k)} a concept: {'; '.join(parts)}.")
    return told


def model_statements(rows: pd.DataFrame) -> list[str]:
    """Say how far models agree, raw and corrected for the reliability of each."""
    told = []
    whole = rows[rows["layer_a"] == names.NO_LAYER].to_dict("records")
    for row in whole:
        own = rows[(rows["a"] == row["a"]) & (rows["b"] == row["b"]) & (rows["layer_a"] != names.NO_LAYER)]
        best = own.loc[own["rho"].idxmax()] if own["rho"].notna().any() else None
        layers = (
            ""
            if best is None
            else (f"; layers {best['layer_a']:.0f} and {best['layer_b']:.0f} agree most ({number(best['rho'])})")
        )
        corrected = "" if np.isnan(row["corrected"]) else f", {number(row['corrected'])} corrected for reliability"
        told.append(
            f"{row['a']} and {row['b']}: {number(row['rho'])} {between(row['low'], row['high'])}{corrected} "
            f"(reliabilities {number(row['reliability_a'])} and {number(row['reliability_b'])}){layers}."
        )
    return told
