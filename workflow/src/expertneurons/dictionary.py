"""Dictionaries: sparse autoencoders as files, checked when they are read, and the features that they give."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from expertneurons.errors import StudyError
from expertneurons.files import replacing

RESIDUAL = "residual"  # the stream after a block, beside the sites of the sites sheet
NOTED = "dictionary"
BESIDE = "cfg.json"
# Names that SAELens gives to points of a model: our site, and what to add to the number of the block.
HOOKS = {
    "hook_resid_post": (RESIDUAL, 0),
    "hook_resid_pre": (RESIDUAL, -1),
    "hook_attn_out": ("attn.out", 0),
    "mlp.hook_post": ("mlp.act", 0),
    "hook_mlp_out": ("mlp.down", 0),
}


@dataclass(frozen=True)
class Dictionary:
    """A sparse autoencoder and the point of a model that it reads.

    encoder (width, features), bias (features,), decoder (features, width), offset (width,), threshold (features,).
    Features are relu((x - offset) @ encoder + bias), with the offset only where `subtracts`; where there is a
    threshold, those at or below it are zero (JumpReLU, Rajamanoharan et al. 2024, arXiv 2407.14435); where there is k,
    all but the k largest of a token are zero (Gao et al. 2024, arXiv 2406.04093). `centred` ones take x without its
    mean over the width.
    """

    site: str
    layer: int
    encoder: torch.Tensor
    bias: torch.Tensor
    decoder: torch.Tensor | None = None
    offset: torch.Tensor | None = None
    threshold: torch.Tensor | None = None
    k: int | None = None
    subtracts: bool = False
    centred: bool = False

    def encode(self, values: torch.Tensor) -> torch.Tensor:
        """Features (..., features) float32 of activations (..., width)."""
        x = values.float()
        if self.centred:
            x = x - x.mean(dim=-1, keepdim=True)
        if self.subtracts and self.offset is not None:
            x = x - self.offset
        raw = x @ self.encoder + self.bias
        found = raw.relu()
        if self.threshold is not None:
            found = found * (raw > self.threshold)
        if self.k is not None and self.k < found.shape[-1]:
            kept = found.topk(self.k, dim=-1)
            found = torch.zeros_like(found).scatter(-1, kept.indices, kept.values)
        return found

    def decode(self, features: torch.Tensor) -> torch.Tensor:
        """Return what the features stand for, (..., width); needs a decoder."""
        if self.decoder is None:
            raise StudyError("the dictionary has no W_dec; only its features can be had")
        found = features @ self.decoder
        return found if self.offset is None else found + self.offset

    def to(self, device: torch.device) -> "Dictionary":
        """Return the dictionary with its weights on a device."""
        moved = {name: own.to(device) for name, own in vars(self).items() if isinstance(own, torch.Tensor)}
        return Dictionary(**{**vars(self), **moved})


def write_dictionary(dictionary: Dictionary, path: Path) -> None:
    """Write one `.safetensors` file in the plain layout, which `read_dictionary` reads."""
    names = {
        "W_enc": dictionary.encoder,
        "b_enc": dictionary.bias,
        "W_dec": dictionary.decoder,
        "b_dec": dictionary.offset,
        "threshold": dictionary.threshold,
    }
    tensors = {name: own.detach().float().cpu().contiguous() for name, own in names.items() if own is not None}
    told = {"site": dictionary.site, "layer": dictionary.layer, "k": dictionary.k}
    told |= {"apply_b_dec_to_input": dictionary.subtracts, "centred": dictionary.centred}
    with replacing(path) as partial:
        # One key: the library writes several in no fixed order.
        save_file(tensors, partial, metadata={NOTED: json.dumps(told, sort_keys=True)})


def read_dictionary(path: Path) -> Dictionary:
    """Read a dictionary from a `.safetensors` file.

    The plain layout has W_enc (width, features), b_enc (features,), where they are needed b_dec (width,), W_dec
    (features, width) and threshold (features,), and in its metadata, under `dictionary`, JSON with site (`residual` or
    one of the sites sheet) and layer, and where they apply k, apply_b_dec_to_input and centred. With a cfg.json beside
    it the file is one of SAELens: standard, jumprelu or topk, versions 3 to 6.

    Raises:
        StudyError: what is missing, of the wrong shape or of a kind that is not known here.

    """
    try:
        with safe_open(path, "pt") as file:
            noted, tensors = file.metadata() or {}, {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise StudyError(f"{path}: not a safetensors file ({error}); correct rivals.dictionary.files") from error
    beside = path.with_name(BESIDE)
    try:
        if NOTED in noted or not beside.is_file():
            told = json.loads(noted.get(NOTED, "{}"))
        else:
            told = _saelens(json.loads(beside.read_text(encoding="utf-8")), beside)
    except ValueError as error:
        raise StudyError(f"{path}: its description is not JSON ({error}); write it anew") from error
    for name in ("site", "layer"):
        if name not in told:
            raise StudyError(
                f"{path}: the metadata {NOTED!r} lack {name}; write there which point the dictionary reads"
            )
    _check(tensors, told, path)
    return _assembled(tensors, told)


def _assembled(tensors: Mapping[str, torch.Tensor], told: Mapping[str, Any]) -> Dictionary:
    encoder, bias = tensors["W_enc"], tensors["b_enc"]
    if told.get("by_norm"):  # features are ranked by what they add to the output
        norms = tensors["W_dec"].norm(dim=1)
        encoder, bias = encoder * norms, bias * norms
    return Dictionary(
        site=told["site"],
        layer=int(told["layer"]),
        encoder=encoder,
        bias=bias,
        decoder=tensors.get("W_dec"),
        offset=tensors.get("b_dec"),
        threshold=tensors.get("threshold"),
        k=told.get("k"),
        subtracts=bool(told.get("apply_b_dec_to_input")),
        centred=bool(told.get("centred")),
    )


def _check(tensors: Mapping[str, torch.Tensor], told: Mapping[str, Any], path: Path) -> None:
    needed = {"W_enc", "b_enc"}
    needed |= {"b_dec"} if told.get("apply_b_dec_to_input") else set()
    needed |= {"threshold"} if told.get("architecture") == "jumprelu" else set()
    needed |= {"W_dec"} if told.get("by_norm") else set()
    if missing := sorted(needed - set(tensors)):
        raise StudyError(f"{path}: no tensor {', '.join(missing)}; it has {', '.join(sorted(tensors)) or 'none'}")
    if tensors["W_enc"].ndim != 2:
        raise StudyError(f"{path}: W_enc is {tuple(tensors['W_enc'].shape)}, not (width, features); correct the file")
    width, features = tensors["W_enc"].shape
    wanted = {"b_enc": (features,), "b_dec": (width,), "W_dec": (features, width), "threshold": (features,)}
    for name, shape in wanted.items():
        if name in tensors and tuple(tensors[name].shape) != shape:
            raise StudyError(
                f"{path}: {name} is {tuple(tensors[name].shape)}, but W_enc is {(width, features)} (width, features), "
                f"so it should be {shape}; transpose the tensor that lies the other way round"
            )


def _saelens(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Translate SAELens's description of a dictionary; version 6 keeps the point that it reads under `metadata`."""
    known = {**config, **config.get("metadata", {})}
    kind = known.get("architecture", "standard")
    kind = "topk" if known.get("activation_fn_str", known.get("activation_fn")) == "topk" else kind
    if kind not in ("standard", "jumprelu", "topk"):
        raise StudyError(f"{path}: the architecture {kind!r} is not known here, only standard, jumprelu and topk")
    for key in ("normalize_activations", "reshape_activations", "hook_z_reshaping"):
        if known.get(key, "none") not in ("none", None, False):
            raise StudyError(f"{path}: {key} is {known[key]!r}; fold it into the weights and write 'none'")
    k = int(known.get("k") or (known.get("activation_fn_kwargs") or {}).get("k") or 0)
    if kind == "topk" and k < 1:
        raise StudyError(f"{path}: a topk dictionary without k; add it")
    parts = str(known.get("hook_name", "")).split(".", 2)
    if len(parts) < 3 or parts[0] != "blocks" or not parts[1].isdecimal() or parts[2] not in HOOKS:
        points = ", ".join(f"blocks.N.{name}" for name in HOOKS)
        raise StudyError(f"{path}: the hook {known.get('hook_name')!r} is not known here, only {points}")
    site, shift = HOOKS[parts[2]]
    layer = int(parts[1]) + shift
    if layer < 0:
        raise StudyError(f"{path}: {known['hook_name']} is before the first block; take a dictionary of a later point")
    return {
        "site": site,
        "layer": layer,
        "architecture": kind,
        "k": k if kind == "topk" else None,
        "by_norm": kind == "topk" and known.get("rescale_acts_by_decoder_norm", False),
        "apply_b_dec_to_input": known.get("apply_b_dec_to_input", True),
        "centred": (known.get("model_from_pretrained_kwargs") or {}).get("center_writing_weights", False),
    }
