"""Explorer data: shared experts, expert lists and alignment over a grid of thresholds, small enough for one page."""

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons.alignment import Pairs, Values, align
from expertneurons.selection import expert_sets
from expertneurons.similarity import jaccard, shared

STEPS = (25, 50, 100)  # thousandths of AP, the finest first
MATRIX_BYTES = 1_800_000
LIST_BYTES = 2_600_000
TEXT_LETTERS = 800_000
ENTRY_BYTES = 4  # of a unit in the list of a concept: its number and its AP
AP_SCALE = 65535


class Lists(NamedTuple):
    """Experts of every concept from a threshold on, and the units among them.

    floor: the threshold. sizes: experts of each concept. members: their places in `units`, concept by concept, the
    highest AP first. ap: theirs. units: their numbers in the model.
    """

    floor: float
    sizes: npt.NDArray[np.int64]
    members: npt.NDArray[np.int64]
    ap: npt.NDArray[np.float32]
    units: npt.NDArray[np.int64]


def packed(values: npt.NDArray[Any]) -> dict[str, str]:
    """Whole numbers in the smallest unsigned type that holds them, as base64 of little-endian bytes."""
    kind = np.min_scalar_type(int(np.max(values, initial=0)))
    data = np.ascontiguousarray(values, kind.newbyteorder("<")).tobytes()
    return {"type": str(kind), "data": base64.b64encode(data).decode("ascii")}


def grid(thresholds: Sequence[float], concepts: int) -> list[float]:
    """Measured thresholds and as many between them as fit on the page, ascending."""
    pairs = concepts * (concepts - 1) // 2
    ends = round(1000 * min(thresholds)), round(1000 * max(thresholds))
    for step in STEPS:
        between = [at / 1000 for at in range(ends[0], ends[1] + 1, step)]
        every = sorted({round(limit, 6) for limit in (*between, *thresholds)})
        if 2 * pairs * len(every) <= MATRIX_BYTES:
            return every
    return sorted(thresholds)


def shared_counts(experts: pd.DataFrame, concepts: int, units: int, limits: Sequence[float]) -> list[dict[str, Any]]:
    """Experts of every concept and shared experts of every two, at every threshold.

    Pairs stand in the order of the lower triangle, row by row, without the diagonal.
    """
    below = np.tril_indices(concepts, -1)
    found = []
    for limit in limits:
        common, sizes = shared(expert_sets(experts, concepts, units, threshold=limit))
        whole = packed(common[below].astype(np.int64))
        found.append({"threshold": limit, "experts": sizes.astype(int).tolist(), "shared": whole})
    return found


def expert_lists(experts: pd.DataFrame, concepts: int, limits: Sequence[float], unit_bytes: int) -> Lists:
    """List experts from the lowest threshold at which the lists fit on the page, or from the highest one."""
    for floor in sorted(limits):
        own = experts[experts["ap"] >= np.float32(floor)]
        units = np.unique(own["unit"].to_numpy(np.int64))
        if ENTRY_BYTES * len(own) + unit_bytes * len(units) <= LIST_BYTES:
            break
    own = own.sort_values(["concept_number", "rank"])
    sizes = np.bincount(own["concept_number"], minlength=concepts)
    places = np.searchsorted(units, own["unit"].to_numpy(np.int64))
    return Lists(floor, sizes, places, own["ap"].to_numpy(np.float32), units)


def texts(sentences: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """Sentences that fit on the page, the first ones of every concept, and whether these are all."""
    rows = sentences.sort_values("sentence")
    letters = int(rows["text"].str.len().sum())
    if letters <= TEXT_LETTERS:
        return rows, True
    most = int(rows["concept_number"].value_counts().max() * TEXT_LETTERS / letters)
    return rows[rows.groupby("concept_number").cumcount() < max(1, most)], False


def alignment_curve(
    experts: pd.DataFrame, shape: tuple[int, int], limits: Sequence[float], pairs: Pairs, ratings: Values
) -> list[dict[str, Any]]:
    """Spearman of expert overlap with ratings at every threshold; intervals are left to the study's own tables."""
    found = []
    for limit in limits:
        own = align(jaccard(expert_sets(experts, *shape, threshold=limit)), pairs, ratings)
        found.append({"rho": known(own.rho), "n_pairs": own.n_pairs, "n_concepts": own.n_concepts})
    return found


def measured(
    table: pd.DataFrame, norm: str, representation: str, columns: Sequence[str]
) -> dict[float, dict[str, Any]]:
    """Columns of the `alignment` table by threshold, unknown numbers as None."""
    own = table[(table["norm"] == norm) & (table["representation"] == representation)]
    return {round(row["threshold"], 6): {name: known(row[name]) for name in columns} for row in own.to_dict("records")}


def known(value: float) -> float | None:
    """Round for a page; None for NaN, which JSON lacks."""
    return None if np.isnan(value) else round(float(value), 6)
