"""The explorer's page holds what the tables hold, and stays small."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import audited
import explored
from expertneurons import explorer_data, tables
from expertneurons.driving import highest
from expertneurons.explorer import RANDOM
from expertneurons.selection import expert_sets
from expertneurons.similarity import jaccard


def test_overlaps_of_the_page_are_those_of_the_similarity_array(explored_page: explored.Explored) -> None:
    data, folder = explored_page.data, explored_page.folder
    index = tables.read(folder / "representations.parquet")
    matrices = np.load(folder / "similarity.npy")
    seen = 0
    for level in data["grid"]:
        row = index[(index["representation"] == "experts.jaccard") & np.isclose(index["threshold"], level["threshold"])]
        if row.empty:
            continue
        seen += 1
        counts, common = level["experts"], explored.unpack(level["shared"])
        below = list(zip(*np.tril_indices(len(counts), -1), strict=True))
        for (a, b), own in zip(below, common.astype(float).tolist(), strict=True):
            expected = matrices[row.index[0], a, b]
            either = counts[a] + counts[b] - own
            assert (own / either if either else np.nan) == pytest.approx(expected, abs=1e-6, nan_ok=True)
    assert seen == len(explored.THRESHOLDS)
    assert sum(explored.unpack(data["grid"][-1]["shared"]).tolist()) > 0


def test_counts_are_those_of_the_experts_table(explored_page: explored.Explored, done: audited.Audited) -> None:
    table = tables.read(done.folder / "counts.parquet").set_index(["threshold", "concept"])
    levels = {level["threshold"]: level for level in explored_page.data["grid"]}
    assert set(levels) > set(explored.THRESHOLDS)
    for limit in explored.THRESHOLDS:
        for place, row in enumerate(explored_page.data["concepts"]):
            own = table.loc[(limit, row["name"])]
            assert levels[limit]["experts"][place] == own["n_experts"]
            assert levels[limit]["expected"][place] == pytest.approx(own["n_expected_by_chance"], abs=0.006)
    assert all("expected" not in level for limit, level in levels.items() if limit not in explored.THRESHOLDS)


def test_lists_are_those_of_the_expert_table(explored_page: explored.Explored, done: audited.Audited) -> None:
    data = explored_page.data
    units = tables.read(done.folder / "units.parquet").set_index("unit")
    table = tables.read(done.folder / "experts.parquet")
    members, ap = explored.unpack(data["members"]), explored.unpack(data["ap"]) / explorer_data.AP_SCALE
    place, index = explored.unpack(data["unit_place"]), explored.unpack(data["unit_index"])
    kept = table[table["ap"] >= np.float32(data["floor"])].sort_values(["concept_number", "rank"])
    assert data["listed"] == kept.groupby("concept_number").size().reindex(range(4), fill_value=0).tolist()
    np.testing.assert_allclose(ap, kept["ap"], atol=1e-5)
    told = [(data["places"][place[own]]["layer"], data["places"][place[own]]["site"], index[own]) for own in members]
    assert told == list(kept[["layer", "site", "index"]].itertuples(index=False, name=None))
    sizes = units.groupby(["layer", "site"]).size()
    assert {(own["layer"], own["site"]): own["units"] for own in data["places"]} == sizes.to_dict()


def test_sentences_that_drive_a_unit_have_its_highest_responses(
    explored_page: explored.Explored, done: audited.Audited
) -> None:
    data, responses = explored_page.data, np.load(done.folder / "max.npy").astype(np.float32)
    count = data["driving_count"]
    driving = explored.unpack(data["driving"]).reshape(-1, count)
    units = np.unique(tables.read(done.folder / "experts.parquet").query(f"ap >= {data['floor']} - 1e-7")["unit"])
    assert len(driving) == len(units) > 10
    for row, unit in zip(driving, units, strict=True):
        np.testing.assert_array_equal(responses[row, unit], np.sort(responses[:, unit])[::-1][:count])


def test_of_equal_responses_the_first_sentence_comes_first() -> None:
    block = np.array([[1.0, 5.0], [3.0, 5.0], [3.0, 4.0]], np.float16)
    assert highest(block, 2).tolist() == [[1, 2], [0, 1]]
    assert highest(block, 5).shape == (2, 3)


def test_sentences_stand_in_their_order_with_their_names(
    explored_page: explored.Explored, done: audited.Audited
) -> None:
    rows = tables.read(done.folder / "sentences.parquet")
    assert [text for _, text, _ in explored_page.data["sentences"]] == rows["text"].tolist()
    for (concept, text, named), number in zip(explored_page.data["sentences"], rows["concept_number"], strict=True):
        assert concept == number
        name = explored_page.data["concepts"][concept]["name"]
        assert all(text[start:end].casefold().startswith(name[:3].casefold()) for start, end in named)


def test_alignment_is_that_of_the_table_and_has_an_interval_where_it_was_measured(
    explored_page: explored.Explored,
) -> None:
    table = tables.read(explored_page.folder / "tiny.parquet").set_index(["representation", "threshold"])
    (norm,) = explored_page.data["norms"]
    for level, point in zip(explored_page.data["grid"], norm["alignment"], strict=True):
        if level["threshold"] not in explored.THRESHOLDS:
            assert set(point) == {"rho", "n_pairs", "n_concepts"}
            continue
        own = table.loc[("experts.jaccard", level["threshold"])]
        for name in ("rho", "low", "high", "n_pairs", "p", "null_low"):
            assert (np.nan if point[name] is None else point[name]) == pytest.approx(own[name], abs=1e-6, nan_ok=True)
        random = table.loc[(RANDOM, level["threshold"]), "rho"]
        assert (np.nan if point["random"] is None else point["random"]) == pytest.approx(random, abs=1e-6, nan_ok=True)
        assert point["controls"]["Tiny, untrained"]["rho"] == point["rho"]


def test_correlations_between_thresholds_are_those_of_the_overlap_there(
    explored_page: explored.Explored, done: audited.Audited
) -> None:
    from scipy.stats import spearmanr

    experts = tables.read(done.folder / "experts.parquet")
    (norm,) = explored_page.data["norms"]
    ratings = [1.5 * place for place in range(6)]
    units = len(tables.read(done.folder / "units.parquet"))
    checked = 0
    for level, point in zip(explored_page.data["grid"], norm["alignment"], strict=True):
        matrix = jaccard(expert_sets(experts, 4, units, threshold=level["threshold"]))
        own = [matrix[a, b] for a, b in combinations(range(4), 2)]
        if not np.isnan(own).any() and np.ptp(own) > 0:
            assert point["rho"] == pytest.approx(spearmanr(own, ratings).statistic, abs=1e-6)
            checked += 1
    assert checked > len(explored.THRESHOLDS)


def test_ratings_are_those_of_the_norm(explored_page: explored.Explored) -> None:
    (norm,) = explored_page.data["norms"]
    names = [row["name"] for row in explored_page.data["concepts"]]
    found = {frozenset((names[a], names[b])): rating for a, b, rating in norm["pairs"]}
    rows = tables.read(explored_page.folder / "toy.parquet").to_dict("records")
    assert found == {frozenset((row["word1"], row["word2"])): row["rating"] for row in rows}
    assert norm["scale"] == [0.0, 10.0]


def test_the_page_asks_for_no_network_and_escapes_text(explored_page: explored.Explored) -> None:
    text = explored_page.page.read_text(encoding="utf-8")
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "Tiny &amp; co" in text
    assert any("<script>alert(1)</script>" in row[1] for row in explored_page.data["sentences"])


def test_whole_numbers_take_the_smallest_type_that_holds_them() -> None:
    for highest_value, kind in ((0, "uint8"), (255, "uint8"), (256, "uint16"), (65536, "uint32")):
        values = np.array([0, highest_value], np.int64)
        packed = explorer_data.packed(values)
        assert packed["type"] == kind
        assert explored.unpack(packed).tolist() == values.tolist()


def test_the_grid_holds_the_measured_thresholds_and_is_coarser_for_more_concepts() -> None:
    measured = [0.3, 0.52, 0.9]
    grids = [explorer_data.grid(measured, concepts) for concepts in (240, 350, 450, 5000)]
    assert all(set(measured) <= set(limits) and limits == sorted(limits) for limits in grids)
    assert [len(limits) for limits in grids] == [26, 14, 8, 3]
    for concepts, limits in zip((240, 350, 450), grids, strict=False):
        assert concepts * (concepts - 1) * len(limits) <= explorer_data.MATRIX_BYTES


def test_lists_begin_at_the_lowest_threshold_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    ap = np.sort(rng.uniform(0.3, 1, (3, 50)).astype(np.float32), axis=1)[:, ::-1]
    experts = pd.DataFrame(
        {"concept_number": np.repeat(range(3), 50), "rank": np.tile(range(1, 51), 3), "unit": np.tile(range(50), 3)}
    ).assign(ap=ap.ravel())
    limits = [0.3, 0.5, 0.7]
    assert explorer_data.expert_lists(experts, 3, limits, 8).floor == 0.3
    monkeypatch.setattr(explorer_data, "LIST_BYTES", 4 * int((ap >= 0.5).sum()) + 8 * 50)
    assert explorer_data.expert_lists(experts, 3, limits, 8).floor == 0.5
    monkeypatch.setattr(explorer_data, "LIST_BYTES", 0)
    highest_only = explorer_data.expert_lists(experts, 3, limits, 8)
    assert (highest_only.floor, highest_only.sizes.tolist()) == (0.7, (ap >= np.float32(0.7)).sum(axis=1).tolist())


def test_of_too_many_sentences_the_first_of_each_concept_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pd.DataFrame({"sentence": range(12), "concept_number": np.repeat(range(3), 4), "text": "a" * 10})
    kept, whole = explorer_data.texts(rows)
    assert (len(kept), whole) == (12, True)
    monkeypatch.setattr(explorer_data, "TEXT_LETTERS", 60)
    kept, whole = explorer_data.texts(rows)
    assert (kept["sentence"].tolist(), whole) == ([0, 1, 4, 5, 8, 9], False)
