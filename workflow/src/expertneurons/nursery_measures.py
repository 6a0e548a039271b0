"""Nursery measures: every checkpoint of a training run through the steps of the study, in one process.

The steps are those that any model goes through; only what training runs are compared by is kept.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from expertneurons import extraction, scoring, selection, tables
from expertneurons.alignment import LEAST_PAIRS
from expertneurons.files import open_array, scratch_folder
from expertneurons.nursery_text import Lexicon, feature_overlap, read_lexicon
from expertneurons.organisation import organisation_of
from expertneurons.profiles import profile_model
from expertneurons.similarity import jaccard
from expertneurons.steps import LOGGER
from expertneurons.traces import Subsample, Trace, identity, trace

Values = npt.NDArray[np.float64]

ORGANISED = ["measure", "norm", "domain", "null"]


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


class Settings(NamedTuple):
    """What every checkpoint is measured with, as in `measure_run`."""

    concept_table: Path
    sentence_table: Path
    labels: Path
    sites_sheet: Path
    sites_wanted: list[str]
    thresholds: list[float]
    top: list[int]
    prevalence: float
    permutations: int
    seed: int
    threads: int


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
    organisation: Path,
    similarity: Path,
    parts: Path,
    run: str,
    sites_wanted: list[str],
    thresholds: list[float],
    top: list[int],
    headline: float,
    smallest: int,
    draws: int,
    prevalence: float,
    permutations: int,
    shuffles: int,
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
        organisation: Parquet file: run, step and the columns of `organisation_of`, at the headline threshold, against
            the domains, the hierarchy and the features of the lexicon.
        similarity: `.npy` (parts, concepts, concepts) of the last checkpoint, as `profile_model` writes it.
        parts: What the parts are.
        run: Its name.
        sites_wanted: The sites whose outputs are units.
        thresholds: AP from which a unit is an expert.
        top: Sizes of count-matched expert sets.
        headline: Threshold of the comparison on equally many units.
        smallest: Units of the smallest size.
        draws: Draws of as many units.
        prevalence: Effective share of positives.
        permutations: Shuffles of the labels for the null.
        shuffles: Of concepts, for the nulls of organisation.
        seed: Of the shuffles and draws.
        threads: Of each step.

    """
    listed = tables.read(concept_table)
    truth = _features(listed, read_lexicon(lexicon, frames))
    subsample, places = Subsample(smallest, headline, draws, seed), {norm.stem: norm for norm in norms}
    inputs = (concept_table, sentence_table, labels, sites_sheet, sites_wanted)
    settings = Settings(*inputs, thresholds, top, prevalence, permutations, seed, threads)
    found: dict[Path, list[pd.DataFrame]] = {concepts: [], pairs: [], domains: [], kept: [], organisation: []}
    before: tuple[int, Trace] | None = None
    steps = sorted(int(folder.name.removeprefix("step")) for folder in checkpoints.glob("step*"))
    for step in steps:
        name = f"{run}, step {step}"
        with scratch_folder(concepts) as scratch:
            files = Checkpoint.within(scratch)
            score_files(files, checkpoints / f"step{step}", settings, name)
            chosen, counts = tables.read(files.experts), tables.read(files.counts)
            units, embeddings = len(tables.read(files.units)), open_array(files.embeddings)
            now = trace(chosen, units, embeddings, counts, listed, places, thresholds, top, subsample)
            sets, ap = now.sets[headline], np.asarray(open_array(files.ap))
            human = {"lexicon": truth}
            if step == steps[-1]:
                inputs_of_profile = files.responses, files.units, concept_table, sentence_table, labels
                profile_model(*inputs_of_profile, similarity, parts, headline, prevalence, seed, threads)
            organised = organisation_of(jaccard(sets), listed, shuffles, seed, human=human, sets=sets, ap=ap)
        found[concepts].append(_with_truth(now, listed, truth).assign(step=step))
        found[pairs].append(now.pairs.assign(step=step))
        found[domains].append(now.domains.assign(step=step))
        found[organisation].append(organised.assign(step=step))
        if before is not None:
            moved = identity(before[1].sets, now.sets, listed)
            found[kept].append(moved.assign(step=before[0], next=step))
        before = step, now
        LOGGER.info("%s: measured", name)
    keys = {pairs: ["norm", "word1", "word2"], domains: ["representation"], organisation: ORGANISED}
    for path, own in found.items():
        whole = pd.concat(own, ignore_index=True).assign(run=run)
        tables.write(whole, path, ["run", "step", *keys.get(path, ["concept", "threshold"])])


def score_files(files: Checkpoint, checkpoint: Path, own: Settings, name: str) -> None:
    """Extract the responses of one checkpoint, score its units and select the experts: all `files` are written."""
    sites = own.sites_sheet, [files.responses], files.units, files.embeddings, own.sites_wanted
    extraction.extract_responses(checkpoint, own.sentence_table, *sites, ["max"], name, threads=own.threads)
    scores = files.ap, files.auroc, files.design, files.distribution
    scoring.score_units(
        *(files.responses, files.units, own.concept_table, own.labels, *scores),
        prevalence=own.prevalence,
        permutations=own.permutations,
        seed=own.seed,
        model=name,
        threads=own.threads,
    )
    limits = own.thresholds, own.top, name, ""
    found = own.concept_table, files.design, files.distribution, files.experts, files.counts
    selection.select_experts(files.ap, files.auroc, files.units, *found, *limits)


def _features(listed: pd.DataFrame, lexicon: Lexicon) -> Values:
    """Overlap of features of every two concepts, in the order of the table."""
    overlap, concepts = feature_overlap(lexicon)
    place = {concept: number for number, concept in enumerate(concepts)}
    order = [place[concept] for concept in listed["concept"]]
    return np.asarray(overlap[np.ix_(order, order)])


def _with_truth(now: Trace, listed: pd.DataFrame, features: Values) -> pd.DataFrame:
    """Add how well each concept's expert overlap with the others follows their features."""
    others = ~np.eye(len(listed), dtype=np.bool_)
    parts = []
    for limit, sets in now.sets.items():
        similarity = jaccard(sets)[others].reshape(len(listed), -1)
        rho = _spearman(similarity, features[others].reshape(len(listed), -1))
        parts.append(pd.DataFrame({"concept": listed["concept"], "threshold": limit, "rho": rho}))
    return now.concepts.merge(pd.concat(parts), on=["concept", "threshold"])


def _spearman(first: Values, second: Values) -> Values:
    """Spearman's coefficient of every row over what is known of it; NaN where that is too little or constant."""
    second = np.where(np.isnan(first), np.nan, second)
    ranks = [stats.rankdata(own, axis=1, nan_policy="omit") for own in (first, second)]
    known = (~np.isnan(first)).sum(axis=1, keepdims=True)
    centred = [np.nan_to_num(own - (known + 1) / 2) for own in ranks]
    product, left, right = ((a * b).sum(axis=1) for a, b in ((centred[0], centred[1]), *((c, c) for c in centred)))
    scale = np.sqrt(left * right)
    enough = (known[:, 0] >= LEAST_PAIRS) & (scale > 0)
    return np.asarray(np.divide(product, scale, out=np.full(len(product), np.nan), where=enough))
