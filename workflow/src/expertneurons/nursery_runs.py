"""Nursery runs: which small models are trained, for how long, on which corpus; derived from the configuration alone."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

FAMILY = "nursery"
FULL, DOSED = "full", "dosed"
STEPS = 512
BATCH, LENGTH = 32, 32  # rows of a step, tokens of a row
# Outputs of a GPT-NeoX block by site, in widths of the hidden state.
OUTPUTS = {"attn.qkv": 3, "attn.out": 1, "mlp.up": 4, "mlp.act": 4, "mlp.down": 1}


def plan(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every training run by name: size, width, layers, heads, seed, kind, corpus."""
    found: dict[str, dict[str, Any]] = {}
    for size, shape in settings["sizes"].items():
        for seed in settings["seeds"]:
            told = {"size": size, "seed": seed, "kind": FULL, "corpus": f"seed{seed}"}
            found[f"{size}-{seed}"] = {**told, **shape}
    change = settings["interventions"]
    for number in range(1, change["runs"] + 1):
        name = f"{DOSED}-{number}"
        told = {"size": change["size"], "seed": number, "kind": DOSED, "corpus": name}
        found[name] = {**told, **settings["sizes"][change["size"]]}
    return found


def last_step(budget: float) -> int:
    """Last training step: 512 times the budget, rounded to a power of two."""
    return int(2 ** max(0, round(math.log2(STEPS * budget))))


def parameters(width: int, layers: int, vocabulary: int) -> int:
    """Count the parameters of a GPT-NeoX model with tied embeddings."""
    block = 12 * width**2 + 13 * width
    return vocabulary * width + layers * block + 2 * width


def smallest_units(settings: Mapping[str, Any], sites: Iterable[str]) -> int:
    """Units of the size that has the fewest."""
    per_block = sum(OUTPUTS[site] for site in sites)
    return min(int(shape["width"] * shape["layers"] * per_block) for shape in settings["sizes"].values())


def checkpoint_steps(last: int) -> list[int]:
    """Return the steps that are kept: 0, 1, 2, 4, ... up to the last."""
    return [0, *(2**power for power in range(int(math.log2(last)) + 1))]


def corpus_words(last: int) -> int:
    """Words that a corpus needs for so many steps: no word takes less than a token."""
    return last * BATCH * LENGTH
