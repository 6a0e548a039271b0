"""Rivals: every method's overlap is aligned on the same pairs, by hand and by `align` itself."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import tiny
from expertneurons import tables
from expertneurons.alignment import align, rated_pairs
from expertneurons.rivals import align_rivals, random_overlap
from expertneurons.similarity import jaccard

NAMES = ["ant", "bee", "cat", "dog", "elk", "fox"]
UNITS, SIZES = 12, [1, 2]
NORM = [(a, b, float(i * i % 7)) for i, (a, b) in enumerate(combinations(NAMES, 2))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("rivals")
    rng = np.random.default_rng(2)
    rows = [
        (method, k, concept, int(unit), "mlp.up")
        for method in ("experts", "probes")
        for k in SIZES
        for concept in range(len(NAMES))
        for unit in rng.choice(UNITS // 3, k, replace=False)
    ]
    tables.write(pd.DataFrame(rows, columns=["method", "k", "concept_number", "unit", "site"]), made / "sets.parquet")
    scores = [
        (m, k, c, rng.uniform(0.5, 1), rng.uniform(0.5, 1))
        for m in ("experts", "probes")
        for k in SIZES
        for c in range(6)
    ]
    tables.write(
        pd.DataFrame(scores, columns=["method", "k", "concept_number", "ap", "auroc"]), made / "held_out.parquet"
    )
    tables.write(pd.DataFrame({"unit": range(UNITS)}), made / "units.parquet")
    tables.write(pd.DataFrame(NORM, columns=["word1", "word2", "rating"]), made / "a-norm.parquet")
    tiny.concept_table(made / "concepts.parquet", NAMES)
    places: dict[str, Any] = {name: made / f"{name}.parquet" for name in ("sets", "held_out", "units")}
    norms = [made / "a-norm.parquet"]
    align_rivals(
        **places,
        concept_table=made / "concepts.parquet",
        norms=norms,
        output=made / "rivals.parquet",
        model="a-model",
        stimuli="everyday",
        random_draws=3,
        level=0.9,
    )
    return made


def test_alignment_is_that_of_the_sets(folder: Path) -> None:
    sets, found = tables.read(folder / "sets.parquet"), tables.read(folder / "rivals.parquet")
    for _, own in sets.groupby(["method", "k"]):
        method, k = own[["method", "k"]].iloc[0]
        dense = np.zeros((len(NAMES), UNITS), np.bool_)
        dense[own["concept_number"], own["unit"]] = True
        expected = align(jaccard(dense), *rated_pairs(folder / "a-norm.parquet", NAMES), 0.9)
        row = found[(found["method"] == method) & (found["k"] == k)].iloc[0]
        assert [row["rho"], row["low"], row["high"]] == pytest.approx([expected.rho, expected.low, expected.high])
    assert found["n_pairs"].eq(len(NORM)).all()
    assert set(found["method"]) == {"experts", "probes", "random"}


def test_held_out_means_and_intervals(folder: Path) -> None:
    scores, found = tables.read(folder / "held_out.parquet"), tables.read(folder / "rivals.parquet")
    own = scores.query("method == 'probes' and k == 2")["ap"].to_numpy()
    row = found.query("method == 'probes' and k == 2").iloc[0]
    low, high = stats.t.interval(0.9, 5, own.mean(), stats.sem(own))
    assert [row["ap"], row["ap_low"], row["ap_high"]] == pytest.approx([own.mean(), low, high])
    assert found.loc[found["method"] == "random", "ap"].isna().all()


def test_random_overlap_is_that_of_chance() -> None:
    found = random_overlap(40, 20, 5, 30, seed=1)
    assert (found.diagonal() == 1).all()
    shared = stats.hypergeom(20, 5, 5)
    expected = sum(shared.pmf(n) * n / (10 - n) for n in range(6))
    assert found[np.triu_indices(40, 1)].mean() == pytest.approx(expected, rel=0.02)
