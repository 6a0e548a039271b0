"""A model dealt out by accelerate answers as the plain one does; main memory and disk stand in for devices."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from expertneurons import placement
from expertneurons.checkpoints import load
from expertneurons.errors import StudyError
from expertneurons.extraction import extract_responses
from expertneurons.stimuli import build_stimuli

SENTENCES = {"dog": ["The dog sleeps.", "Two dogs barked at the tree."], "tree": ["A tree fell.", "Trees give shade."]}
SITES = ["attn.qkv", "attn.out", "mlp.up", "mlp.act", "mlp.down"]


@pytest.fixture(scope="module")
def sentence_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stimuli")
    concepts, rows = tiny.write_stimuli(folder, SENTENCES)
    build_stimuli(concepts, rows, folder / "concepts.parquet", folder / "sentences.parquet", 1)
    return folder / "sentences.parquet"


@pytest.fixture(scope="module", params=["gpt_neox", "bert"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [text for own in SENTENCES.values() for text in own]
    return tiny.write_model(tmp_path_factory.mktemp("models") / request.param, request.param, texts)


def extract(checkpoint: Path, table: Path, folder: Path, **options: Any) -> dict[str, bytes]:
    responses = [folder / f"{pooling}.npy" for pooling in ("max", "mean")]
    places = (tiny.ROOT / "config/sites.tsv", responses, folder / "units.parquet", folder / "embeddings.npy")
    extract_responses(checkpoint, table, *places, SITES, ["max", "mean"], "a-model", **options)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def dealt(model: Any, folder: Path) -> tuple[Any, torch.device]:
    """Leave room for the embeddings and the first block only; the rest goes to disk."""
    return placement.spread(model, {"cpu": int(0.75 * model.get_memory_footprint())}, folder)


def test_blocks_beyond_the_memory_are_dealt_to_the_disk(checkpoint: Path, tmp_path: Path) -> None:
    model, first = dealt(load(checkpoint, "trained", seed=0)[1], tmp_path)
    assert set(model.hf_device_map.values()) == {"cpu", "disk"}
    assert first == torch.device("cpu")
    assert list(tmp_path.iterdir())
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu", "meta"}
    assert placement.is_spread(model)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_model_that_is_dealt_out_answers_as_the_plain_one(
    precision: str, checkpoint: Path, sentence_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"precision": precision, "threads": 2, "tokens_per_batch": 16}
    plain = extract(checkpoint, sentence_table, tmp_path / "plain", **options)
    monkeypatch.setattr(placement, "place", lambda model: dealt(model, tmp_path / "disk"))
    assert extract(checkpoint, sentence_table, tmp_path / "dealt", **options) == plain


def test_a_model_that_fits_nowhere_is_told(checkpoint: Path) -> None:
    model = load(checkpoint, "trained", seed=0)[1]
    with pytest.raises(StudyError, match="bfloat16"):
        placement.spread(model, {"cpu": int(0.75 * model.get_memory_footprint())})


def test_without_other_devices_a_model_stays_where_it_is(checkpoint: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has another device")
    model, first = placement.place(load(checkpoint, "trained", seed=0)[1])
    assert first == torch.device("cpu")
    assert not placement.is_spread(model)


@pytest.mark.parametrize(("precision", "bound"), [("bfloat16", 2**-6), ("float16", 2**-9)])
def test_half_precision_gives_nearly_the_responses_of_single(
    precision: str, bound: float, checkpoint: Path, sentence_table: Path, tmp_path: Path
) -> None:
    for kind in ("float32", precision):
        extract(checkpoint, sentence_table, tmp_path / kind, precision=kind)
    whole, half = (np.load(tmp_path / kind / "max.npy") for kind in ("float32", precision))
    assert half.dtype == np.float32
    assert 0 < np.abs(whole - half).max() / np.abs(whole).max() < bound
