"""Batches: sentences tokenised once and grouped by length under a budget of tokens."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from expertneurons.errors import StudyError


class Batch(NamedTuple):
    """Sentences of similar length, right-padded: their rows, and (batch, tokens) tensors."""

    rows: npt.NDArray[np.intp]
    ids: torch.Tensor
    real: torch.Tensor
    pooled: torch.Tensor
    own: torch.Tensor


def plan(tokenizer: Any, rows: pd.DataFrame, tokens_per_batch: int, longest: int, include_special: bool) -> list[Batch]:
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
    return [
        _batch(chunk, coded, rows, int(lengths[chunk[0]]), padding, include_special)
        for chunk in _chunks(order, lengths, tokens_per_batch)
    ]


def _chunks(order: npt.NDArray[np.intp], lengths: npt.NDArray[Any], tokens: int) -> Iterator[npt.NDArray[np.intp]]:
    start = 0
    while start < len(order):
        size = max(1, tokens // int(lengths[order[start]]))
        yield order[start : start + size]
        start += size


def _batch(
    chunk: npt.NDArray[np.intp], coded: Any, rows: pd.DataFrame, width: int, padding: int, include_special: bool
) -> Batch:
    ids = torch.full((len(chunk), width), padding, dtype=torch.long)
    real, pooled, own = (torch.zeros((len(chunk), width), dtype=torch.bool) for _ in range(3))
    for position, row in enumerate(chunk):
        length = len(coded["input_ids"][row])
        ids[position, :length] = torch.tensor(coded["input_ids"][row])
        real[position, :length] = True
        special = torch.tensor(coded["special_tokens_mask"][row], dtype=torch.bool)
        pooled[position, :length] = ~special | include_special
        offsets = coded["offset_mapping"][row]
        for start, end in zip(rows["starts"].iloc[row], rows["ends"].iloc[row], strict=True):
            inside = [first < end and last > start and last > first for first, last in offsets]
            own[position, :length] |= torch.tensor(inside) & ~special
    if not bool(own.any(1).all()) or not bool(pooled.any(1).all()):
        lost = rows["id"].iloc[int(chunk[int((~(own.any(1) & pooled.any(1))).nonzero()[0])])]
        raise StudyError(f"sentence {lost}: the tokenizer gives no token for its concept; check the text's characters")
    return Batch(chunk, ids, real, pooled, own)
