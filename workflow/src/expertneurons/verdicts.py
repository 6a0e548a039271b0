"""Verdicts: one sentence that answers each question, made from the numbers, with its chance level and its controls."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from expertneurons import organisation_names as organised
from expertneurons import organisation_statements as organisation
from expertneurons.alignment_statements import estimate, headline
from expertneurons.audit_warnings import LABELS
from expertneurons.layers import ALL
from expertneurons.statements import between, judged, number, p_value
from expertneurons.studied import Studied

SAID = {
    "higher": "closer to people than",
    "lower": "less close to people than",
    "not defined": "not comparable with",
    "undecided": "neither closer nor less close for certain than",
}
EMBEDDINGS = ("embedding.", "vectors.")
Row = Mapping[Any, Any]


class Verdict(NamedTuple):
    """The answer to a question, what chance would give, and what the controls gave."""

    answer: str
    chance: str
    control: str


def joined(parts: list[str]) -> str:
    """Join parts as a sentence does."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def zero(row: Row) -> str:
    """Say that an interval includes zero, where it does."""
    return ", the interval includes zero" if row["low"] <= 0 <= row["high"] else ""


def alignment(study: Studied, model: str, stimuli: str) -> Verdict | None:
    """Say with which norms expert overlap aligns."""
    rows = study.of("alignment", stimuli=stimuli)
    norms = study.norms_of(rows) if len(rows) else {}
    if not norms:
        return None
    own = {title: headline(rows, model, norm, study.threshold) for norm, title in norms.items()}
    told = {
        "aligns with": [name for name, row in own.items() if row["low"] > 0],
        "runs against": [name for name, row in own.items() if row["high"] < 0],
        "does not align for certain with": [
            name for name, row in own.items() if not (row["low"] > 0 or row["high"] < 0)
        ],
    }
    parts = [
        f"{verb} {joined([f'{name} ({estimate(own[name])}{zero(own[name])})' for name in names])}"
        for verb, names in told.items()
        if names
    ]
    chance = [f"{between(row['null_low'], row['null_high'])} with {name}" for name, row in own.items()]
    control = []
    for other in study.controls_of(model):
        found = [headline(rows, other, norm, study.threshold) for norm in norms]
        control.append(f"{study.title(other)}: {joined([estimate(row) for row in found])}")
    return Verdict(
        f"Expert overlap at AP >= {study.threshold:g} {'; it '.join(parts)}.",
        f"95% of node permutations lie in {joined(chance)}.",
        f"{'; '.join(control)}." if control else "No untrained control was run.",
    )


def comparison(study: Studied, model: str, stimuli: str) -> Verdict | None:
    """Say how experts stand against embeddings on the same pairs, and against controls."""
    rows = study.of("comparisons", stimuli=stimuli, model=model)
    against = rows["b"].str.startswith(EMBEDDINGS) if len(rows) else pd.Series(dtype=bool)
    if not against.any():
        return None
    groups: dict[str, list[Row]] = {}
    for row in rows[against].to_dict("records"):
        groups.setdefault(judged(row), []).append(row)
    parts = [
        f"{SAID.get(verdict, f'{verdict} to')} {_differences(groups[verdict], study.norms)}"
        for verdict in sorted(groups, key=lambda verdict: [*SAID, verdict].index(verdict))
    ]
    controls = rows[~against].to_dict("records")
    others = _differences(controls, study.norms) if controls else ""
    return Verdict(
        f"On the same pairs experts are {'; '.join(parts)}.",
        f"A difference of zero; within {rows['bound'].iloc[0]:g} of it counts as none. P values are Holm-adjusted.",
        f"Rho of experts minus that of {others}." if others else "No contrast with a control was declared.",
    )


def _differences(rows: Sequence[Row], norms: Mapping[str, str]) -> str:
    """Write contrasts with their differences in rho, and whether their intervals include zero."""
    known = [row for row in rows if not pd.isna(row["difference"])]
    parts = []
    for row in rows:
        value = f" {number(row['difference'])} {between(row['low'], row['high'])}" if row in known else ""
        mark = zero(row) if 0 < sum(bool(zero(other)) for other in known) < len(known) else ""
        parts.append(f"{row['contrast'].removeprefix('experts - ')} ({norms[row['norm']]}{value}{mark})")
    whole = known and all(zero(row) for row in known)
    return joined(parts) + ((", whose intervals include zero" if len(known) > 1 else zero(known[0])) if whole else "")


def places(study: Studied, model: str, stimuli: str) -> Verdict | None:
    """Say in which layer experts are densest, and which layer's experts align best."""
    rows = study.of("layers", model=model, stimuli=stimuli)
    rows = rows[np.isclose(rows["threshold"].astype(float), study.threshold)] if len(rows) else rows
    whole = rows[rows["site"] == ALL].reset_index(drop=True) if len(rows) else rows
    if whole.empty:
        return None
    share = whole["n_expert_concept_pairs"] / whole["n_units"]
    densest = int(np.argmax(share.to_numpy()))
    ratio = float(share.max() / share.mean())
    best = _best_layers(study, whole)
    aligned = f"; experts of one layer alone align best in {joined(best)}" if best else ""
    chance = whole["n_pairs_expected_by_chance"][densest] / whole["n_expert_concept_pairs"][densest]
    return Verdict(
        f"Of layers {whole['layer'].min():.0f} to {whole['layer'].max():.0f}, experts are densest in layer "
        f"{whole['layer'][densest]:.0f} ({ratio:.1f} times the mean of the layers){aligned}.",
        f"Shuffled labels give {chance:.1%} of that layer's experts. Without alignment rho is zero; the best of "
        f"{len(whole)} layers is chosen afterwards, which the intervals do not count.",
        _untrained_place(study, model, stimuli),
    )


def _best_layers(study: Studied, whole: pd.DataFrame) -> list[str]:
    """Tell for each norm the layer whose experts align best, with rho, interval and pairs."""
    best = []
    for norm, title in study.norms.items():
        if f"rho_{norm}" in whole and whole[f"rho_{norm}"].notna().any():
            row: Any = whole.loc[int(np.nanargmax(whole[f"rho_{norm}"].to_numpy(float)))]
            ends = {"low": row[f"low_{norm}"], "high": row[f"high_{norm}"]}
            value = (
                f"rho = {number(row[f'rho_{norm}'])} {between(**ends)}{zero(ends)}, {row[f'n_pairs_{norm}']:.0f} pairs"
            )
            best.append(f"layer {row['layer']:.0f} with {title} ({value})")
    return best


def _untrained_place(study: Studied, model: str, stimuli: str) -> str:
    told = []
    for control in study.controls_of(model):
        rows = study.of("layers", model=control, stimuli=stimuli, site=ALL)
        rows = rows[np.isclose(rows["threshold"].astype(float), study.threshold)].reset_index(drop=True)
        if len(rows):
            share = rows["n_expert_concept_pairs"] / rows["n_units"]
            best = _best_layers(study, rows)
            told.append(
                f"{study.title(control)}: densest in layer {rows['layer'][int(np.argmax(share))]:.0f}"
                + (f", best aligned in {joined(best)}" if best else "")
            )
    return f"{'; '.join(told)}." if told else "No untrained control was run."


def organised_as_people(study: Studied, model: str, stimuli: str) -> Verdict | None:
    """Say how well overlap tells domains apart, and what may be claimed of hierarchy."""
    rows = study.of("organisation", stimuli=stimuli)
    own = study.of("organisation", stimuli=stimuli, model=model)
    if own.empty:
        return None
    row = organisation.find(own, study.threshold, organised.AUC, organised.LABELS)
    domains = "Whether experts follow domains is not defined here"
    chance = "Shuffled labels."
    if row is not None and not np.isnan(row["value"]):
        verb = "tells" if row["low"] > row["null_mean"] else "does not tell for certain"
        value = f"AUC {organisation.estimated(row)}, {p_value(row['p'])}, {row['n']:.0f} pairs"
        domains = f"Expert overlap {verb} pairs of one domain from pairs of two ({value})"
        chance = f"Shuffled domain labels give {number(row['null_mean'])}."
        popular = organisation.find(own, study.threshold, organised.AUC, organised.SETS)
        chance += f" Random sets over equally popular units give {number(popular['null_mean'])}." if popular else ""
    claims = organisation.claims(own, study.threshold)
    hierarchy = "; ".join(claim.rstrip(".") for claim in claims) or "no hierarchy is claimed"
    control = []
    for other in study.controls_of(model):
        found = organisation.find(rows[rows["model"] == other], study.threshold, organised.AUC, organised.LABELS)
        if found is not None:
            control.append(f"{study.title(other)}: AUC {organisation.estimated(found)}")
    control = control or ["No untrained control was run"]
    return Verdict(f"{domains}; {hierarchy}.", chance, f"{'; '.join(control)}.")


def which_unit(study: Studied, model: str, stimuli: str) -> Verdict | None:
    """Say what the best unit of a concept is worth on sentences that did not choose it, and how many are warned of."""
    rows = (
        study.of("audit", model=model, stimuli=stimuli).drop_duplicates("concept") if "audit" in study.tables else None
    )
    if rows is None or rows.empty:
        return None
    held = rows["concept_held_out_ap"].dropna()
    least: Any = rows.sort_values("concept_held_out_ap", kind="stable").iloc[0]
    ends = between(least["concept_held_out_ap_low"], least["concept_held_out_ap_high"])
    lowest = f"; the lowest is {least['concept']}, {number(held.min())} {ends}" if len(held) else ""
    best = {}
    for who in [model, *study.controls_of(model)]:
        counted = study.of("experts", model=who, stimuli=stimuli).drop_duplicates("concept")
        if len(counted):
            best[who] = f"{study.title(who)} {number(counted['best_ap'].median())}"
    return Verdict(
        f"The best unit of the median concept has AP {number(held.median())} on sentences that did not choose it"
        f"{lowest}; {_warned(rows['warnings'])}.",
        f"A constant unit has AP {rows['chance'].mean():.3f}.",
        f"On all sentences, those that chose it too, the best unit of the median concept has AP: "
        f"{joined(list(best.values()))}."
        if set(best) - {model}
        else "No untrained control was run.",
    )


def _warned(warnings: pd.Series) -> str:
    """Say how many concepts carry a warning, and which."""
    kinds = warnings[warnings != ""].str.split(", ").explode().value_counts()
    named = [f"{LABELS[str(kind)].lower()} ({count})" for kind, count in kinds.items()]
    count = f"{int((warnings != '').sum())} of {len(warnings)} concepts carry a warning"
    return f"{count}: {joined(named)}" if named else count
