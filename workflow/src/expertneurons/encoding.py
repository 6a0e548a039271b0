"""Encoding: the features of a dictionary on every sentence, stored as the responses of units are."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch

from expertneurons import checkpoints, placement, sites, tables
from expertneurons.batches import Batch, longest, plan
from expertneurons.dictionary import RESIDUAL, read_dictionary
from expertneurons.errors import StudyError
from expertneurons.files import new_array
from expertneurons.poolings import Pooling
from expertneurons.reading import Reader, in_order
from expertneurons.steps import Progress

SITE = "sae"


class Opened(NamedTuple):
    """A model where it runs, the sentences in batches, and the device that takes the inputs."""

    network: Any
    rows: pd.DataFrame
    batches: list[Batch]
    device: torch.device


def encode_sentences(
    checkpoint: Path,
    dictionary: Path,
    sentence_table: Path,
    sites_sheet: Path,
    responses: Path,
    units: Path,
    pooling: Pooling,
    model: str,
    weights: checkpoints.Weights = "trained",
    seed: int = 0,
    include_special: bool = False,
    include_padding: bool = False,
    precision: checkpoints.Precision = "float32",
    dtype: Literal["float32", "float16"] = "float32",
    tokens_per_batch: int = 2048,
    threads: int = 1,
) -> None:
    """Run the model once over every sentence and store the features of its tokens, pooled over each sentence.

    The file is as `extract_responses` writes it, with features in the place of units. A token is encoded by itself,
    special tokens are masked out after that.

    Args:
        checkpoint: Folder of the model.
        dictionary: As `dictionary.read_dictionary` reads it.
        sentence_table: As `build_stimuli` writes it.
        sites_sheet: Which modules are units.
        responses: `.npy` (sentences, features).
        units: Parquet file: unit, layer, site (`sae`), index.
        pooling: How a feature's activations over the tokens become one response.
        model: Its name, for messages.
        weights: Trained, or untrained ones of the same shape.
        seed: Of the untrained weights.
        include_special: Pool over special tokens too.
        include_padding: Pool over padding too.
        precision: Of the weights and of the pass.
        dtype: Of the stored responses.
        tokens_per_batch: Tokens, padding included, that go through the model at once.
        threads: Batches that are computed at the same time.

    """
    coder = read_dictionary(dictionary)
    network, rows, batches, device = opened(
        checkpoint, sentence_table, weights, seed, precision, tokens_per_batch, include_special
    )
    taps = [tap(network, checkpoints.architecture(checkpoint), sites_sheet, coder.site, coder.layer)]
    (width,) = sites.widths(network, taps, device)
    if width != coder.encoder.shape[0]:
        raise StudyError(
            f"{dictionary}: the dictionary takes {coder.encoder.shape[0]} values, {coder.site} of layer {coder.layer} "
            f"of {model} has {width}; take a dictionary that was trained on this model"
        )
    table = sites.unit_table([taps[0]._replace(site=SITE)], [len(coder.bias)])
    reader = Reader(network, [taps], (pooling,), device, include_padding)
    coder = coder.to(next(network.get_submodule(taps[0].module).parameters()).device)
    progress = Progress(len(rows), f"{model}: features", "sentences")
    with (
        new_array(responses, (len(rows), len(table)), dtype) as array,
        sites.tapped(network, taps, lambda number, values: reader.sink(number, coder.encode(values))),
        ThreadPoolExecutor(placement.passes_at_once(network, device, threads)) as pool,
    ):
        for batch, ((pooled,), _) in zip(batches, in_order(pool, reader.read, batches), strict=True):
            with np.errstate(over="ignore"):
                array[batch.rows] = pooled
            if not np.isfinite(array[batch.rows]).all():
                raise StudyError(f"{model}: features of {dictionary} are infinite in {dtype}; store float32")
            progress(len(batch.rows))
    tables.write(table, units, ["unit"])


def opened(
    checkpoint: Path,
    sentence_table: Path,
    weights: checkpoints.Weights,
    seed: int,
    precision: checkpoints.Precision,
    tokens_per_batch: int,
    include_special: bool,
) -> Opened:
    """Load a model and cut the sentences into its batches."""
    tokenizer, network, device = placement.open_model(checkpoint, weights, seed, precision)
    rows = tables.read(sentence_table)
    return Opened(network, rows, plan(tokenizer, rows, tokens_per_batch, longest(network), include_special), device)


def tap(network: Any, architecture: str, sheet: Path, site: str, layer: int) -> sites.Tap:
    """Find the point that a dictionary reads: one module of the sites sheet, or the output of a whole block.

    Raises:
        StudyError: a site or layer that the model lacks, or a site of several modules.

    """
    found = sites.resolve(network, architecture, sheet, ["mlp.down" if site == RESIDUAL else site])
    own = [place for place in found if place.layer == layer]
    if not own:
        raise StudyError(f"rivals.dictionary: the model has layers 0 to {found[-1].layer}, not {layer}")
    if site == RESIDUAL:
        return sites.Tap(layer, site, _block(own[0].module, layer), of_input=False)
    if len(own) > 1:
        raise StudyError(f"rivals.dictionary: {site!r} joins {len(own)} modules; a dictionary reads one: take another")
    return own[0]


def _block(module: str, layer: int) -> str:
    """Return the path of the block that a module of it lies in: the path up to the layer's number."""
    parts = module.split(".")
    return ".".join(parts[: parts.index(str(layer)) + 1])


class _SeenError(Exception):
    """Ends a pass behind the point that is read."""


def token_values(source: Opened, place: sites.Tap) -> Iterator[torch.Tensor]:
    """Yield what a tap sees of every batch's pooled tokens, (tokens, width) float32, in the main memory."""
    seen: list[torch.Tensor] = []

    def keep(_number: int, values: torch.Tensor) -> None:
        seen.append(values)
        raise _SeenError

    with sites.tapped(source.network, [place], keep), torch.inference_mode():
        for batch in source.batches:
            real = batch.real.to(source.device).long()
            with suppress(_SeenError):
                source.network(input_ids=batch.ids.to(source.device), attention_mask=real)
            yield seen.pop().float().cpu()[batch.pooled]
