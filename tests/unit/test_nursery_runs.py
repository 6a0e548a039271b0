"""Nursery runs: what the configuration says of sizes, steps and units is what the real models have."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from expertneurons import configuration, sites, study
from expertneurons.errors import StudyError
from expertneurons.nursery_runs import (
    BATCH,
    LENGTH,
    OUTPUTS,
    checkpoint_steps,
    corpus_words,
    last_step,
    parameters,
    plan,
    problems,
    smallest_units,
)
from tiny import ROOT

SIZES = {"a": {"width": 16, "layers": 1, "heads": 2}, "b": {"width": 24, "layers": 3, "heads": 4}}


def settings(**changed: Any) -> dict[str, Any]:
    change = {"size": "b", "runs": 2, "doses": [0, 1], "concepts_per_dose": 2}
    return {"run": True, "sizes": SIZES, "seeds": [1, 2], "interventions": change, "vocabulary": 300} | changed


def model(width: int, layers: int, heads: int) -> Any:
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=300,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        tie_word_embeddings=True,
    )
    return GPTNeoXForCausalLM(config)


@pytest.mark.parametrize("shape", SIZES.values(), ids=SIZES)
def test_parameters_are_those_of_the_real_model(shape: dict[str, int]) -> None:
    counted = sum(own.numel() for own in model(**shape).parameters())
    assert parameters(shape["width"], shape["layers"], 300) == counted


@pytest.mark.parametrize("wanted", [[*OUTPUTS], ["mlp.up"], ["attn.out", "attn.qkv"]])
def test_smallest_units_are_those_that_are_found_in_the_real_model(wanted: list[str]) -> None:
    counts = []
    for shape in SIZES.values():
        network = model(**shape).base_model
        taps = sites.resolve(network, "gpt_neox", ROOT / "config/sites.tsv", wanted)
        counts.append(sum(sites.widths(network, taps)))
    assert smallest_units(settings(), wanted) == min(counts)


@pytest.mark.parametrize(("budget", "last"), [(1, 512), (2, 1024), (0.5, 256), (0.9, 512), (1 / 64, 8), (1e-6, 1)])
def test_last_step_is_the_nearest_power_of_two(budget: float, last: int) -> None:
    assert last_step(budget) == last


def test_checkpoints_double() -> None:
    assert checkpoint_steps(8) == [0, 1, 2, 4, 8]
    assert checkpoint_steps(1) == [0, 1]


@given(st.integers(0, 20))
def test_first_and_last_step_are_always_kept(power: int) -> None:
    steps = checkpoint_steps(2**power)
    assert steps[0] == 0
    assert steps[-1] == 2**power
    assert len(set(steps)) == power + 2


def test_corpus_has_a_word_for_every_token() -> None:
    assert corpus_words(8) == 8 * BATCH * LENGTH


def test_every_size_has_a_run_per_seed_and_the_interventions_one_per_turn() -> None:
    found = plan(settings(seeds=[3, 7]))
    assert list(found) == ["a-3", "a-7", "b-3", "b-7", "dosed-1", "dosed-2"]
    assert found["a-7"] == {"size": "a", "seed": 7, "kind": "full", "corpus": "seed7", **SIZES["a"]}
    assert found["dosed-2"] == {"size": "b", "seed": 2, "kind": "dosed", "corpus": "dosed-2", **SIZES["b"]}


def test_bundled_configuration_has_no_problems() -> None:
    filled = configuration.complete({"models": ["m"], "norms": ["n"]})
    assert list(problems(filled["nursery"], filled["responses"]["sites"])) == []


@pytest.mark.parametrize(
    ("changed", "wanted", "told"),
    [
        ({"sizes": {"a": SIZES["a"]}}, ["mlp.up"], "nursery.interventions.size: it must be one of nursery.sizes, a"),
        ({"sizes": {**SIZES, "dosed": SIZES["a"]}}, ["mlp.up"], "'dosed' is the name of the runs with interventions"),
        ({"sizes": {**SIZES, "c": {"width": 10, "layers": 1, "heads": 3}}}, ["mlp.up"], "sizes.c: width 10 cannot be"),
        ({}, ["mlp.up", "mlp.gate"], "responses.sites: the nursery's models have no 'mlp.gate'"),
    ],
)
def test_settings_that_cannot_be_trained_are_told(changed: dict[str, Any], wanted: list[str], told: str) -> None:
    (problem,) = problems(settings(**changed), wanted)
    assert told in problem


def test_sites_of_other_architectures_are_fine_where_no_nursery_is_run() -> None:
    assert list(problems(settings(run=False), ["mlp.gate"])) == []


def test_a_study_whose_interventions_have_no_size_is_refused_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    config = {"models": ["minilm-l6"], "norms": ["simlex999-nouns"], "nursery": {"sizes": SIZES}}
    with pytest.raises(StudyError, match=r"nursery\.interventions\.size"):
        study.load(config)
