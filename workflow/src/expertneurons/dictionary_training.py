"""Dictionary training: a small sparse autoencoder on what one point of a model does on the study's own sentences."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from expertneurons import checkpoints, seeds, tables
from expertneurons.dictionary import Dictionary, write_dictionary
from expertneurons.encoding import opened, tap, token_values
from expertneurons.errors import StudyError
from expertneurons.steps import LOGGER, Progress

BATCH = 512
LEARNING_RATE = 1e-3
HELD_OUT = 0.1
MOST_TOKENS = 1 << 18
TOKENS_AT_ONCE = 1 << 13


def train_dictionary(
    checkpoint: Path,
    sentence_table: Path,
    sites_sheet: Path,
    output: Path,
    measures: Path,
    site: str,
    features_per_dimension: int,
    active: int,
    steps: int,
    model: str,
    seed: int,
    layer: int | None = None,
    weights: checkpoints.Weights = "trained",
    weights_seed: int = 0,
    include_special: bool = False,
    precision: checkpoints.Precision = "float32",
    tokens_per_batch: int = 2048,
) -> None:
    """Train a top-k autoencoder (Gao et al. 2024, arXiv 2406.04093) on the activations of single tokens.

    One thread, so that the same input gives the same bytes.

    Args:
        checkpoint: Folder of the model.
        sentence_table: As `build_stimuli` writes it.
        sites_sheet: Which modules are units.
        output: `.safetensors` file in the plain layout of `dictionary.read_dictionary`.
        measures: Parquet file: one row with site, layer, width, features, active, tokens, and on a tenth of the tokens,
            which training does not see, explained_variance (1 is all; 0 is what the mean explains), l0 (features of a
            token that are not zero); dead is the share of features that no token has.
        site: The point that it reads: `residual` or one of the sites sheet.
        features_per_dimension: Features for each dimension of that point.
        active: Features that a token may have (k).
        steps: Steps of Adam, 512 tokens each.
        model: Its name, for messages.
        seed: Of initialisation and order.
        layer: Which block; without it the one in the middle.
        weights: Trained, or untrained ones of the same shape.
        weights_seed: Of the untrained weights.
        include_special: Take special tokens too.
        precision: Of the weights and of the pass.
        tokens_per_batch: Tokens, padding included, that go through the model at once.

    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it CUDA refuses to be deterministic
    torch.use_deterministic_algorithms(mode=True)
    generator = seeds.generator(seed, "train_dictionary")
    source = opened(checkpoint, sentence_table, weights, weights_seed, precision, tokens_per_batch, include_special)
    layer = source.network.config.num_hidden_layers // 2 if layer is None else layer
    place = tap(source.network, checkpoints.architecture(checkpoint), sites_sheet, site, layer)
    values = torch.cat(list(token_values(source, place)))
    order = torch.from_numpy(generator.permutation(len(values))[:MOST_TOKENS])
    kept = max(1, round(HELD_OUT * len(order)))
    held_out, train = values[order[:kept]].to(source.device), values[order[kept:]].to(source.device)
    if active > features_per_dimension * values.shape[1]:
        raise StudyError(
            f"rivals.dictionary.active_features: {active} of {features_per_dimension * values.shape[1]}; lower it"
        )
    trained = fit(train, site, layer, features_per_dimension * values.shape[1], active, steps, generator, model)
    told = {"site": site, "layer": layer, "width": values.shape[1], "features": len(trained.bias), "active": active}
    told |= {"tokens": len(train), **quality(trained, train, held_out)}
    LOGGER.info("%s: explained variance %.3f, dead %.3f", model, told["explained_variance"], told["dead"])
    write_dictionary(trained, output)
    tables.write(pd.DataFrame([told]), measures)


def fit(
    values: torch.Tensor,
    site: str,
    layer: int,
    features: int,
    active: int,
    steps: int,
    generator: np.random.Generator,
    model: str = "",
) -> Dictionary:
    """Train on (tokens, width) float32; the features start as directions of tokens, encoder and decoder alike."""
    offset = values.mean(dim=0)
    scale = (values - offset).norm(dim=1).mean()
    x = (values - offset) / scale
    first = torch.from_numpy(generator.integers(len(x), size=features)).to(x.device)
    noise = torch.from_numpy(generator.standard_normal((features, x.shape[1])).astype(np.float32)).to(x.device)
    decoder = torch.nn.functional.normalize(x[first] + noise / x.shape[1] ** 0.5, dim=1)
    parts = [decoder.T.clone(), torch.zeros(features, device=x.device), decoder, torch.zeros_like(offset)]
    parameters = [part.requires_grad_() for part in parts]
    encoder, bias, decoder, shift = parameters
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    progress = Progress(steps, f"{model}: dictionary", "steps")
    order = np.empty(0, np.intp)
    for step in range(steps):
        if len(order) < BATCH:
            order = np.concatenate([order, generator.permutation(len(x))])
        rows, order = order[:BATCH], order[BATCH:]
        batch = x[torch.from_numpy(rows).to(x.device)]
        coder = Dictionary(site, layer, encoder, bias, decoder, shift, k=active, subtracts=True)
        loss = (coder.decode(coder.encode(batch)) - batch).square().sum(dim=1).mean()
        loss.backward()
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, 5 * (1 - step / steps))
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            decoder /= decoder.norm(dim=1, keepdim=True)
        progress(1)
    # In the units of the model, so that nobody need know how it was scaled here.
    encoder, bias, decoder, shift = (part.detach() for part in parameters)
    offset, decoder = offset + shift * scale, decoder * scale
    return Dictionary(site, layer, encoder / scale, bias, decoder, offset, k=active, subtracts=True)


def quality(dictionary: Dictionary, train: torch.Tensor, held_out: torch.Tensor) -> dict[str, float]:
    """Explained variance and number of features on unseen tokens, and the share of features that no token has."""
    with torch.no_grad():
        found = dictionary.encode(held_out)
        left = held_out - dictionary.decode(found)
        mean = held_out - train.mean(dim=0)
        alive = (found > 0).any(dim=0)
        for first in range(0, len(train), TOKENS_AT_ONCE):
            alive |= (dictionary.encode(train[first : first + TOKENS_AT_ONCE]) > 0).any(dim=0)
    return {
        "explained_variance": float(1 - left.square().sum() / mean.square().sum()),
        "l0": float((found > 0).sum(dim=1).double().mean()),
        "dead": float((~alive).double().mean()),
    }
