"""Traces: what one checkpoint of a training run says of concepts and pairs, in tables that the runs are joined from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, stats

from expertneurons import tables
from expertneurons.alignment import rated_pairs, same_domain
from expertneurons.files import open_array
from expertneurons.selection import expert_sets
from expertneurons.similarity import cosine, jaccard

Values = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.intp]

STATIC, LAST = "embedding.static.concept", "embedding.last.concept"
NONE = float("nan")


class Checkpoint(NamedTuple):
    """Files of one measured checkpoint, as the steps of the study write them."""

    responses: Path
    units: Path
    embeddings: Path
    ap: Path
    auroc: Path
    design: Path
    distribution: Path
    experts: Path
    counts: Path

    @classmethod
    def within(cls, folder: Path) -> "Checkpoint":
        """Return the files of a checkpoint in a folder of its own."""
        arrays = ("responses", "embeddings", "ap", "auroc")
        return cls(*(folder / (f"{name}.npy" if name in arrays else f"{name}.parquet") for name in cls._fields))


class Trace(NamedTuple):
    """Tables of one checkpoint, all with a column `step`.

    Attributes:
        concepts: Per concept and threshold: n_experts, n_expected_by_chance, best_ap, best_auroc.
        pairs: Per norm and pair: the similarity in every representation (columns), and the rating.
        domains: Per representation: mean similarity within and between domains, and how well it tells them (AUC).
        sets: Expert sets by threshold, sparse (concepts, units).

    """

    concepts: pd.DataFrame
    pairs: pd.DataFrame
    domains: pd.DataFrame
    sets: dict[float, sparse.csr_array]


def trace(
    files: Checkpoint, concepts: pd.DataFrame, norms: Mapping[str, Path], thresholds: list[float], top: list[int]
) -> Trace:
    """Reduce one measured checkpoint to what training runs are compared by.

    Args:
        files: Its files, as the steps of the study write them.
        concepts: The concepts.
        norms: Tidy norms by name.
        thresholds: AP from which a unit is an expert.
        top: Sizes of count-matched expert sets.

    """
    chosen, index = tables.read(files.experts), tables.read(files.units)
    embeddings = open_array(files.embeddings)[0]  # over the tokens of the concept
    sets = {limit: expert_sets(chosen, len(concepts), len(index), threshold=limit) for limit in thresholds}
    found = {f"experts.jaccard@{limit:g}": jaccard(own) for limit, own in sets.items()}
    for size in top:
        found[f"experts.top{size}"] = jaccard(expert_sets(chosen, len(concepts), len(index), top=size))
    found |= {STATIC: cosine(embeddings[0]), LAST: cosine(embeddings[-1])}
    every = np.stack(np.triu_indices(len(concepts), 1), axis=1)
    same = same_domain(concepts, every)
    domains = [{"representation": name, **_domains(own[tuple(every.T)], same)} for name, own in found.items()]
    columns = ["concept", "threshold", "n_experts", "n_expected_by_chance", "best_ap", "best_auroc"]
    counts = tables.read(files.counts)[columns]
    pairs = pd.concat([_pairs(name, path, concepts, found) for name, path in norms.items()], ignore_index=True)
    return Trace(counts, pairs, pd.DataFrame(domains), sets)


def _pairs(name: str, norm: Path, concepts: pd.DataFrame, found: Mapping[str, Values]) -> pd.DataFrame:
    words = concepts["concept"].to_numpy(str)
    pairs, ratings = rated_pairs(norm, words.tolist())
    table = {"norm": name, "word1": words[pairs[:, 0]], "word2": words[pairs[:, 1]], "rating": ratings}
    return pd.DataFrame({**table, **{key: own[tuple(pairs.T)].astype(np.float32) for key, own in found.items()}})


def _domains(values: Values, same: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Mean similarity within and between domains, and the chance that a pair within one is the more alike (AUC)."""
    known = ~np.isnan(values)
    values, same = values[known], same[known]
    if not same.any() or same.all():
        return {"within": NONE, "between": NONE, "auc": NONE}
    ranks = stats.rankdata(values)
    above = ranks[same].sum() - same.sum() * (same.sum() + 1) / 2
    auc = float(above / (same.sum() * (~same).sum()))
    return {"within": float(values[same].mean()), "between": float(values[~same].mean()), "auc": auc}


def identity(before: Mapping[float, sparse.csr_array], after: Mapping[float, sparse.csr_array]) -> pd.DataFrame:
    """How far each concept keeps its experts from one checkpoint to the next.

    Returns:
        threshold, concept_number, jaccard (NaN where both sets are empty) and expected_by_chance: the Jaccard of two
        random sets of these sizes, of the mean hypergeometric overlap.

    """
    rows = []
    for limit, first in before.items():
        second = after[limit]
        common = np.asarray(first.multiply(second).sum(axis=1)).ravel().astype(np.float64)
        sizes = [np.asarray(own.sum(axis=1)).ravel().astype(np.float64) for own in (first, second)]
        chance = sizes[0] * sizes[1] / first.shape[1]
        with np.errstate(invalid="ignore"):
            observed, expected = (part / (sizes[0] + sizes[1] - part) for part in (common, chance))
        numbers = np.arange(len(common))
        rows.append(
            pd.DataFrame(
                {"threshold": limit, "concept_number": numbers, "jaccard": observed, "expected_by_chance": expected}
            )
        )
    return pd.concat(rows, ignore_index=True)
