"""Heads: load a model with the head that its checkpoint holds, or say that it has none."""

from pathlib import Path
from typing import Any, Literal

from expertneurons import checkpoints
from expertneurons.errors import StudyError

Kind = Literal["causal", "masked"]
CAUSAL, MASKED = ("ForCausalLM", "LMHeadModel"), ("ForMaskedLM",)


def kind_of(folder: Path, model: str) -> Kind:
    """Return which head a checkpoint's config.json names.

    Raises:
        StudyError: none that predicts words.

    """
    named = checkpoints.config(folder).get("architectures") or []
    for ending, kind in ((CAUSAL, "causal"), (MASKED, "masked")):
        if any(name.endswith(ending) for name in named):
            return kind  # type: ignore[return-value]
    raise StudyError(
        f"{model}: its checkpoint ({', '.join(named) or 'no architecture named'}) has no head that predicts words, so "
        "it cannot be steered; take it out of steering.models, or use a checkpoint that holds its "
        "language-modelling head"
    )


def load(
    folder: Path, model: str, weights: checkpoints.Weights, seed: int, dtype: checkpoints.Precision
) -> tuple[Any, Any, Kind]:
    """Tokenizer, model with its head, and which kind it is; from a local folder, in evaluation mode.

    Raises:
        StudyError: as `checkpoints.load`, or no head that predicts words.

    """
    import torch
    from transformers import AutoConfig, AutoModelForMaskedLM

    kind = kind_of(folder, model)
    tokenizer, network = checkpoints.load(folder, weights, seed, dtype, head=kind == "causal")
    if kind == "causal":
        return tokenizer, network, kind
    if weights == "random":
        torch.manual_seed(seed)
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        network = AutoModelForMaskedLM.from_config(config, dtype=getattr(torch, dtype))
    else:
        with checkpoints.reading(folder):
            network, loaded = AutoModelForMaskedLM.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                dtype=getattr(torch, dtype),
                use_safetensors=any(folder.glob("*.safetensors")),
                weights_only=True,
                output_loading_info=True,
            )
        if missing := sorted(loaded["missing_keys"]):
            raise StudyError(f"{folder}: the weights lack {', '.join(missing[:5])}; copy the whole folder of the model")
    return tokenizer, network.eval().requires_grad_(requires_grad=False), kind
