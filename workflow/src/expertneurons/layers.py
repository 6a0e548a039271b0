"""Layers: where experts sit and how well the experts of one place align with people."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import tables
from expertneurons.alignment import align, rated_pairs
from expertneurons.distribution import expected
from expertneurons.keys import KEYS
from expertneurons.selection import expert_sets
from expertneurons.similarity import jaccard

ALL = "all"


def align_layers(
    experts: Path,
    units: Path,
    concept_table: Path,
    design: Path,
    distribution: Path,
    norms: list[Path],
    output: Path,
    thresholds: list[float],
    model: str,
    stimuli: str,
    level: float = 0.95,
) -> None:
    """Count the experts of every layer and site and align their overlap alone with every norm.

    Args:
        experts: As `select_experts` writes them.
        units: Index of the units.
        concept_table: The concepts.
        design: Positives per concept.
        distribution: AP counts of the label-permutation null.
        norms: Tidy norms, named by their files.
        output: Parquet file, the `layers` table of this model; site `all` joins the sites of a layer.
        thresholds: AP from which a unit is an expert.
        model: Its name.
        stimuli: Their name.
        level: Coverage of the intervals.

    """
    index, chosen = tables.read(units), tables.read(experts)
    concepts = tables.read(concept_table)["concept"].tolist()
    rated = {norm.stem: rated_pairs(norm, concepts) for norm in norms}
    null, sizes = tables.read(distribution), Counter(tables.read(design)["n_positives"].tolist())
    rows = []
    for threshold in thresholds:
        sets = expert_sets(chosen, len(concepts), len(index), threshold=threshold)
        by_size = [expected(null, threshold, size) * count for size, count in sorted(sizes.items())]
        by_chance = pd.concat(by_size).groupby(level=[0, 1]).sum()
        for (layer, site), members in _places(index).items():
            own = sets[:, members]
            where: Any = layer if site == ALL else (layer, site)
            row = {
                "model": model,
                "stimuli": stimuli,
                "layer": layer,
                "site": site,
                "threshold": threshold,
                "n_experts": int((own.sum(axis=0) > 0).sum()),
                "n_units": len(members),
                "n_expert_concept_pairs": int(own.sum()),
                "n_pairs_expected_by_chance": float(np.sum(by_chance.loc[where])),
            }
            for norm, (pairs, ratings) in rated.items():
                found = align(jaccard(own), pairs, ratings, level)
                row |= {f"{name}_{norm}": getattr(found, name) for name in ("rho", "low", "high", "n_pairs")}
            rows.append(row)
    tables.write(pd.DataFrame(rows), output, KEYS["layers"])


def _places(index: pd.DataFrame) -> dict[tuple[Any, ...], npt.NDArray[np.intp]]:
    """Every (layer, site) with its units, and every layer as a whole."""
    places: dict[tuple[Any, ...], npt.NDArray[np.intp]] = {}
    for layer, rows in index.groupby("layer"):
        for site, own in rows.groupby("site", sort=False):
            places[layer, site] = own["unit"].to_numpy(np.intp)
        places[layer, ALL] = rows["unit"].to_numpy(np.intp)
    return places
