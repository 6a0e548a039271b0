"""Probes: for each concept the k units that tell it best together, beside the k units that tell it best alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.design import Design, Indices
from expertneurons.errors import StudyError
from expertneurons.expertise import score
from expertneurons.files import SCORE, open_array
from expertneurons.sparse_fits import Chosen, fitted, standardised
from expertneurons.steps import Progress
from expertneurons.stimuli import read_design
from expertneurons.stored import score_stored
from expertneurons.subsets import halves, restricted

Array = npt.NDArray[Any]

NAMES = {"units": ("experts", "probes"), "features": ("features", "feature_probes")}


def fit_probes(
    responses: list[Path],
    units: list[Path],
    ap: list[Path],
    auroc: list[Path],
    concept_table: Path,
    labels: Path,
    sets: Path,
    held_out: Path,
    spaces: list[Literal["units", "features"]],
    sizes: list[int],
    prevalence: float,
    seed: int,
    model: str,
    threads: int = 1,
) -> None:
    """Choose k units for every concept, jointly (a probe) and one by one (its experts), and score both held out.

    A probe is a logistic regression on k standardised responses, chosen by forward selection among the 256 units whose
    means differ most between positives and negatives. Its rival is the mean of the standardised responses of the k
    units of the highest AP. For the held-out scores both choose on the same half of every concept's sentences and are
    scored on the other. The sets are chosen on all sentences, as experts are.

    Args:
        responses: `.npy` (sentences, units), one per space.
        units: Index of the units of each space.
        ap: `.npy` (concepts, units) of each space, over all sentences.
        auroc: `.npy` (concepts, units) of each space, over all sentences.
        concept_table: The concepts.
        labels: Positives, negatives and exclusions.
        sets: Parquet file: method, k, concept_number, unit, layer, site, index, weight (of the standardised response).
        held_out: Parquet file: method, k, concept_number, ap, auroc.
        spaces: What the columns of each responses file are: units of the model (methods `experts` and `probes`) or
            features of a dictionary (`features` and `feature_probes`).
        sizes: Numbers of units k.
        prevalence: Effective share of positives where all other sentences are negatives.
        seed: Of the halves.
        model: Its name, for messages.
        threads: Concepts that are fitted at the same time.

    """
    concepts = len(tables.read(concept_table))
    design = read_design(labels, concepts, prevalence)
    sets_found, scores = [], []
    progress = Progress(2 * concepts * len(spaces), f"{model}: probes", "fits")
    for number, space in enumerate(spaces):
        answers, index = open_array(responses[number], (None, None)), tables.read(units[number])
        _check(responses[number], answers, index, sizes)
        alone, together = NAMES[space]
        generator = seeds.generator(seed, "fit_probes")
        rows, others = halves(design.positives, len(answers), generator, np.zeros(len(answers), np.intp))
        train, test = (restricted(design, half, len(answers)) for half in (rows, others))
        precise = _most_precise(*score_stored(answers, train, threads, rows), sizes)
        probes = fitted(answers, rows, train, sizes, threads, progress)
        for method, chosen in ((alone, precise), (together, probes)):
            found = _judged(answers, rows, others, chosen, test, sizes)
            scores.append(found.assign(method=method))
        whole, area = (open_array(path[number], (concepts, len(index)), SCORE) for path in (ap, auroc))
        precise = _most_precise(whole, area, sizes)
        probes = fitted(answers, np.arange(len(answers)), design, sizes, threads, progress)
        for method, chosen in ((alone, precise), (together, probes)):
            sets_found.append(_listed(chosen, sizes).merge(index, on="unit").assign(method=method))
    keys = ["method", "k", "concept_number"]
    columns = [*keys, "unit", "layer", "site", "index", "weight"]
    tables.write(pd.concat(sets_found)[columns], sets, [*keys, "unit"])
    tables.write(pd.concat(scores)[[*keys, "ap", "auroc"]], held_out, keys)


def _check(path: Path, answers: Array, index: pd.DataFrame, sizes: Sequence[int]) -> None:
    if answers.shape[1] != len(index):
        raise StudyError(f"{path}: {answers.shape[1]} units, but {len(index)} are listed; extract the responses again")
    if max(sizes) > len(index):
        raise StudyError(f"{path}: {len(index)} units, rivals.sizes asks for {max(sizes)}; lower it")


def _most_precise(ap: Array, auroc: Array, sizes: Sequence[int]) -> list[Chosen]:
    """Order units as `select_experts` ranks them; each of k weighs 1 / k."""
    weights = {size: np.full(size, 1 / size) for size in sizes}
    order = (np.lexsort((-area, -own))[: max(sizes)] for own, area in zip(ap, auroc, strict=True))
    return [Chosen(units, weights) for units in order]


def _judged(
    answers: Array, rows: Indices, others: Indices, chosen: list[Chosen], test: Design, sizes: Sequence[int]
) -> pd.DataFrame:
    """Score every concept's weighted units on the other half; standardised by what the first half knows."""
    predicted = np.empty((len(sizes), len(others), len(chosen)), np.float32)
    for concept, own in enumerate(chosen):
        values = np.take(answers, own.units, axis=1)
        values = standardised(values[others], like=values[rows])
        for place, size in enumerate(sizes):
            predicted[place, :, concept] = values[:, :size] @ own.weights[size]
    found = []
    for size, column in zip(sizes, predicted, strict=True):
        ap, area = (np.diagonal(values) for values in score(column, test))
        found.append(pd.DataFrame({"k": size, "concept_number": range(len(chosen)), "ap": ap, "auroc": area}))
    return pd.concat(found)


def _listed(chosen: list[Chosen], sizes: Sequence[int]) -> pd.DataFrame:
    found = [
        pd.DataFrame({"k": size, "concept_number": concept, "unit": own.units[:size], "weight": own.weights[size]})
        for concept, own in enumerate(chosen)
        for size in sizes
    ]
    return pd.concat(found)
