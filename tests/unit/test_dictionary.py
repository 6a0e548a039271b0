"""Dictionaries: features by hand, both layouts, and what is wrong named."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from expertneurons.dictionary import RESIDUAL, Dictionary, read_dictionary, write_dictionary
from expertneurons.errors import StudyError

X = torch.tensor([[1.0, 2.0], [-1.0, 0.5]])
ENCODER = torch.tensor([[1.0, 0.0, -1.0], [0.0, 1.0, 1.0]])  # x0, x1, x1 - x0
BIAS = torch.tensor([0.0, -1.0, 0.5])
OFFSET = torch.tensor([0.5, 1.0])
DECODER = torch.tensor([[3.0, 0.0], [0.0, 2.0], [0.0, 1.0]])


def coder(**options: Any) -> Dictionary:
    return Dictionary(RESIDUAL, 1, ENCODER, BIAS, **options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[1.0, 1.0, 1.5], [0.0, 0.0, 2.0]]),
        ({"offset": OFFSET}, [[1.0, 1.0, 1.5], [0.0, 0.0, 2.0]]),
        ({"offset": OFFSET, "subtracts": True}, [[0.5, 0.0, 1.0], [0.0, 0.0, 1.5]]),
        ({"threshold": torch.tensor([1.0, 0.5, 1.6])}, [[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]),
        ({"k": 1}, [[0.0, 0.0, 1.5], [0.0, 0.0, 2.0]]),
        ({"k": 2}, [[1.0, 0.0, 1.5], [0.0, 0.0, 2.0]]),
        ({"k": 3}, [[1.0, 1.0, 1.5], [0.0, 0.0, 2.0]]),
        ({"centred": True}, [[0.0, 0.0, 1.5], [0.0, 0.0, 2.0]]),
    ],
)
def test_features_by_hand(options: dict[str, Any], expected: list[list[float]]) -> None:
    if options == {"k": 2}:  # the second and the first feature tie at 1: one of them stays
        found = coder(**options).encode(X)
        assert (found[0] > 0).sum() == 2
        assert found[0, 2] == 1.5
        return
    assert coder(**options).encode(X).tolist() == expected


def test_output_by_hand() -> None:
    assert coder(decoder=DECODER, offset=OFFSET).decode(torch.tensor([[1.0, 1.0, 1.5]])).tolist() == [[3.5, 4.5]]
    with pytest.raises(StudyError, match="no W_dec"):
        coder().decode(X)


def test_plain_layout_keeps_everything_and_has_the_same_bytes(tmp_path: Path) -> None:
    whole = coder(decoder=DECODER, offset=OFFSET, threshold=torch.ones(3), k=2, subtracts=True, centred=True)
    for name in ("a", "b"):
        write_dictionary(whole, tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    found = read_dictionary(tmp_path / "a.safetensors")
    for name, value in vars(whole).items():
        own = getattr(found, name)
        assert torch.equal(own, value) if isinstance(value, torch.Tensor) else own == value


def tensors(**changed: torch.Tensor | None) -> dict[str, torch.Tensor]:
    given = {"W_enc": ENCODER, "b_enc": BIAS, "W_dec": DECODER, "b_dec": OFFSET, **changed}
    return {name: own.contiguous() for name, own in given.items() if own is not None}


def saelens(folder: Path, config: dict[str, Any], weights: dict[str, torch.Tensor]) -> Path:
    path = folder / "sae_weights.safetensors"
    save_file(weights, path)
    (folder / "cfg.json").write_text(json.dumps(config), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("config", "site", "layer", "subtracts"),
    [
        ({"hook_name": "blocks.4.hook_resid_pre", "hook_layer": 4}, RESIDUAL, 3, True),
        ({"hook_name": "blocks.4.hook_mlp_out", "apply_b_dec_to_input": False}, "mlp.down", 4, False),
        (
            {"apply_b_dec_to_input": True, "architecture": "standard", "normalize_activations": "none",
             "metadata": {"hook_name": "blocks.11.mlp.hook_post"}},
            *("mlp.act", 11, True),
        ),
    ],
)  # fmt: skip
def test_saelens_layout(tmp_path: Path, config: dict[str, Any], site: str, layer: int, subtracts: bool) -> None:
    found = read_dictionary(saelens(tmp_path, config, tensors()))
    assert (found.site, found.layer, found.subtracts, found.k) == (site, layer, subtracts, None)
    expected = [[0.5, 0.0, 1.0], [0.0, 0.0, 1.5]] if subtracts else [[1.0, 1.0, 1.5], [0.0, 0.0, 2.0]]
    assert found.encode(X).tolist() == expected


HOOK = {"hook_name": "blocks.0.hook_resid_post", "apply_b_dec_to_input": False}


def test_saelens_jumprelu_and_topk(tmp_path: Path) -> None:
    config = {**HOOK, "architecture": "jumprelu"}
    found = read_dictionary(saelens(tmp_path, config, tensors(threshold=torch.tensor([1.0, 0.5, 1.6]))))
    assert found.encode(X).tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]
    # Ranked by 3 * 1, 2 * 1, 1 * 1.5: the features that the decoder makes most of.
    config = {**HOOK, "architecture": "topk", "k": 1, "rescale_acts_by_decoder_norm": True}
    found = read_dictionary(saelens(tmp_path, config, tensors()))
    assert found.encode(X).tolist() == [[3.0, 0.0, 0.0], [0.0, 0.0, 2.0]]
    config = {**HOOK, "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 1}}
    assert read_dictionary(saelens(tmp_path, config, tensors())).k == 1


@pytest.mark.parametrize(
    ("config", "weights", "told"),
    [
        (
            {"hook_name": "blocks.3.attn.hook_z"},
            {},
            r"the hook 'blocks.3.attn.hook_z' is not known here, only blocks.N",
        ),
        ({"hook_name": "hook_embed"}, {}, "the hook 'hook_embed'"),
        ({}, {}, "the hook None"),
        ({"hook_name": "blocks.0.hook_resid_pre"}, {}, "before the first block"),
        ({**HOOK, "architecture": "gated"}, {}, "'gated'"),
        ({**HOOK, "architecture": "topk"}, {}, "without k"),
        ({**HOOK, "normalize_activations": "layer_norm"}, {}, "normalize_activations is 'layer_norm'"),
        ({**HOOK, "architecture": "jumprelu"}, {}, "no tensor threshold; it has W_dec, W_enc, b_dec, b_enc"),
        (HOOK, {"W_enc": None}, "no tensor W_enc"),
        ({**HOOK, "apply_b_dec_to_input": True}, {"b_dec": None}, "no tensor b_dec"),
        (HOOK, {"W_enc": ENCODER.T}, r"W_dec is \(3, 2\).*W_enc is \(3, 2\).*should be \(2, 3\); transpose|b_enc is"),
        (HOOK, {"b_enc": torch.zeros(2)}, r"b_enc is \(2,\), but W_enc is \(2, 3\).*should be \(3,\)"),
        (HOOK, {"W_enc": torch.zeros(3)}, r"W_enc is \(3,\), not \(width, features\)"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, config: Any, weights: Any, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        read_dictionary(saelens(tmp_path, config, tensors(**weights)))


def test_plain_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    path = tmp_path / "d.safetensors"
    with pytest.raises(StudyError, match="not a safetensors file"):
        read_dictionary(path)
    path.write_bytes(b"no header at all")
    with pytest.raises(StudyError, match="not a safetensors file"):
        read_dictionary(path)
    save_file(tensors(), path)
    with pytest.raises(StudyError, match="lack site"):
        read_dictionary(path)
    save_file(tensors(), path, metadata={"dictionary": '{"site": "residual"}'})
    with pytest.raises(StudyError, match="lack layer"):
        read_dictionary(path)
    save_file(tensors(), path, metadata={"dictionary": "{"})
    with pytest.raises(StudyError, match="not JSON"):
        read_dictionary(path)
