"""Extraction: one forward pass per sentence gives the pooled responses of all units and the embeddings."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from expertneurons import checkpoints, placement, sites, tables
from expertneurons.batches import Batch, longest, plan
from expertneurons.errors import StudyError
from expertneurons.files import new_array, save_array
from expertneurons.steps import Progress
from expertneurons.stimuli import SCOPES

Pooling = Literal["max", "min", "mean"]


def extract_responses(
    checkpoint: Path,
    sentence_table: Path,
    sites_sheet: Path,
    responses: list[Path],
    units: Path,
    embeddings: Path,
    sites_wanted: list[str],
    poolings: list[Pooling],
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
    """Run the model once over every sentence and store what its units answer.

    Pooling is over real tokens: padding and special tokens (BOS, CLS, SEP) are masked out unless asked for. Each
    batch is computed by one thread, so the result does not depend on the number of threads.

    Args:
        checkpoint: Folder of the model.
        sentence_table: As `build_stimuli` writes it.
        sites_sheet: Which modules are units.
        responses: One `.npy` (sentences, units) per pooling, in their order.
        units: Parquet file: unit, layer, site, index.
        embeddings: `.npy` (2 scopes, depths, concepts, width) float32: means over a concept's sentences of the
            token means over its own tokens and over all tokens; depth 0 is the static token embedding, 1 the first
            hidden state, the last what the model returns (after its final norm, where it has one).
        sites_wanted: The sites whose outputs are units.
        poolings: How a unit's activations over the tokens become one response.
        model: Its name, for messages.
        weights: Trained, or untrained ones of the same shape.
        seed: Of the untrained weights.
        include_special: Pool over special tokens too.
        include_padding: Pool over padding too, as the oldest public implementation does.
        precision: Of the weights and of the pass.
        dtype: Of the stored responses.
        tokens_per_batch: Tokens, padding included, that go through the model at once.
        threads: Batches that are computed at the same time.

    """
    tokenizer, network = checkpoints.load(checkpoint, weights, seed, precision)
    network, device = placement.place(network)
    torch.set_num_threads(1)
    network.config.use_cache = False
    taps = sites.resolve(network, checkpoints.architecture(checkpoint), sites_sheet, sites_wanted)
    table = sites.unit_table(taps, sites.widths(network, taps, device))
    rows = tables.read(sentence_table)
    batches = plan(tokenizer, rows, tokens_per_batch, longest(network), include_special)
    reader = Reader(network, taps, tuple(poolings), device, len(table), include_padding)
    concepts = rows["concept_number"].to_numpy()
    remedy = _remedy(precision, dtype)
    progress = Progress(len(rows), f"{model}: responses", "sentences")
    with ExitStack() as stack:
        shape = (len(rows), len(table))
        stored = [stack.enter_context(new_array(path, shape, dtype)) for path in responses]
        stack.enter_context(sites.tapped(network, taps, reader.sink))
        alone = device.type == "cuda" or placement.is_spread(network)
        pool = stack.enter_context(ThreadPoolExecutor(1 if alone else threads))
        sums = np.zeros(
            (len(SCOPES), network.config.num_hidden_layers + 2, int(concepts.max()) + 1, network.config.hidden_size)
        )
        for batch, (pooled, means) in zip(batches, pool.map(reader.read, batches), strict=True):
            for array, values in zip(stored, pooled, strict=True):
                array[batch.rows] = _finite(_stored(values, dtype), batch.rows, rows, table, model, remedy)
            for position, row in enumerate(batch.rows):
                sums[:, :, concepts[row]] += means[:, :, position]
            progress(len(batch.rows))
        if not np.isfinite(sums).all():
            raise StudyError(f"{model}: an embedding is nan; the weights are broken: fetch the checkpoint again")
        counts = np.bincount(concepts)
        save_array(embeddings, (sums / counts[:, None]).astype(np.float32))
        tables.write(table, units, ["unit"])


def _stored(values: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    with np.errstate(over="ignore"):  # an overflow becomes infinite and is told with its place
        return values.astype(dtype)


def _remedy(precision: str, dtype: str) -> str:
    if precision == "float16":
        return "run it in bfloat16 (dtype in the models sheet)"
    return (
        "store float32 (responses.dtype)"
        if dtype == "float16"
        else "the weights are broken: fetch the checkpoint again"
    )


def _finite(
    values: npt.NDArray[Any],
    chunk: npt.NDArray[np.intp],
    rows: pd.DataFrame,
    table: pd.DataFrame,
    model: str,
    remedy: str,
) -> npt.NDArray[Any]:
    if np.isfinite(values).all():
        return values
    position, unit = np.argwhere(~np.isfinite(values))[0]
    place = table.iloc[unit]
    raise StudyError(
        f"{model}: the response of layer {place['layer']} {place['site']} {place['index']} to sentence "
        f"{rows['id'].iloc[chunk[position]]} is {values[position, unit]}; {remedy}"
    )


@dataclass
class Reader:
    """Runs batches through a tapped model; every thread pools into its own buffers."""

    network: Any
    taps: list[sites.Tap]
    poolings: tuple[Pooling, ...]
    device: torch.device
    units: int
    include_padding: bool

    def __post_init__(self) -> None:
        self._current = threading.local()

    def read(self, batch: Batch) -> tuple[list[npt.NDArray[Any]], npt.NDArray[np.float64]]:
        """Return the pooled responses, one (batch, units) per pooling, and means (2, depths, batch, width)."""
        torch.set_num_threads(1)
        here = self._current
        mask = batch.pooled | ~batch.real if self.include_padding else batch.pooled
        here.mask = mask.to(self.device)[:, :, None]
        here.full = bool(mask.all())
        here.seen = {pooling: {} for pooling in self.poolings}
        ids = batch.ids.to(self.device)
        with torch.inference_mode():
            out = self.network(
                input_ids=ids, attention_mask=batch.real.to(self.device).long(), output_hidden_states=True
            )
            static = self.network.get_input_embeddings()(ids)
            means = self._means((static, *out.hidden_states), batch)
            pooled = [self._joined(here.seen[pooling]) for pooling in self.poolings]
        return pooled, means

    def _joined(self, seen: dict[int, torch.Tensor]) -> npt.NDArray[Any]:
        # Modules answer in the order in which the model runs them; the columns follow the taps.
        ordered = [seen[tap].to(self.device) for tap in range(len(self.taps))]
        whole: npt.NDArray[Any] = torch.cat(ordered, dim=1).float().cpu().numpy()
        return whole

    def _means(self, states: tuple[torch.Tensor, ...], batch: Batch) -> npt.NDArray[np.float64]:
        stacked = torch.stack([state.to(self.device) for state in states]).double()
        return np.stack([_mean(stacked, tokens.to(self.device)).cpu().numpy() for tokens in (batch.own, batch.pooled)])

    def sink(self, number: int, values: torch.Tensor) -> None:
        """Pool one tap's activations, (batch, tokens, units)."""
        here = self._current
        if getattr(here, "seen", None) is None:
            return
        mask = here.mask.to(values.device)
        for pooling, seen in here.seen.items():
            if pooling == "mean":
                seen[number] = (values.float() * mask).sum(1) / mask.sum(1)
            else:
                beyond = -torch.inf if pooling == "max" else torch.inf
                kept = values if here.full else values.masked_fill(~mask, beyond)
                seen[number] = kept.amax(1) if pooling == "max" else kept.amin(1)


def _mean(states: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Mean of (depths, batch, tokens, width) over the chosen tokens."""
    weights = tokens.double() / tokens.sum(1, keepdim=True)
    return torch.einsum("bt,dbtw->dbw", weights, states)
