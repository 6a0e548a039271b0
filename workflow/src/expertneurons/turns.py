"""Turns: the blocks of a model run one at a time, inside the model's own forward pass."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from expertneurons.sites import Tap

ALL = -1


class Turn:
    """A model whose blocks are passed over in a forward pass, all but the one whose turn it is.

    The model itself makes the masks and positions that its blocks take, and applies what follows the last one.
    """

    def __init__(self, network: Any, blocks: list[Any]) -> None:
        """Take a model and its blocks in their order."""
        self.network, self.blocks = network, blocks
        self._here = threading.local()
        # How many values each block gives, of which the first are the hidden states; none where it gives them alone.
        self._tuples = [0] * len(blocks)

    def whole(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Run all blocks, and note what each gives."""
        self._here.number = ALL
        end: torch.Tensor = self.network(**inputs).last_hidden_state
        return end

    def run(self, number: int, hidden: torch.Tensor | None, **inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run one block on hidden states (of the embedding layer, where None is given).

        Returns what goes into the block, what comes out of it, and what the model makes of that at its end.
        """
        here = self._here
        here.number, here.hidden = number, hidden
        last = self.network(**inputs).last_hidden_state
        return here.before, here.after, last

    def forward(self, number: int, original: Any) -> Any:
        """Make the forward method of a block."""

        def forward(*inputs: Any, **options: Any) -> Any:
            here = self._here
            given = inputs[0] if inputs else options.pop("hidden_states")
            if here.number not in (number, ALL):
                return (given, *[None] * (self._tuples[number] - 1)) if self._tuples[number] else given
            here.before = given if here.number == ALL or here.hidden is None else here.hidden
            out = original(here.before, *inputs[1:], **options)
            self._tuples[number] = len(out) if isinstance(out, tuple) else 0
            here.after = out[0] if isinstance(out, tuple) else out
            return out

        return forward


@contextmanager
def blocks_in_turn(network: Any, taps: list[Tap]) -> Iterator[Turn]:
    """Run blocks one at a time during the block; the model is as before afterwards, even on error."""
    layer, path = taps[0].layer, taps[0].module.split(".")
    whole = network.get_submodule(".".join(path[: path.index(str(layer))]))
    turn = Turn(network, list(whole))
    own = [vars(block).get("forward") for block in turn.blocks]  # set on the block itself, by another hook
    try:
        for number, block in enumerate(turn.blocks):
            block.forward = turn.forward(number, block.forward)
        yield turn
    finally:
        for block, before in zip(turn.blocks, own, strict=True):
            vars(block).pop("forward", None)
            if before is not None:
                block.forward = before
