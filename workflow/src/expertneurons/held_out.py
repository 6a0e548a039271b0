"""Held out: what the experts of every concept are worth on sentences that did not choose them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import resampled, seeds, senses, tables
from expertneurons.design import Design, Indices
from expertneurons.expertise import score
from expertneurons.files import open_array
from expertneurons.halves import Choice, Pick, complete, deal, merged
from expertneurons.resampled import Ranking
from expertneurons.steps import Progress
from expertneurons.stimuli import read_design
from expertneurons.subsets import negatives, restricted

CHUNK_BYTES = 64 << 20


class Settings(NamedTuple):
    """How many units are listed, draws and coverage of the intervals, seed."""

    listed: int
    draws: int
    level: float
    seed: int


class Found(NamedTuple):
    """What the passes over all units give: by concept the units listed, and a table of groups of sentences."""

    listed: list[list[Pick]]
    senses: pd.DataFrame


def hold_out(
    responses: Path,
    sentence_table: Path,
    concept_table: Path,
    labels: Path,
    index: Path,
    units: Path,
    concepts: Path,
    registers: Path,
    reads: Path,
    prevalence: float,
    listed: int,
    shown: int,
    sentences: int,
    others: int,
    draws: int,
    level: float,
    seed: int,
    model: str,
    threads: int = 1,
) -> None:
    """Choose units on half of the sentences and measure them on the other half, both ways.

    Args:
        responses: `.npy` (sentences, units).
        sentence_table: As `build_stimuli` writes it.
        concept_table: The concepts.
        labels: Positives, negatives and exclusions.
        index: Index of the units.
        units: Parquet file: per concept and rank in the merged list the unit, how many `halves` list it, AP and AUROC
            on all sentences, and on the half that did not choose it with intervals.
        concepts: Parquet file: per concept the AP and AUROC of the best unit of each half on the other, averaged, and
            the AP of the best units of two groups of its sentences on their own and on the other group (`group_1` are
            the sentences of the first).
        registers: Parquet file: per concept, rank and register the AP among the register's sentences.
        reads: Parquet file: which sentences are to be read token by token for which unit, and why.
        prevalence: Effective share of positives where all other sentences are negatives.
        listed: Units listed for a concept; a half chooses as many.
        shown: Best units of a concept whose sentences are read.
        sentences: Sentences that drive a unit most, and least.
        others: Negatives that are read for each concept.
        draws: Of the bootstrap.
        level: Coverage of the intervals.
        seed: Of the halves, the bootstrap and the negatives.
        model: Its name, for messages.
        threads: Threads that share the units.

    """
    rows = tables.read(sentence_table)
    answers = open_array(responses, (len(rows), None))
    design = read_design(labels, len(tables.read(concept_table)), prevalence)
    settings = Settings(listed, draws, level, seed)
    kinds = rows["register"].fillna("").to_numpy(str) if "register" in rows else np.full(len(rows), "")
    first = deal(rows["concept_number"].to_numpy(), kinds, seeds.generator(seed, "hold_out"))
    found = _passes(answers, design, first, kinds, settings, threads, model)
    numbers = np.unique([pick.unit for picks in found.listed for pick in picks])
    columns = np.asarray(answers[:, numbers], np.float32)  # (sentences, units that are listed)
    judged = [
        _judge(columns, numbers, picks, design, first, settings, concept) for concept, picks in enumerate(found.listed)
    ]
    chosen = pd.concat([own for own, _ in judged], ignore_index=True).merge(tables.read(index), on="unit")
    chosen = chosen.sort_values(["concept_number", "rank"], ignore_index=True)
    tables.write(chosen, units, ["concept_number", "rank"])
    best = pd.DataFrame([own for _, own in judged])
    tables.write(best.merge(found.senses, on="concept_number", how="left"), concepts, ["concept_number"])
    tables.write(_registers(columns, numbers, chosen, design, kinds), registers)
    wanted = _reads(columns, numbers, chosen[chosen["rank"] <= shown], design, sentences, others, seed)
    tables.write(wanted, reads, ["concept_number", "unit", "sentence"])


def _passes(
    answers: npt.NDArray[Any],
    design: Design,
    first: npt.NDArray[np.bool_],
    kinds: npt.NDArray[np.str_],
    settings: Settings,
    threads: int,
    model: str,
) -> Found:
    """Walk over all units twice: for the halves and the groups of sentences, and for the experts of the groups."""
    count = len(design.positives)
    halves = [
        (rows, restricted(design, np.flatnonzero(rows), len(rows)), Choice(count, settings.listed))
        for rows in (first, ~first)
    ]
    products = [np.zeros((len(own), len(own))) for own in design.positives]
    size = max(16, CHUNK_BYTES // (4 * (len(first) + 6 * count)))
    spans = [slice(at, min(answers.shape[1], at + size)) for at in range(0, answers.shape[1], size)]
    progress = Progress(2 * answers.shape[1], f"{model}: held-out AP", "units")
    for span in spans:
        block = np.ascontiguousarray(answers[:, span])
        for rows, own, choice in halves:
            choice.add(score(np.ascontiguousarray(block[rows]), own, threads)[0], span.start)
        senses.add_products(products, block.astype(np.float32), design.positives)
        progress(block.shape[1])
    sides = [senses.split(own, kinds[rows]) for own, rows in zip(products, design.positives, strict=True)]
    divided, groups = senses.grouped(design, sides)
    crossing = senses.Crossing(2 * len(divided))
    for span in spans if divided else []:
        block = np.ascontiguousarray(answers[:, span])
        crossing.add(score(block, groups, threads)[0])
        progress(block.shape[1])
    inside, across = crossing.means()
    told = pd.DataFrame(
        {
            "concept_number": divided,
            **{f"group_own_{place + 1}": inside[:, place] for place in (0, 1)},
            **{f"group_other_{place + 1}": across[:, place] for place in (0, 1)},
            "group_1": [design.positives[number][np.asarray(sides[number])].tolist() for number in divided],
        }
    )
    lists = [[choice.of(concept) for *_, choice in halves] for concept in range(count)]
    return Found([merged(own, settings.listed) for own in lists], told)


def _judge(
    columns: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.intp],
    picks: list[Pick],
    design: Design,
    first: npt.NDArray[np.bool_],
    settings: Settings,
    concept: int,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Measure a concept's listed units, and the best unit of each half, on the half that did not choose them."""
    generator = seeds.generator(settings.seed, "hold_out", concept)
    positives, others = design.positives[concept], negatives(design, concept, len(columns))
    parts = [(positives[rows[positives]], others[rows[others]]) for rows in (first, ~first)]
    times = [resampled.times_drawn(len(own), settings.draws, generator) for own, _ in parts]

    def ranking(unit: int, own: Indices, rest: Indices) -> Ranking:
        values = columns[:, np.searchsorted(numbers, unit)]
        return resampled.rank(values[own], values[rest], design.prevalence)

    def told(unit_on: Mapping[int, int]) -> dict[str, float]:
        rankings = [ranking(unit, *parts[half]) for half, unit in unit_on.items()]
        ap, auroc = resampled.spreads(rankings, [times[half] for half in unit_on], settings.level, generator)
        named = {"held_out_ap": ap, "held_out_auroc": auroc}
        ends = {f"{name}_{end}": getattr(own, end) for name, own in named.items() for end in ("low", "high")}
        return {name: own.value for name, own in named.items()} | ends

    rows = []
    for place, pick in enumerate(picks, start=1):
        ap, auroc = resampled.scores(ranking(pick.unit, positives, others))
        row = {"concept_number": concept, "rank": place, "unit": pick.unit, "ap": ap, "auroc": auroc}
        rows.append({**row, "halves": pick.halves, **told({1 - half: pick.unit for half in pick.chosen_on})})
    best = {1 - half: pick.unit for pick in picks if pick.rank == 1 for half in pick.chosen_on}
    return pd.DataFrame(rows), {"concept_number": concept, **told(best)}


def _registers(
    columns: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.intp],
    chosen: pd.DataFrame,
    design: Design,
    kinds: npt.NDArray[np.str_],
) -> pd.DataFrame:
    """AP of every listed unit among the sentences of each register; no rows for a concept that lacks it."""
    parts = [chosen[["concept_number", "rank"]].head(0).assign(register="", n_positives=0, ap=0.0)]
    for kind in sorted(set(kinds)) if len(set(kinds)) > 1 else []:
        rows = kinds == kind
        known, own = complete(restricted(design, np.flatnonzero(rows), len(rows)), int(rows.sum()))
        listed = chosen[chosen["concept_number"].isin(known)]
        if len(listed):
            ap = score(np.ascontiguousarray(columns[rows]), own)[0]  # (known concepts, units that are named)
            place = np.searchsorted(known, listed["concept_number"])
            told = {
                "register": kind,
                "n_positives": np.array([len(positives) for positives in own.positives])[place],
                "ap": ap[place, np.searchsorted(numbers, listed["unit"])].astype(np.float64),
            }
            parts.append(listed[["concept_number", "rank"]].assign(**told))
    return pd.concat(parts, ignore_index=True)


def _reads(
    columns: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.intp],
    shown: pd.DataFrame,
    design: Design,
    sentences: int,
    others: int,
    seed: int,
) -> pd.DataFrame:
    """Name the sentences to read for each shown unit: positives, sampled negatives, and those that drive it most."""
    parts = []
    for concept in range(len(design.positives)):
        generator = seeds.generator(seed, "read_tokens", concept)
        positives, rest = design.positives[concept], negatives(design, concept, len(columns))
        sample = generator.choice(rest, min(others, len(rest)), replace=False)
        for unit in shown.loc[shown["concept_number"] == concept, "unit"].tolist():
            values = columns[:, np.searchsorted(numbers, unit)]
            most = np.argsort(-values, kind="stable")[:sentences]
            least = positives[np.argsort(values[positives], kind="stable")[:sentences]]
            wanted = np.unique(np.concatenate([positives, sample, most]))
            roles = {"positive": positives, "negative": sample, "most": most, "least": least}
            told = {name: np.isin(wanted, own) for name, own in roles.items()}
            parts.append(
                pd.DataFrame(
                    {"concept_number": concept, "unit": unit, "sentence": wanted, "response": values[wanted], **told}
                )
            )
    return pd.concat(parts, ignore_index=True)
