"""Statements: what the inferential tables say, in sentences and short rows made from their numbers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from expertneurons.ceilings import RELIABILITY

Row = dict[str, Any]


def number(value: float) -> str:
    """Write a number of size one as usual in the field: two decimals."""
    return f"{value:.2f}".replace("-0.00", "0.00")


def p_value(p: float) -> str:
    """Write a p value: three decimals, never zero."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def between(low: float, high: float) -> str:
    """Write an interval."""
    return f"[{number(low)}, {number(high)}]"


def differences(rows: pd.DataFrame, norms: Mapping[str, str]) -> list[str]:
    """One sentence per declared contrast: difference, interval, p within its family, and whether it is equivalence."""
    told = []
    for row in rows.to_dict("records"):
        head = f"{row['contrast']}, {norms[row['norm']]}: "
        if pd.isna(row["p"]):
            told.append(f"{head}not defined ({row['note']}).")
            continue
        told.append(
            f"{head}{judged(row)}; rho {number(row['rho_a'])} against {number(row['rho_b'])}, difference "
            f"{number(row['difference'])} {between(row['low'], row['high'])}, {p_value(row['p'])}, "
            f"{p_value(row['p_family'])} in its family (Holm), {row['n_pairs']} pairs of {row['n_concepts']} concepts; "
            f"smallest difference found with power 0.8: {number(row['detectable'])}."
        )
    return told


def judged(row: Mapping[Any, Any]) -> str:
    """Say what a contrast shows: a difference, equivalence, or neither."""
    if pd.isna(row["p"]):
        return "not defined"
    if row["p_family"] < 0.05:
        return "higher" if row["difference"] > 0 else "lower"
    return f"equivalent within {row['bound']:g}" if row["equivalent"] else "undecided"


def by_domain(row: Mapping[str, Any]) -> str:
    """Say how well a representation aligns within domains, between two, and where a concept has none."""
    parts = []
    titles = {"within": "within domains", "between": "between two domains", "unnamed": "with a concept of no domain"}
    for name, title in titles.items():
        pairs = f"{row[f'n_pairs_{name}']} pairs"
        if pd.isna(row[f"rho_{name}"]):
            parts.append(f"{title} not defined, {pairs}")
        else:
            interval = between(row[f"low_{name}"], row[f"high_{name}"])
            parts.append(f"{title} rho = {number(row[f'rho_{name}'])} {interval}, {pairs}")
    return "; ".join(parts)


def ceilings(rows: pd.DataFrame, norms: Mapping[str, str]) -> list[str]:
    """Say for each norm how reliable its ratings are, and what a model could reach."""
    told = []
    for norm, title in norms.items():
        row = rows[(rows["norm"] == norm) & (rows["measure"] == RELIABILITY)].iloc[0]
        if pd.isna(row["value"]):
            told.append(f"{title}: reliability {row['note']}; alignment is shown raw.")
        else:
            told.append(
                f"{title}: reliability of the mean rating {row['value']:.3f} ({row['note']}; {row['n_pairs']:.0f} "
                f"pairs), so no similarity can correlate with it above {row['value'] ** 0.5:.3f}."
            )
    return told


def calibration(rows: pd.DataFrame) -> tuple[list[str], list[Row]]:
    """Coverage and false positives by method (rows) and design (columns), in percent."""
    designs = list(dict.fromkeys(rows["design"]))
    found: dict[tuple[str, str, str], Row] = {}
    for row in rows.to_dict("records"):
        key = (row["quantity"], row["target"], row["method"])
        entry = found.setdefault(key, {"quantity": key[0], "target": key[1], "method": key[2], "shares": {}})
        entry["nominal"] = f"{100 * row['nominal']:.0f}"
        entry["shares"][row["design"]] = f"{100 * row['share']:.1f}"
    return designs, [found[key] for key in sorted(found)]
