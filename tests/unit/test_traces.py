"""Traces: what a checkpoint says, in numbers that can be redone by hand, whatever the order of the concepts."""

from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from expertneurons import tables
from expertneurons.selection import expert_sets
from expertneurons.similarity import cosine, jaccard
from expertneurons.traces import LAST, STATIC, Subsample, Trace, _subsampled, identity, trace, trace_checkpoint

CONCEPTS = {
    "ant": "animal",
    "bee": "animal",
    "cat": "animal",
    "oak": "plant",
    "elm": "plant",
    "ivy": "plant",
    "joy": "",
}
UNITS, WIDTH, DEPTHS = 40, 6, 3
THRESHOLDS, TOP = [0.3, 0.5], [5]
ALL_UNITS = Subsample(UNITS, 0.5, 2, 1)


class Checkpoint(NamedTuple):
    """What `trace` takes of one checkpoint."""

    experts: pd.DataFrame
    embeddings: npt.NDArray[np.float32]
    counts: pd.DataFrame
    concepts: pd.DataFrame


def checkpoint(seed: int = 0, concepts: list[str] | None = None) -> Checkpoint:
    """Units whose precision is drawn; the last concept has no expert."""
    names = list(CONCEPTS)
    rng = np.random.default_rng(seed)
    ap = rng.uniform(0.1, 0.7, (len(names), UNITS)).astype(np.float32)
    ap[-1] = 0.2
    vectors = rng.standard_normal((2, DEPTHS, len(names), WIDTH)).astype(np.float32)
    order = [names.index(name) for name in concepts or names]
    ap, vectors, names = ap[order], vectors[:, :, order], [names[place] for place in order]
    kept = []
    for number, own in enumerate(ap):
        ranked = np.argsort(-own, kind="stable")
        size = max(int((own >= 0.3).sum()), 5)
        told = {"concept_number": number, "rank": np.arange(1, size + 1), "unit": ranked[:size]}
        kept.append(pd.DataFrame({**told, "ap": own[ranked[:size]]}))
    counts = [
        (name, limit, int((own >= limit).sum()), 0.4, float(own.max()), 0.9)
        for name, own in zip(names, ap, strict=True)
        for limit in THRESHOLDS
    ]
    columns = ["concept", "threshold", "n_experts", "n_expected_by_chance", "best_ap", "best_auroc"]
    listed = pd.DataFrame({"concept": names, "domain": [CONCEPTS[name] for name in names]})
    return Checkpoint(pd.concat(kept), vectors, pd.DataFrame(counts, columns=columns), listed)


def norm(folder: Path, words: list[str] | None = None) -> Path:
    path = folder / "simlex.parquet"
    pairs = list(combinations(words or sorted(CONCEPTS), 2))
    rows = [(first, second, float(len(first + second) + number % 5)) for number, (first, second) in enumerate(pairs)]
    tables.write(pd.DataFrame(rows, columns=["word1", "word2", "rating"]), path)
    return path


def traced(folder: Path, own: Checkpoint, subsample: Subsample = ALL_UNITS) -> Trace:
    norms = {"simlex": norm(folder)}
    return trace(own.experts, UNITS, own.embeddings, own.counts, own.concepts, norms, THRESHOLDS, TOP, subsample)


def sets(*rows: list[int], units: int = 10) -> dict[float, Any]:
    dense = np.zeros((len(rows), units), np.int32)
    for row, own in enumerate(rows):
        dense[row, own] = 1
    return {0.5: sparse.csr_array(dense)}


def names(count: int) -> pd.DataFrame:
    return pd.DataFrame({"concept": list("abcdefgh")[:count]})


def test_identity_by_hand() -> None:
    # a: the same two; b: {0, 1} and {1, 2}; c: none in common; d: none before; e: none at all.
    before = sets([3, 7], [0, 1], [0], [], [])
    after = sets([3, 7], [1, 2], [1, 2, 3], [4], [])
    found = identity(before, after, names(5))
    assert found["threshold"].tolist() == [0.5] * 5
    np.testing.assert_allclose(found["jaccard"], [1, 1 / 3, 0, 0, np.nan])
    # Two random pairs of ten units share 2 * 2 / 10 = 0.4 on average: 0.4 / (2 + 2 - 0.4).
    np.testing.assert_allclose(found["expected_by_chance"], [0.4 / 3.6, 0.4 / 3.6, 0.3 / 3.7, 0, np.nan])


def test_identity_of_random_sets_is_that_expected_by_chance() -> None:
    rng = np.random.default_rng(0)
    first, second = (sets(*(rng.choice(200, 40, False).tolist() for _ in range(400)), units=200) for _ in range(2))
    concepts = pd.DataFrame({"concept": range(400)})
    found = identity(first, second, concepts)
    assert found["jaccard"].mean() == pytest.approx(found["expected_by_chance"].mean(), abs=0.005)


def test_domains_equal_means_and_the_area_under_the_curve(tmp_path: Path) -> None:
    own = checkpoint()
    found = traced(tmp_path, own).domains.set_index("representation")
    pairs = list(combinations(CONCEPTS.values(), 2))
    named, same = np.array([bool(a and b) for a, b in pairs]), np.array([a == b for a, b in pairs])
    overlap = jaccard(traced(tmp_path, own).sets[0.3])[np.triu_indices(7, 1)]
    for name, values in {
        "experts.jaccard@0.3": overlap,
        STATIC: cosine(own.embeddings[0, 0])[np.triu_indices(7, 1)],
        LAST: cosine(own.embeddings[0, -1])[np.triu_indices(7, 1)],
    }.items():
        known = ~np.isnan(values) & named
        together = same[known]
        assert found.loc[name, "auc"] == pytest.approx(roc_auc_score(together, values[known]))
        assert found.loc[name, "within"] == pytest.approx(values[known][together].mean())
        assert found.loc[name, "between"] == pytest.approx(values[known][~together].mean())


def test_domains_are_not_defined_where_there_is_one_or_none(tmp_path: Path) -> None:
    own = checkpoint()
    for domain in ("", "thing"):
        one = own._replace(concepts=own.concepts.assign(domain=domain))
        assert traced(tmp_path, one).domains[["within", "between", "auc"]].isna().all(axis=None)


def test_subsample_of_all_units_is_the_whole_overlap(tmp_path: Path) -> None:
    pairs = traced(tmp_path, checkpoint()).pairs
    for draw in (0, 1):
        np.testing.assert_array_equal(pairs[f"experts.subsampled@0.5#{draw}"], pairs["experts.jaccard@0.5"])


def test_subsample_is_of_so_many_units_others_in_every_draw() -> None:
    # The first set holds all units, the others one each: they overlap exactly where that one is drawn.
    every = sparse.csr_array(np.vstack([np.ones(UNITS), np.eye(UNITS)]).astype(np.int32))
    found = _subsampled(every, Subsample(15, 0.5, 3, 1))
    drawn = [np.flatnonzero(np.isclose(own[0, 1:], 1 / 15)) for own in found.values()]
    assert [len(own) for own in drawn] == [15, 15, 15]
    assert len({tuple(own) for own in drawn}) == 3
    for own, units in zip(found.values(), drawn, strict=True):
        rest = np.setdiff1d(np.arange(UNITS), units)
        assert (own[0, 1 + rest] == 0).all()
        assert np.isnan(own[1 + rest[0], 1 + rest[1]])


def test_subsample_is_the_same_at_every_checkpoint() -> None:
    first, second = (traced_sets(seed)[0.5] for seed in (0, 1))
    together = sparse.csr_array(sparse.vstack([first, second]))
    told = [_subsampled(own, Subsample(15, 0.5, 2, 1)) for own in (first, second, together)]
    for name, whole in told[2].items():
        np.testing.assert_array_equal(whole[:7, :7], told[0][name])
        np.testing.assert_array_equal(whole[7:, 7:], told[1][name])


def traced_sets(seed: int) -> dict[float, Any]:
    experts = checkpoint(seed).experts
    return {limit: expert_sets(experts, len(CONCEPTS), UNITS, threshold=limit) for limit in THRESHOLDS}


def test_pairs_hold_every_representation(tmp_path: Path) -> None:
    own = checkpoint()
    found = traced(tmp_path, own)
    index = {name: number for number, name in enumerate(own.concepts["concept"])}
    row = found.pairs[(found.pairs["word1"] == "ant") & (found.pairs["word2"] == "cat")].iloc[0]
    assert row["norm"] == "simlex"
    assert row["experts.jaccard@0.5"] == pytest.approx(jaccard(found.sets[0.5])[index["ant"], index["cat"]])
    assert row[LAST] == pytest.approx(cosine(own.embeddings[0, -1])[index["ant"], index["cat"]], rel=1e-6)
    top = [set(own.experts.query(f"concept_number == {index[c]} and rank <= 5")["unit"]) for c in ("ant", "cat")]
    assert row["experts.top5"] == pytest.approx(len(top[0] & top[1]) / len(top[0] | top[1]))


def test_order_of_the_concepts_does_not_matter(tmp_path: Path) -> None:
    shuffled = ["oak", "joy", "ant", "ivy", "cat", "elm", "bee"]
    found = [traced(tmp_path, checkpoint(0, order)) for order in (None, shuffled)]
    for name, keys in (("concepts", ["concept", "threshold"]), ("domains", ["representation"])):
        first, second = (getattr(own, name).sort_values(keys).reset_index(drop=True) for own in found)
        pd.testing.assert_frame_equal(first, second)
    told = []
    for own in found:
        words = np.sort(own.pairs[["word1", "word2"]].to_numpy(str), axis=1)
        ordered = own.pairs.assign(word1=words[:, 0], word2=words[:, 1])
        told.append(ordered.sort_values(["word1", "word2"]).reset_index(drop=True))
    pd.testing.assert_frame_equal(told[0], told[1])


def organised() -> pd.DataFrame:
    """Rows of an `organisation` table: of experts at two thresholds, and of an embedding."""
    places = [
        ("experts", 0.5),
        ("experts.jaccard", 0.5),
        ("experts.jaccard", 0.3),
        ("embedding.static.concept", np.nan),
    ]
    rows = pd.DataFrame(places, columns=["representation", "threshold"])
    told = {"model": "m", "stimuli": "s", "family": "experts", "measure": "domain_auc", "norm": "", "domain": ""}
    return rows.assign(**told, null="shuffled labels", value=[0.1, 0.2, 0.3, 0.4])


def written(folder: Path, after: Checkpoint | None, own: Checkpoint | None = None) -> dict[str, pd.DataFrame]:
    """Trace a checkpoint from files to files."""
    own = own or checkpoint()
    for name, table in (("experts", own.experts), ("counts", own.counts), ("concept_table", own.concepts)):
        tables.write(table, folder / f"{name}.parquet")
    tables.write(pd.DataFrame({"unit": range(UNITS)}), folder / "units.parquet")
    tables.write(pd.DataFrame({"unit": range(9)}), folder / "smallest.parquet")
    np.save(folder / "embeddings.npy", own.embeddings)
    if after is not None:
        tables.write(after.experts, folder / "after.parquet")
    tables.write(organised(), folder / "organised.parquet")
    names = ("concepts", "pairs", "domains", "kept", "organisation")
    outputs = {name: folder / f"out/{name}.parquet" for name in names}
    trace_checkpoint(
        folder / "experts.parquet",
        folder / "units.parquet",
        folder / "embeddings.npy",
        folder / "counts.parquet",
        folder / "organised.parquet",
        folder / "concept_table.parquet",
        [norm(folder)],
        concepts=outputs["concepts"],
        pairs=outputs["pairs"],
        domains=outputs["domains"],
        kept=outputs["kept"],
        organisation=outputs["organisation"],
        run="a-1",
        step=4,
        thresholds=THRESHOLDS,
        top=TOP,
        headline=0.5,
        smallest=folder / "smallest.parquet",
        draws=2,
        seed=1,
        next_experts=None if after is None else folder / "after.parquet",
        next_step=8,
    )
    return {name: tables.read(path) for name, path in outputs.items()}


def test_a_checkpoint_becomes_five_tables(tmp_path: Path) -> None:
    found = written(tmp_path, checkpoint(1))
    measured = ["n_experts", "n_expected_by_chance", "best_ap", "best_auroc"]
    assert set(found["concepts"]) == {"run", "step", "concept", "threshold", *measured}
    assert {"run", "step", "norm", "word1", "word2", "rating", STATIC, LAST, "experts.top5"} <= set(found["pairs"])
    assert set(found["domains"]) == {"run", "step", "representation", "within", "between", "auc"}
    kept = {"run", "step", "next", "concept", "threshold", "jaccard", "expected_by_chance"}
    assert set(found["kept"]) == kept
    assert found["organisation"]["value"].tolist() == [0.1, 0.2]
    for table in found.values():
        assert set(table["run"]) == {"a-1"}
        assert set(table["step"]) == {4}
    assert set(found["kept"]["next"]) == {8}
    assert len(found["kept"]) == len(CONCEPTS) * len(THRESHOLDS)


def test_kept_is_the_identity_with_the_next_checkpoint(tmp_path: Path) -> None:
    own, after = checkpoint(), checkpoint(1)
    found = written(tmp_path, after, own)["kept"].set_index(["concept", "threshold"])["jaccard"]
    for number, concept in enumerate(CONCEPTS):
        for limit in THRESHOLDS:
            first, second = (
                set(part.experts[(part.experts["concept_number"] == number) & (part.experts["ap"] >= limit)]["unit"])
                for part in (own, after)
            )
            expected = len(first & second) / len(first | second) if first | second else np.nan
            assert found[concept, limit] == pytest.approx(expected, nan_ok=True)


def test_last_step_keeps_nothing_in_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    last, other = written(tmp_path / "a", None)["kept"], written(tmp_path / "b", checkpoint(1))["kept"]
    assert last.empty
    assert list(last) == list(other)
    joined = pd.concat([other, last], ignore_index=True)
    assert joined.dtypes.to_dict() == other.dtypes.to_dict()
