"""Layers: experts counted by place, and aligned by that place's experts alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny
from expertneurons import tables
from expertneurons.alignment import align, rated_pairs
from expertneurons.distribution import PERMUTED
from expertneurons.errors import StudyError
from expertneurons.layers import align_layers
from expertneurons.similarity import jaccard

NAMES = ["ant", "bee", "cat", "dog"]
# Two layers: attn.out holds units 0-1 and 5-6, mlp.up 2-4 and 7-9.
INDEX = pd.DataFrame(
    {"unit": range(10), "layer": np.repeat([0, 1], 5), "site": (["attn.out"] * 2 + ["mlp.up"] * 3) * 2}
)
EXPERTS = {0: {0: 0.9, 2: 0.6, 3: 0.6}, 1: {0: 0.7, 2: 0.9, 8: 0.6}, 2: {2: 0.6, 3: 0.9, 9: 0.9}, 3: {3: 0.6, 9: 0.6}}
NORM = [(a, b, float(i * i % 7)) for i, (a, b) in enumerate((a, b) for a in NAMES for b in NAMES if a < b)]
THRESHOLDS = [0.5, 0.8]


def places(folder: Path, norm: list[tuple[str, str, float]]) -> dict[str, Any]:
    rows = [
        (concept, rank, unit, ap)
        for concept, own in EXPERTS.items()
        for rank, (unit, ap) in enumerate(sorted(own.items(), key=lambda item: -item[1]), 1)
    ]
    experts = pd.DataFrame(rows, columns=["concept_number", "rank", "unit", "ap"]).astype({"ap": np.float32})
    # Three concepts have 6 positives, one has 9: six shuffled sets of the first kind and two of the second.
    null = [
        {"kind": PERMUTED, "n_positives": n, "layer": layer, "site": site, "low": 0.6, "count": count, "sets": sets}
        for n, sets, count in ((6, 6, 3), (9, 2, 4))
        for layer in (0, 1)
        for site in ("attn.out", "mlp.up")
    ]
    written = {
        "experts": experts,
        "units": INDEX,
        "design": pd.DataFrame({"concept_number": range(4), "n_positives": [6, 6, 6, 9]}),
        "distribution": pd.DataFrame(null),
        "a-norm": pd.DataFrame(norm, columns=["word1", "word2", "rating"]),
    }
    for name, table in written.items():
        tables.write(table, folder / f"{name}.parquet")
    concepts = tiny.concept_table(folder / "concepts.parquet", NAMES)
    inputs = {name: folder / f"{name}.parquet" for name in ("experts", "units", "design", "distribution")}
    output = folder / "layers.parquet"
    return {**inputs, "concept_table": concepts, "norms": [folder / "a-norm.parquet"], "output": output}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("layers")
    align_layers(**places(made, NORM), thresholds=THRESHOLDS, model="a-model", stimuli="everyday")
    return made


@pytest.fixture
def rows(folder: Path) -> dict[tuple[int, str, float], dict[Any, Any]]:
    table = tables.read(folder / "layers.parquet")
    assert len(table) == 2 * 3 * len(THRESHOLDS)
    return {(row["layer"], row["site"], row["threshold"]): row for row in table.to_dict("records")}


@pytest.mark.parametrize(
    ("place", "experts", "units", "pairs"),
    [
        ((0, "attn.out", 0.5), 1, 2, 2),
        ((0, "mlp.up", 0.5), 2, 3, 6),
        ((0, "all", 0.5), 3, 5, 8),
        ((1, "attn.out", 0.5), 0, 2, 0),
        ((1, "mlp.up", 0.5), 2, 3, 3),
        ((1, "all", 0.5), 2, 5, 3),
        ((0, "attn.out", 0.8), 1, 2, 1),
        ((0, "mlp.up", 0.8), 2, 3, 2),
        ((0, "all", 0.8), 3, 5, 3),
        ((1, "mlp.up", 0.8), 1, 3, 1),
    ],
)
def test_counts_by_hand(rows: Any, place: tuple[int, str, float], experts: int, units: int, pairs: int) -> None:
    row = rows[place]
    assert (row["n_experts"], row["n_units"], row["n_expert_concept_pairs"]) == (experts, units, pairs)


def test_expected_pairs_by_hand(rows: Any) -> None:
    one_site = 3 * 3 / 6 + 4 / 2
    for layer in (0, 1):
        assert rows[layer, "attn.out", 0.5]["n_pairs_expected_by_chance"] == pytest.approx(one_site)
        assert rows[layer, "all", 0.5]["n_pairs_expected_by_chance"] == pytest.approx(2 * one_site)
        assert rows[layer, "all", 0.8]["n_pairs_expected_by_chance"] == 0


@pytest.mark.parametrize(("site", "units"), [("attn.out", [0, 1]), ("mlp.up", [2, 3, 4]), ("all", range(5))])
def test_alignment_is_that_of_the_places_experts_alone(rows: Any, folder: Path, site: str, units: Any) -> None:
    sets = np.array([[own.get(unit, 0) >= 0.5 for unit in units] for own in EXPERTS.values()])
    found = align(jaccard(sets), *rated_pairs(folder / "a-norm.parquet", NAMES))
    row = rows[0, site, 0.5]
    assert [row[f"{name}_a-norm"] for name in ("rho", "low", "high", "n_pairs")] == pytest.approx(
        [found.rho, found.low, found.high, found.n_pairs], nan_ok=True
    )
    assert site == "attn.out" or np.isfinite(found.rho)


def test_place_without_experts_has_no_alignment(rows: Any) -> None:
    row = rows[1, "attn.out", 0.5]
    assert np.isnan(row["rho_a-norm"])
    assert row["n_pairs_a-norm"] == 0


def test_norm_that_does_not_overlap_is_named_and_leaves_no_file(tmp_path: Path) -> None:
    files = places(tmp_path, [("whale", "shark", 1.0)])
    with pytest.raises(StudyError, match="norm 'a-norm'"):
        align_layers(**files, thresholds=THRESHOLDS, model="a-model", stimuli="everyday")
    assert not list(tmp_path.glob("*layers*"))
