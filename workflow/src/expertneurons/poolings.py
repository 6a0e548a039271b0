"""Poolings: how a unit's activations over the tokens of a sentence become one response."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch

from expertneurons.batches import Batch
from expertneurons.errors import StudyError

Pooling = Literal["max", "min", "mean", "last", "special", "context", "activated"]

# `activated` pools as `max` does, over the units of this site alone: what goes on after the nonlinearity.
ACTIVATED = "mlp.act"


class Reading(NamedTuple):
    """A statistic over some of the tokens: the real ones, those and the special ones, or those without the concept."""

    statistic: Literal["max", "min", "mean", "last"]
    tokens: Literal["real", "special", "context"]


READINGS: dict[Pooling, Reading] = {
    "max": Reading("max", "real"),
    "min": Reading("min", "real"),
    "mean": Reading("mean", "real"),
    "last": Reading("last", "real"),
    "special": Reading("max", "special"),
    "context": Reading("max", "context"),
    "activated": Reading("max", "real"),
}


class Mask(NamedTuple):
    """Tokens that are pooled over, (batch, tokens, 1), and their span where it is the same for all sentences."""

    chosen: torch.Tensor
    span: slice | None


def masks(batch: Batch, poolings: Sequence[Pooling], include_padding: bool, device: torch.device) -> dict[str, Mask]:
    """Return the mask of every kind of tokens that the poolings ask for.

    Raises:
        StudyError: a sentence that has no token besides its concept's, where the concept's are left out.

    """
    padding = ~batch.real if include_padding else torch.zeros_like(batch.real)
    kinds = {
        "real": batch.pooled | padding,
        "special": batch.real | padding,
        "context": (batch.pooled & ~batch.own) | padding,
    }
    wanted: set[str] = {READINGS[pooling].tokens for pooling in poolings}
    found: dict[str, Mask] = {}
    for kind, chosen in kinds.items():
        if kind in wanted:
            if not chosen.any(dim=1).all():
                row = batch.rows[int((~chosen.any(dim=1)).int().argmax())]
                raise StudyError(
                    f"sentence number {row} has no token but its concept's, so that `context` has nothing to pool; "
                    "write more around the concept, or leave `context` out of responses.poolings and of the choices"
                )
            found[kind] = Mask(chosen.to(device)[:, :, None], _span(chosen))
    return found


def _span(chosen: torch.Tensor) -> slice | None:
    """Find the run of columns that every row (batch, tokens) chooses; None where rows differ or leave gaps."""
    columns = chosen[0].nonzero()[:, 0]
    first, last = int(columns[0]), int(columns[-1]) + 1
    return slice(first, last) if last - first == len(columns) and bool((chosen == chosen[0]).all()) else None


def pool(values: torch.Tensor, statistic: str, mask: Mask) -> torch.Tensor:
    """Pool activations (batch, tokens, units) over the masked tokens: (batch, units)."""
    chosen = mask.chosen.to(values.device)
    if statistic == "mean":
        return (values.float() * chosen).sum(1) / chosen.sum(1)
    if statistic == "last":
        places = torch.arange(chosen.shape[1], device=values.device)[None, :, None]
        last = torch.where(chosen, places, -1).amax(1)[:, 0]
        return values[torch.arange(len(values), device=values.device), last]
    beyond = -torch.inf if statistic == "max" else torch.inf
    kept = values.masked_fill(~chosen, beyond) if mask.span is None else values[:, mask.span]
    return kept.amax(1) if statistic == "max" else kept.amin(1)
