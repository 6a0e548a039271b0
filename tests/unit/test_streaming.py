"""Layer by layer against the stored path: the same files to the byte, for every architecture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

import tiny
from expertneurons import checkpoints as loading
from expertneurons import scoring, tables
from expertneurons.errors import StudyError
from expertneurons.expertise import score
from expertneurons.extraction import extract_responses
from expertneurons.scoring import score_units
from expertneurons.sites import Tap
from expertneurons.stimuli import build_stimuli, label_sentences
from expertneurons.streaming import stream_expertise
from expertneurons.turns import blocks_in_turn

SHEET = tiny.ROOT / "config/sites.tsv"
SITES = ["attn.qkv", "attn.out", "mlp.up", "mlp.down"]
SENTENCES = {
    "dog": ["The dog sleeps.", "Our neighbour walks her old dog slowly around the lake.", "Two dogs barked."],
    "tree": ["A tree fell across the road.", "Trees give shade in summer, and fruit in the autumn."],
    "boat": ["The boat sank.", "They painted the boat red before the long race began.", "A boat!"],
}
NAMES = ("units.parquet", "embeddings.npy", "ap.npy", "auroc.npy", "design.parquet", "distribution.parquet")
SCORING: dict[str, Any] = {"prevalence": 2 / 7, "permutations": 3, "seed": 5, "model": "a-model"}


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("stimuli")
    concepts, rows = tiny.write_stimuli(folder, SENTENCES)
    paths = folder / "concepts.parquet", folder / "sentences.parquet", folder / "labels.parquet"
    build_stimuli(concepts, rows, paths[0], paths[1], 1)
    label_sentences(*paths)
    return paths


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    texts = [text for own in SENTENCES.values() for text in own]
    folder = tmp_path_factory.mktemp("models")
    return {name: tiny.write_model(folder / name, name, texts) for name in tiny.ARCHITECTURES}


def stored(checkpoint: Path, stimuli: tuple[Path, Path, Path], out: Path, **options: Any) -> dict[str, bytes]:
    concepts, sentences, labels = stimuli
    places = [out / name for name in NAMES]
    units, embeddings = places[:2]
    extract_responses(
        checkpoint, sentences, SHEET, [out / "max.npy"], units, embeddings, SITES, ["max"], "a-model", **options
    )
    score_units(out / "max.npy", units, concepts, labels, places[2], places[3], places[4], places[5], **SCORING)
    return {name: (out / name).read_bytes() for name in NAMES}


def streamed(checkpoint: Path, stimuli: tuple[Path, Path, Path], out: Path, **options: Any) -> dict[str, bytes]:
    concepts, sentences, labels = stimuli
    inputs = {"sentence_table": sentences, "sites_sheet": SHEET, "concept_table": concepts, "labels": labels}
    outputs = {name.partition(".")[0]: out / name for name in NAMES}
    given: dict[str, Any] = inputs | outputs | SCORING | options
    stream_expertise(checkpoint, sites_wanted=SITES, pooling="max", **given)
    assert sorted(path.name for path in out.iterdir()) == sorted(NAMES)
    return {name: (out / name).read_bytes() for name in NAMES}


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_the_same_files_as_by_way_of_stored_responses(
    architecture: str, models: dict[str, Path], stimuli: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    options: dict[str, Any] = {"tokens_per_batch": 24}
    expected = stored(models[architecture], stimuli, tmp_path / "stored", **options)
    assert streamed(models[architecture], stimuli, tmp_path / "streamed", threads=2, **options) == expected


@pytest.mark.parametrize(
    "options", [{"weights": "random", "weights_seed": 3}, {"precision": "bfloat16"}, {"dtype": "float16"}]
)
def test_the_same_files_with_untrained_weights_and_half_precision(
    options: dict[str, Any], models: dict[str, Path], stimuli: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    other = {"seed" if name == "weights_seed" else name: value for name, value in options.items()}
    expected = stored(models["gpt_neox"], stimuli, tmp_path / "stored", **other)
    assert streamed(models["gpt_neox"], stimuli, tmp_path / "streamed", **options) == expected


def test_a_killed_run_scores_no_layer_again(
    models: dict[str, Path], stimuli: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = streamed(models["gpt2"], stimuli, tmp_path / "whole")
    scored: list[int] = []

    class Killed(BaseException):
        pass

    def dying(*given: Any) -> Any:
        scored.append(given[-1])
        if len(scored) == 2:
            raise Killed
        return score(*given)

    monkeypatch.setattr(scoring, "score", dying)
    with pytest.raises(Killed):
        streamed(models["gpt2"], stimuli, tmp_path / "out")
    assert not (tmp_path / "out/ap.npy").exists()
    assert streamed(models["gpt2"], stimuli, tmp_path / "out") == expected
    assert len(scored) == 1 + tiny.LAYERS
    assert scored[0] == 0
    assert len(set(scored)) == tiny.LAYERS


def test_blocks_are_as_before_afterwards_even_on_error(models: dict[str, Path]) -> None:
    network = AutoModel.from_pretrained(models["llama"]).eval()
    ids = torch.tensor([[3, 4, 5]])
    with torch.no_grad():
        expected = network(input_ids=ids).last_hidden_state
        with pytest.raises(RuntimeError, match="broken"), blocks_in_turn(network, [Tap(0, "s", "layers.0.mlp", False)]):
            raise RuntimeError("broken")
        assert torch.equal(network(input_ids=ids).last_hidden_state, expected)
    assert not any("forward" in vars(block) for block in network.layers)


def test_a_model_that_is_no_row_of_blocks_is_refused(
    models: dict[str, Path], stimuli: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = loading.load

    def looped(*given: Any) -> Any:
        tokenizer, network = load(*given)
        network.layers.append(network.layers[0])
        network.config.num_hidden_layers += 1
        return tokenizer, network

    monkeypatch.setattr(loading, "load", looped)
    with pytest.raises(StudyError, match=r"one at a time; leave it out of responses\.stream"):
        streamed(models["gpt_neox"], stimuli, tmp_path / "out")
    assert tables.read(stimuli[0])["concept"].tolist() == list(SENTENCES)


@pytest.mark.parametrize(("options", "most"), [({"precision": "bfloat16"}, 0.05), ({"dtype": "float16"}, 0.005)])
def test_half_precision_changes_ap_a_little(
    options: dict[str, Any], most: float, models: dict[str, Path], stimuli: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    for name, given in (("whole", {}), ("half", options)):
        streamed(models["gpt_neox"], stimuli, tmp_path / name, **given)
    whole, half = (np.load(tmp_path / name / "ap.npy") for name in ("whole", "half"))
    assert 0 < np.abs(whole - half).mean() < most
