"""Studied: the tables of a study by name, and how its models and norms are called, for those that tell of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from expertneurons import tables


class Studied(NamedTuple):
    """What a study found, and what it was asked."""

    tables: Mapping[str, pd.DataFrame]
    threshold: float
    reported: list[str]
    stimuli: list[str]
    norms: dict[str, str]
    models: dict[str, str]
    controls: dict[str, str]

    def of(self, table: str, **chosen: str | int) -> pd.DataFrame:
        """Rows of a table with these values; none where the table is not there."""
        rows = self.tables.get(table, pd.DataFrame(columns=list(chosen)))
        for name, value in chosen.items():
            rows = rows[rows[name] == value]
        return rows

    def norms_of(self, rows: pd.DataFrame) -> dict[str, str]:
        """Titles of the norms that rows are about."""
        return {norm: title for norm, title in self.norms.items() if norm in set(rows["norm"])}

    def controls_of(self, model: str) -> list[str]:
        """Untrained controls of a model."""
        return [control for control, of in self.controls.items() if of == model]

    def title(self, model: str) -> str:
        """Title of a model."""
        return self.models.get(model, model)


def gather(
    paths: list[Path],
    threshold: float,
    reported: list[str],
    stimuli: list[str],
    norm_labels: list[str],
    model_labels: list[str],
    control_of: list[str],
) -> Studied:
    """Read tables, each under the name of its file, and titles, each as name=title."""
    norms, models, controls = (
        dict(pair.split("=", 1) for pair in given) for given in (norm_labels, model_labels, control_of)
    )
    found = {path.stem: tables.read(path) for path in paths}
    return Studied(found, threshold, reported, stimuli, norms, models, controls)
