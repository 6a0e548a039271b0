"""Reading: batches of sentences through a tapped model, pooled where the model answers."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from expertneurons import sites
from expertneurons.batches import Batch
from expertneurons.errors import StudyError
from expertneurons.files import save_array
from expertneurons.poolings import READINGS, Mask, Pooling, masks, pool
from expertneurons.stimuli import SCOPES

Item = TypeVar("Item")
Result = TypeVar("Result")

# Batches computed before what the first of them gave is taken: more would fill the memory where a disk is slow.
AHEAD = 8


def in_order(pool: Executor, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Results in the order of the items, computed while earlier ones are used, a few ahead."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


class Checked:
    """Turns pooled values into what is stored, and names the first one that is not finite."""

    def __init__(self, rows: pd.DataFrame, model: str, precision: str, dtype: str) -> None:
        """Take the sentences, the model's name, the number format of the pass and that of what is stored."""
        self._rows, self._model, self._dtype = rows, model, dtype
        self._remedy = "the weights are broken: fetch the checkpoint again"
        if precision == "float16":
            self._remedy = "run it in bfloat16 (dtype in the models sheet)"
        elif dtype == "float16":
            self._remedy = "store float32 (responses.dtype)"

    def __call__(self, values: npt.NDArray[Any], chunk: npt.NDArray[np.intp], table: pd.DataFrame) -> npt.NDArray[Any]:
        """Return the responses of a chunk of sentences and of the units of a table, in the format that is stored."""
        with np.errstate(over="ignore"):  # an overflow becomes infinite and is told with its place
            found = values.astype(self._dtype)
        if np.isfinite(found).all():
            return found
        position, unit = np.argwhere(~np.isfinite(found))[0]
        place = table.iloc[unit]
        raise StudyError(
            f"{self._model}: the response of layer {place['layer']} {place['site']} {place['index']} to sentence "
            f"{self._rows['id'].iloc[chunk[position]]} is {found[position, unit]}; {self._remedy}"
        )


class Averages:
    """Means of hidden states over the sentences of each concept, summed up as batches come."""

    def __init__(self, network: Any, concepts: npt.NDArray[np.intp]) -> None:
        """Take the model and the concept of every sentence."""
        self._concepts = concepts
        depths, width = network.config.num_hidden_layers + 2, network.config.hidden_size
        self._sums = np.zeros((len(SCOPES), depths, int(concepts.max()) + 1, width))

    def add(self, rows: npt.NDArray[np.intp], means: npt.NDArray[np.float64], depths: slice = slice(None)) -> None:
        """Add the means (scopes, depths, batch, width) of a batch."""
        for position, row in enumerate(rows):
            self._sums[:, depths, self._concepts[row]] += means[:, :, position]

    def save(self, path: Path, model: str) -> None:
        """Write (scopes, depths, concepts, width) float32."""
        if not np.isfinite(self._sums).all():
            raise StudyError(f"{model}: an embedding is nan; the weights are broken: fetch the checkpoint again")
        save_array(path, (self._sums / np.bincount(self._concepts)[:, None]).astype(np.float32))


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
        ids, mask = self.begin(batch)
        with torch.inference_mode():
            out = self.network(input_ids=ids, attention_mask=mask, output_hidden_states=True)
            static = self.network.get_input_embeddings()(ids)
            means = self.means((static, *out.hidden_states), batch)
        return self.pooled(), means

    def begin(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Make ready for a pass of this thread over a batch; returns the pass's token numbers and attention mask."""
        torch.set_num_threads(1)
        here = self._current
        here.masks = masks(batch, self.poolings, self.include_padding, self.device)
        here.seen = {pooling: {} for pooling in self.poolings}
        return batch.ids.to(self.device), batch.real.to(self.device).long()

    def pooled(self) -> list[npt.NDArray[Any]]:
        """Return what the taps saw in this thread's pass, (batch, units) for each pooling."""
        with torch.inference_mode():
            return [self._joined(pooling) for pooling in self.poolings]

    def _joined(self, pooling: Pooling) -> npt.NDArray[Any]:
        # Modules answer in the order in which the model runs them; the columns follow the taps.
        seen = self._current.seen[pooling]
        ordered = [seen[tap].to(self.device) for tap in range(*self._own[pooling])]
        whole: npt.NDArray[Any] = torch.cat(ordered, dim=1).cpu().float().numpy()
        return whole

    def means(self, states: tuple[torch.Tensor, ...], batch: Batch) -> npt.NDArray[np.float64]:
        """Return the means of hidden states over each sentence's own tokens and over all: (2, depths, batch, width)."""
        chosen = torch.stack([batch.own, batch.pooled], dim=1).to(self.device)
        weights = chosen / chosen.sum(2, keepdim=True)
        found = torch.stack([torch.bmm(weights, state.to(self.device).float()) for state in states])
        return found.permute(2, 0, 1, 3).double().cpu().numpy()

    def sink(self, number: int, values: torch.Tensor) -> None:
        """Pool one tap's activations, (batch, tokens, units)."""
        here = self._current
        for pooling, seen in getattr(here, "seen", {}).items():
            first, last = self._own[pooling]
            if first <= number < last:
                reading = READINGS[pooling]
                mask: Mask = here.masks[reading.tokens]
                seen[number] = pool(values, reading.statistic, mask)
