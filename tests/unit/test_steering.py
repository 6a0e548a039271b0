"""Steering as a whole on small random models: every cell is there, and the same seed gives the same table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import forced
import tiny
from expertneurons import heads, sites, spelling, steered, steering, tables
from expertneurons.errors import StudyError
from expertneurons.forcing import NOTHING, UnitSet, forcible
from expertneurons.passes import Passes
from expertneurons.steering_names import CAPPED, EXPERTS, NONE, OFF, ON, OTHER, RANDOM
from tiny import ROOT

SITES = ["mlp.up", "mlp.down"]
CONCEPTS = ["cat", "dog", "owl"]
KS = [1, 4]
UNITS = {"gpt_neox": 2 * (32 + 16), "bert": 2 * (48 + 16)}


def write(folder: Path, units: int) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    conditions = [(EXPERTS, 0), (OTHER, 0), (RANDOM, 0), (RANDOM, 1)]
    sets = {
        (number, condition, draw): generator.permutation(units)[:4]
        for number in range(3)
        for condition, draw in conditions
    }
    rows = []
    for (number, condition, draw), own in sets.items():
        of = (number + 1) % 3 if condition == OTHER else number
        chosen = sets[of, EXPERTS, 0] if condition == OTHER else own
        for rank, unit in enumerate(chosen, start=1):
            row = {"concept_number": number, "concept": CONCEPTS[number], "condition": condition, "draw": draw}
            rows.append({**row, "rank": rank, "unit": unit, "of": of, "on": 3.0 + unit % 3, "off": -1.0})
    tables.write(pd.DataFrame(rows), folder / "chosen.parquet")
    tables.write(pd.DataFrame({"unit": range(units)}), folder / "units.parquet")
    texts = [f"it hid and ran to the {concept} ." for concept in CONCEPTS] + ["cat is on the mat ."]
    spans = [[text.index(concept)] for text, concept in zip(texts, [*CONCEPTS, "cat"], strict=True)]
    ends = [[start[0] + 3] for start in spans]
    numbers = [0, 1, 2, 0]
    tables.write(
        pd.DataFrame({"concept_number": numbers, "text": texts, "starts": spans, "ends": ends}),
        folder / "sentences.parquet",
    )
    return {
        "chosen": folder / "chosen.parquet",
        "units": folder / "units.parquet",
        "concept_table": tiny.concept_table(folder / "concepts.parquet", CONCEPTS),
        "sentence_table": folder / "sentences.parquet",
        "sites_sheet": ROOT / "config/sites.tsv",
        "sites_wanted": SITES,
        "ks": KS,
        "sentences": 2,
        "generations": 2,
        "max_new_tokens": 6,
        "model": "m",
        "stimuli": "s",
        "seed": 3,
        "prompts": ["what is it about the", "it ran to the"],
    }


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], pd.DataFrame]:
    folder = tmp_path_factory.mktemp("causal")
    model = forced.write_causal(folder / "model", scale=20)
    settings = write(folder, UNITS["gpt_neox"])
    steering.steer(model, output=folder / "steering.parquet", **settings)
    return model, settings, tables.read(folder / "steering.parquet")


def test_every_cell_is_there_once(causal: tuple[Path, dict[str, Any], pd.DataFrame]) -> None:
    _, _, found = causal
    on = {(NONE, 0), *((condition, k) for condition in (EXPERTS, RANDOM, OTHER) for k in KS)}
    silent = {cell for cell in on if cell[0] != OTHER}
    for (kind, _), own in found.groupby(["kind", "concept"]):
        assert set(zip(own["condition"], own["k"], strict=True)) == (on if kind == ON else silent)
    unforced = found[found["condition"] == NONE]
    assert (unforced["delta_logprob"] == 0).all()
    assert (found.loc[found["condition"] != NONE, "delta_logprob"] != 0).any()
    assert found[found["kind"] == ON].groupby("condition")["n_texts"].unique().map(list).to_dict() == {
        NONE: [4],
        EXPERTS: [4],
        OTHER: [4],
        RANDOM: [8],
    }
    assert found.loc[found["kind"] == ON, ["mention_share", "perplexity"]].notna().all(axis=None)
    assert set(found["kind"]) == {ON, OFF, CAPPED}


def test_change_is_that_of_the_word_under_the_held_units(causal: tuple[Path, dict[str, Any], pd.DataFrame]) -> None:
    folder, settings, found = causal
    tokenizer, network, _ = heads.load(folder, "m", "trained", 0, "float32")
    taps = sites.resolve(network.base_model, "gpt_neox", settings["sites_sheet"], SITES)
    ends = spelling.ends(tokenizer, network.config.vocab_size)
    chosen = tables.read(settings["chosen"])
    own = chosen[(chosen["concept"] == "dog") & (chosen["condition"] == EXPERTS)].sort_values("rank")
    units = UnitSet(own["unit"].to_numpy(), own["on"].to_numpy(np.float32))
    with forcible(network.base_model, taps, sites.widths(network.base_model, taps)) as forcing:
        runs = Passes(network, torch.device("cpu"), forcing, True, 64, 1)
        changes = []
        for prompt in settings["prompts"]:
            question = spelling.ask(tokenizer, prompt, ["dog", "dogs"])
            both = []
            for held in (units, NOTHING):
                read = runs.spelled(question.rows, [held] * len(question.rows), ends, "")
                both.append(question.answer([r.tokens for r in read], [r.ends for r in read]))
            changes.append(both[0] - both[1])
    row = found[
        (found["kind"] == ON) & (found["concept"] == "dog") & (found["condition"] == EXPERTS) & (found["k"] == 4)
    ]
    assert row["delta_logprob"].item() == pytest.approx(np.mean(changes), abs=1e-4)


def test_same_seed_same_bytes_on_any_number_of_threads(
    causal: tuple[Path, dict[str, Any], pd.DataFrame], tmp_path: Path
) -> None:
    folder, settings, _ = causal
    for name, threads in (("a", 1), ("b", 2)):
        steering.steer(folder, output=tmp_path / name, threads=threads, **settings)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    steering.steer(folder, output=tmp_path / "c", **{**settings, "seed": 4})
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_mentions_and_losses_are_those_of_the_texts() -> None:
    class Words:
        eos_token_id = None
        words = ("it", "was", "the", "cat", "cats", "concatenate", "dog")

        def __call__(self, text: str) -> dict[str, list[int]]:
            return {"input_ids": [self.words.index(word) for word in text.split()]}

        def decode(self, ids: list[int], **_: Any) -> str:
            return " ".join(self.words[one] for one in ids)

        def batch_decode(self, rows: list[list[int]], **_: Any) -> list[str]:
            return [self.decode(ids) for ids in rows]

    class Script:
        """Writes and reads by hand."""

        def sampled(self, _prompts: list[Any], sets: list[UnitSet], *_: Any) -> list[list[int]]:
            said = {0: [2, 5], 1: [2, 4], 2: [3, 6]}
            return [said[len(own.units)] for own in sets]

        def spelled(self, rows: list[spelling.Row], *_: Any) -> list[Any]:
            assert len(set(rows)) == len(rows)
            surprise: dict[tuple[int, ...], float] = {(2, 5): 1.0, (2, 4): 3.0, (3, 6): 2.0}
            return [type("Own", (), {"tokens": np.full(2, -surprise[row.tokens] / 2)}) for row in rows]

    chosen = pd.DataFrame(
        [
            (number, name, condition, 0, rank, rank, of, 1.0)
            for number, name in enumerate(["cat", "dog"])
            for condition, of in ((EXPERTS, number), (OTHER, 1 - number))
            for rank in (1, 2)
        ],
        columns=["concept_number", "concept", "condition", "draw", "rank", "unit", "of", "on"],
    )
    asked = steered.cells(chosen, [1, 2], ON, [EXPERTS, OTHER])
    spellings = {"cat": ["cat", "cats"], "dog": ["dog"]}
    runs: Any = Script()
    found = steered.written(asked, ["it was", "the cat"], spellings, Words(), runs, 1, 2, 0, "")
    shares = found.set_index(["concept", "condition", "k"])["mention_share"]
    assert shares["cat", NONE, 0] == 0  # the cat of the prompt and the one in "concatenate" do not count
    assert shares["cat", EXPERTS, 1] == 1
    assert shares["dog", EXPERTS, 1] == 0
    assert shares["dog", OTHER, 2] == 1
    perplexity = found.set_index(["concept", "condition", "k"])["perplexity"]
    assert perplexity["cat", EXPERTS, 1] == pytest.approx(np.exp(3 / 2))
    assert perplexity["cat", NONE, 0] == pytest.approx(np.exp(1 / 2))


def test_masked_model_is_scored_by_its_words_alone(tmp_path: Path) -> None:
    model = forced.write_masked(tmp_path / "bert")
    steering.steer(model, output=tmp_path / "steering.parquet", **write(tmp_path, UNITS["bert"]))
    found = tables.read(tmp_path / "steering.parquet")
    assert found[["mention_share", "perplexity"]].isna().all(axis=None)
    forced_rows = found[found["condition"] != NONE]
    assert (forced_rows["delta_logprob"].abs() > 1e-6).mean() > 0.5


def test_sentence_encoder_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = tiny.write_model(tmp_path / "bare", "bert", forced.TEXTS)
    with pytest.raises(StudyError, match=r"m: its checkpoint .* no head that predicts words"):
        steering.steer(folder, output=tmp_path / "steering.parquet", **write(tmp_path, UNITS["bert"]))
    assert not (tmp_path / "steering.parquet").exists()


def test_sentences_need_a_word_before_the_concept() -> None:
    rows = pd.DataFrame(
        [
            (0, "cat is here .", [0], [3]),
            (0, "the cat saw a cat .", [4, 14], [7, 17]),
            (0, 'say "cat" now .', [5], [8]),
            (1, "dog .", [0], [3]),
        ],
        columns=["concept_number", "text", "starts", "ends"],
    )
    names = {0: "cat", 1: "dog"}
    assert steered.contexts(rows, names, ["cat"], 5, 0) == {"cat": [("the", " saw a cat .")]}
    with pytest.raises(StudyError, match="no sentence about 'dog' has a word before it"):
        steered.contexts(rows, names, ["cat", "dog"], 5, 0)


def test_units_of_another_extraction_are_refused(
    causal: tuple[Path, dict[str, Any], pd.DataFrame], tmp_path: Path
) -> None:
    folder, settings, _ = causal
    with pytest.raises(StudyError, match=r"units.parquet: 96 units, m has 64; extract responses again"):
        steering.steer(folder, output=tmp_path / "x", **{**settings, "sites_wanted": ["mlp.up"]})
