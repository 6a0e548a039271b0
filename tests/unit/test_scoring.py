"""Scoring from files to files: equal to the direct scores, a null at chance, broken inputs named."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import tiny
from expertneurons import scoring, seeds, tables
from expertneurons.design import Design
from expertneurons.distribution import OBSERVED, PERMUTED, expected
from expertneurons.errors import StudyError
from expertneurons.expertise import score
from expertneurons.scoring import Scorer, score_units
from small_disk import small_disk

CONCEPTS, EACH, UNITS, PERMUTATIONS, SEED, PREVALENCE = 6, 8, 40, 10, 3, 2 / 7
SENTENCES = CONCEPTS * EACH
NAMES = [f"concept{number}" for number in range(CONCEPTS)]


class Scored(NamedTuple):
    ap: npt.NDArray[np.float32]
    auroc: npt.NDArray[np.float32]
    design: pd.DataFrame
    distribution: pd.DataFrame


def responses(seed: int = 0) -> npt.NDArray[np.float32]:
    """Random responses; every tenth unit answers one concept more than the others, and some tie."""
    values = np.random.default_rng(seed).standard_normal((SENTENCES, UNITS)).round(2)
    for concept in range(4):
        values[concept * EACH : (concept + 1) * EACH, concept * 10] += 3
    return values.astype(np.float32)


def index() -> pd.DataFrame:
    sites = ["attn.out"] * 8 + ["mlp.up"] * 12
    table = pd.DataFrame({"unit": range(UNITS), "layer": np.repeat([0, 1], 20), "site": sites * 2})
    return table.assign(index=table.groupby(["layer", "site"]).cumcount())


def labels() -> pd.DataFrame:
    """Every concept's own sentences are positives; one sentence of the next concept mentions it too."""
    own = [(concept, concept * EACH + place, "positive") for concept in range(CONCEPTS) for place in range(EACH)]
    out = [(concept, (concept + 1) % CONCEPTS * EACH, "excluded") for concept in range(CONCEPTS)]
    return pd.DataFrame([*own, *out], columns=["concept_number", "sentence", "label"])


def real_design() -> Design:
    own = [np.arange(concept * EACH, (concept + 1) * EACH) for concept in range(CONCEPTS)]
    out = [np.array([(concept + 1) % CONCEPTS * EACH]) for concept in range(CONCEPTS)]
    return Design(own, None, out, PREVALENCE)


def inputs(folder: Path, values: npt.NDArray[Any], rows: pd.DataFrame) -> tuple[Path, Path, Path, Path]:
    folder.mkdir(exist_ok=True)
    np.save(folder / "max.npy", values)
    tables.write(index(), folder / "units.parquet")
    tables.write(rows, folder / "labels.parquet")
    concepts = tiny.concept_table(folder / "concepts.parquet", NAMES)
    return folder / "max.npy", folder / "units.parquet", concepts, folder / "labels.parquet"


def run(places: tuple[Path, Path, Path, Path], out: Path, **options: Any) -> Scored:
    given: dict[str, Any] = {"permutations": PERMUTATIONS, "seed": SEED, "prevalence": PREVALENCE, **options}
    paths = out / "ap.npy", out / "auroc.npy", out / "design.parquet", out / "distribution.parquet"
    score_units(*places, *paths, model="a-model", **given)
    return Scored(np.load(paths[0]), np.load(paths[1]), tables.read(paths[2]), tables.read(paths[3]))


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    folder = tmp_path_factory.mktemp("scored")
    return run(inputs(folder, responses(), labels()), folder / "out")


def test_ap_and_auroc_equal_the_direct_scores(scored: Scored) -> None:
    ap, auroc = score(responses(), real_design())
    assert np.array_equal(scored.ap, ap)
    assert np.array_equal(scored.auroc, auroc)


def test_units_that_answer_a_concept_are_its_best(scored: Scored) -> None:
    assert scored.ap[:4].argmax(axis=1).tolist() == [0, 10, 20, 30]


def test_design_tells_sizes_and_chance(scored: Scored) -> None:
    assert scored.design["concept_number"].tolist() == list(range(CONCEPTS))
    assert (scored.design["n_positives"] == EACH).all()
    assert (scored.design["n_negatives"] == SENTENCES - EACH - 1).all()
    assert scored.design["chance"].to_numpy() == pytest.approx(PREVALENCE)


def test_sampled_negatives_are_not_weighted(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    drawn = [np.sort(rng.choice(np.setdiff1d(np.arange(SENTENCES), own), 12, False)) for own in real_design().positives]
    rows = [(concept, sentence, "negative") for concept, own in enumerate(drawn) for sentence in own]
    sampled = pd.DataFrame(rows, columns=["concept_number", "sentence", "label"])
    found = run(inputs(tmp_path, responses(), pd.concat([labels(), sampled])), tmp_path / "out")
    assert np.array_equal(found.ap, score(responses(), Design(real_design().positives, drawn))[0])
    assert found.design["chance"].to_numpy() == pytest.approx(EACH / (EACH + 12))


def test_histogram_counts_sum_to_concepts_times_units(scored: Scored) -> None:
    totals = scored.distribution.groupby("kind")["count"].sum()
    assert totals[OBSERVED] == CONCEPTS * UNITS
    assert totals[PERMUTED] == CONCEPTS * UNITS * PERMUTATIONS


def test_expected_counts_equal_a_direct_count_over_the_same_shuffles(scored: Scored) -> None:
    null = real_design().permuted(seeds.generator(SEED, "score_units"), SENTENCES, PERMUTATIONS)
    scores = score(responses(), null)[0]
    for threshold in (0.3, 0.4, 0.5):
        found = expected(scored.distribution, threshold, EACH).to_dict()
        for place, own in index().groupby(["layer", "site"])["unit"]:
            assert found[place] == pytest.approx((scores[:, own] >= threshold).sum(axis=1).mean())


def test_mean_of_the_null_is_near_the_prevalence(tmp_path: Path) -> None:
    # AP of random rankings is biased upwards by little once there are many positives.
    many, units = 400, 40
    values = np.random.default_rng(8).standard_normal((4 * many, units)).astype(np.float32)
    rows = pd.DataFrame({"concept_number": np.repeat(range(4), many), "sentence": range(4 * many), "label": "positive"})
    np.save(tmp_path / "max.npy", values)
    places = inputs(tmp_path, values, rows)
    tiny.concept_table(places[2], NAMES[:4])
    null = run(places, tmp_path / "out").distribution.query("kind == 'permuted'")
    assert np.average(null["low"] + 0.0005, weights=null["count"]) == pytest.approx(PREVALENCE, abs=0.01)


def test_the_same_seed_gives_the_same_null_and_another_seed_another(scored: Scored, tmp_path: Path) -> None:
    places = inputs(tmp_path, responses(), labels())
    pd.testing.assert_frame_equal(run(places, tmp_path / "same").distribution, scored.distribution)
    assert not run(places, tmp_path / "other", seed=SEED + 1).distribution.equals(scored.distribution)


def test_chunks_and_threads_do_not_change_a_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = inputs(tmp_path, responses(), labels())
    run(places, tmp_path / "whole")
    monkeypatch.setattr(scoring, "CHUNK_BYTES", 1)
    run(places, tmp_path / "chunks", threads=2)
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "chunks" / path.name).read_bytes()


class Stopped(Exception):
    """Stands for a kill."""


def test_a_killed_step_goes_on_with_the_next_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = inputs(tmp_path, responses(), labels())
    run(places, tmp_path / "whole")
    monkeypatch.setattr(scoring, "CHUNK_BYTES", 1)
    calls: list[int] = []

    def counted(*given: Any) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        calls.append(given[-1])
        if len(calls) == 2:
            raise Stopped
        return score(*given)

    monkeypatch.setattr(scoring, "score", counted)
    with pytest.raises(Stopped):
        run(places, tmp_path / "out")
    run(places, tmp_path / "out")
    assert calls == [0, 16, 16, 32]
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_chunks_of_other_responses_are_not_used(tmp_path: Path) -> None:
    places = inputs(tmp_path, responses(), labels())
    tabled = tables.read(places[1]), tables.read(places[2])
    scorer = Scorer(*tabled, places[3], SENTENCES, prevalence=0.3, permutations=1, seed=1, model="m")
    parts = scorer.parts(tmp_path / "ap.npy", places[0])
    scorer.add(responses(), 0, parts)
    assert scorer.has(0, UNITS, scorer.parts(tmp_path / "ap.npy", places[0]))
    np.save(places[0], responses(1))
    assert not scorer.has(0, UNITS, scorer.parts(tmp_path / "ap.npy", places[0]))


def refused(places: tuple[Path, Path, Path, Path], out: Path, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        run(places, out)
    assert not out.exists() or not list(out.iterdir())


def test_not_finite_response_is_named(tmp_path: Path) -> None:
    values = responses()
    values[11, 33] = np.nan
    refused(inputs(tmp_path, values, labels()), tmp_path / "out", r"a-model.*unit 33 to sentence 11 is nan.*extract")


def test_not_finite_response_in_a_later_chunk_is_named_by_its_own_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "CHUNK_BYTES", 1)
    values = responses()
    values[11, 33] = np.inf
    refused(inputs(tmp_path, values, labels()), tmp_path / "out", r"a-model.*unit 33 to sentence 11 is inf")


def test_cut_responses_are_named(tmp_path: Path) -> None:
    places = inputs(tmp_path, responses(), labels())
    places[0].write_bytes(places[0].read_bytes()[:-100])
    refused(places, tmp_path / "out", rf"{places[0]} is not a whole \.npy file")


def test_responses_of_other_units_are_refused(tmp_path: Path) -> None:
    places = inputs(tmp_path, responses()[:, :-1], labels())
    refused(places, tmp_path / "out", rf"{places[0]}.*{UNITS - 1}.*{UNITS}")


def test_responses_to_fewer_sentences_than_labelled_are_refused(tmp_path: Path) -> None:
    places = inputs(tmp_path, responses()[:-1], labels())
    refused(places, tmp_path / "out", rf"a-model: responses to {SENTENCES - 1} sentences.*labelled in {places[3]}")


def test_concept_without_positives_is_named(tmp_path: Path) -> None:
    rows = labels()
    places = inputs(tmp_path, responses(), rows[~((rows["concept_number"] == 2) & (rows["label"] == "positive"))])
    refused(places, tmp_path / "out", rf"{places[3]}: 'concept2' has no positive")


def test_concept_without_negatives_is_named(tmp_path: Path) -> None:
    rows = labels()[: CONCEPTS * EACH]
    out = pd.DataFrame({"concept_number": 4, "sentence": np.arange(SENTENCES), "label": "excluded"})
    out = out[~out["sentence"].between(4 * EACH, 5 * EACH - 1)]
    places = inputs(tmp_path, responses(), pd.concat([rows, out]))
    refused(places, tmp_path / "out", rf"{places[3]}: 'concept4' has no positive or no negative")


@pytest.mark.usefixtures("scored")  # what is compiled is then compiled
def test_a_full_disk_names_the_file_and_leaves_no_scores(tmp_path: Path) -> None:
    places, out = inputs(tmp_path, responses(), labels()), tmp_path / "out"
    told = f"^{out}/.ap.npy.parts/units-000000000.npy: .*; free some disk space and run again"
    with small_disk(1000), pytest.raises(StudyError, match=told):
        run(places, out)
    assert tiny.leftovers(out) == [".ap.npy.parts"]
    assert [path.name for path in (out / ".ap.npy.parts").iterdir()] == ["key.txt"]
    assert run(places, out).ap.shape == (CONCEPTS, UNITS)
    assert not tiny.leftovers(out)


@pytest.mark.parametrize("damage", ["cut", "nan", "large", "other units", "text"])
def test_a_damaged_part_is_told_and_scored_again(
    damage: str, scored: Scored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scoring, "CHUNK_BYTES", 1)
    places, out = inputs(tmp_path, responses(), labels()), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Scorer, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(places, out)
    part = out / ".ap.npy.parts/units-000000016.npy"
    values, whole = np.load(part), part.read_bytes()
    if damage in ("cut", "text"):
        part.write_bytes(whole[:-9] if damage == "cut" else b"no array")
    else:
        values[3, 5] = {"nan": np.nan, "large": 1e9}.get(damage, 0.5)
        np.save(part, values[:, 1:] if damage == "other units" else values)
    found = run(places, out)
    assert np.array_equal(found.ap, scored.ap)
    assert np.array_equal(found.auroc, scored.auroc)
    assert f"{part} " in caplog.text


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt
