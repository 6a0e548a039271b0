"""Expert sets: nested by threshold, of exactly k units, in one order, with the counts that chance gives."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import tiny
from expertneurons import tables
from expertneurons.distribution import OBSERVED, PERMUTED
from expertneurons.errors import StudyError
from expertneurons.selection import expert_sets, select_experts

UNITS = 30
NAMES = ["ant", "bee", "cat"]
THRESHOLDS, TOP = [0.3, 0.5, 0.7, 0.9], [1, 5, 20]
INDEX = pd.DataFrame(
    {"unit": range(UNITS), "layer": np.repeat([0, 1], 15), "site": "mlp.up", "index": [*range(15), *range(15)]}
)


class Selected(NamedTuple):
    experts: pd.DataFrame
    counts: pd.DataFrame


def null() -> pd.DataFrame:
    """Per layer, shuffles with 6 positives give 4 units at 0.5 in 8 sets, those with 9 give 3 at 0.3 in 2 sets."""
    rows = [
        {"kind": PERMUTED, "n_positives": n, "layer": layer, "site": "mlp.up", "low": low, "count": count, "sets": sets}
        for n, low, count, sets in ((6, 0.2, 116, 8), (6, 0.5, 4, 8), (9, 0.3, 3, 2))
        for layer in (0, 1)
    ]
    return pd.DataFrame([*rows, {**rows[0], "kind": OBSERVED, "low": 1.0}])


def select(
    folder: Path,
    ap: npt.NDArray[np.float32],
    auroc: npt.NDArray[np.float32],
    thresholds: list[float] = THRESHOLDS,
    top: list[int] = TOP,
) -> Selected:
    folder.mkdir(exist_ok=True)
    np.save(folder / "ap.npy", ap)
    np.save(folder / "auroc.npy", auroc)
    tables.write(INDEX, folder / "units.parquet")
    design = {"concept_number": [0, 1, 2], "n_positives": [6, 6, 9], "n_negatives": [20, 20, 17], "chance": 2 / 7}
    tables.write(pd.DataFrame(design), folder / "design.parquet")
    tables.write(null(), folder / "distribution.parquet")
    concepts = tiny.concept_table(folder / "concepts.parquet", NAMES)
    inputs = folder / "ap.npy", folder / "auroc.npy", folder / "units.parquet", concepts
    tables_in = folder / "design.parquet", folder / "distribution.parquet"
    experts, counts = folder / "experts.parquet", folder / "counts.parquet"
    select_experts(*inputs, *tables_in, experts, counts, thresholds, top, "a-model", "everyday")
    return Selected(tables.read(experts), tables.read(counts))


def drawn() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rng = np.random.default_rng(4)
    return rng.random((3, UNITS)).round(1).astype(np.float32), rng.random((3, UNITS)).round(1).astype(np.float32)


@pytest.fixture(scope="module")
def selected(tmp_path_factory: pytest.TempPathFactory) -> Selected:
    return select(tmp_path_factory.mktemp("selected"), *drawn())


def test_sets_equal_the_units_at_or_above_the_threshold(selected: Selected) -> None:
    for threshold in THRESHOLDS:
        sets = expert_sets(selected.experts, 3, UNITS, threshold=threshold)
        assert np.array_equal(sets.toarray() > 0, drawn()[0] >= np.float32(threshold))


def test_sets_are_nested_by_threshold(selected: Selected) -> None:
    arrays = [expert_sets(selected.experts, 3, UNITS, threshold=threshold).toarray() for threshold in THRESHOLDS]
    for low, high in pairwise(arrays):
        assert (high <= low).all()
        assert high.sum() < low.sum()


@pytest.mark.parametrize("size", TOP)
def test_top_sets_have_exactly_their_size(selected: Selected, size: int) -> None:
    assert expert_sets(selected.experts, 3, UNITS, top=size).sum(axis=1).tolist() == [size] * 3


def test_top_beyond_all_units_takes_all(tmp_path: Path) -> None:
    experts = select(tmp_path, *drawn(), top=[UNITS + 5]).experts
    assert expert_sets(experts, 3, UNITS, top=UNITS + 5).sum(axis=1).tolist() == [UNITS] * 3


def test_no_top_and_no_expert_leaves_empty_sets(tmp_path: Path) -> None:
    zeros = np.zeros((3, UNITS), np.float32)
    found = select(tmp_path, zeros, zeros, thresholds=[0.9], top=[])
    assert len(found.experts) == 0
    assert (found.counts["n_experts"] == 0).all()
    assert expert_sets(found.experts, 3, UNITS, threshold=0.9).nnz == 0


def test_ties_are_broken_by_auroc_then_unit_number(tmp_path: Path) -> None:
    ap, auroc = np.zeros((3, UNITS), np.float32), np.full((3, UNITS), 0.5, np.float32)
    ap[:, [4, 9, 12, 20, 25]] = [0.6, 0.8, 0.8, 0.8, 0.8]
    auroc[:, [9, 12, 20, 25]] = [0.7, 0.9, 0.9, 0.6]
    experts = select(tmp_path, ap, auroc, top=[7]).experts
    for _, own in experts.groupby("concept_number"):
        assert own["unit"].tolist() == [12, 20, 9, 25, 4, 0, 1]
        assert own["rank"].tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_experts_carry_their_place_and_scores(selected: Selected) -> None:
    ap, auroc = drawn()
    experts = selected.experts
    for column in ("layer", "site", "index"):
        assert experts[column].tolist() == experts["unit"].map(INDEX[column]).tolist()
    place = experts["concept_number"].to_numpy(), experts["unit"].to_numpy()
    assert np.array_equal(experts["ap"], ap[place])
    assert np.array_equal(experts["auroc"], auroc[place])


def test_threshold_counts_scores_equal_to_it_in_single_precision(tmp_path: Path) -> None:
    # 0.7 in single precision lies below 0.7 in double precision.
    ap = np.full((3, UNITS), 0.7, np.float32)
    found = select(tmp_path, ap, ap, thresholds=[0.7], top=[])
    assert (found.counts["n_experts"] == UNITS).all()
    assert expert_sets(found.experts, 3, UNITS, threshold=0.7).nnz == 3 * UNITS


def test_counts_by_hand(selected: Selected) -> None:
    ap, auroc = drawn()
    rows = selected.counts.to_dict("records")
    counts = {(row["concept"], row["threshold"]): row for row in rows}
    assert len(rows) == len(counts) == len(NAMES) * len(THRESHOLDS)
    for number, name in enumerate(NAMES):
        for threshold in THRESHOLDS:
            row = counts[name, threshold]
            assert row["n_experts"] == (ap[number] >= np.float32(threshold)).sum()
            assert row["best_ap"] == ap[number].max()
            assert row["best_auroc"] == auroc[number].max()
    assert counts["ant", 0.5]["n_expected_by_chance"] == pytest.approx(2 * 4 / 8)
    assert counts["ant", 0.7]["n_expected_by_chance"] == 0
    assert counts["cat", 0.3]["n_expected_by_chance"] == pytest.approx(2 * 3 / 2)


def test_expert_sets_by_hand() -> None:
    experts = pd.DataFrame(
        {"concept_number": [0, 0, 2], "rank": [1, 2, 1], "unit": [3, 0, 3], "ap": np.array([0.9, 0.5, 0.6], np.float32)}
    )
    by_threshold = expert_sets(experts, 3, 4, threshold=0.6).toarray()
    by_rank = expert_sets(experts, 3, 4, top=2).toarray()
    assert by_threshold.tolist() == [[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1]]
    assert by_rank.tolist() == [[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("name", ["ap", "auroc"])
@pytest.mark.parametrize("damage", [np.nan, np.inf, 1.5, -0.1])
def test_damaged_scores_are_named_and_not_passed_over(name: str, damage: float, tmp_path: Path) -> None:
    scores = dict(zip(("ap", "auroc"), drawn(), strict=True))
    scores[name][1, 3] = damage
    with pytest.raises(StudyError, match=f"{tmp_path / name}.npy holds .*the file is damaged; delete it and run again"):
        select(tmp_path, scores["ap"], scores["auroc"])


def test_scores_of_other_units_are_named(tmp_path: Path) -> None:
    ap, auroc = drawn()
    with pytest.raises(StudyError, match=rf"auroc\.npy holds 3 x {UNITS - 1} float32, not 3 x {UNITS}"):
        select(tmp_path, ap, auroc[:, 1:])
