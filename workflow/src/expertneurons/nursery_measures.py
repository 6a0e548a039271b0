"""Nursery measures: every checkpoint of a training run through the steps of the study, in one process.

The steps are those that any model goes through; only what training runs are compared by is kept.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from expertneurons import extraction, scoring, selection, tables
from expertneurons.alignment import LEAST_PAIRS
from expertneurons.files import open_array
from expertneurons.nursery_text import feature_overlap, read_lexicon
from expertneurons.similarity import jaccard
from expertneurons.sources import temporary_folder
from expertneurons.steps import LOGGER
from expertneurons.traces import Subsample, Trace, identity, trace

Values = npt.NDArray[np.float64]


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


def measure_run(
    checkpoints: Path,
    concept_table: Path,
    sentence_table: Path,
    labels: Path,
    sites_sheet: Path,
    lexicon: Path,
    frames: Path,
    norms: list[Path],
    concepts: Path,
    pairs: Path,
    domains: Path,
    kept: Path,
    run: str,
    sites_wanted: list[str],
    thresholds: list[float],
    top: list[int],
    headline: float,
    smallest: int,
    draws: int,
    prevalence: float,
    permutations: int,
    seed: int,
    threads: int = 1,
) -> None:
    """Measure every checkpoint of one training run.

    Args:
        checkpoints: Folder with one folder `stepN` per checkpoint.
        concept_table: The concepts.
        sentence_table: Their sentences.
        labels: Positives and exclusions.
        sites_sheet: Which modules are units.
        lexicon: Sheet of features, the known truth.
        frames: Sheet of frames.
        norms: Tidy norms, named by their files.
        concepts: Parquet file: run, step, concept, threshold, n_experts, best_ap, best_auroc, and rho, the Spearman
            correlation of the concept's expert overlap with all others and of their features.
        pairs: Parquet file: run, step, norm, word1, word2, rating and one column per representation.
        domains: Parquet file: run, step, representation, within, between, auc.
        kept: Parquet file: run, step, next, concept, threshold, jaccard, expected_by_chance.
        run: Its name.
        sites_wanted: The sites whose outputs are units.
        thresholds: AP from which a unit is an expert.
        top: Sizes of count-matched expert sets.
        headline: Threshold of the comparison on equally many units.
        smallest: Units of the smallest size.
        draws: Draws of as many units.
        prevalence: Effective share of positives.
        permutations: Shuffles of the labels for the null.
        seed: Of the shuffles and draws.
        threads: Of each step.

    """
    listed, truth = tables.read(concept_table), feature_overlap(read_lexicon(lexicon, frames))
    subsample, places = Subsample(smallest, headline, draws, seed), {norm.stem: norm for norm in norms}
    found: dict[Path, list[pd.DataFrame]] = {concepts: [], pairs: [], domains: [], kept: []}
    before: tuple[int, Trace] | None = None
    for step in sorted(int(folder.name.removeprefix("step")) for folder in checkpoints.glob("step*")):
        name = f"{run}, step {step}"
        with temporary_folder(concepts) as scratch:
            files = Checkpoint.within(Path(scratch))
            extraction.extract_responses(
                checkpoints / f"step{step}",
                sentence_table,
                sites_sheet,
                [files.responses],
                files.units,
                files.embeddings,
                sites_wanted,
                ["max"],
                name,
                threads=threads,
            )
            _select(files, concept_table, labels, thresholds, top, prevalence, permutations, seed, name, threads)
            chosen, counts = tables.read(files.experts), tables.read(files.counts)
            units, embeddings = len(tables.read(files.units)), open_array(files.embeddings)
            now = trace(chosen, units, embeddings, counts, listed, places, thresholds, top, subsample)
        found[concepts].append(_with_truth(now, listed, truth).assign(step=step))
        found[pairs].append(now.pairs.assign(step=step))
        found[domains].append(now.domains.assign(step=step))
        if before is not None:
            moved = identity(before[1].sets, now.sets, listed)
            found[kept].append(moved.assign(step=before[0], next=step))
        before = step, now
        LOGGER.info("%s: measured", name)
    keys = {pairs: ["norm", "word1", "word2"], domains: ["representation"]}
    for path, parts in found.items():
        whole = pd.concat(parts, ignore_index=True).assign(run=run)
        tables.write(whole, path, ["run", "step", *keys.get(path, ["concept", "threshold"])])


def _select(
    files: Checkpoint,
    concept_table: Path,
    labels: Path,
    thresholds: list[float],
    top: list[int],
    prevalence: float,
    permutations: int,
    seed: int,
    name: str,
    threads: int,
) -> None:
    """Score the units of one checkpoint and select the experts."""
    scoring.score_units(
        files.responses,
        files.units,
        concept_table,
        labels,
        files.ap,
        files.auroc,
        files.design,
        files.distribution,
        prevalence,
        permutations,
        seed,
        name,
        threads,
    )
    selection.select_experts(
        files.ap,
        files.auroc,
        files.units,
        concept_table,
        files.design,
        files.distribution,
        files.experts,
        files.counts,
        thresholds,
        top,
        name,
        "",
    )


def _with_truth(now: Trace, listed: pd.DataFrame, truth: tuple[Any, list[str]]) -> pd.DataFrame:
    """Add how well each concept's expert overlap with the others follows their features."""
    place = {concept: number for number, concept in enumerate(truth[1])}
    order = [place[concept] for concept in listed["concept"]]
    features = truth[0][np.ix_(order, order)]
    others = ~np.eye(len(listed), dtype=np.bool_)
    rows = [
        {"concept": concept, "threshold": limit, "rho": _spearman(similarity[own], true[own])}
        for limit, sets in now.sets.items()
        for similarity, true, own, concept in zip(jaccard(sets), features, others, listed["concept"], strict=True)
    ]
    return now.concepts.merge(pd.DataFrame(rows), on=["concept", "threshold"])


def _spearman(first: Values, second: Values) -> float:
    """Spearman's coefficient over what is known of both; NaN where that is too little or constant."""
    known = ~np.isnan(first)
    first, second = first[known], second[known]
    if known.sum() < LEAST_PAIRS or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(stats.rankdata(first), stats.rankdata(second))[0, 1])
