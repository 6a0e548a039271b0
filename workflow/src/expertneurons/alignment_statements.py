"""Alignment statements: what the headline says of people, domains and counts, in sentences made from the numbers."""

from typing import Any

import pandas as pd

from expertneurons import statements

HEADLINE = "experts.jaccard"


def domains(rows: pd.DataFrame, model: str, threshold: float, norms: dict[str, str]) -> list[str]:
    """Say for each norm how well experts align within and between domains."""
    return [
        f"{title}: {statements.by_domain(headline(rows, model, norm, threshold))}." for norm, title in norms.items()
    ]


def headline(rows: pd.DataFrame, model: str, norm: str, threshold: float) -> Any:
    """Return the row of expert overlap at the threshold of the headline."""
    chosen = rows[
        (rows["model"] == model)
        & (rows["norm"] == norm)
        & (rows["representation"] == HEADLINE)
        & ((rows["threshold"] - threshold).abs() < 1e-9)
    ]
    return chosen.iloc[0]


def estimate(row: Any) -> str:
    """Write a correlation with its interval, or say why there is none."""
    if pd.isna(row["rho"]):
        return f"not defined ({row['n_pairs']} pairs, whose similarities are too few or all equal)"
    return f"rho = {row['rho']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def answers(rows: pd.DataFrame, model: str, controls: list[str], threshold: float, norms: dict[str, str]) -> list[str]:
    """One sentence per norm, made from the numbers: estimate, interval, n, chance and control."""
    told = []
    for norm, title in norms.items():
        row = headline(rows, model, norm, threshold)
        verdict = "aligns with" if row["low"] > 0 else "does not align, within its interval, with"
        text = (
            f"Expert overlap at AP >= {threshold:g} {verdict} {title}: {estimate(row)}, {row['n_pairs']} pairs of "
            f"{row['n_concepts']} concepts, p = {row['p']:.4f}, one-sided, by node permutation (95% of permutations "
            f"lie from {row['null_low']:.2f} to {row['null_high']:.2f})."
        )
        for control in controls:
            other = headline(rows, control, norm, threshold)
            rests = f"{other['n_pairs']} pairs of {other['n_concepts']} concepts with experts"
            text += f" The same model with untrained weights: {estimate(other)}, {rests}."
        told.append(text)
    return told


def warnings(rows: pd.DataFrame, controls: list[str], threshold: float, norms: dict[str, str]) -> list[str]:
    """Say which control failed: an untrained model whose experts align with people."""
    return [
        f"Control failed: with untrained weights, expert overlap aligns with {title} ({estimate(row)}); "
        "part of the alignment comes from the sentences or the tokenizer."
        for control in controls
        for norm, title in norms.items()
        if (row := headline(rows, control, norm, threshold))["low"] > 0
    ]


def summary(counts: pd.DataFrame, model: str, controls: list[str], threshold: float) -> str:
    """Say how many experts concepts have, against untrained weights and chance."""
    at = counts[(counts["threshold"] - threshold).abs() < 1e-9]
    own, *others = (at[at["model"] == name] for name in (model, *controls) if name in set(at["model"]))
    untrained = "".join(f"untrained weights give {found['n_experts'].median():g} and " for found in others)
    return (
        f"{len(own)} concepts; at AP >= {threshold:g} the median concept has {own['n_experts'].median():g} experts "
        f"(range {own['n_experts'].min()} to {own['n_experts'].max()}), {untrained}shuffled labels "
        f"{own['n_expected_by_chance'].mean():.2f} (mean); {(own['n_experts'] == 0).sum()} concepts have none."
    )
