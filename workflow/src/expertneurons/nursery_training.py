"""Nursery training: small GPT-NeoX models from scratch, with a checkpoint at every doubling of the steps.

A run that was killed goes on from its last saved state and ends with the same weights: the order of the data is that of
the corpus, and all that is drawn is the initialisation.
"""

import hashlib
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from transformers.utils import logging

from expertneurons import tables
from expertneurons.errors import StudyError
from expertneurons.files import replacing, sha256, verify
from expertneurons.nursery_runs import BATCH, LENGTH, checkpoint_steps
from expertneurons.steps import LOGGER, Progress

END = "<|endoftext|>"
WARM_UP = 0.05
BETAS, DECAY, CLIP = (0.9, 0.95), 0.01, 1.0
SAVE_EVERY = 64
LINES_AT_ONCE = 1000
NOTED = "state.json"


def train_tokenizer(corpus: Path, output: Path, vocabulary: int) -> None:
    """Train a byte-pair tokenizer on a corpus.

    Args:
        corpus: Text file, one passage a line.
        output: Folder to make, with tokenizer.json and its configuration.
        vocabulary: Number of tokens.

    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(corpus)], trainer)
    with replacing(output) as partial:
        whole = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token=END, eos_token=END, pad_token=END, model_max_length=LENGTH
        )
        whole.save_pretrained(partial)


def train_nursery(
    corpus: Path,
    tokenizer: Path,
    output: Path,
    losses: Path,
    width: int,
    layers: int,
    heads: int,
    steps: int,
    learning_rate: float,
    seed: int,
    run: str,
    threads: int = 1,
) -> None:
    """Train one model and keep its checkpoints.

    Args:
        corpus: Text file, one passage a line, read in its order.
        tokenizer: Folder of the tokenizer.
        output: Folder to make: one folder `stepN` per checkpoint, in the layout of transformers.
        losses: Parquet file: run, step, loss (cross-entropy in nats per token, before the step).
        width: Of the hidden state.
        layers: Number of blocks.
        heads: Attention heads.
        steps: Last step, a power of two.
        learning_rate: Highest one, after warm-up; it falls to a tenth by a cosine.
        seed: Of the initialisation.
        run: Name, for messages and the table.
        threads: Of torch; the weights are the same only for the same number.

    """
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it CUDA refuses to be deterministic
    torch.use_deterministic_algorithms(mode=True)
    logging.disable_progress_bar()  # the step shows its own progress
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batches = _batches(corpus, tokenizer, steps)
    network = _network(tokenizer, width, layers, heads).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, betas=BETAS, weight_decay=DECAY)
    state = output.with_name(f".{output.name}.state")
    digest = _digest(corpus, tokenizer, width, layers, heads, steps, learning_rate, seed, threads)
    done, curve = _resumed(state, digest, network, optimiser, device)
    progress = Progress(steps, f"{run}: training", "steps")
    progress(done)
    for step in range(done, steps + 1):
        if step in checkpoint_steps(steps):
            _keep(state / f"step{step}", network, tokenizer)
        if step % SAVE_EVERY == 0 or step == steps:
            _save(state, digest, network, optimiser, curve)
        if step < steps:
            rows = torch.from_numpy(batches[step]).to(device)
            curve.append(_step(network, optimiser, rows, learning_rate * _schedule(step, steps)))
            if not math.isfinite(curve[-1]):
                raise StudyError(f"{run}: the loss is {curve[-1]} at step {step}; lower nursery.learning_rate")
            progress(1)
    LOGGER.info("%s: loss %.3f at the start, %.3f at the end", run, curve[0], float(np.mean(curve[-20:])))
    tables.write(pd.DataFrame({"run": run, "step": np.arange(steps), "loss": curve}), losses, ["run", "step"])
    with replacing(output) as partial:
        for step in checkpoint_steps(steps):
            shutil.copytree(state / f"step{step}", partial / f"step{step}")
    (state / NOTED).unlink()  # first: nothing goes on from a state that a kill leaves half removed
    shutil.rmtree(state)


def _digest(corpus: Path, tokenizer: Path, *numbers: float) -> str:
    """Digest of all that the weights depend on, of the corpus and the tokenizer the contents."""
    told = [sha256(corpus), sha256(tokenizer / "tokenizer.json"), *numbers]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _step(network: Any, optimiser: Any, rows: torch.Tensor, learning_rate: float) -> float:
    """Take one step; return the loss before it."""
    loss = network(input_ids=rows, labels=rows).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return float(loss.detach())


def _schedule(step: int, steps: int) -> float:
    """Share of the highest learning rate: a linear warm-up, then a cosine down to a tenth."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _network(tokenizer: Path, width: int, layers: int, heads: int) -> Any:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

    known = PreTrainedTokenizerFast.from_pretrained(tokenizer)
    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=len(known),
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            max_position_embeddings=2 * LENGTH,
            tie_word_embeddings=True,
            attn_implementation="eager",  # the fused kernels have no deterministic backward pass on every GPU
            bos_token_id=known.bos_token_id,
            eos_token_id=known.eos_token_id,
        )
    )


def _batches(corpus: Path, tokenizer: Path, steps: int) -> npt.NDArray[np.int64]:
    """Tokens of the corpus in its order, passages parted by an end token: (steps, batch, length)."""
    from tokenizers import Tokenizer

    coder = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    end, needed = int(coder.token_to_id(END) or 0), steps * BATCH * LENGTH
    found: list[int] = []
    lines = corpus.read_text(encoding="utf-8").splitlines()
    for first in range(0, len(lines), LINES_AT_ONCE):
        for coded in coder.encode_batch_fast(lines[first : first + LINES_AT_ONCE], add_special_tokens=False):
            found += [end, *coded.ids]
        if len(found) >= needed:
            return np.array(found[:needed], np.int64).reshape(steps, BATCH, LENGTH)
    raise StudyError(f"{corpus}: {len(found)} tokens, {needed} are needed for {steps} steps; write a longer corpus")


def _keep(folder: Path, network: Any, tokenizer: Path) -> None:
    if folder.is_dir():
        return
    with replacing(folder) as partial:
        network.save_pretrained(partial)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(tokenizer / name, partial)


def _save(state: Path, digest: str, network: Any, optimiser: Any, curve: list[float]) -> None:
    """Write weights, moments and the losses of all steps so far; the file that names these is replaced last."""
    tensors = {f"weight.{name}": own.detach().cpu().contiguous().clone() for name, own in network.named_parameters()}
    for name, own in network.named_parameters():
        for key, moment in optimiser.state.get(own, {}).items():
            tensors[f"{key}.{name}"] = moment.detach().cpu().reshape(moment.shape).clone()
    tensors["losses"] = torch.tensor(curve, dtype=torch.float64)
    path = state / f"{len(curve)}.safetensors.state"
    with replacing(path) as partial:
        save_file(tensors, partial)
    with replacing(state / NOTED) as partial:
        partial.write_text(
            json.dumps({"settings": digest, "file": path.name, "sha256": sha256(path)}), encoding="utf-8"
        )
    for old in set(state.glob("*.safetensors.state")) - {path}:
        old.unlink()


def _noted(state: Path) -> dict[str, Any]:
    """Return what is noted of a saved state; nothing where there is none, or a damaged one."""
    if not (state / NOTED).is_file():
        return {}
    try:
        known: dict[str, Any] = json.loads((state / NOTED).read_text(encoding="utf-8"))
        verify(state / known["file"], known["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        LOGGER.warning("%s is damaged (%s); training begins anew", state, error)
        return {}
    return known


def _resumed(state: Path, digest: str, network: Any, optimiser: Any, device: torch.device) -> tuple[int, list[float]]:
    """Load what an earlier run with the same settings saved; return the step to go on with and the losses before it."""
    known = _noted(state)
    if known.get("settings") != digest:
        if state.is_dir():
            shutil.rmtree(state)
        state.mkdir(parents=True)
        return 0, []
    tensors = load_file(state / known["file"], device=str(device))
    with torch.no_grad():
        for name, own in network.named_parameters():
            own.copy_(tensors[f"weight.{name}"])
            moments = {key: tensors.get(f"{key}.{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
            if moments["step"] is not None:
                moments["step"] = moments["step"].cpu()
                optimiser.state[own] = moments
    LOGGER.info("going on from step %d", len(tensors["losses"]))
    return len(tensors["losses"]), tensors["losses"].tolist()
