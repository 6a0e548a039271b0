"""Audit joins: everything that is known of the concepts of one model, in one place."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import audit_tables, tables
from expertneurons.audit_views import View, records
from expertneurons.audit_warnings import Warned, by_chance, warnings_of
from expertneurons.selection import expert_sets

Rated = dict[str, tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]


class Measured(NamedTuple):
    """Everything that is known, by concept number where a list."""

    concepts: pd.DataFrame
    listed: pd.DataFrame
    best: list[View]
    registers: pd.DataFrame
    profile: pd.DataFrame
    neighbours: list[list[View]]
    counts: pd.DataFrame
    warned: list[list[Warned]]


class Files(NamedTuple):
    """Tables that are read once: index of the units, experts, null distribution, held-out concepts."""

    units: Path
    experts: Path
    distribution: Path
    held_out_concepts: Path


def join(
    concepts: pd.DataFrame,
    listed: pd.DataFrame,
    registers: pd.DataFrame,
    counts: pd.DataFrame,
    files: Files,
    rated: Rated,
    threshold: float,
) -> Measured:
    """Join what is known of units with expert sets, layers, neighbours and warnings.

    Args:
        concepts: The concepts with n_positives and chance.
        listed: As `audit_tables.listed_units` gives them.
        registers: AP by register, as `hold_out` writes it.
        counts: Experts by checkpoint, as `audit_tables.emergence` gives them.
        files: Tables to read.
        rated: By norm: pairs of concept numbers and their ratings.
        threshold: AP from which a unit is an expert.

    """
    index, found, null = (tables.read(path) for path in (files.units, files.experts, files.distribution))
    best = records(tables.read(files.held_out_concepts))
    sets = expert_sets(found, len(concepts), len(index), threshold=threshold)
    first = found[found["rank"] == 1].sort_values("concept_number")
    concepts = concepts.assign(n_experts=np.diff(sets.indptr), best_ap=first["ap"].to_numpy(np.float64))
    return Measured(
        concepts,
        listed,
        best,
        registers,
        audit_tables.layer_profile(found, index, null, concepts["n_positives"].to_numpy(), threshold),
        audit_tables.neighbours(sets, rated),
        counts,
        [
            _warned(own, told, listed, registers, null, threshold)
            for own, told in zip(records(concepts), best, strict=True)
        ],
    )


def _warned(
    concept: View, best: View, listed: pd.DataFrame, registers: pd.DataFrame, null: pd.DataFrame, threshold: float
) -> list[Warned]:
    own, of_registers = (rows[rows["concept_number"] == concept["concept_number"]] for rows in (listed, registers))
    found = by_chance(null, concept["best_ap"], concept["n_positives"])
    return warnings_of(best, own, of_registers, concept["best_ap"], found, threshold)
