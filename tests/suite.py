"""A family of training runs as its measured checkpoints: two sizes, two seeds, five steps, eight concepts."""

from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from expertneurons import tables

CONCEPTS = ["ant", "bee", "cat", "elm", "ivy", "oak", "saw", "axe"]
STEPS = [0, 1, 2, 4, 8]
THRESHOLDS = [0.3, 0.5]
RUNS = {"a-1": ("a", 1000, 1), "a-2": ("a", 1000, 2), "b-1": ("b", 4000, 1), "b-2": ("b", 4000, 2)}
PAIRED = ["experts.jaccard@0.3", "experts.jaccard@0.5", "experts.top5", "embedding.last.concept"]
DRAWN = ["experts.subsampled@0.5#0", "experts.subsampled@0.5#1"]
NORMS = {"lexicon": "features of the lexicon", "simlex": "SimLex & co"}


class Suite(NamedTuple):
    """Files of a suite."""

    runs: Path
    concepts: list[Path]
    pairs: list[Path]
    domains: list[Path]
    kept: list[Path]
    organisation: list[Path]


def concepts_of(run: str, rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        (step, concept, limit, int(rng.integers(0, 30)), 1.5, rng.uniform(0.3, 1), rng.uniform(0.5, 1))
        for step in STEPS
        for concept in CONCEPTS
        for limit in THRESHOLDS
    ]
    columns = ["step", "concept", "threshold", "n_experts", "n_expected_by_chance", "best_ap", "best_auroc"]
    return pd.DataFrame(rows, columns=columns).assign(run=run)


def pairs_of(run: str, rng: np.random.Generator, gain: float) -> pd.DataFrame:
    parts = []
    for number, norm in enumerate(NORMS):
        words = list(combinations(sorted(CONCEPTS), 2))
        rating = np.random.default_rng(number).uniform(0, 10, len(words)).round(1)
        for place, step in enumerate(STEPS):
            told = {"step": step, "norm": norm, "word1": [a for a, _ in words], "word2": [b for _, b in words]}
            values = {
                name: (gain * place * rating / 40 + rng.standard_normal(len(words))).astype(np.float32)
                for name in [*PAIRED, *DRAWN]
            }
            parts.append(pd.DataFrame({**told, "rating": rating, **values}))
    return pd.concat(parts, ignore_index=True).assign(run=run)


def domains_of(run: str, rng: np.random.Generator) -> pd.DataFrame:
    rows = [(step, name, 0.4, 0.2, rng.uniform(0.4, 1)) for step in STEPS for name in PAIRED]
    return pd.DataFrame(rows, columns=["step", "representation", "within", "between", "auc"]).assign(run=run)


def kept_of(run: str, rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        (step, after, concept, limit, rng.uniform(0, 1), 0.1)
        for step, after in pairwise(STEPS)
        for concept in CONCEPTS
        for limit in THRESHOLDS
    ]
    columns = ["step", "next", "concept", "threshold", "jaccard", "expected_by_chance"]
    return pd.DataFrame(rows, columns=columns).assign(run=run)


def organisation_of(run: str) -> pd.DataFrame:
    row = {"measure": "triplets", "norm": "", "domain": "", "null": "labels", "value": 0.6, "null_mean": 0.5, "p": 0.01}
    return pd.DataFrame([{**row, "run": run, "step": step} for step in STEPS])


def runs_table(runs: dict[str, tuple[str, int, int]]) -> pd.DataFrame:
    told = [
        {"run": run, "family": "suite", "size": size, "parameters": parameters, "seed": seed, "kind": "full"}
        for run, (size, parameters, seed) in runs.items()
    ]
    return pd.DataFrame(told)


def write_suite(folder: Path, runs: dict[str, tuple[str, int, int]] | None = None) -> Suite:
    """Write the measured checkpoints of a suite; the larger size gains more."""
    chosen = runs or RUNS
    folder.mkdir(parents=True, exist_ok=True)
    found = Suite(folder / "runs.parquet", [], [], [], [], [])
    tables.write(runs_table(chosen), found.runs)
    for run, (size, _, seed) in chosen.items():
        rng = np.random.default_rng([seed, ord(size)])
        parts = {
            "concepts": concepts_of(run, rng),
            "pairs": pairs_of(run, rng, 4.0 if size == "b" else 1.0),
            "domains": domains_of(run, rng),
            "kept": kept_of(run, rng),
            "organisation": organisation_of(run),
        }
        for name, table in parts.items():
            path = folder / f"{run}-{name}.parquet"
            tables.write(table, path)
            getattr(found, name).append(path)
    return found
