"""Stability controls: what part of the alignment each control already reaches, in one table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from expertneurons import stability_names as names
from expertneurons import tables
from expertneurons.keys import KEYS

GIVEN = {names.PARTNER: "co_occurrence", names.TEXT: "text_overlap"}
EXPERTS = "experts.jaccard"


def measure_controls(
    alignment: list[Path],
    partial: Path,
    stability: list[Path],
    output: Path,
    threshold: float,
    model: str,
    stimuli: str,
) -> None:
    """Gather every control of one model's alignment beside the alignment itself.

    Args:
        alignment: The `alignment` tables of the model and of its untrained controls.
        partial: The `partial` table.
        stability: The parts of the `stability` table of the model.
        output: Parquet file, the `controls` table: norm, control, rho, low, high, n_pairs, and share, the control's rho
            over the model's own.
        threshold: AP from which a unit is an expert.
        model: Its name.
        stimuli: Their name.

    """
    aligned = pd.concat([tables.read(path) for path in alignment])
    choice = pd.concat([tables.read(path) for path in stability])
    aligned = aligned[aligned["threshold"].isna() | np.isclose(aligned["threshold"], threshold)]
    own = aligned["model"] == model
    found = [
        _named(aligned[own & (aligned["representation"] == EXPERTS)], names.OWN),
        _named(aligned[~own & (aligned["representation"] == EXPERTS)], names.UNTRAINED),
        _named(aligned[own & (aligned["representation"] == "random_units.jaccard")], names.RANDOM),
        _named(aligned[own & (aligned["representation"] == "text.tfidf")], names.TFIDF),
        *_from_choices(choice, threshold),
        *_partialled(tables.read(partial), model, stimuli, threshold),
    ]
    table = pd.concat(found, ignore_index=True)
    mine = table[table["control"] == names.OWN].set_index("norm")["rho"]
    table["share"] = table["rho"] / table["norm"].map(mine)
    tables.write(table.assign(model=model, stimuli=stimuli), output, KEYS["controls"])


def _named(rows: pd.DataFrame, control: str) -> pd.DataFrame:
    """Average over what carries the same name, such as several untrained controls."""
    columns = ["rho", "low", "high", "n_pairs"]
    return rows.groupby("norm", as_index=False)[columns].mean().assign(control=control)


def _from_choices(choice: pd.DataFrame, threshold: float) -> list[pd.DataFrame]:
    whole = choice[choice["sites"] == names.ALL]
    at_threshold = whole[(whole["score"] == names.AP) & np.isclose(whole["limit"], threshold)]
    matched = whole[(whole["score"] == names.COUNT_MATCHED) & (whole["sentences"] == "shuffled")]
    found = [_named(matched, names.SHUFFLED)]
    for pooling, control in (("masked", names.MASKED), ("context", names.CONTEXT)):
        found.append(_named(at_threshold[at_threshold["responses"] == pooling], control))
    return found


def _partialled(partial: pd.DataFrame, model: str, stimuli: str, threshold: float) -> list[pd.DataFrame]:
    rows = partial[(partial["model"] == model) & (partial["stimuli"] == stimuli)]
    rows = rows[rows["representation"] == f"{EXPERTS}@{threshold:g}"]
    named: list[Any] = []
    for control, covariate in GIVEN.items():
        named.append(_named(rows[rows["given"] == covariate], control))
    return named
