"""Control alerts: which control failed, what was checked when none did, and what is above chance without being one."""

from typing import Any

import numpy as np
import pandas as pd

from expertneurons import alignment_statements as aligned
from expertneurons import emergence_report
from expertneurons import organisation_names as organised
from expertneurons import organisation_statements as organisation
from expertneurons.statements import number, p_value
from expertneurons.studied import Studied
from expertneurons.verdicts import joined

RANDOM_UNITS = "random_units.jaccard"


def failed(study: Studied) -> list[str]:
    """Say which control failed: what must be at chance and is not, or must be found and is not."""
    found = []
    for model in study.reported:
        for stimuli in study.stimuli:
            rows = study.of("alignment", stimuli=stimuli)
            found += aligned.warnings(rows, study.controls_of(model), study.threshold, study.norms_of(rows))
            found += [
                f"Control failed: random units of {study.title(model)}, matched by layer, site and number, "
                f"{'align with' if row['low'] > 0 else 'run against'} {title} ({aligned.estimate(row)})."
                for title, row in _random_units(study, model, stimuli).items()
                if row["low"] > 0 or row["high"] < 0
            ]
            for control in study.controls_of(model):
                own = study.of("organisation", model=control, stimuli=stimuli)
                found += [
                    f"Control failed: with untrained weights, {claim}"
                    for claim in organisation.claims(own, study.threshold)
                ]
    for norm, grown in _truths(study).items():
        found += emergence_report.failures(grown, study.norms[norm])
    return found


def above_chance(study: Studied) -> list[str]:
    """Say where an untrained control's experts follow domains beyond shuffled labels, beside the trained model's."""
    told = []
    for model in study.reported:
        for stimuli in study.stimuli:
            rows = study.of("organisation", stimuli=stimuli)
            if rows.empty:
                continue
            own = _domains(study, rows, model)
            for control in study.controls_of(model):
                row = _domains(study, rows, control)
                if row is None or not organisation.clear(row) or row["value"] <= row["null_mean"]:
                    continue
                text = (
                    f"Control above chance: experts of {study.title(control)} (AP >= {study.threshold:g}) follow "
                    f"domains more than shuffled labels do, AUC {organisation.estimated(row)} against "
                    f"{number(row['null_mean'])}, {p_value(row['p'])}, {row['n']:.0f} pairs"
                )
                beside = "" if own is None else f"; {study.title(model)}: {organisation.estimated(own)}"
                below = own is not None and row["high"] < own["low"]
                told.append(f"{text}{beside}{', whose interval lies above' if below else ''}.")
    return told


def checked(study: Studied) -> str:
    """Say which controls could have failed, at which threshold and against what."""
    parts = []
    for model in study.reported:
        for stimuli in study.stimuli:
            rows = study.of("alignment", stimuli=stimuli)
            norms = study.norms_of(rows)
            for control in study.controls_of(model):
                own = {title: aligned.headline(rows, control, norm, study.threshold) for norm, title in norms.items()}
                parts.append(f"{study.title(control)} with {_listed(own)}")
            if random := _random_units(study, model, stimuli):
                parts.append(f"random units of {study.title(model)} with {_listed(random)}")
    text = f"no 95% interval of rho at AP >= {study.threshold:g}, the one threshold checked, lies above zero: "
    text += "; ".join(parts)
    if len(study.of("organisation")):
        text += ". Of no untrained control may a hierarchy be claimed (coverage and lift against shuffled labels)"
    if truths := [study.norms[norm] for norm in _truths(study)]:
        text += f". Training runs are at chance on the {joined(truths)} at step 0 and recover them at the last step"
    return f"{text}."


def _random_units(study: Studied, model: str, stimuli: str) -> dict[str, Any]:
    """Rows of random units, as many as experts at the study's threshold, by the titles of the norms."""
    rows = study.of("alignment", model=model, stimuli=stimuli, representation=RANDOM_UNITS)
    rows = rows[np.isclose(rows["threshold"].astype(float), study.threshold)]
    return {title: rows[rows["norm"] == norm].iloc[0] for norm, title in study.norms_of(rows).items()}


def _truths(study: Studied) -> dict[str, pd.DataFrame]:
    """Training runs on what their sentences were written from, by its norm."""
    grown = study.of("emergence")
    truths = [norm for norm in study.norms if len(grown) and norm in set(grown["stimuli"])]
    return {
        norm: emergence_report.headline(grown[(grown["stimuli"] == norm) & (grown["norm"] == norm)], study.threshold)
        for norm in truths
    }


def _domains(study: Studied, rows: pd.DataFrame, model: str) -> organisation.Row | None:
    return organisation.find(rows[rows["model"] == model], study.threshold, organised.AUC, organised.LABELS)


def _listed(rows: dict[str, Any]) -> str:
    return joined([f"{title} ({aligned.estimate(row)})" for title, row in rows.items()])
