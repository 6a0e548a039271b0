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
from expertneurons.batches import Batch, longest, masked, plan
from expertneurons.errors import StudyError
from expertneurons.files import new_array, save_array
from expertneurons.poolings import ACTIVATED, READINGS, Mask, Pooling, masks, pool
from expertneurons.steps import Progress
from expertneurons.stimuli import SCOPES

Variant = Literal["plain", "masked", "padded"]


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
    variant: Variant = "plain",
    activated_units: Path | None = None,
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
        variant: `masked` puts the tokenizer's mask (else its unknown or its last token) in place of every token of
            the concept; `padded` pads every sentence to the longest and pools over the padding too.
        activated_units: Parquet file, the index of the units that the pooling `activated` reads.

    """
    tokenizer, network = checkpoints.load(checkpoint, weights, seed, precision)
    network, device = placement.place(network)
    torch.set_num_threads(1)
    network.config.use_cache = False
    extra = [ACTIVATED] if "activated" in poolings else []
    architecture = checkpoints.architecture(checkpoint)
    groups = [sites.resolve(network, architecture, sites_sheet, wanted) for wanted in (sites_wanted, extra) if wanted]
    indices = [sites.unit_table(taps, sites.widths(network, taps, device)) for taps in groups]
    rows = tables.read(sentence_table)
    batches = plan(tokenizer, rows, tokens_per_batch, longest(network), include_special, variant == "padded")
    if variant == "masked":
        batches = [masked(batch, tokenizer) for batch in batches]
    reader = Reader(network, groups, tuple(poolings), device, include_padding or variant == "padded")
    concepts = rows["concept_number"].to_numpy()
    remedy = _remedy(precision, dtype)
    progress = Progress(len(rows), f"{model}: responses", "sentences")
    with ExitStack() as stack:
        whose = [indices[pooling == "activated"] for pooling in poolings]
        stored = [
            stack.enter_context(new_array(path, (len(rows), len(table)), dtype))
            for path, table in zip(responses, whose, strict=True)
        ]
        stack.enter_context(sites.tapped(network, [tap for taps in groups for tap in taps], reader.sink))
        alone = device.type == "cuda" or placement.is_spread(network)
        pool = stack.enter_context(ThreadPoolExecutor(1 if alone else threads))
        sums = np.zeros(
            (len(SCOPES), network.config.num_hidden_layers + 2, int(concepts.max()) + 1, network.config.hidden_size)
        )
        for batch, (pooled, means) in zip(batches, pool.map(reader.read, batches), strict=True):
            for array, values, table in zip(stored, pooled, whose, strict=True):
                array[batch.rows] = _finite(_stored(values, dtype), batch.rows, rows, table, model, remedy)
            for position, row in enumerate(batch.rows):
                sums[:, :, concepts[row]] += means[:, :, position]
            progress(len(batch.rows))
        if not np.isfinite(sums).all():
            raise StudyError(f"{model}: an embedding is nan; the weights are broken: fetch the checkpoint again")
        counts = np.bincount(concepts)
        save_array(embeddings, (sums / counts[:, None]).astype(np.float32))
        for table, path in zip(indices, (units, activated_units), strict=False):
            if path is not None:
                tables.write(table, path, ["unit"])


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
    groups: list[list[sites.Tap]]
    poolings: tuple[Pooling, ...]
    device: torch.device
    include_padding: bool

    def __post_init__(self) -> None:
        self._current = threading.local()
        # Taps are numbered through; those of the second group belong to the pooling `activated` alone.
        first = len(self.groups[0])
        self._own = {p: (first, first + len(self.groups[1])) if p == "activated" else (0, first) for p in self.poolings}

    def read(self, batch: Batch) -> tuple[list[npt.NDArray[Any]], npt.NDArray[np.float64]]:
        """Return the pooled responses, one (batch, units) per pooling, and means (2, depths, batch, width)."""
        torch.set_num_threads(1)
        here = self._current
        here.masks = masks(batch, self.poolings, self.include_padding, self.device)
        here.seen = {pooling: {} for pooling in self.poolings}
        ids = batch.ids.to(self.device)
        with torch.inference_mode():
            out = self.network(
                input_ids=ids, attention_mask=batch.real.to(self.device).long(), output_hidden_states=True
            )
            static = self.network.get_input_embeddings()(ids)
            means = self._means((static, *out.hidden_states), batch)
            pooled = [self._joined(pooling) for pooling in self.poolings]
        return pooled, means

    def _joined(self, pooling: Pooling) -> npt.NDArray[Any]:
        # Modules answer in the order in which the model runs them; the columns follow the taps.
        seen = self._current.seen[pooling]
        ordered = [seen[tap].to(self.device) for tap in range(*self._own[pooling])]
        whole: npt.NDArray[Any] = torch.cat(ordered, dim=1).float().cpu().numpy()
        return whole

    def _means(self, states: tuple[torch.Tensor, ...], batch: Batch) -> npt.NDArray[np.float64]:
        stacked = torch.stack([state.to(self.device) for state in states]).double()
        return np.stack([_mean(stacked, tokens.to(self.device)).cpu().numpy() for tokens in (batch.own, batch.pooled)])

    def sink(self, number: int, values: torch.Tensor) -> None:
        """Pool one tap's activations, (batch, tokens, units)."""
        here = self._current
        for pooling, seen in getattr(here, "seen", {}).items():
            first, last = self._own[pooling]
            if first <= number < last:
                reading = READINGS[pooling]
                mask: Mask = here.masks[reading.tokens]
                seen[number] = pool(values, reading.statistic, mask)


def _mean(states: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Mean of (depths, batch, tokens, width) over the chosen tokens."""
    weights = tokens.double() / tokens.sum(1, keepdim=True)
    return torch.einsum("bt,dbtw->dbw", weights, states)
