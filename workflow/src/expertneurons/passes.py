"""Passes: rows of tokens through a model in batches of equal length, so that no row is ever padded."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from expertneurons import placement
from expertneurons.errors import StudyError
from expertneurons.forcing import Forcing, UnitSet
from expertneurons.spelling import Row
from expertneurons.steps import Progress

T = TypeVar("T")


class Spelled(NamedTuple):
    """Log probabilities (nats) of the tokens of one row, and that the word ends after each of them; both (n,)."""

    tokens: npt.NDArray[np.float64]
    ends: npt.NDArray[np.float64]


class Passes:
    """A hooked model and what its passes are shared out by."""

    def __init__(
        self, network: Any, device: torch.device, forcing: Forcing, causal: bool, tokens_per_batch: int, threads: int
    ) -> None:
        """Take a model with its head, whose base model `forcible` has hooked.

        A causal model tells of a token one place before it, a masked one at the token's own place. Every batch is
        computed by one thread, so that results do not depend on the number of threads.
        """
        self._network, self._device, self._forcing, self._causal = network, device, forcing, causal
        self._tokens = tokens_per_batch
        self._longest = int(getattr(network.config, "max_position_embeddings", None) or 1 << 30)
        self._threads = placement.passes_at_once(network, device, threads)

    def spelled(self, rows: Sequence[Row], sets: Sequence[UnitSet], ends: torch.Tensor | None, label: str) -> list[Any]:
        """Read the probabilities of every row's tokens, each row under its own forced units.

        Args:
            rows: What is read.
            sets: One per row.
            ends: (vocabulary,) bool, tokens that end the word before them; None does not ask for an end.
            label: For the progress.

        Returns:
            One `Spelled` per row; without `ends` its `ends` are 0.

        """
        asked = None if ends is None else ends.to(self._device)

        def read(chosen: list[int]) -> list[Spelled]:
            return _read(self._network, [rows[number] for number in chosen], asked, self._causal, self._device)

        return self._shared([len(row.ids) for row in rows], sets, read, label)

    def sampled(
        self,
        prompts: Sequence[Sequence[int]],
        sets: Sequence[UnitSet],
        uniforms: Sequence[npt.NDArray[np.float64]],
        end: int,
        label: str,
    ) -> list[Any]:
        """Let the model go on from every prompt, each row under its own forced units and with its own random numbers.

        Args:
            prompts: Tokens of each.
            sets: One per prompt.
            uniforms: (new tokens,) in [0, 1) per prompt: the n-th draws the n-th token, so that a text depends on
                nothing else in its batch.
            end: Token that ends a text; -1 for none.
            label: For the progress.

        Returns:
            Lists of new tokens, the ending one included.

        """

        def sample(chosen: list[int]) -> list[list[int]]:
            ids = torch.tensor([list(prompts[number]) for number in chosen], device=self._device)
            drawn = torch.from_numpy(np.stack([uniforms[number] for number in chosen])).to(self._device)
            return [_until(own, end) for own in _sample(self._network, ids, drawn).tolist()]

        lengths = [len(prompt) + len(own) for prompt, own in zip(prompts, uniforms, strict=True)]
        return self._shared(lengths, sets, sample, label)

    def _shared(
        self, lengths: Sequence[int], sets: Sequence[UnitSet], work: Callable[[list[int]], list[T]], label: str
    ) -> list[T]:
        """Do the work batch by batch and return its results in the order of the rows."""
        if max(lengths) > self._longest:
            raise StudyError(
                f"{label}: a row has {max(lengths)} tokens, the model takes {self._longest}; shorten the prompts or "
                "set steering.max_new_tokens lower"
            )

        def done(chosen: list[int]) -> list[T]:
            torch.set_num_threads(1)
            with torch.inference_mode(), self._forcing.rows([sets[number] for number in chosen]):
                return work(chosen)

        batches = _batches(lengths, self._tokens)
        found: dict[int, T] = {}
        progress = Progress(len(lengths), label, "rows")
        with ThreadPoolExecutor(self._threads) as pool:
            for chosen, results in zip(batches, pool.map(done, batches), strict=True):
                found.update(zip(chosen, results, strict=True))
                progress(len(chosen))
        return [found[number] for number in range(len(lengths))]


def _batches(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Group rows of equal length, in their order, the longest first: memory runs short at once or never."""
    by_length: dict[int, list[int]] = {}
    for number, length in enumerate(lengths):
        by_length.setdefault(length, []).append(number)
    return [
        own[first : first + max(1, tokens // length)]
        for length, own in sorted(by_length.items(), reverse=True)
        for first in range(0, len(own), max(1, tokens // length))
    ]


def _read(
    network: Any, rows: Sequence[Row], ends: torch.Tensor | None, causal: bool, device: torch.device
) -> list[Spelled]:
    ids = torch.tensor([row.ids for row in rows], device=device)
    first = min(row.start for row in rows) - causal
    kept = {"use_cache": False, "logits_to_keep": ids.shape[1] - first} if causal else {}
    logits = network(input_ids=ids, **kept).logits
    logp = torch.log_softmax((logits if causal else logits[:, first:]).float(), dim=-1)  # (rows, places, vocabulary)
    over = None if ends is None else logp.masked_fill(~ends, -torch.inf).logsumexp(-1).double().cpu().numpy()
    found = []
    for number, row in enumerate(rows):
        places = np.arange(len(row.tokens)) + row.start - first - causal
        own = logp[number, torch.from_numpy(places), torch.tensor(row.tokens)].double().cpu().numpy()
        found.append(Spelled(own, np.zeros(len(own)) if over is None else over[number, places + 1]))
    return found


def _sample(network: Any, ids: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Draw tokens from the model's own distribution by inverting its cumulative probabilities, (rows, new tokens)."""
    cache: Any = None
    drawn: list[torch.Tensor] = []
    for step in range(uniforms.shape[1]):
        out = network(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        heaped = torch.softmax(out.logits[:, -1].double(), dim=-1).cumsum(-1)
        ids = torch.searchsorted(heaped, uniforms[:, step, None] * heaped[:, -1:], right=True)
        ids = ids.clamp(max=heaped.shape[-1] - 1)
        drawn.append(ids)
    return torch.cat(drawn, dim=1)


def _until(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end) + 1] if end in tokens else tokens
