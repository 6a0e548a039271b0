"""A small run to compare: models with their similarities, concepts of three domains, and two norms."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import tables
from expertneurons.contrasts import Library

Array = npt.NDArray[Any]

NAN = float("nan")
CONCEPTS = {
    "dog": "animal",
    "cat": "animal",
    "horse": "animal",
    "whale": "animal",
    "spider": "animal",
    "hammer": "tool",
    "saw": "tool",
    "screwdriver": "tool",
    "knife": "tool",
    "apple": "food",
    "bread": "food",
    "cheese": "food",
    "marmalade": "food",
    "river": "",
    "justice": "",
    "music": "",
}
WORDS = list(CONCEPTS)
# Layer 10 is the last one, though not in the alphabet. The text ones are the same for all models.
INDEX = [
    ("experts.jaccard", 0.3),
    ("experts.jaccard", 0.5),
    ("random_units.jaccard", 0.5),
    ("embedding.static.concept", NAN),
    ("embedding.layer2.concept", NAN),
    ("embedding.layer10.concept", NAN),
    ("text.tfidf", NAN),
    ("text.partner_words", NAN),
]
MODELS = ["first", "first-0", "second"]
CONTROLS = ["first-0=first"]
REPORTED = ["first", "second"]


class Run(NamedTuple):
    """Files of a run."""

    similarity: list[Path]
    representations: list[Path]
    concept_table: Path
    norms: list[Path]

    def library(self) -> Library:
        return Library(MODELS, self.similarity, self.representations)

    def matrices(self, model: str) -> Array:
        found: Array = np.load(self.similarity[MODELS.index(model)])
        return found

    def change(self, model: str, representation: tuple[str, float], matrix: Array) -> None:
        """Put another matrix in the place of one similarity."""
        matrices = self.matrices(model)
        matrices[place(*representation)] = matrix
        np.save(self.similarity[MODELS.index(model)], matrices)


def place(name: str, threshold: float = NAN) -> int:
    """Return the number of a similarity."""
    limits = pd.Series([limit for _, limit in INDEX])
    same = limits.isna() if np.isnan(threshold) else limits == threshold
    return int(np.flatnonzero(same & np.array([own == name for own, _ in INDEX]))[0])


def symmetric(rng: np.random.Generator) -> Array:
    drawn = rng.standard_normal((len(WORDS), len(WORDS)))
    return np.asarray((drawn + drawn.T) / np.sqrt(2))


def write(folder: Path, seed: int = 0) -> Run:
    """Write a run: models that follow people in part, each similarity with noise and hubs of its own."""
    rng = np.random.default_rng(seed)
    domains = np.array(list(CONCEPTS.values()))
    human = symmetric(rng) + 1.5 * ((domains[:, None] == domains) & (domains != ""))
    texts = [0.4 * human + symmetric(rng), 0.2 * human + symmetric(rng)]
    similarity, representations = [], []
    for model in MODELS:
        matrices = []
        for number, _ in enumerate(INDEX):
            hubs = rng.standard_normal(len(WORDS))
            matrices.append((1 - 0.15 * number) * human + symmetric(rng) + 0.5 * (hubs + hubs[:, None]))
        matrices[-2:] = texts
        similarity.append(folder / f"{model}.npy")
        np.save(similarity[-1], np.array(matrices, np.float32))
        representations.append(folder / f"{model}.parquet")
        tables.write(pd.DataFrame(INDEX, columns=["representation", "threshold"]), representations[-1])
    concepts = folder / "concepts.parquet"
    columns = {"concept_number": range(len(WORDS)), "concept": WORDS, "domain": domains}
    tables.write(pd.DataFrame(columns), concepts)
    pairs = list(combinations(range(len(WORDS)), 2))
    close = write_norm(folder / "close.parquet", human + 0.5 * symmetric(rng), pairs[::2] + pairs[1:100:2])
    near = write_norm(folder / "near.parquet", human + symmetric(rng), pairs[10:])
    return Run(similarity, representations, concepts, [close, near])


def write_norm(path: Path, matrix: Array, pairs: Sequence[tuple[int, int]]) -> Path:
    rows = [(*sorted((WORDS[a], WORDS[b])), round(float(matrix[a, b]), 1)) for a, b in pairs]
    tables.write(pd.DataFrame(rows, columns=["word1", "word2", "rating"]), path, ["word1", "word2"])
    return path


def sheet(path: Path, *rows: Sequence[str]) -> Path:
    """Write a sheet of contrasts: contrast, family, a_model, a, b_model, b."""
    header = ("contrast", "family", "a_model", "a", "b_model", "b")
    path.write_text("".join("\t".join(row) + "\n" for row in (header, *rows)), encoding="utf-8")
    return path
