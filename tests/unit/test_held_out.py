"""Units chosen on one half and measured on the other, from files to files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expertneurons import tables
from expertneurons.errors import StudyError
from expertneurons.expertise import average_precision
from expertneurons.files import save_array
from expertneurons.halves import deal
from expertneurons.held_out import hold_out
from expertneurons.seeds import generator
from expertneurons.stimuli import label_sentences

CONCEPTS, EACH, UNITS, EXPERT = 3, 20, 400, 17
OPTIONS: dict[str, Any] = {
    "prevalence": 2 / 7,
    "listed": 8,
    "shown": 3,
    "sentences": 4,
    "others": 10,
    "draws": 100,
    "level": 0.95,
    "seed": 3,
    "model": "toy",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise of 400 units; unit 17 knows concept 0, and no unit knows concept 2. Concept 1 is known among facts only."""
    at = tmp_path_factory.mktemp("held out")
    owners = np.repeat(np.arange(CONCEPTS), EACH)
    facts = np.tile([True, False], CONCEPTS * EACH // 2)
    responses = np.random.default_rng(0).normal(size=(len(owners), UNITS)).astype(np.float32)
    responses[owners == 0, EXPERT] += 6
    responses[(owners == 1) & facts, 100:120] += 6
    save_array(at / "max.npy", responses)
    names = pd.DataFrame({"concept_number": range(CONCEPTS), "concept": ["known", "fact", "unknown"]})
    tables.write(names, at / "concepts.parquet")
    rows = {"sentence": range(len(owners)), "concept_number": owners, "register": np.where(facts, "fact", "story")}
    tables.write(pd.DataFrame({**rows, "others": [[]] * len(owners)}), at / "sentences.parquet")
    label_sentences(at / "concepts.parquet", at / "sentences.parquet", at / "labels.parquet")
    index = {"unit": range(UNITS), "layer": 0, "site": "mlp.up", "index": range(UNITS)}
    tables.write(pd.DataFrame(index), at / "index.parquet")
    run(at)
    return at


def run(at: Path) -> None:
    inputs = {"sentence_table": "sentences", "concept_table": "concepts", "labels": "labels", "index": "index"}
    outputs = {name: f"held_{name}" for name in ("units", "concepts", "registers", "reads")}
    paths: dict[str, Any] = {name: at / f"{file}.parquet" for name, file in {**inputs, **outputs}.items()}
    hold_out(responses=at / "max.npy", **paths, **OPTIONS)


def read(folder: Path, name: str) -> pd.DataFrame:
    return tables.read(folder / f"held_{name}.parquet")


def test_a_true_expert_is_listed_first_by_both_halves(folder: Path) -> None:
    best = read(folder, "units").iloc[0]
    assert (best["concept_number"], best["rank"], best["unit"], best["halves"]) == (0, 1, EXPERT, 2)
    assert best["held_out_ap"] > 0.95
    assert read(folder, "concepts")["held_out_ap"].iloc[0] == pytest.approx(best["held_out_ap"])


def test_what_chance_chose_is_worth_chance_on_the_other_half(folder: Path) -> None:
    units = read(folder, "units")
    own = units[units["concept_number"] == 2]
    assert own["ap"].mean() > 0.45
    assert own["auroc"].mean() > 0.65
    assert own["held_out_auroc"].mean() == pytest.approx(0.5, abs=0.08)
    assert own["held_out_ap"].mean() < own["ap"].mean() - 0.1
    assert read(folder, "concepts").iloc[2]["held_out_auroc_low"] < 0.5


def test_numbers_are_those_of_the_half_that_did_not_choose(folder: Path) -> None:
    responses = np.load(folder / "max.npy")
    rows = tables.read(folder / "sentences.parquet")
    owners, kinds = rows["concept_number"].to_numpy(), rows["register"].to_numpy(str)
    first = deal(owners, kinds, generator(3, "hold_out"))
    halves = [
        average_precision(responses[half], [np.flatnonzero(owners[half] == c) for c in range(3)], prevalence=2 / 7)
        for half in (first, ~first)
    ]
    units = read(folder, "units")
    for concept in range(3):
        chosen = [np.argsort(-ap[concept], kind="stable")[:8].tolist() for ap in halves]
        own = units[units["concept_number"] == concept]
        assert set(own["unit"]) <= set(chosen[0]) | set(chosen[1])
        for row in own.to_dict("records"):
            ranks = [chosen[half].index(row["unit"]) if row["unit"] in chosen[half] else 99 for half in (0, 1)]
            measured = [half for half in (0, 1) if ranks[1 - half] == min(ranks)]
            expected = np.mean([halves[half][concept, row["unit"]] for half in measured])
            assert row["held_out_ap"] == pytest.approx(expected, abs=1e-5)
            assert row["held_out_ap_low"] <= row["held_out_ap"] <= row["held_out_ap_high"]
            assert row["halves"] == sum(rank < 99 for rank in ranks)


def test_registers_are_told_apart(folder: Path) -> None:
    registers = read(folder, "registers")
    own = registers[registers["concept_number"] == 1].groupby("register")["ap"].median()
    assert own["fact"] > 0.9
    assert own["story"] < 0.5


def test_reads_name_the_sentences_that_drive_a_unit_most_and_least(folder: Path) -> None:
    responses, reads = np.load(folder / "max.npy"), read(folder, "reads")
    own = reads[(reads["concept_number"] == 0) & (reads["unit"] == EXPERT)].set_index("sentence")
    assert own.index[own["positive"]].tolist() == list(range(EACH))
    assert set(own.index[own["most"]]) == set(np.argsort(-responses[:, EXPERT])[:4])
    assert set(own.index[own["least"]]) == set(np.argsort(responses[:EACH, EXPERT])[:4])
    assert own["negative"].sum() == 10
    assert not (own["negative"] & own["positive"]).any()
    assert own["response"].to_numpy() == pytest.approx(responses[own.index, EXPERT])


def test_the_same_input_gives_the_same_bytes(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.glob("held_*")}
    run(folder)
    assert {path: path.read_bytes() for path in folder.glob("held_*")} == before


def test_a_broken_array_is_told(folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("*.parquet"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "max.npy").write_bytes((folder / "max.npy").read_bytes()[:500])
    with pytest.raises(StudyError, match=r"max\.npy is not a whole"):
        run(tmp_path)
