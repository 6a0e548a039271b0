"""Tokens: what single units answer at every token of chosen sentences."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from expertneurons import checkpoints, placement, sites, tables
from expertneurons.batches import Batch, longest, plan
from expertneurons.errors import StudyError
from expertneurons.steps import Progress


def read_tokens(
    checkpoint: Path,
    sentence_table: Path,
    sites_sheet: Path,
    units: Path,
    reads: Path,
    activations: Path,
    tokens: Path,
    sites_wanted: list[str],
    model: str,
    weights: checkpoints.Weights = "trained",
    seed: int = 0,
    include_special: bool = False,
    precision: checkpoints.Precision = "float32",
    tokens_per_batch: int = 2048,
) -> None:
    """Run the sentences that are asked for once more and keep a few units' activations at their tokens.

    Args:
        checkpoint: Folder of the model.
        sentence_table: As `build_stimuli` writes it.
        sites_sheet: Which modules are units.
        units: Index of the units.
        reads: As `hold_out` writes it: unit and sentence.
        activations: Parquet file to write: unit, sentence, values (float32, one per token that counts).
        tokens: Parquet file to write: sentence, starts and ends (character spans of the tokens that count), own
            (which of them belong to the sentence's concept).
        sites_wanted: The sites whose outputs are units.
        model: Its name, for messages.
        weights: Trained, or untrained ones of the same shape.
        seed: Of the untrained weights.
        include_special: Special tokens count too; their spans are empty.
        precision: Of the weights and of the pass.
        tokens_per_batch: Tokens, padding included, that go through the model at once.

    """
    tokenizer, network, device = placement.open_model(checkpoint, weights, seed, precision)
    taps = sites.resolve(network, checkpoints.architecture(checkpoint), sites_sheet, sites_wanted)
    sizes = sites.widths(network, taps, device)
    index = tables.read(units)
    if len(index) != sum(sizes):
        raise StudyError(f"{units}: {len(index)} units, but the model has {sum(sizes)}; extract the responses again")
    wanted = tables.read(reads)[["unit", "sentence"]].drop_duplicates().groupby("sentence")["unit"].apply(np.sort)
    rows = tables.read(sentence_table)
    rows = rows[rows["sentence"].isin(wanted.index)].reset_index(drop=True)
    reader = Reader(network, taps, sizes, device)
    batches = plan(tokenizer, rows, tokens_per_batch, longest(network), include_special)
    spans = tokenizer(rows["text"].tolist(), return_offsets_mapping=True)["offset_mapping"]
    numbers = rows["sentence"].to_numpy()
    progress = Progress(len(rows), f"{model}: tokens", "sentences")
    found, told = [], []
    for batch in batches:
        asked = [wanted.loc[numbers[row]] for row in batch.rows]
        for place, (row, values) in enumerate(zip(batch.rows, reader.read(batch, asked), strict=True)):
            length = len(spans[row])
            counts = batch.pooled[place, :length].numpy()
            starts, ends = np.array(spans[row])[counts].T
            told.append((numbers[row], starts, ends, batch.own[place, :length].numpy()[counts]))
            kept = values[:length][counts].T  # (units, tokens)
            found += [(unit, numbers[row], own) for unit, own in zip(asked[place], kept, strict=True)]
        progress(len(batch.rows))
    tables.write(pd.DataFrame(found, columns=["unit", "sentence", "values"]), activations, ["unit", "sentence"])
    tables.write(pd.DataFrame(told, columns=["sentence", "starts", "ends", "own"]), tokens, ["sentence"])


class Reader:
    """Runs batches through a tapped model and keeps the activations of the units that are asked for."""

    def __init__(self, network: Any, taps: list[sites.Tap], sizes: list[int], device: torch.device) -> None:
        """Take the model, its taps and how many units each of them sees."""
        self._network, self._taps, self._device = network, taps, device
        self._bounds = np.concatenate([[0], np.cumsum(sizes)])
        self._units = np.zeros(0, np.intp)
        self._seen: dict[int, npt.NDArray[np.float32]] = {}

    def read(self, batch: Batch, units: list[npt.NDArray[np.intp]]) -> list[npt.NDArray[np.float32]]:
        """Return for every sentence the activations of its own units, (tokens, units), padding included."""
        self._units, self._seen = np.unique(np.concatenate(units)), {}
        with sites.tapped(self._network, self._taps, self._keep), torch.inference_mode():
            self._network(input_ids=batch.ids.to(self._device), attention_mask=batch.real.to(self._device).long())
        together = np.concatenate([self._seen[tap] for tap in sorted(self._seen)], axis=2)
        return [together[place][:, np.searchsorted(self._units, own)] for place, own in enumerate(units)]

    def _keep(self, tap: int, values: torch.Tensor) -> None:
        first, last = np.searchsorted(self._units, self._bounds[tap : tap + 2])
        if last > first:
            columns = torch.from_numpy(self._units[first:last] - self._bounds[tap]).to(values.device)
            self._seen[tap] = values[:, :, columns].float().cpu().numpy()
