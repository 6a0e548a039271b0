"""Scoring: expertise of every unit for every concept, beside its label-permutation null, in one walk over responses."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.design import Design
from expertneurons.distribution import Histogram
from expertneurons.errors import StudyError
from expertneurons.expertise import score
from expertneurons.files import new_array, open_array
from expertneurons.steps import Progress
from expertneurons.stimuli import read_design

CHUNK_BYTES = 64 << 20


def score_units(
    responses: Path,
    units: Path,
    concept_table: Path,
    labels: Path,
    ap: Path,
    auroc: Path,
    design: Path,
    distribution: Path,
    prevalence: float,
    permutations: int,
    seed: int,
    model: str,
    threads: int = 1,
) -> None:
    """Score every unit for every concept, and for as many shuffled labellings as asked.

    Args:
        responses: `.npy` (sentences, units).
        units: Index of the units.
        concept_table: The concepts, in their order.
        labels: Positives, negatives and exclusions.
        ap: `.npy` (concepts, units) float32: average precision.
        auroc: `.npy` (concepts, units) float32: area under the ROC curve.
        design: Parquet file: concept_number, n_positives, n_negatives, chance (the AP of a constant unit).
        distribution: Parquet file of AP counts in bins of 0.001 by layer and site, observed and permuted; `sets` is
            the number of concepts, or of shuffled concepts with as many positives, behind a row.
        prevalence: Effective share of positives where all other sentences are negatives.
        permutations: Shuffles of the sentences' labels; each gives one set of null concepts.
        seed: Of the shuffles.
        model: Its name, for messages.
        threads: Threads that share the units.

    """
    answers = open_array(responses)
    index = tables.read(units)
    concepts = tables.read(concept_table)
    real = read_design(labels, len(concepts), prevalence)
    sentences = answers.shape[0]
    labelled = 1 + max(int(rows.max()) for lists in real.lists() for rows in lists if rows.size)
    if answers.shape[1] != len(index) or labelled > sentences:
        raise StudyError(
            f"{responses}: {sentences} sentences by {answers.shape[1]} units, but {labelled} sentences "
            f"are labelled and {len(index)} units listed; extract the responses again"
        )
    null = real.permuted(seeds.generator(seed, "score_units"), sentences, permutations)
    counts = real.counts(sentences)
    if (counts < 1).any():
        concept = concepts["concept"].iloc[int((counts < 1).any(1).argmax())]
        raise StudyError(f"{labels}: {concept!r} has no positive or no negative sentences left; add sentences")
    columns = max(16, CHUNK_BYTES // (4 * (sentences + 2 * len(concepts) * (1 + permutations))))
    progress = Progress(len(index), f"{model}: expertise", "units")
    histogram = Histogram(index, counts[:, 0])
    shape = (len(concepts), len(index))
    with new_array(ap, shape, np.float32) as precision, new_array(auroc, shape, np.float32) as area:
        for first in range(0, len(index), columns):
            span = slice(first, min(len(index), first + columns))
            scores, areas = _scored(np.ascontiguousarray(answers[:, span]), real, null, threads, progress, model, first)
            precision[:, span], area[:, span] = scores[: len(concepts)], areas[: len(concepts)]
            histogram.add(scores, span)
        tables.write(
            pd.DataFrame(
                {
                    "concept_number": concepts["concept_number"],
                    "n_positives": counts[:, 0].astype(int),
                    "n_negatives": counts[:, 1].astype(int),
                    "chance": real.chance(sentences),
                }
            ),
            design,
            ["concept_number"],
        )
        tables.write(histogram.table(permutations), distribution)


def _scored(
    answers: npt.NDArray[np.float32],
    real: Design,
    null: Design,
    threads: int,
    progress: Progress,
    model: str,
    first: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    both = Design(
        [*real.positives, *null.positives],
        None if real.negatives is None else [*real.negatives, *(null.negatives or [])],
        None if real.excluded is None else [*real.excluded, *(null.excluded or [])],
        real.prevalence,
    )
    try:
        return score(answers, both, threads, progress, first)
    except StudyError as error:
        raise StudyError(f"{model}: {error}; extract the responses again") from error
