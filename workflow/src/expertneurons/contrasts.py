"""Contrasts: which two similarities are held against each other, on the pairs that both have."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import sheets, tables
from expertneurons.errors import StudyError
from expertneurons.files import open_array
from expertneurons.sides import CONTROL, EVERY, parse_side

LAST = "{last}"


class Side(NamedTuple):
    """One similarity: a model's representation, at an AP threshold where it has one (else NaN)."""

    model: str
    representation: str
    threshold: float

    @property
    def label(self) -> str:
        """Representation as the sheet of contrasts writes it."""
        return self.representation if np.isnan(self.threshold) else f"{self.representation}@{self.threshold:g}"


class Contrast(NamedTuple):
    """A difference a - b, a member of a declared family of tests."""

    name: str
    family: str
    a: Side
    b: Side


class Library:
    """The similarities of several models by name, opened when they are asked for."""

    def __init__(self, models: Sequence[str], similarity: Sequence[Path], representations: Sequence[Path]) -> None:
        """Take one similarity array and one index per model, in the same order."""
        self._arrays = dict(zip(models, similarity, strict=True))
        self._indices = {model: tables.read(path) for model, path in zip(models, representations, strict=True)}

    def side(self, model: str, text: str) -> Side:
        """Read `representation`, `representation@threshold`, with {last} for the number of the last layer."""
        index = self._index(model)
        depths = index["representation"].str.extract(r"^embedding\.layer(\d+)\.")[0].dropna().astype(int)
        name, limit = parse_side(text.replace(LAST, str(depths.max()) if len(depths) else LAST))
        side = Side(model, name, float("nan") if limit is None else limit)
        if not self._rows(side).any():
            known = [Side(model, row.representation, row.threshold).label for row in index.itertuples()]  # type: ignore[arg-type]
            raise StudyError(f"{model!r} has no representation {text!r}; known: {', '.join(known)}")
        return side

    def matrix(self, side: Side) -> npt.NDArray[Any]:
        """(concepts, concepts) similarity."""
        return np.asarray(
            open_array(self._arrays[side.model], (len(self._index(side.model)), None, None))[
                np.flatnonzero(self._rows(side))[0]
            ]
        )

    def _index(self, model: str) -> pd.DataFrame:
        if model not in self._indices:
            raise StudyError(f"no model {model!r} in this run; known: {', '.join(self._indices)}; add it to `models`")
        return self._indices[model]

    def _rows(self, side: Side) -> npt.NDArray[np.bool_]:
        index = self._index(side.model)
        limits = index["threshold"]
        same = limits.isna() if np.isnan(side.threshold) else (limits - side.threshold).abs() < 1e-9
        return np.asarray((index["representation"] == side.representation) & same)


def read_contrasts(
    sheet: Path, library: Library, reported: Sequence[str], control_of: Mapping[str, str]
) -> list[Contrast]:
    """Fill the sheet of contrasts with the models of a run.

    `a_model` and `b_model` name a model; `*` is every reported model, in `b_model` the same as a's, and `control` is
    its untrained control, if it has one.

    Args:
        sheet: The sheet of contrasts.
        library: The similarities.
        reported: Models that are not the control of another.
        control_of: The model of every untrained control.

    """
    found = []
    for row in sheets.read(sheet, "contrasts"):
        for model in reported if row["a_model"] == EVERY else [row["a_model"]]:
            partners = {EVERY: [model], CONTROL: [own for own, of in control_of.items() if of == model]}
            for partner in partners.get(row["b_model"], [row["b_model"]]):
                try:
                    a, b = library.side(model, row["a"]), library.side(partner, row["b"])
                except StudyError as error:
                    raise StudyError(f"{sheet}: contrast {row['contrast']!r}: {error}") from None
                found.append(Contrast(row["contrast"], row["family"], a, b))
    return found


def conditions(contrasts: Sequence[Contrast]) -> list[Side]:
    """Every side of the contrasts once, in their order."""
    return list(dict.fromkeys(side for contrast in contrasts for side in (contrast.a, contrast.b)))
