"""A model made by hand for steering: one block whose units can be worked out, and random models with their heads."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, GPTNeoXConfig, GPTNeoXForCausalLM

import tiny

TEXTS = [
    "the cat sat on the mat .",
    "a dog ran to the cats and it hid",
    "what is it about the owl ? the cattle",
    "The Cat",
]


class Doubling(torch.nn.Module):
    """A model whose output is twice what its one layer passes on: its units are the layer's outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.h = torch.nn.ModuleList([torch.nn.ModuleDict({"pass": torch.nn.Linear(3, 3, bias=False)})])
        torch.nn.init.eye_(self.h[0]["pass"].weight)  # type: ignore[index]

    def forward(self, values: torch.Tensor) -> Any:
        return 2 * self.h[0]["pass"](values)  # type: ignore[index]


def write_causal(folder: Path, seed: int = 0, scale: float = 1.0) -> Path:
    """Write a random GPT-NeoX with its head; a larger scale makes it surer of its words."""
    tiny.write_model(folder, "gpt_neox", TEXTS)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(seed)
    config = GPTNeoXConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = GPTNeoXForCausalLM(config)
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(scale)
    model.save_pretrained(folder)
    return folder


def write_masked(folder: Path) -> Path:
    """Write a random BERT with its head for masked words."""
    tiny.write_model(folder, "bert", TEXTS)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"mask_token": "[MASK]"})
    tokenizer.save_pretrained(folder)
    base = AutoModelForMaskedLM.from_pretrained(folder)
    base.resize_token_embeddings(len(tokenizer))
    base.save_pretrained(folder)
    return folder
