"""Steered: the cells of the experiment (concept, condition, k), and what a model says in each of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from expertneurons import seeds, spelling
from expertneurons.errors import StudyError
from expertneurons.forcing import NOTHING, UnitSet
from expertneurons.passes import Passes
from expertneurons.spelling import Question, Row
from expertneurons.steering_names import EXPERTS, NONE, OTHER
from expertneurons.words import Lexicon

COLUMNS = [
    *("model", "stimuli", "kind", "concept", "k", "condition", "n_units", "logprob", "delta_logprob"),
    *("mention_share", "perplexity", "n_contexts", "n_texts"),
]
CELL = ["concept", "k", "condition"]

# What stands before a word and what after it.
Context = tuple[str, str]


class Cell(NamedTuple):
    """One concept under one set of forced units; `of` is the concept whose experts they are."""

    concept: str
    k: int
    condition: str
    draw: int
    of: str
    units: UnitSet


def cells(
    chosen: pd.DataFrame, ks: Sequence[int], value: str, conditions: Sequence[str], capped: bool = False
) -> list[Cell]:
    """Every cell: each concept unforced (k = 0) and, per condition, with the first k of its chosen units.

    Args:
        chosen: Units, as `choose_units` writes them.
        ks: How many.
        value: The column that holds what they are forced to.
        conditions: Which of the chosen units.
        capped: Only keep them from rising above the value.

    """
    names = dict(zip(chosen["concept_number"], chosen["concept"], strict=True))
    found = [Cell(name, 0, NONE, 0, name, NOTHING) for name in dict.fromkeys(chosen["concept"])]
    rows = chosen[chosen["condition"].isin(conditions)].sort_values("rank")
    key: Any
    for key, own in rows.groupby(["concept", "condition", "draw"], sort=False):
        name, condition, draw = key
        partner = names[own["of"].iloc[0]]
        for k in ks:
            taken = own[own["rank"] <= k]
            units = UnitSet(taken["unit"].to_numpy(np.intp), taken[value].to_numpy(np.float32), capped)
            found.append(Cell(str(name), k, str(condition), int(draw), partner, units))
    return found


def contexts(
    sentences: pd.DataFrame, names: Mapping[int, str], wanted: Sequence[str], most: int, seed: int
) -> dict[str, list[Context]]:
    """Where concepts are named in sentences about them: what stands before the first mention and what after it.

    Args:
        sentences: Columns concept_number, text, starts and ends (of the mentions).
        names: Concepts by number.
        wanted: Those asked for.
        most: Sentences of a concept, drawn.
        seed: Of the draw.

    Raises:
        StudyError: a concept that no sentence names after a word and a space.

    """
    found: dict[str, list[Context]] = {name: [] for name in names.values()}
    for number, text, starts, ends in sentences[["concept_number", "text", "starts", "ends"]].itertuples(index=False):
        if starts[0] > 0 and text[starts[0] - 1] == " " and text[: starts[0]].strip():
            found[names[number]].append((text[: starts[0]].rstrip(), text[ends[0] :]))
    for name in wanted:
        if not found[name]:
            raise StudyError(f"no sentence about {name!r} has a word before it; write one for the knock-out")
    drawn = {name: seeds.generator(seed, "steering_sentences", name).permutation(len(found[name])) for name in wanted}
    return {name: [found[name][place] for place in np.sort(drawn[name][:most])] for name in wanted}


def scored(
    asked: Sequence[Cell],
    about: Mapping[str, Sequence[Context]],
    spellings: Mapping[str, list[str]],
    tokenizer: Any,
    passes: Passes,
    ends: torch.Tensor | None,
    label: str,
) -> pd.DataFrame:
    """Log probability of every concept's word in every cell, and its change from the unforced model.

    Args:
        asked: The cells.
        about: Contexts by concept.
        spellings: Forms by concept.
        tokenizer: Of the model.
        passes: The hooked model.
        ends: Tokens that end a word; None for a masked model.
        label: For the progress.

    Returns:
        concept, k, condition, n_units, logprob (mean over contexts and draws, nats), delta_logprob, n_contexts.

    """
    questions = {
        name: [_question(tokenizer, left, right, spellings[name], masked=ends is None) for left, right in own]
        for name, own in about.items()
    }
    rows: list[Row] = []
    sets: list[UnitSet] = []
    for cell in asked:
        for question in questions[cell.concept]:
            rows += question.rows
            sets += [cell.units] * len(question.rows)
    read = iter(passes.spelled(rows, sets, ends, label))
    told = []
    for cell in asked:
        own = [_answer(question, read) for question in questions[cell.concept]]
        told.append((cell.concept, cell.k, cell.condition, len(cell.units.units), float(np.mean(own)), len(own)))
    table = pd.DataFrame(told, columns=[*CELL, "n_units", "logprob", "n_contexts"])
    table = table.groupby(CELL, sort=False).agg({"n_units": "min", "logprob": "mean", "n_contexts": "first"})
    table = table.reset_index()
    unforced = table[table["condition"] == NONE].set_index("concept")["logprob"]
    return table.assign(delta_logprob=table["logprob"] - table["concept"].map(unforced))


def _question(tokenizer: Any, left: str, right: str, forms: list[str], masked: bool) -> Question:
    if masked:
        return spelling.ask_masked(tokenizer, left, right, forms)
    return spelling.ask(tokenizer, left, forms)


def _answer(question: Question, read: Iterator[Any]) -> float:
    own = [next(read) for _ in question.rows]
    return question.answer([found.tokens for found in own], [found.ends for found in own])


def written(
    asked: Sequence[Cell],
    prompts: Sequence[str],
    spellings: Mapping[str, list[str]],
    tokenizer: Any,
    passes: Passes,
    generations: int,
    longest: int,
    seed: int,
    label: str,
) -> pd.DataFrame:
    """Let the model write in every cell; which texts mention the concept, and what the unforced model makes of them.

    The random numbers of a text depend on seed, concept, prompt and generation alone, so that the conditions differ by
    what is forced. The texts under another concept's experts are those written for that concept.

    Args:
        asked: The cells.
        prompts: Beginnings.
        spellings: Forms by concept.
        tokenizer: Of the model.
        passes: The hooked model.
        generations: Texts after each prompt.
        longest: Tokens of a text.
        seed: Of the texts.
        label: For the progress.

    Returns:
        concept, k, condition, mention_share, perplexity (per new token under the unforced model, geometric mean),
        n_texts.

    """
    coded = {prompt: tuple(tokenizer(prompt)["input_ids"]) for prompt in prompts}
    own = [cell for cell in asked if cell.condition != OTHER]
    places = [(cell, prompt, turn) for cell in own for prompt in prompts for turn in range(generations)]
    noise = [
        seeds.generator(seed, "steering", cell.concept, prompt, turn).random(longest) for cell, prompt, turn in places
    ]
    sets = [cell.units for cell, _, _ in places]
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else -1
    new = passes.sampled([coded[prompt] for _, prompt, _ in places], sets, noise, end, f"{label}, texts")
    rows = [Row((*coded[p], *own), len(coded[p]), tuple(own)) for (_, p, _), own in zip(places, new, strict=True)]
    losses = _losses(rows, passes, f"{label}, perplexity")
    mentioned = _mentioned(rows, spellings, tokenizer)
    found = pd.DataFrame(
        {
            "of": [cell.concept for cell, _, _ in places],
            "k": [cell.k for cell, _, _ in places],
            "condition": [cell.condition for cell, _, _ in places],
            "loss": losses,
            "tokens": [len(row.tokens) for row in rows],
            "mentioned": mentioned,
        }
    )
    groups = dict(list(found.groupby(["of", "k", "condition"], sort=False)))
    told = []
    for concept, k, condition, of in dict.fromkeys((cell.concept, cell.k, cell.condition, cell.of) for cell in asked):
        texts = groups[of, k, EXPERTS if condition == OTHER else condition]
        share = float(np.mean([concept in names for names in texts["mentioned"]]))
        told.append((concept, k, condition, share, np.exp(texts["loss"].sum() / texts["tokens"].sum()), len(texts)))
    return pd.DataFrame(told, columns=[*CELL, "mention_share", "perplexity", "n_texts"])


def _losses(rows: Sequence[Row], passes: Passes, label: str) -> list[float]:
    """Surprise (nats) of the unforced model over the new tokens of each text; equal texts are read once."""
    unique = list(dict.fromkeys(rows))
    read = passes.spelled(unique, [NOTHING] * len(unique), None, label)
    known = {row: -float(own.tokens.sum()) for row, own in zip(unique, read, strict=True)}
    return [known[row] for row in rows]


def _mentioned(rows: Sequence[Row], spellings: Mapping[str, list[str]], tokenizer: Any) -> list[set[str]]:
    """Concepts that each text mentions after its prompt."""
    lexicon = Lexicon(spellings)
    options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
    starts = {row.ids[: row.start]: 0 for row in rows}
    starts = {ids: len(tokenizer.decode(list(ids), **options)) for ids in starts}
    texts = tokenizer.batch_decode([list(row.ids) for row in rows], **options)
    return [
        {mention.concept for mention in lexicon.find(text) if mention.start >= starts[row.ids[: row.start]]}
        for row, text in zip(rows, texts, strict=True)
    ]
