"""Planted responses: concepts in two domains whose units are known, as the files that the steps read."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from expertneurons import tables
from expertneurons.files import save_array

CONCEPTS, EACH = 12, 8
SENTENCES = CONCEPTS * EACH
UNITS = 60
NOISE = 20  # units that tell nothing


class Planted(NamedTuple):
    """Files of one model on one set of stimuli, and the norm that its units follow."""

    responses: Path
    units: Path
    concepts: Path
    sentences: Path
    labels: Path
    experts: Path
    norm: Path


def concept_of(sentence: int) -> int:
    return sentence // EACH


def planted(folder: Path, seed: int = 0, strength: float = 6.0) -> Planted:
    """Write responses in which a unit answers to a random third of the concepts, but for the last units, noise."""
    generator = np.random.default_rng(seed)
    answers = generator.random((CONCEPTS, UNITS)) < 1 / 3
    answers[:, UNITS - NOISE :] = False
    own = np.arange(SENTENCES) // EACH
    values = generator.normal(size=(SENTENCES, UNITS)) + strength * answers[own]
    files = Planted(*(folder / f"{name}.parquet" for name in Planted._fields))._replace(responses=folder / "max.npy")
    save_array(files.responses, values.astype(np.float32))
    index = pd.DataFrame({"unit": range(UNITS), "layer": np.arange(UNITS) % 2, "index": range(UNITS)})
    index["site"] = np.where(np.arange(UNITS) % 4 < 2, "attn.out", "mlp.up")
    tables.write(index, files.units)
    names = [f"c{number:02d}" for number in range(CONCEPTS)]
    tables.write(pd.DataFrame({"concept_number": range(CONCEPTS), "concept": names, "domain": ""}), files.concepts)
    rows = pd.DataFrame({"sentence": range(SENTENCES), "concept_number": own})
    rows["register"] = np.where(np.arange(SENTENCES) % 2, "story", "fact")
    tables.write(rows, files.sentences)
    tables.write(rows[["concept_number", "sentence"]].assign(label="positive"), files.labels)
    # The study's own experts: exactly the units that were planted.
    place = np.argwhere(answers)
    found = pd.DataFrame(place, columns=["concept_number", "unit"]).assign(ap=1.0, auroc=1.0)
    found["rank"] = found.groupby("concept_number").cumcount() + 1
    tables.write(found, files.experts)
    first, second = np.triu_indices(CONCEPTS, 1)
    shared = (answers[first] & answers[second]).sum(1) / np.maximum((answers[first] | answers[second]).sum(1), 1)
    rated = pd.DataFrame({"word1": [names[i] for i in first], "word2": [names[i] for i in second], "rating": shared})
    tables.write(rated, files.norm)
    return files
