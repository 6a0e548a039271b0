"""Traces: what one checkpoint of a training run says of concepts and pairs, in tables that the runs are joined from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, stats

from expertneurons import seeds, tables
from expertneurons.alignment import by_domain, rated_pairs
from expertneurons.domains import auc_of_ranks
from expertneurons.files import FINITE, open_array
from expertneurons.organisation_names import EXPERTS, HEADLINE
from expertneurons.selection import expert_sets
from expertneurons.similarity import cosine, jaccard

Values = npt.NDArray[np.float64]

STATIC, LAST = "embedding.static.concept", "embedding.last.concept"
DRAW = "#"
NONE = float("nan")


class Subsample(NamedTuple):
    """As many random units of every model as the smallest one has: their number, AP threshold, draws and seed."""

    units: int
    threshold: float
    draws: int
    seed: int


class Trace(NamedTuple):
    """Tables of one checkpoint.

    Attributes:
        concepts: Per concept and threshold: n_experts, n_expected_by_chance, best_ap, best_auroc.
        pairs: Per norm and pair: the rating, and the similarity in every representation (columns).
        domains: Per representation: mean similarity within and between domains, and how well it tells them (auc).
        sets: Expert sets by threshold, sparse (concepts, units).

    """

    concepts: pd.DataFrame
    pairs: pd.DataFrame
    domains: pd.DataFrame
    sets: dict[float, sparse.csr_array]


def trace_checkpoint(
    experts: Path,
    units: Path,
    embeddings: Path,
    counts: Path,
    organised: Path,
    concept_table: Path,
    norms: list[Path],
    concepts: Path,
    pairs: Path,
    domains: Path,
    kept: Path,
    organisation: Path,
    run: str,
    step: int,
    thresholds: list[float],
    top: list[int],
    headline: float,
    smallest: Path,
    draws: int,
    seed: int,
    next_experts: Path | None = None,
    next_step: int = 0,
) -> None:
    """Reduce one checkpoint of a run to what training runs are compared by.

    Args:
        experts: Expert sets, as `select_experts` writes them.
        units: Index of the units.
        embeddings: As `extract_responses` writes them.
        counts: The `experts` table of this checkpoint.
        organised: Its `organisation` table.
        concept_table: The concepts.
        norms: Tidy norms, named by their files.
        concepts: Parquet file: run, step, concept, threshold, n_experts, n_expected_by_chance, best_ap, best_auroc.
        pairs: Parquet file: run, step, norm, word1, word2, rating and one column per representation.
        domains: Parquet file: run, step, representation, within, between, auc.
        kept: Parquet file: run, step, next, concept, threshold, jaccard, expected_by_chance; empty at the last step.
        organisation: Parquet file: run, step and what the `organisation` table says of experts at `headline`.
        run: Name of the training run.
        step: Its step.
        thresholds: AP from which a unit is an expert.
        top: Sizes of count-matched expert sets.
        headline: Threshold of the comparison on equally many units.
        smallest: Index of the units of the smallest model of the family.
        draws: Draws of as many units.
        seed: Of the draws.
        next_experts: Expert sets of the run's next checkpoint.
        next_step: Its step.

    """
    listed, index = tables.read(concept_table), tables.read(units)
    subsample = Subsample(len(tables.read(smallest)), headline, draws, seed)
    places = {norm.stem: norm for norm in norms}
    chosen, rows = tables.read(experts), tables.read(counts)
    means = open_array(embeddings, (None, None, len(listed), None), FINITE)
    now = trace(chosen, len(index), means, rows, listed, places, thresholds, top, subsample)
    after = now.sets
    if next_experts is not None:
        later = tables.read(next_experts)
        after = {limit: expert_sets(later, len(listed), len(index), threshold=limit) for limit in thresholds}
    moved = identity(now.sets, after, listed).assign(next=next_step)
    rows = tables.read(organised)
    rows = rows[rows["representation"].isin([EXPERTS, HEADLINE]) & np.isclose(rows["threshold"], headline)]
    shared = rows.drop(columns=["model", "stimuli", "representation", "threshold", "family"])
    told = {concepts: now.concepts, pairs: now.pairs, domains: now.domains, organisation: shared}
    told[kept] = moved if next_experts is not None else moved.iloc[:0]
    for path, table in told.items():
        tables.write(table.assign(run=run, step=step), path)


def trace(
    chosen: pd.DataFrame,
    units: int,
    embeddings: npt.NDArray[np.float32],
    counts: pd.DataFrame,
    concepts: pd.DataFrame,
    norms: Mapping[str, Path],
    thresholds: list[float],
    top: list[int],
    subsample: Subsample,
) -> Trace:
    """Reduce one checkpoint to its trace.

    Args:
        chosen: Expert sets, as `select_experts` writes them.
        units: Number of units.
        embeddings: (2 scopes, depths, concepts, width).
        counts: The `experts` table of this checkpoint.
        concepts: The concepts.
        norms: Tidy norms by name.
        thresholds: AP from which a unit is an expert.
        top: Sizes of count-matched expert sets.
        subsample: Comparison on equally many units.

    """
    sets = {limit: expert_sets(chosen, len(concepts), units, threshold=limit) for limit in thresholds}
    found = {f"experts.jaccard@{limit:g}": jaccard(own) for limit, own in sets.items()}
    for size in top:
        found[f"experts.top{size}"] = jaccard(expert_sets(chosen, len(concepts), units, top=size))
    depths = embeddings[0]  # over the tokens of the concept
    found |= {STATIC: cosine(depths[0]), LAST: cosine(depths[-1])}
    every = np.stack(np.triu_indices(len(concepts), 1), axis=1)
    parts = by_domain(concepts, every)
    named = every[~parts["unnamed"]].T
    same = parts["within"][~parts["unnamed"]]
    domains = [{"representation": name, **_domains(own[tuple(named)], same)} for name, own in found.items()]
    found |= _subsampled(sets[subsample.threshold], subsample)
    columns = ["concept", "threshold", "n_experts", "n_expected_by_chance", "best_ap", "best_auroc"]
    pairs = pd.concat([_pairs(name, path, concepts, found) for name, path in norms.items()], ignore_index=True)
    return Trace(counts[columns], pairs, pd.DataFrame(domains), sets)


def _subsampled(sets: sparse.csr_array, subsample: Subsample) -> dict[str, Values]:
    """Jaccard over random units, as many as the smallest model has; one matrix per draw."""
    found = {}
    for draw in range(subsample.draws):
        generator = seeds.generator(subsample.seed, "subsample", draw)
        units = generator.choice(sets.shape[1], min(subsample.units, sets.shape[1]), replace=False)
        found[f"experts.subsampled@{subsample.threshold:g}{DRAW}{draw}"] = jaccard(sets[:, np.sort(units)])
    return found


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
    auc = auc_of_ranks(stats.rankdata(values)[same].sum(), same.sum(), (~same).sum())
    return {"within": float(values[same].mean()), "between": float(values[~same].mean()), "auc": float(auc)}


def overlap_by_concept(first: sparse.csr_array, second: sparse.csr_array) -> tuple[Values, Values]:
    """Jaccard of every concept's two expert sets, and that of two random sets of these sizes.

    Args:
        first: Sparse (concepts, units).
        second: The same concepts and units.

    Returns:
        (concepts,) each, NaN where both sets are empty; chance takes the mean hypergeometric overlap.

    """
    common = np.asarray(first.multiply(second).sum(axis=1)).ravel().astype(np.float64)
    sizes = [np.asarray(own.sum(axis=1)).ravel().astype(np.float64) for own in (first, second)]
    chance = sizes[0] * sizes[1] / first.shape[1]
    with np.errstate(invalid="ignore"):
        observed, expected = (part / (sizes[0] + sizes[1] - part) for part in (common, chance))
    return observed, expected


def identity(
    before: Mapping[float, sparse.csr_array], after: Mapping[float, sparse.csr_array], concepts: pd.DataFrame
) -> pd.DataFrame:
    """How far each concept keeps its experts from one checkpoint to the next.

    Returns:
        threshold, concept, jaccard (NaN where both sets are empty) and expected_by_chance: the Jaccard of two random
        sets of these sizes, of the mean hypergeometric overlap.

    """
    rows = []
    for limit, first in before.items():
        second = after[limit]
        observed, expected = overlap_by_concept(first, second)
        told = {"threshold": limit, "concept": concepts["concept"], "jaccard": observed, "expected_by_chance": expected}
        rows.append(pd.DataFrame(told))
    return pd.concat(rows, ignore_index=True)
