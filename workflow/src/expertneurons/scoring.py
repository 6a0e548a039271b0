"""Scoring: expertise of every unit for every concept, beside its label-permutation null, in one walk over responses."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.errors import StudyError
from expertneurons.expertise import Design, score
from expertneurons.files import new_array, open_array
from expertneurons.steps import Progress
from expertneurons.stimuli import read_design

BINS = 1000
CHUNK_BYTES = 64 << 20
OBSERVED, PERMUTED = "observed", "permuted"


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
    null = real.permuted(seeds.generator(seed, "score_units"), sentences, permutations)
    counts = real.counts(sentences)
    if (counts < 1).any():
        concept = concepts["concept"].iloc[int((counts < 1).any(1).argmax())]
        raise StudyError(f"{labels}: {concept!r} has no positive or no negative sentences left; add sentences")
    columns = max(16, CHUNK_BYTES // (4 * (sentences + 2 * len(concepts) * (1 + permutations))))
    progress = Progress(len(index), f"{model}: expertise", "units")
    histogram = _Histogram(index, counts[:, 0])
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
    answers: npt.NDArray[np.float32], real: Design, null: Design, threads: int, progress: Progress, model: str, first: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    both = Design(
        [*real.positives, *null.positives],
        None if real.negatives is None else [*real.negatives, *(null.negatives or [])],
        None if real.excluded is None else [*real.excluded, *(null.excluded or [])],
        real.prevalence,
    )
    try:
        return score(answers, both, threads, progress)
    except StudyError as error:
        raise StudyError(f"{model}, units from {first} on: {error}; extract the responses again") from error


class _Histogram:
    """AP counts by layer, site and number of positives, observed and permuted."""

    def __init__(self, index: pd.DataFrame, positives: npt.NDArray[np.float64]) -> None:
        self._groups = index.groupby(["layer", "site"], sort=True)
        self._group = self._groups.ngroup().to_numpy()
        self._names = list(self._groups.groups)
        self._sizes, self._size = np.unique(positives.astype(int), return_inverse=True)
        self._counts = np.zeros((2, len(self._sizes), len(self._names), BINS + 1), np.int64)

    def add(self, scores: npt.NDArray[np.float32], span: slice) -> None:
        """Add the AP (observed concepts first, then permuted ones, units) of a span of units."""
        bins = np.floor(scores.astype(np.float64) * BINS + 1e-3).astype(np.int64)
        concepts = len(self._size)
        group = self._group[span] * (BINS + 1)
        for row, own in enumerate(bins):
            kind, size = int(row >= concepts), self._size[row % concepts]
            flat = self._counts[kind, size].reshape(-1)
            flat += np.bincount(group + own, minlength=flat.size)

    def table(self, permutations: int) -> pd.DataFrame:
        """Return the bins that hold anything."""
        kind, size, group, low = np.nonzero(self._counts)
        layers, sites = zip(*self._names, strict=True)
        concepts = np.bincount(self._size)[size]
        return pd.DataFrame(
            {
                "kind": np.array([OBSERVED, PERMUTED])[kind],
                "n_positives": self._sizes[size],
                "layer": np.array(layers)[group],
                "site": np.array(sites)[group],
                "low": low / BINS,
                "count": self._counts[kind, size, group, low],
                "sets": np.where(kind == 1, concepts * permutations, concepts),
            }
        )
