"""Scoring: expertise of every unit for every concept, beside its label-permutation null, in one walk over responses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.design import Design
from expertneurons.distribution import Histogram
from expertneurons.errors import StudyError
from expertneurons.expertise import Scores, score
from expertneurons.files import SCORE, new_array, open_array
from expertneurons.parts import Parts
from expertneurons.provenance import code_digest
from expertneurons.steps import Progress
from expertneurons.stimuli import read_design

CHUNK_BYTES = 64 << 20

# Scores (sentences, units) under a design, says how many units are done, and knows the number of the first.
Kernel = Callable[[npt.NDArray[Any], Design, Callable[[int], object], int], tuple[Scores, Scores]]


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

    Units are scored in chunks that are kept beside `ap` until all are there: a killed step goes on with the next one.

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
    scorer = Scorer(index, concepts, labels, len(answers), prevalence, permutations, seed, model, threads)
    if answers.shape[1] != len(index):
        raise StudyError(
            f"{responses}: {len(answers)} sentences by {answers.shape[1]} units, but {len(index)} units are listed; "
            "extract the responses again"
        )
    parts = scorer.parts(ap, responses)
    scorer.add(answers, 0, parts)
    scorer.write(parts, ap, auroc, design, distribution)


class Scorer:
    """Scores units as their responses come, a span at a time and in any order, and puts the results together."""

    def __init__(
        self,
        index: pd.DataFrame,
        concepts: pd.DataFrame,
        labels: Path,
        sentences: int,
        prevalence: float,
        permutations: int,
        seed: int,
        model: str,
        threads: int = 1,
        kernel: Kernel | None = None,
    ) -> None:
        """Read the labels and draw the shuffled ones; arguments as of `score_units`, `index` lists all units."""
        self._index, self._concepts, self._permutations, self._model = index, concepts, permutations, model
        self._sentences = sentences
        self._kernel = kernel or (lambda answers, design, *told: score(answers, design, threads, *told))
        self._real = real = read_design(labels, len(concepts), prevalence)
        labelled = 1 + max(int(rows.max()) for lists in real.lists() for rows in lists if rows.size)
        if labelled > sentences:
            raise StudyError(
                f"{model}: responses to {sentences} sentences, but {labelled} sentences are labelled in {labels}; "
                "extract the responses again"
            )
        self._counts = real.counts(sentences)
        if (self._counts < 1).any():
            concept = concepts["concept"].iloc[int((self._counts < 1).any(1).argmax())]
            raise StudyError(f"{labels}: {concept!r} has no positive or no negative sentences left; add sentences")
        null = real.permuted(seeds.generator(seed, "score_units"), sentences, permutations)
        self._both = Design(
            [*real.positives, *null.positives],
            None if real.negatives is None else [*real.negatives, *(null.negatives or [])],
            None if real.excluded is None else [*real.excluded, *(null.excluded or [])],
            real.prevalence,
        )
        self._columns = max(16, CHUNK_BYTES // (4 * (sentences + 2 * len(concepts) * (1 + permutations))))
        self._progress = Progress(len(index), f"{model}: expertise", "units")

    def parts(self, result: Path, *made_from: Any) -> Parts:
        """Open what a killed run of the same labels, code and responses (`made_from`) has finished."""
        return Parts(result, code_digest("scoring"), *self._both.lists(), self._both.prevalence, *made_from)

    def add(self, answers: npt.NDArray[Any], first: int, parts: Parts) -> None:
        """Score a span of units, (sentences, units) from number `first` on, unless its parts are there already."""
        for start in range(0, answers.shape[1], self._columns):
            stop = min(answers.shape[1], start + self._columns)
            if self._load(parts, first + start, stop - start) is None:
                ap, auroc = self._scored(np.ascontiguousarray(answers[:, start:stop]), first + start, parts)
                parts.save(self._part(first + start), np.concatenate([ap, auroc[: len(self._concepts)]]))
            else:
                self._progress(stop - start)

    def has(self, first: int, last: int, parts: Parts) -> bool:
        """Tell whether a span that is added whole is there already."""
        return all(self._load(parts, unit) is not None for unit in range(first, last, self._columns))

    def write(self, parts: Parts, ap: Path, auroc: Path, design: Path, distribution: Path) -> None:
        """Put the parts of all units together, and throw them away."""
        real, both = len(self._concepts), len(self._both.positives)
        histogram = Histogram(self._index, self._counts[:, 0])
        shape = (real, len(self._index))
        with new_array(ap, shape, np.float32) as precision, new_array(auroc, shape, np.float32) as area:
            first = 0
            while first < len(self._index):
                scores = self._load(parts, first)
                if scores is None:
                    raise StudyError(f"{self._model}: no scores of unit {first}; delete {parts.folder} and run again")
                span = slice(first, first + scores.shape[1])
                precision[:, span], area[:, span] = scores[:real], scores[both:]
                histogram.add(scores[:both], span)
                first = span.stop
            chance = self._real.chance(self._sentences)
            sizes = {"n_positives": self._counts[:, 0].astype(int), "n_negatives": self._counts[:, 1].astype(int)}
            numbers = {"concept_number": self._concepts["concept_number"]}
            tables.write(pd.DataFrame(numbers | sizes | {"chance": chance}), design, ["concept_number"])
            tables.write(histogram.table(self._permutations), distribution)
        parts.close()

    def _load(self, parts: Parts, first: int, units: int | None = None) -> npt.NDArray[Any] | None:
        rows = len(self._both.positives) + len(self._concepts)
        return parts.load(self._part(first), (rows, units), SCORE)

    @staticmethod
    def _part(first: int) -> str:
        return f"units-{first:09d}"

    def _scored(self, answers: npt.NDArray[Any], first: int, parts: Parts) -> tuple[Scores, Scores]:
        try:
            return self._kernel(answers, self._both, self._progress, first)
        except StudyError as error:
            parts.close()  # the responses must be made again, and the parts with them
            raise StudyError(f"{self._model}: {error}; extract the responses again") from error
