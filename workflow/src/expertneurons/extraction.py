"""Extraction: one forward pass per sentence gives the pooled responses of all units and the embeddings."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from expertneurons import checkpoints, placement, sites, tables
from expertneurons.batches import longest, masked, plan
from expertneurons.files import let_go, new_array
from expertneurons.poolings import ACTIVATED, Pooling
from expertneurons.reading import Averages, Checked, Reader, in_order
from expertneurons.steps import Progress

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
    tokenizer, network, device = placement.open_model(checkpoint, weights, seed, precision)
    extra = [ACTIVATED] if "activated" in poolings else []
    architecture = checkpoints.architecture(checkpoint)
    groups = [sites.resolve(network, architecture, sites_sheet, wanted) for wanted in (sites_wanted, extra) if wanted]
    indices = [sites.unit_table(taps, sites.widths(network, taps, device)) for taps in groups]
    rows = tables.read(sentence_table)
    batches = plan(tokenizer, rows, tokens_per_batch, longest(network), include_special, variant == "padded")
    if variant == "masked":
        batches = [masked(batch, tokenizer) for batch in batches]
    reader = Reader(network, groups, tuple(poolings), device, include_padding or variant == "padded")
    checked = Checked(rows, model, precision, dtype)
    averages = Averages(network, rows["concept_number"].to_numpy())
    progress = Progress(len(rows), f"{model}: responses", "sentences")
    with ExitStack() as stack:
        whose = [indices[pooling == "activated"] for pooling in poolings]
        arrays = [
            stack.enter_context(new_array(path, (len(rows), len(table)), dtype))
            for path, table in zip(responses, whose, strict=True)
        ]
        stack.enter_context(sites.tapped(network, [tap for taps in groups for tap in taps], reader.sink))
        pool = stack.enter_context(ThreadPoolExecutor(placement.passes_at_once(network, device, threads)))
        for batch, (pooled, means) in zip(batches, in_order(pool, reader.read, batches), strict=True):
            for array, values, table in zip(arrays, pooled, whose, strict=True):
                array[batch.rows] = checked(values, batch.rows, table)
                let_go(array)
            averages.add(batch.rows, means)
            progress(len(batch.rows))
        averages.save(embeddings, model)
        for table, path in zip(indices, (units, activated_units), strict=False):
            if path is not None:
                tables.write(table, path, ["unit"])
