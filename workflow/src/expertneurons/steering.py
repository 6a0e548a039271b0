"""Steering: what a model says of a concept when its experts are forced, and without them.

Forcing holds units at their median response to the concept's sentences, at every token, as published (Suau et al. 2022,
arXiv 2110.02802); knock-out holds them at their median response to the other sentences. That median is of responses
pooled over tokens: where pooling is by the maximum it lies above what a unit does at most tokens. So beside it units
are also only kept from rising above it.
"""

from pathlib import Path

import pandas as pd

from expertneurons import checkpoints, heads, placement, sites, spelling, steered, tables
from expertneurons.errors import StudyError
from expertneurons.forcing import forcible
from expertneurons.keys import KEYS
from expertneurons.passes import Passes
from expertneurons.steering_names import CAPPED, EXPERTS, OFF, ON, OTHER, RANDOM
from expertneurons.words import forms

AFTER = " ."  # what a masked model reads after the place that it fills


def steer(
    checkpoint: Path,
    chosen: Path,
    units: Path,
    concept_table: Path,
    sentence_table: Path,
    sites_sheet: Path,
    output: Path,
    sites_wanted: list[str],
    ks: list[int],
    sentences: int,
    generations: int,
    max_new_tokens: int,
    model: str,
    stimuli: str,
    seed: int,
    prompts: list[str] | None = None,
    prompt_file: Path | None = None,
    weights: checkpoints.Weights = "trained",
    weights_seed: int = 0,
    precision: checkpoints.Precision = "float32",
    tokens_per_batch: int = 2048,
    threads: int = 1,
) -> None:
    """Force the chosen units of one model and measure what it says.

    Args:
        checkpoint: Folder of the model.
        chosen: Units, as `choose_units` writes them.
        units: Index of the units.
        concept_table: The concepts.
        sentence_table: Sentences about the concepts, for the knock-out.
        sites_sheet: Which modules are units.
        output: Parquet file, the `steering` table of this model.
        sites_wanted: The sites whose outputs are units, as they were extracted.
        ks: How many units are forced, the best first.
        sentences: Sentences a concept for the knock-out.
        generations: Texts that the model writes after each prompt.
        max_new_tokens: Longest text.
        model: Its name.
        stimuli: Their name.
        seed: Of the texts and of the draw of sentences.
        prompts: Neutral beginnings of sentences, up to a noun.
        prompt_file: The same, one a line of a file, in place of `prompts`.
        weights: Trained, or untrained ones of the same shape.
        weights_seed: Of the untrained weights.
        precision: Of the weights and of the pass.
        tokens_per_batch: Tokens that go through the model at once.
        threads: Batches that are computed at the same time.

    """
    tokenizer, network, kind = heads.load(checkpoint, model, weights, weights_seed, precision)
    network, device = placement.place(network)
    taps = sites.resolve(network.base_model, checkpoints.architecture(checkpoint), sites_sheet, sites_wanted)
    sizes = sites.widths(network.base_model, taps, device)
    if len(tables.read(units)) != sum(sizes):
        raise StudyError(f"{units}: {len(tables.read(units))} units, {model} has {sum(sizes)}; extract responses again")
    beginnings = prompt_file.read_text(encoding="utf-8").splitlines() if prompt_file else prompts
    if not beginnings:
        raise StudyError(f"{model}: there is no prompt to steer with; list some in steering.prompts")
    forced, listed = tables.read(chosen), tables.read(concept_table)
    known = {str(row["concept"]): forms(row["concept"], row.get("forms") or "") for row in listed.to_dict("records")}
    names = dict(zip(listed["concept_number"], listed["concept"], strict=True))
    wanted = list(dict.fromkeys(forced["concept"]))
    about = steered.contexts(tables.read(sentence_table), names, wanted, sentences, seed)
    neutral = {name: [(text, AFTER) for text in beginnings] for name in wanted}
    on = steered.cells(forced, ks, ON, [EXPERTS, RANDOM, OTHER])
    silent = {how: steered.cells(forced, ks, OFF, [EXPERTS, RANDOM], capped=how == CAPPED) for how in (OFF, CAPPED)}
    causal = kind == "causal"
    ends = spelling.ends(tokenizer, network.get_output_embeddings().weight.shape[0]) if causal else None
    with forcible(network.base_model, taps, sizes) as forcing:
        passes = Passes(network, device, forcing, causal, tokens_per_batch, threads)
        found = steered.scored(on, neutral, known, tokenizer, passes, ends, f"{model}: steering")
        lost = [
            steered.scored(own, about, known, tokenizer, passes, ends, f"{model}: knock-out ({how})").assign(kind=how)
            for how, own in silent.items()
        ]
        if causal:
            texts = (generations, max_new_tokens, seed, f"{model}: steering")
            said = steered.written(on, beginnings, known, tokenizer, passes, *texts)
            found = found.merge(said, on=steered.CELL)
    table = pd.concat([found.assign(kind=ON), *lost], ignore_index=True)
    whole = table.assign(model=model, stimuli=stimuli).reindex(columns=steered.COLUMNS)
    tables.write(whole, output, KEYS["steering"])
