"""Rivals: experts, probes, features of a dictionary and random units, k of each for a concept, held against people."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import seeds, tables
from expertneurons.alignment import align, rated_pairs
from expertneurons.keys import KEYS
from expertneurons.means import mean_interval
from expertneurons.similarity import jaccard
from expertneurons.steps import Progress

Matrix = npt.NDArray[np.float64]

RANDOM = "random"


def align_rivals(
    sets: Path,
    held_out: Path,
    units: Path,
    concept_table: Path,
    norms: list[Path],
    output: Path,
    model: str,
    stimuli: str,
    random_draws: int,
    level: float = 0.95,
    seed: int = 0,
) -> None:
    """Align the Jaccard overlap of every method's sets of k units with every norm, beside the held-out scores.

    Every concept has k units in every method, so all overlaps are defined and all methods have the same pairs.

    Args:
        sets: As `fit_probes` writes them.
        held_out: As `fit_probes` writes them.
        units: Index of the model's units, among which `random` draws.
        concept_table: The concepts.
        norms: Tidy norms, named by their files.
        output: Parquet file, the `rivals` table of this model: rho with its dyadic-robust interval, and the mean over
            concepts of the held-out ap and auroc with intervals by Student's t, the same beside every norm.
        model: Its name.
        stimuli: Their name.
        random_draws: Random sets whose overlaps are averaged.
        level: Coverage of the intervals.
        seed: Of the random sets.

    """
    concepts = tables.read(concept_table)["concept"].tolist()
    chosen, scores = tables.read(sets), tables.read(held_out).groupby(["method", "k"])
    rated = {norm.stem: rated_pairs(norm, concepts) for norm in norms}
    told = {key: _means(own, level) for key, own in scores}
    total = len(told) + chosen["k"].nunique()
    progress = Progress(total, f"{model}: rivals", "sets")
    rows: list[dict[str, Any]] = []
    for method, k, matrix in _overlaps(chosen, len(concepts), len(tables.read(units)), random_draws, seed):
        for norm, (pairs, ratings) in rated.items():
            found = align(matrix, pairs, ratings, level)
            key = {"model": model, "stimuli": stimuli, "norm": norm, "method": method, "k": k}
            rows.append({**key, **found._asdict(), **told.get((method, k), {})})
        progress(1)
    tables.write(pd.DataFrame(rows), output, KEYS["rivals"])


def _overlaps(
    chosen: pd.DataFrame, concepts: int, units: int, draws: int, seed: int
) -> Iterator[tuple[str, int, Matrix]]:
    key: Any
    for key, own in chosen.groupby(["method", "k"]):
        place = (own["concept_number"].to_numpy(), own["unit"].to_numpy())
        rows = sparse.csr_array((np.ones(len(own), np.int32), place), shape=(concepts, own["unit"].max() + 1))
        yield *key, jaccard(rows)
    for k in sorted(chosen["k"].unique().tolist()):
        yield RANDOM, k, random_overlap(concepts, units, k, draws, seed)


def random_overlap(concepts: int, units: int, k: int, draws: int, seed: int) -> Matrix:
    """Mean Jaccard of random sets of k units, drawn from all units of the model anew for every concept."""
    generator = seeds.generator(seed, "align_rivals", k)
    ones, starts = np.ones(concepts * k, np.int32), np.arange(concepts + 1) * k
    total = np.zeros((concepts, concepts))
    for _ in range(draws):
        members = np.concatenate([generator.choice(units, k, replace=False) for _ in range(concepts)])
        total += jaccard(sparse.csr_array((ones, members, starts), shape=(concepts, units)))
    return total / draws


def _means(scores: pd.DataFrame, level: float) -> dict[str, float]:
    """Mean over concepts of what was held out, with an interval."""
    found: dict[str, float] = {}
    for name in ("ap", "auroc"):
        found |= dict(zip((name, f"{name}_low", f"{name}_high"), mean_interval(scores[name], level), strict=True))
    return found
