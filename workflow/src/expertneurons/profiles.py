"""Profiles: one model's similarities of all concepts, whole, from each half of the sentences and from each layer."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import seeds, tables
from expertneurons.design import Design
from expertneurons.files import open_array, save_array
from expertneurons.similarity import jaccard
from expertneurons.stimuli import read_design
from expertneurons.stored import score_stored
from expertneurons.subsets import halves, restricted

WHOLE, FIRST, SECOND, LAYER = "whole", "first half", "second half", "layer"


def profile_model(
    responses: Path,
    units: Path,
    concept_table: Path,
    sentence_table: Path,
    labels: Path,
    similarity: Path,
    parts: Path,
    threshold: float,
    prevalence: float,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Measure what one model is compared with others by.

    Args:
        responses: `.npy` (sentences, units).
        units: Index of the units.
        concept_table: The concepts.
        sentence_table: Their sentences.
        labels: Positives and exclusions.
        similarity: `.npy` (parts, concepts, concepts) float32: Jaccard of expert sets.
        parts: Parquet file: part, layer (-1 where the part is no layer).
        threshold: AP from which a unit is an expert.
        prevalence: Effective share of positives.
        seed: Of the halves.
        threads: Threads that share the units.

    """
    design = read_design(labels, len(tables.read(concept_table)), prevalence)
    registers = np.unique(tables.read(sentence_table)["register"].to_numpy(str), return_inverse=True)[1]
    index = tables.read(units)
    answers = open_array(responses, (len(registers), len(index)))
    matrices, table = profile(answers, index, design, registers, threshold, seed, threads)
    save_array(similarity, matrices)
    tables.write(table, parts)


def profile(
    answers: npt.NDArray[Any],
    index: pd.DataFrame,
    design: Design,
    registers: npt.NDArray[np.intp],
    threshold: float,
    seed: int,
    threads: int,
) -> tuple[npt.NDArray[np.float32], pd.DataFrame]:
    """Return the similarities (parts, concepts, concepts) and which part each is; arguments as `profile_model`."""
    sentences = len(answers)
    everything = np.arange(sentences, dtype=np.intp)
    two = halves(design.positives, sentences, seeds.generator(seed, "profile"), registers)
    sets = []
    for rows in (everything, *two):
        ap = score_stored(answers, restricted(design, rows, sentences), threads, rows)[0]
        sets.append(sparse.csr_array((ap >= np.float32(threshold)).astype(np.int32)))
    layers = sorted(index["layer"].unique().tolist())
    own = [sets[0][:, np.flatnonzero((index["layer"] == layer).to_numpy())] for layer in layers]
    matrices = np.stack([jaccard(part) for part in [*sets, *own]]).astype(np.float32)
    table = pd.DataFrame({"part": [WHOLE, FIRST, SECOND, *[LAYER] * len(layers)], "layer": [-1, -1, -1, *layers]})
    return matrices, table
