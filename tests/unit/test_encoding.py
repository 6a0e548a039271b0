"""Encoding and training: pooled features against a plain pass, and a dictionary that explains what it reads."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

import tiny
from expertneurons import tables
from expertneurons.dictionary import RESIDUAL, Dictionary, read_dictionary, write_dictionary
from expertneurons.dictionary_training import fit, quality, train_dictionary
from expertneurons.encoding import encode_sentences
from expertneurons.errors import StudyError
from expertneurons.stimuli import build_stimuli

SHEET = tiny.ROOT / "config/sites.tsv"
SENTENCES = {
    "dog": ["The dog sleeps.", "Our neighbour walks her old dog slowly around the frozen lake."],
    "tree": ["A tree fell across the road.", "Trees give shade in summer, and fruit in the autumn."],
}
FEATURES = 5
BLOCKS = {"bert": "encoder.layer", "gpt2": "h", "gpt_neox": "layers", "llama": "layers"}


def sentence_table(folder: Path) -> Path:
    sheets = tiny.write_stimuli(folder / "stimuli", SENTENCES)
    build_stimuli(*sheets, folder / "concepts.parquet", folder / "sentences.parquet")
    return folder / "sentences.parquet"


def checkpoint(folder: Path, architecture: str = "gpt2") -> Path:
    return tiny.write_model(folder / architecture, architecture, [text for own in SENTENCES.values() for text in own])


def dictionary(folder: Path, site: str = RESIDUAL, layer: int = 1, width: int = tiny.WIDTH) -> Path:
    rng = torch.Generator().manual_seed(3)
    encoder, bias = torch.randn(width, FEATURES, generator=rng), torch.randn(FEATURES, generator=rng)
    write_dictionary(Dictionary(site, layer, encoder, bias, k=2), folder / "d.safetensors")
    return folder / "d.safetensors"


def encode(folder: Path, model: Path, given: Path, **options: Any) -> npt.NDArray[np.float32]:
    output = folder / "features.npy"
    pooling = options.pop("pooling", "max")
    units = folder / "units.parquet"
    encode_sentences(model, given, sentence_table(folder), SHEET, output, units, pooling, "a-model", **options)
    return np.asarray(np.load(output))


@pytest.mark.parametrize("architecture", BLOCKS)
@pytest.mark.parametrize(("pooling", "layer"), [("max", 0), ("mean", 1)])
def test_features_are_those_of_a_plain_pass(tmp_path: Path, architecture: str, pooling: str, layer: int) -> None:
    folder, given = checkpoint(tmp_path, architecture), dictionary(tmp_path, layer=layer)
    found = encode(tmp_path, folder, given, pooling=pooling, tokens_per_batch=24)
    coder, tokenizer, model = (
        read_dictionary(given),
        AutoTokenizer.from_pretrained(folder),
        AutoModel.from_pretrained(folder),
    )
    seen: list[torch.Tensor] = []
    block = model.eval().get_submodule(f"{BLOCKS[architecture]}.{layer}")
    block.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    texts = tables.read(tmp_path / "sentences.parquet")["text"]
    for row, text in zip(found, texts, strict=True):
        coded = tokenizer(text, return_tensors="pt", return_special_tokens_mask=True)
        special = coded.pop("special_tokens_mask")[0].bool()
        with torch.no_grad():
            model(input_ids=coded["input_ids"])
        features = coder.encode(seen.pop()[0])[~special]
        expected = features.amax(0) if pooling == "max" else features.mean(0)
        assert row == pytest.approx(expected.numpy(), abs=1e-4)
    units = tables.read(tmp_path / "units.parquet")
    assert units["index"].tolist() == list(range(FEATURES))
    assert set(units["site"]) == {"sae"}
    assert set(units["layer"]) == {layer}


def test_threads_change_no_byte(tmp_path: Path) -> None:
    model, given = checkpoint(tmp_path), dictionary(tmp_path, "mlp.act", width=4 * tiny.WIDTH)
    one = encode(tmp_path, model, given, tokens_per_batch=24)
    assert one.tobytes() == encode(tmp_path, model, given, tokens_per_batch=24, threads=3).tobytes()


@pytest.mark.parametrize(
    ("architecture", "options", "told"),
    [
        ("gpt2", {"width": 7}, "takes 7 values, residual of layer 1 of a-model has 16"),
        ("gpt2", {"layer": 2}, "layers 0 to 1, not 2"),
        ("gpt2", {"site": "mlp.gate"}, "no site 'mlp.gate'"),
        ("bert", {"site": "attn.qkv"}, "joins 3 modules"),
    ],
)
def test_a_dictionary_that_does_not_fit_is_told(tmp_path: Path, architecture: str, options: Any, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        encode(tmp_path, checkpoint(tmp_path, architecture), dictionary(tmp_path, **options))
    assert not (tmp_path / "features.npy").exists()


def sparse_tokens(count: int) -> torch.Tensor:
    """Tokens that are sums of two of twelve directions, off the origin."""
    rng = np.random.default_rng(5)
    directions = rng.standard_normal((12, 8))
    parts = np.zeros((count, 12))
    for row in parts:
        row[rng.choice(12, 2, replace=False)] = rng.uniform(1, 2, 2)
    return torch.from_numpy((parts @ directions + 3).astype(np.float32))


def test_training_explains_more_than_the_mean_with_few_features() -> None:
    x = sparse_tokens(2000)
    train, unseen = x[:1800], x[1800:]
    before = quality(fit(train, RESIDUAL, 0, 24, 3, 1, np.random.default_rng(1)), train, unseen)
    after = quality(fit(train, RESIDUAL, 0, 24, 3, 200, np.random.default_rng(1)), train, unseen)
    assert after["explained_variance"] > max(0.75, before["explained_variance"])
    assert 1 < after["l0"] <= 3
    assert after["dead"] < 0.5


def train(folder: Path, **options: Any) -> tuple[Path, dict[Any, Any]]:
    given = {"site": RESIDUAL, "features_per_dimension": 2, "active": 3, "steps": 20, "seed": 1, **options}
    places = (folder / "trained.safetensors", folder / "measures.parquet")
    train_dictionary(checkpoint(folder), sentence_table(folder), SHEET, *places, model="a-model", **given)
    return places[0], tables.read(places[1]).iloc[0].to_dict()


def test_trained_dictionary_encodes_the_sentences(tmp_path: Path) -> None:
    path, measures = train(tmp_path)
    assert (measures["layer"], measures["width"], measures["features"]) == (1, tiny.WIDTH, 2 * tiny.WIDTH)
    assert 0 < measures["l0"] <= 3
    assert encode(tmp_path, tmp_path / "gpt2", path).shape == (4, 2 * tiny.WIDTH)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    first, _ = train(tmp_path)
    whole = first.read_bytes()
    assert train(tmp_path)[0].read_bytes() == whole
    assert train(tmp_path, seed=2)[0].read_bytes() != whole


def test_more_active_features_than_there_are_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="active_features: 33 of 32"):
        train(tmp_path, active=33)
