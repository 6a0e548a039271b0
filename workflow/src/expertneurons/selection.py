"""Selection: which units are experts, at every threshold and for the top k, and how many chance alone gives."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import tables
from expertneurons.distribution import expected
from expertneurons.files import SCORE, open_array
from expertneurons.keys import KEYS

COLUMNS = [
    *("model", "stimuli", "concept", "threshold", "n_experts", "n_expected_by_chance"),
    *("best_ap", "best_auroc", "chance", "n_positives", "n_negatives"),
]


def select_experts(
    ap: Path,
    auroc: Path,
    units: Path,
    concept_table: Path,
    design: Path,
    distribution: Path,
    experts: Path,
    counts: Path,
    thresholds: list[float],
    top: list[int],
    model: str,
    stimuli: str,
) -> None:
    """Keep every unit that is an expert at the lowest threshold or among the most precise of a concept.

    Args:
        ap: `.npy` (concepts, units).
        auroc: `.npy` (concepts, units).
        units: Index of the units.
        concept_table: The concepts.
        design: Positives, negatives and chance per concept.
        distribution: AP counts of the label-permutation null.
        experts: Parquet file: concept_number, rank (1 is the best), unit, layer, site, index, ap, auroc.
        counts: Parquet file, the `experts` table of this model.
        thresholds: AP from which a unit is an expert.
        top: Sizes of count-matched expert sets.
        model: Its name.
        stimuli: Their name.

    """
    index, concepts = tables.read(units), tables.read(concept_table)
    scores, areas = (open_array(path, (len(concepts), len(index)), SCORE) for path in (ap, auroc))
    kept = [
        _ranked(scores[c], areas[c], min(thresholds), max(top, default=0)).assign(concept_number=c)
        for c in range(len(concepts))
    ]
    found = pd.concat(kept, ignore_index=True).merge(index, on="unit")
    columns = ["concept_number", "rank", "unit", "layer", "site", "index", "ap", "auroc"]
    tables.write(found[columns], experts, ["concept_number", "rank"])
    told = [
        _counts(scores[number], areas[number], thresholds).assign(concept=concept)
        for number, concept in enumerate(concepts["concept"])
    ]
    found = pd.concat(told, ignore_index=True).assign(model=model, stimuli=stimuli)
    sizes = tables.read(design).assign(concept=concepts["concept"])
    found = found.merge(sizes[["concept", "chance", "n_positives", "n_negatives"]], on="concept")
    null = tables.read(distribution)
    expectations = {
        (threshold, size): float(expected(null, threshold, size).sum())
        for threshold in thresholds
        for size in sizes["n_positives"].unique().tolist()
    }
    keys = zip(found["threshold"], found["n_positives"], strict=True)
    found["n_expected_by_chance"] = [expectations[key] for key in keys]
    tables.write(found[COLUMNS], counts, KEYS["experts"])


def _counts(ap: npt.NDArray[np.float32], auroc: npt.NDArray[np.float32], thresholds: list[float]) -> pd.DataFrame:
    """Count the experts of one concept at every threshold."""
    counts = [int((ap >= np.float32(threshold)).sum()) for threshold in thresholds]
    return pd.DataFrame({"threshold": thresholds, "n_experts": counts, "best_ap": ap.max(), "best_auroc": auroc.max()})


def _ranked(ap: npt.NDArray[np.float32], auroc: npt.NDArray[np.float32], threshold: float, top: int) -> pd.DataFrame:
    order = np.lexsort((np.arange(ap.size), -auroc, -ap))
    size = max(int((ap >= np.float32(threshold)).sum()), min(top, ap.size))
    chosen = order[:size]
    return pd.DataFrame({"rank": np.arange(1, size + 1), "unit": chosen, "ap": ap[chosen], "auroc": auroc[chosen]})


def expert_sets(
    experts: pd.DataFrame, concepts: int, units: int, threshold: float | None = None, top: int | None = None
) -> sparse.csr_array:
    """Expert sets as a sparse (concepts, units) array of ones, by threshold or by rank."""
    chosen = (
        experts[experts["ap"] >= np.float32(threshold)] if threshold is not None else experts[experts["rank"] <= top]
    )
    place = (chosen["concept_number"].to_numpy(), chosen["unit"].to_numpy())
    return sparse.csr_array((np.ones(len(chosen), np.int32), place), shape=(concepts, units))
