"""Emergence report: what the curves over training say, in sentences made from their numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from expertneurons.dose_names import DIFFERENCE, HALF, MEAN
from expertneurons.emergence_figures import EXPERTS, SIDES
from expertneurons.grids import counted
from expertneurons.organisation_names import ADJUSTED, COVERAGE, LABELS, LIFT, RATED_TRIPLETS, ROLES, TRIPLETS
from expertneurons.statements import between, number, p_value

# Measures of organisation by norm; None stands for every norm.
ORGANISATION: dict[tuple[str, str | None], str] = {
    (TRIPLETS, ""): "two of a domain overlap most among three",
    (RATED_TRIPLETS, None): "the most alike of three",
    (COVERAGE, ""): "members cover the category word's experts",
    (LIFT, ""): "lift of member and category word",
    (ADJUSTED, ""): "graded asymmetry, sizes set aside",
}
DOSE_MEASURES = {"best_ap": "best AP", "n_experts": "experts", "rho": "alignment of a concept with its features"}


def headline(rows: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Rows of the experts at the threshold of the headline."""
    return rows[(rows["representation"] == EXPERTS) & np.isclose(rows["threshold"], threshold)]


def control(rows: pd.DataFrame, title: str) -> list[str]:
    """Say whether the known truth is at chance without training and recovered after it."""
    told = []
    for size, own in _sized(rows):
        starts, ends = _checked(own)
        told.append(
            f"{size}: untrained models are {'at' if _at_chance(starts) else 'NOT at'} chance on the {title} "
            f"({_runs(starts)}); the last checkpoint {'recovers' if _found(ends) else 'does NOT recover'} it "
            f"({_runs(ends)}); {ends['n_pairs'].max()} pairs."
        )
    return told


def failures(rows: pd.DataFrame, title: str) -> list[str]:
    """Say for which size the known truth is found without training, or not after it."""
    told = []
    for size, own in _sized(rows):
        starts, ends = _checked(own)
        if not _at_chance(starts):
            told.append(f"Control failed: untrained models of size {size} align with the {title} ({_runs(starts)}).")
        if not _found(ends):
            told.append(f"Control failed: models of size {size} do not recover the {title} ({_runs(ends)}).")
    return told


def _checked(own: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of step 0 and of the last step."""
    return own[own["step"] == 0], own[own["step"] == own["step"].max()]


def _at_chance(starts: pd.DataFrame) -> bool:
    return bool(((starts["low"] <= 0) & (starts["high"] >= 0)).all())


def _found(ends: pd.DataFrame) -> bool:
    return bool((ends["low"] > 0).all())


def _runs(rows: pd.DataFrame) -> str:
    """Estimates of several runs with their intervals."""
    return ", ".join(
        f"seed {row['seed']}: "
        + ("not defined" if pd.isna(row["rho"]) else f"rho = {number(row['rho'])} {between(row['low'], row['high'])}")
        for row in rows.sort_values("seed").to_dict("records")
    )


def _sized(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    ordered = rows.sort_values(["parameters", "seed"], kind="stable")
    return [(str(size), own) for size, own in ordered.groupby("size", sort=False)]


def curves(grown: pd.DataFrame, halves: pd.DataFrame, norms: Mapping[str, str]) -> list[str]:
    """Say for every norm and size where alignment starts and ends, and when half of it is there."""
    told = []
    for norm, title in norms.items():
        for size, own in _sized(grown[grown["norm"] == norm]):
            ends = own[own["step"] == own["step"].max()]
            untrained = own.loc[own["step"] == 0, "rho"]
            text = f"{title}, {size}: at the last step {_runs(ends)}, {ends['n_pairs'].max()} pairs"
            if len(untrained):
                text += f"; untrained {number(untrained.mean())}"
            told.append(f"{text}; {_half(halves[(halves['norm'] == norm) & halves['run'].isin(own['run'])])}.")
    return told


def _half(rows: pd.DataFrame) -> str:
    emerged = rows[rows["emerged"].astype(bool) & rows["half_monotone"].notna()]
    if emerged.empty:
        return "no emergence detected"
    parts = [
        f"step {_rounded(row['half_monotone'])} [{_rounded(row['half_monotone_low'])}, "
        f"{_rounded(row['half_monotone_high'])}] (logistic {_rounded(row['half_logistic'])})"
        for row in emerged.sort_values("seed").to_dict("records")
    ]
    return f"half of it at {', '.join(parts)}"


def _rounded(step: float) -> str:
    """Write a step: whole from ten on, else with one decimal."""
    return f"{step:.0f}" if step >= 10 else f"{step:.1f}"


def experts(grown: pd.DataFrame, threshold: float) -> list[str]:
    """Say how experts and domain structure change from the first checkpoint to the last."""
    told = []
    one = grown[grown["norm"] == grown["norm"].iloc[0]]
    for size, own in _sized(one):
        first, last = (
            own[own["step"] == step].mean(numeric_only=True) for step in (own["step"].min(), own["step"].max())
        )
        told.append(
            f"{size}: the median concept has {counted(first['n_experts'])} experts at AP >= {threshold:g} at step "
            f"{first['step']:.0f} and {counted(last['n_experts'])} at step {last['step']:.0f} (shuffled labels: "
            f"{last['n_expected_by_chance']:.1f}); their overlap tells same-domain pairs with AUC "
            f"{number(first['domain_auc'])} and {number(last['domain_auc'])} (chance 0.50)."
        )
    return told


def organisation(rows: pd.DataFrame, norms: Mapping[str, str]) -> list[str]:
    """Say how domains, people's triplets and hierarchy stand at the first and the last step."""
    told = []
    for size, own in _sized(rows[(rows["domain"] == "") & rows["null"].isin([LABELS, ROLES]) & rows["value"].notna()]):
        for (measure, norm), title in ORGANISATION.items():
            titles = {norm: title} if norm is not None else {key: f"{title} ({name})" for key, name in norms.items()}
            for key, name in titles.items():
                found = own[(own["measure"] == measure) & (own["norm"] == (key or ""))]
                if len(found):
                    steps = sorted({found["step"].min(), found["step"].max()})
                    ends = [_step(found[found["step"] == step]) for step in steps]
                    told.append(f"{size}, {name}: {'; '.join(ends)}.")
    return told


def _step(rows: pd.DataFrame) -> str:
    parts = [
        f"{row['value']:.3g} against {row['null_mean']:.3g}, {p_value(row['p'])}"
        for row in rows.sort_values("seed").to_dict("records")
    ]
    return f"step {rows['step'].iloc[0]:.0f} {' and '.join(parts)}"


def compared(rows: pd.DataFrame, threshold: float, norms: Mapping[str, str]) -> list[str]:
    """Say for neighbouring and the outermost sizes whether they differ, are equivalent, or neither can be said."""
    told = []
    shown = rows[rows["threshold"].isna() | np.isclose(rows["threshold"], threshold)]
    for row in shown[shown["representation"].isin(SIDES)].to_dict("records"):
        head = f"{norms[row['norm']]}, {row['larger']} - {row['smaller']}, {SIDES[row['representation']]}: "
        if pd.isna(row["difference"]):
            told.append(f"{head}{row['note']}.")
            continue
        verdict = "equivalent" if row["equivalent"] else "undecided"
        if row["p"] < 0.05:
            verdict = "higher" if row["difference"] > 0 else "lower"
            verdict += f" but within {row['bound']:g}" if row["equivalent"] else ""
        told.append(
            f"{head}{verdict}; difference {number(row['difference'])} {between(row['low'], row['high'])}, equivalence "
            f"within {row['bound']:g} {p_value(row['p_equivalence'])}, BF01 = {row['bayes_factor_01']:.2f}, "
            f"{row['seeds']:.0f} seed{'s' if row['seeds'] > 1 else ''}."
        )
    return told


def doses(effects: pd.DataFrame, threshold: float) -> list[str]:
    """Say what a concept lacks that occurred less often, at the last step."""
    rows = effects[np.isclose(effects["threshold"], threshold)]
    last = rows["step"].max()
    told = []
    for measure, title in DOSE_MEASURES.items():
        own = rows[(rows["measure"] == measure) & (rows["step"] == last)]
        means = own[own["kind"] == MEAN].sort_values("dose")
        texts = [f"{row['dose']:g}: {_value(row, measure)}" for row in means.to_dict("records")]
        lowest = own[own["kind"] == DIFFERENCE].sort_values("dose").iloc[0].to_dict()
        told.append(
            f"Mean {title} at step {last:.0f} by dose {'; '.join(texts)}; dose {lowest['dose']:g} against the highest: "
            f"{_value(lowest, measure)}, {lowest['n_concepts']} concepts."
        )
    half = rows[rows["kind"] == HALF].sort_values("dose")
    parts = [f"dose {row['dose']:g}: {_reached(row)}" for row in half.to_dict("records")]
    return [*told, f"Half of the highest dose's last alignment is reached at {'; '.join(parts)}."]


def _value(row: Mapping[Any, Any], measure: str) -> str:
    if pd.isna(row["value"]):
        return "not defined"
    digits = 0 if measure == "n_experts" else 2
    value, low, high = (f"{round(row[key], digits) + 0.0:.{digits}f}" for key in ("value", "low", "high"))  # no -0
    return f"{value} [{low}, {high}]"


def _reached(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["value"]):
        return "never"
    low, high = ("never" if np.isinf(row[end]) else _rounded(row[end]) for end in ("low", "high"))
    return f"step {_rounded(row['value'])} [{low}, {high}]"
