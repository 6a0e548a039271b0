"""Concepts with known organisation: domains and category words planted in expert sets, or nothing at all."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import tables
from expertneurons.files import save_array
from expertneurons.similarity import cosine, jaccard

Array = npt.NDArray[Any]
UNITS, THRESHOLD = 2000, 0.5


class Planted(NamedTuple):
    """Table of concepts, their AP (concepts, units) and the sets at AP >= 0.5."""

    concepts: pd.DataFrame
    ap: Array
    sets: sparse.csr_array


def plant(
    seed: int, kind: str = "taxonomy", domains: int = 6, members: int = 6, word_size: float = 0.02, units: int = UNITS
) -> Planted:
    """Make concepts whose experts are organised in a known way.

    Args:
        seed: Of everything.
        kind: taxonomy (the word's experts are the category's common units), related (the word is like any member) or
            nothing (every concept for itself).
        domains: Categories, each with a word.
        members: Concepts of each.
        word_size: Share of units that are the word's own, for `related` and `nothing`.
        units: How many there are.

    """
    generator = np.random.default_rng(seed)
    rows, ap = [], []
    for domain in range(domains):
        core = generator.random(units) < (0.0 if kind == "nothing" else 0.02)
        for number in range(members + 1):
            word = number == 0
            own = generator.random(units) < (word_size if word else generator.uniform(0.01, 0.03))
            hit = core & (generator.random(units) < 0.4)
            active = core if word and kind == "taxonomy" else hit | own
            rows.append(
                (f"word{domain}" if word else f"c{domain}{number}", f"d{domain}", "" if word else f"word{domain}")
            )
            ap.append(0.29 + 0.05 * generator.standard_normal(units) + 0.35 * generator.uniform(0.7, 1) * active)
    concepts = pd.DataFrame(rows, columns=["concept", "domain", "superordinate"])
    concepts.loc[concepts["superordinate"] == "", "domain"] = ""
    concepts.insert(0, "concept_number", range(len(concepts)))
    found = np.clip(np.array(ap), 0, 1).astype(np.float32)
    return Planted(concepts, found, sparse.csr_array((found >= np.float32(THRESHOLD)).astype(np.int32)))


def write(folder: Path, planted: Planted, norm: list[tuple[str, str, float]] | None = None) -> dict[str, Any]:
    """Write the files that `measure_organisation` reads; returns its arguments, with few permutations."""
    folder.mkdir(parents=True, exist_ok=True)
    names = planted.concepts["concept"].tolist()
    rated = norm or [
        (a, b, float(len(names) - abs(i - j))) for i, a in enumerate(names) for j, b in enumerate(names) if i < j
    ]
    units = pd.DataFrame({"unit": range(planted.ap.shape[1])})
    units["layer"], units["site"], units["index"] = units["unit"] % 2, "mlp.up", units["unit"] // 2
    number, unit = np.nonzero(planted.ap >= np.float32(0.4))
    experts = pd.DataFrame({"concept_number": number, "unit": unit, "ap": planted.ap[number, unit]})
    experts["rank"] = experts.groupby("concept_number")["ap"].rank(ascending=False, method="first").astype(int)
    matrices = np.stack([jaccard(planted.sets), cosine(planted.ap - 0.29)]).astype(np.float32)
    index = pd.DataFrame(
        {"representation": ["experts.jaccard", "expertise.cosine"], "family": "experts", "threshold": [0.5, np.nan]}
    )
    others = [
        [int(planted.concepts.index[planted.concepts["concept"] == "word0"][0])] if name == "c01" else []
        for name in names
    ]
    sentences = pd.DataFrame({"sentence": range(len(names)), "concept_number": range(len(names)), "others": others})
    written = {"concepts": planted.concepts, "units": units, "experts": experts, "index": index, "sentences": sentences}
    written["a-norm"] = pd.DataFrame(rated, columns=["word1", "word2", "rating"])
    for name, table in written.items():
        tables.write(table, folder / f"{name}.parquet")
    save_array(folder / "ap.npy", planted.ap)
    save_array(folder / "similarity.npy", matrices)
    outputs = {name: folder / f"{name}.parquet" for name in ("organisation", "inclusions", "edges")}
    return {
        **outputs,
        "category_expert_table": folder / "category_experts.parquet",
        "polysemy_table": folder / "polysemy.parquet",
        "similarity": folder / "similarity.npy",
        "representations": folder / "index.parquet",
        "experts": folder / "experts.parquet",
        "units": folder / "units.parquet",
        "ap": folder / "ap.npy",
        "concept_table": folder / "concepts.parquet",
        "sentence_table": folder / "sentences.parquet",
        "norms": [folder / "a-norm.parquet"],
        "thresholds": [0.4, 0.5],
        "threshold": 0.5,
        "permutations": 99,
        "draws": 99,
        "model": "a-model",
        "stimuli": "everyday",
        "seed": 3,
    }
