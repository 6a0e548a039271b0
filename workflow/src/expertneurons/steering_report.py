"""Steering report: what forcing and silencing experts does, in sentences made from the numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from expertneurons.statements import between, number
from expertneurons.steering_names import (
    CAPPED,
    EXPERTS,
    ITSELF,
    LOGPROB,
    MENTIONS,
    NONE,
    OFF,
    ON,
    OTHER,
    PERPLEXITY,
    RANDOM,
)

SMALL = 0.1
SILENCED = {OFF: "held at their median on other sentences", CAPPED: "kept from rising above their median elsewhere"}


def row_of(rows: pd.DataFrame, kind: str, measure: str, k: int, condition: str, against: str = ITSELF) -> Any:
    """Return the one row of the effects that is meant."""
    wanted = {"kind": kind, "measure": measure, "k": k, "condition": condition, "against": against}
    return rows[(rows[list(wanted)] == pd.Series(wanted)).all(axis=1)].iloc[0]


def ks_of(rows: pd.DataFrame) -> list[int]:
    """Numbers of forced units, rising."""
    return sorted({int(k) for k in rows["k"]} - {0})


def forced(rows: pd.DataFrame) -> list[str]:
    """Say for every k how much more probable the concept's word becomes, and beyond what controls do."""
    told = []
    for k in ks_of(rows):
        mean = row_of(rows, ON, LOGPROB, k, EXPERTS)
        told.append(
            f"{units(k)}: change in the word's log probability {_estimate(mean)} nats{_zero(mean)} (median "
            f"{number(mean['median'])}, up for {mean['share_positive']:.0%} of concepts); "
            f"{_against(row_of(rows, ON, LOGPROB, k, EXPERTS, RANDOM), 'matched random units')}; "
            f"{_against(row_of(rows, ON, LOGPROB, k, EXPERTS, OTHER), 'the experts of another concept')}."
        )
    return told


def written(rows: pd.DataFrame) -> list[str]:
    """Say how often texts mention the concept, and what that costs."""
    if not (rows["measure"] == MENTIONS).any():
        return ["A masked model writes no texts; only its words were scored."]
    base = row_of(rows, ON, MENTIONS, 0, NONE)
    usual = np.exp(row_of(rows, ON, PERPLEXITY, 0, NONE)["value"])
    told = [f"Unforced, {_share(base)} of the texts mention the concept; their perplexity is {usual:.1f}."]
    for k in ks_of(rows):
        difference = row_of(rows, ON, MENTIONS, k, EXPERTS, RANDOM)
        costs = {name: row_of(rows, ON, PERPLEXITY, k, name) for name in (EXPERTS, RANDOM)}
        cost = row_of(rows, ON, PERPLEXITY, k, EXPERTS, NONE)
        told.append(
            f"{units(k)}: {_share(row_of(rows, ON, MENTIONS, k, EXPERTS))} mention it, with random units "
            f"{_share(row_of(rows, ON, MENTIONS, k, RANDOM))} (difference {_points(difference)}{_zero(difference)}); "
            f"perplexity {np.exp(costs[EXPERTS]['value']):.1f}, {ratio(cost)} times the unforced texts', with random "
            f"units {np.exp(costs[RANDOM]['value']):.1f}."
        )
    return told


def silenced(rows: pd.DataFrame) -> list[str]:
    """Say for every k what sentences about a concept lose of its word without its experts."""
    told = []
    if any(row_of(rows, OFF, LOGPROB, k, EXPERTS)["low"] > 0 for k in ks_of(rows)):
        told.append(
            "Holding experts at their median on other sentences makes the word more probable, not less: a median of "
            "responses pooled over tokens can lie above what a unit does at most tokens, and then adds to it. Units "
            "that are only kept from rising above it tell what silencing does."
        )
    for kind, how in SILENCED.items():
        for k in ks_of(rows):
            mean = row_of(rows, kind, LOGPROB, k, EXPERTS)
            verdict = "drops" if mean["high"] < 0 else "rises" if mean["low"] > 0 else "does not change for certain"
            told.append(
                f"{units(k)} {how}: the word's log probability {verdict}: {_estimate(mean)} nats (down for "
                f"{1 - mean['share_positive']:.0%} of concepts); "
                f"{_against(row_of(rows, kind, LOGPROB, k, EXPERTS, RANDOM), 'matched random units')}."
            )
    return told


def basis(rows: pd.DataFrame, cells: pd.DataFrame) -> list[str]:
    """Say how many concepts, contexts, texts and comparisons there are, and where matching fell short."""
    on, off = (cells[cells["kind"] == kind] for kind in (ON, OFF))
    texts = on["n_texts"].dropna() if "n_texts" in on else on["k"].iloc[:0]
    tests = int((rows["against"] != ITSELF).sum())
    told = [
        f"{rows['n_concepts'].max():.0f} concepts, {on['n_contexts'].max():.0f} neutral prompts, up to "
        f"{off['n_contexts'].max():.0f} sentences about a concept"
        + (f", {texts.min():.0f} to {texts.max():.0f} texts a concept and condition" if len(texts) else "")
        + f". Intervals are 95% bootstrap over concepts; {tests} differences are told with no adjustment for their "
        "number."
    ]
    short = on[(on["condition"] == RANDOM) & (on["n_units"] < on["k"])]
    if len(short):
        told.append(
            f"For {short['concept'].nunique()} concepts a layer and site has fewer other units than experts, so that "
            f"fewer random units stand against them (at least {short['n_units'].min():.0f} of {short['k'].max()})."
        )
    return told


def units(k: int) -> str:
    """Write a number of units."""
    return "1 unit" if k == 1 else f"{k} units"


def _estimate(row: Mapping[str, Any]) -> str:
    """Write a change with its interval, with three decimals where two would hide it."""
    if max(abs(row[name]) for name in ("value", "low", "high")) >= SMALL:
        return f"{number(row['value'])} {between(row['low'], row['high'])}"
    value, low, high = (f"{row[name]:.3f}".replace("-0.000", "0.000") for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _zero(row: Mapping[str, Any]) -> str:
    return ", the interval includes zero" if row["low"] <= 0 <= row["high"] else ""


def _against(row: Mapping[str, Any], what: str) -> str:
    return f"against {what} {_estimate(row)}{_zero(row)}"


def _share(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.1%}"


def _points(row: Mapping[str, Any]) -> str:
    return f"{100 * row['value']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}] points"


def percent(row: Mapping[str, Any]) -> str:
    """Write a share with its interval."""
    return f"{row['value']:.1%} [{row['low']:.1%}, {row['high']:.1%}]"


def ratio(row: Mapping[str, Any]) -> str:
    """Write a difference of logarithms as a ratio with its interval."""
    value, low, high = (np.exp(row[name]) for name in ("value", "low", "high"))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"
