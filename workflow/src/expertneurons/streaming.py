"""Streaming: a model layer by layer, the units of one scored while the next one runs, and no response on the disk."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from expertneurons import checkpoints, placement, sites, tables
from expertneurons.batches import Batch, longest, plan
from expertneurons.device_scores import score_on_device
from expertneurons.errors import StudyError
from expertneurons.parts import Parts
from expertneurons.poolings import Pooling
from expertneurons.reading import Averages, Checked, Reader, in_order
from expertneurons.scoring import Scorer
from expertneurons.steps import Progress
from expertneurons.turns import Turn, blocks_in_turn

# Of the states that blocks of the same pass in another order of calls may differ by, as a share of their spread.
SAME = 1e-3


def stream_expertise(
    checkpoint: Path,
    sentence_table: Path,
    sites_sheet: Path,
    concept_table: Path,
    labels: Path,
    units: Path,
    embeddings: Path,
    ap: Path,
    auroc: Path,
    design: Path,
    distribution: Path,
    sites_wanted: list[str],
    pooling: Pooling,
    prevalence: float,
    permutations: int,
    seed: int,
    model: str,
    weights: checkpoints.Weights = "trained",
    weights_seed: int = 0,
    include_special: bool = False,
    include_padding: bool = False,
    precision: checkpoints.Precision = "float32",
    dtype: Literal["float32", "float16"] = "float32",
    tokens_per_batch: int = 2048,
    threads: int = 1,
) -> None:
    """Do what `extract_responses` and then `score_units` do, with the same results, one layer after another.

    What is held at once: the hidden states of all tokens, and the responses of the units of two layers. A killed
    step scores no unit again; the layers before are run again for their hidden states.

    Args:
        checkpoint: Folder of the model.
        sentence_table: As `build_stimuli` writes it.
        sites_sheet: Which modules are units.
        concept_table: The concepts, in their order.
        labels: Positives, negatives and exclusions.
        units: As of `extract_responses`.
        embeddings: As of `extract_responses`.
        ap: As of `score_units`.
        auroc: As of `score_units`.
        design: As of `score_units`.
        distribution: As of `score_units`.
        sites_wanted: The sites whose outputs are units.
        pooling: How a unit's activations over the tokens become one response.
        prevalence: Effective share of positives where all other sentences are negatives.
        permutations: Shuffles of the sentences' labels.
        seed: Of the shuffles.
        model: Its name, for messages.
        weights: Trained, or untrained ones of the same shape.
        weights_seed: Of the untrained weights.
        include_special: Pool over special tokens too.
        include_padding: Pool over padding too.
        precision: Of the weights and of the pass.
        dtype: Of the responses.
        tokens_per_batch: Tokens, padding included, that go through a layer at once.
        threads: Batches that are computed at the same time.

    Raises:
        StudyError: also where a model does not run as a row of blocks, each on what the one before gives.

    """
    tokenizer, network, device = placement.open_model(checkpoint, weights, weights_seed, precision)
    taps = sites.resolve(network, checkpoints.architecture(checkpoint), sites_sheet, sites_wanted)
    index = sites.unit_table(taps, sites.widths(network, taps, device))
    rows, concepts = tables.read(sentence_table), tables.read(concept_table)
    batches = plan(tokenizer, rows, tokens_per_batch, longest(network), include_special)
    on_gpu = device.type == "cuda"
    kernel = partial(score_on_device, device=device) if on_gpu else None
    scorer = Scorer(
        index, concepts, labels, len(rows), prevalence, permutations, seed, model, threads if on_gpu else 1, kernel
    )
    settings = (str(weights), weights_seed, include_special, include_padding, precision, dtype, tokens_per_batch)
    parts = scorer.parts(ap, checkpoint, sentence_table, sites_sheet, sites_wanted, pooling, *settings)
    averages = Averages(network, rows["concept_number"].to_numpy())
    checked = Checked(rows, model, precision, dtype)
    with (
        blocks_in_turn(network, taps) as turn,
        ThreadPoolExecutor(1) as beside,
        ThreadPoolExecutor(placement.passes_at_once(network, device, threads)) as pool,
    ):
        stream = Stream(turn, Reader(network, [[]], (pooling,), device, include_padding), batches, averages, pool)
        stream.check()
        answers = partial(_answers, stream, checked, len(rows), dtype, taps)
        _score_layers(answers, len(turn.blocks), index, scorer, parts, beside, model)
    averages.save(embeddings, model)
    tables.write(index, units, ["unit"])
    scorer.write(parts, ap, auroc, design, distribution)


def _answers(
    stream: "Stream",
    checked: Checked,
    sentences: int,
    dtype: str,
    taps: list[sites.Tap],
    number: int,
    table: pd.DataFrame,
) -> npt.NDArray[Any]:
    """Run one layer over all sentences and return its units' responses, (sentences, units); none for no units."""
    found = np.empty((sentences, len(table)), dtype)
    for batch, values in stream.layer(number, [tap for tap in taps if tap.layer == number and len(table)]):
        if len(table):
            found[batch.rows] = checked(values, batch.rows, table)
    return found


def _score_layers(
    answers: Callable[[int, pd.DataFrame], npt.NDArray[Any]],
    layers: int,
    index: pd.DataFrame,
    scorer: Scorer,
    parts: Parts,
    beside: Executor,
    model: str,
) -> None:
    """Run the layers in turn, each while the one before is scored, so that no more than two are held."""
    scored: Future[None] | None = None
    progress = Progress(layers, f"{model}: layers", "layers")
    for number in range(layers):
        table = index[index["layer"] == number]
        first = int(table["unit"].iloc[0]) if len(table) else 0
        done = scorer.has(first, first + len(table), parts)
        found = answers(number, table[:0] if done else table)
        if scored is not None:
            scored.result()
        scored = None if done else beside.submit(scorer.add, found, first, parts)
        progress(1)
    if scored is not None:
        scored.result()


class Stream:
    """The hidden states of all batches on their way through the blocks."""

    def __init__(self, turn: Turn, reader: Reader, batches: list[Batch], averages: Averages, pool: Any) -> None:
        self._turn, self._reader, self._batches, self._averages, self._pool = turn, reader, batches, averages, pool
        self._states: list[torch.Tensor | None] = [None] * len(batches)
        config, device = turn.network.config, reader.device
        width = turn.network.dtype.itemsize * config.hidden_size
        needed = 2 * width * sum(batch.ids.numel() for batch in batches)
        on_gpu = device.type == "cuda" and needed < torch.cuda.mem_get_info(device)[0]
        self._home = device if on_gpu else torch.device("cpu")

    def layer(self, number: int, taps: list[sites.Tap]) -> Iterator[tuple[Batch, npt.NDArray[Any]]]:
        """Run one block over all batches; yields each with the pooled responses of the block's units."""
        reader = replace(self._reader, groups=[taps])
        with sites.tapped(self._turn.network, taps, reader.sink):
            work = partial(self._batch, number, reader)
            for place, (values, means, depths) in enumerate(in_order(self._pool, work, range(len(self._batches)))):
                batch = self._batches[place]
                self._averages.add(batch.rows, means, depths)
                yield batch, values

    def _batch(self, number: int, reader: Reader, place: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any], slice]:
        batch = self._batches[place]
        ids, mask = reader.begin(batch)
        state = self._states[place]
        given = None if state is None else state.to(ids.device)
        with torch.inference_mode():
            before, after, end = self._turn.run(number, given, input_ids=ids, attention_mask=mask)
            states = [after]
            if number == 0:
                states = [self._turn.network.get_input_embeddings()(ids), before, after]
            if number == len(self._turn.blocks) - 1:
                states[-1] = end
            means = reader.means(tuple(states), batch)
        self._states[place] = after.to(self._home)
        depth = 0 if number == 0 else number + 2
        pooled = reader.pooled()[0] if reader.groups[0] else np.empty((len(batch.rows), 0))
        return pooled, means, slice(depth, depth + len(states))

    def check(self) -> None:
        """Raise where blocks one at a time do not give what the model gives."""
        batch = self._batches[-1]
        ids, mask = self._reader.begin(batch)
        with torch.inference_mode():
            whole = self._turn.whole(input_ids=ids, attention_mask=mask)
            hidden, end = None, whole
            for number in range(len(self._turn.blocks)):
                _, hidden, end = self._turn.run(number, hidden, input_ids=ids, attention_mask=mask)
        if not torch.allclose(end.float(), whole.float(), rtol=0, atol=SAME * float(whole.float().std())):
            raise StudyError(
                "the model gives something else when its layers are run one at a time; leave it out of responses.stream"
            )
