"""Batches: sentences tokenised once and grouped by length under a budget of tokens."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from expertneurons.errors import StudyError


class Batch(NamedTuple):
    """Sentences of similar length, right-padded: their rows, and (batch, tokens) tensors.

    `own` are the tokens of a sentence's concept, or all of its tokens where it does not name its concept.
    """

    rows: npt.NDArray[np.intp]
    ids: torch.Tensor
    real: torch.Tensor
    pooled: torch.Tensor
    own: torch.Tensor


def longest(network: Any) -> int:
    """Return the most tokens a model takes; RoBERTa numbers its positions from the padding's number plus one."""
    limit = getattr(network.config, "max_position_embeddings", None) or 1 << 30
    positions = [module for name, module in network.named_modules() if name.endswith("position_embeddings")]
    skipped = [module.padding_idx + 1 for module in positions if getattr(module, "padding_idx", None) is not None]
    return int(limit) - max(skipped, default=0)


def plan(
    tokenizer: Any,
    rows: pd.DataFrame,
    tokens_per_batch: int,
    longest: int,
    include_special: bool,
    pad_to_longest: bool = False,
) -> list[Batch]:
    """Tokenise once and group sentences by length, longest first, so that memory runs short at once or never."""
    coded = tokenizer(
        rows["text"].tolist(), return_offsets_mapping=True, return_special_tokens_mask=True, return_attention_mask=False
    )
    lengths = np.array([len(ids) for ids in coded["input_ids"]])
    if lengths.max() > longest:
        row = rows.iloc[int(lengths.argmax())]
        raise StudyError(
            f"sentence {row['id']} has {lengths.max()} tokens, the model takes {longest}; shorten the sentence"
        )
    order = np.lexsort((np.arange(len(rows)), -lengths))
    padding = tokenizer.pad_token_id or 0
    widths = np.full_like(lengths, lengths.max()) if pad_to_longest else lengths
    return [
        _batch(chunk, coded, rows, int(widths[chunk[0]]), padding, include_special)
        for chunk in chunks(order, widths, tokens_per_batch)
    ]


def masked(batch: Batch, tokenizer: Any) -> Batch:
    """Put the tokenizer's mask, else its unknown or its end token, in place of every token of the concept."""
    known = (tokenizer.mask_token_id, tokenizer.unk_token_id, tokenizer.eos_token_id)
    mask = next((number for number in known if number is not None), None)
    if mask is None:
        raise StudyError("the tokenizer has no mask, unknown or end token to put in a concept's place; give it one")
    return batch._replace(ids=batch.ids.masked_fill(batch.own, mask))


def chunks(order: npt.NDArray[np.intp], lengths: npt.NDArray[Any], tokens: int) -> Iterator[npt.NDArray[np.intp]]:
    """Cut at the budget, and, from half of it on, where the length changes: without padding nothing need be masked."""
    sorted_lengths = lengths[order]
    changes = np.flatnonzero(np.diff(sorted_lengths)) + 1
    start = 0
    while start < len(order):
        size = max(1, tokens // int(sorted_lengths[start]))
        half = start + (size + 1) // 2
        stop = min(len(order), start + size, *changes[(changes >= half) & (changes > start)][:1].tolist())
        yield order[start:stop]
        start = stop


def _batch(
    chunk: npt.NDArray[np.intp], coded: Any, rows: pd.DataFrame, width: int, padding: int, include_special: bool
) -> Batch:
    shape = (len(chunk), width)
    ids = np.full(shape, padding, np.int64)
    real, pooled, own = (np.zeros(shape, np.bool_) for _ in range(3))
    spans = rows[["starts", "ends"]].to_numpy()[chunk]
    for position, (row, (starts, ends)) in enumerate(zip(chunk, spans, strict=True)):
        length = len(coded["input_ids"][row])
        ids[position, :length] = coded["input_ids"][row]
        real[position, :length] = True
        special = np.array(coded["special_tokens_mask"][row], np.bool_)
        pooled[position, :length] = ~special | include_special
        first, last = np.array(coded["offset_mapping"][row]).T
        for start, end in zip(starts, ends, strict=True):
            own[position, :length] |= (first < end) & (last > start) & (last > first) & ~special
        if not len(starts):
            own[position, :length] = ~special
    lost = ~(own.any(axis=1) & pooled.any(axis=1))
    if lost.any():
        name = rows["id"].iloc[int(chunk[int(lost.argmax())])]
        raise StudyError(f"sentence {name}: the tokenizer gives no token for its concept; check the text's characters")
    return Batch(chunk, *map(torch.from_numpy, (ids, real, pooled, own)))
