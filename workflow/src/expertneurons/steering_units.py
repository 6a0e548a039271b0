"""Steering units: which units are forced for each concept, to which values, and which serve as their controls."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.design import Indices
from expertneurons.errors import StudyError
from expertneurons.files import open_array
from expertneurons.steering_names import EXPERTS, OTHER, RANDOM
from expertneurons.stimuli import read_design
from expertneurons.subsets import negatives

CHUNK_BYTES = 64 << 20
# Shares of positives weigh nothing in a median.
UNWEIGHTED = 0.5
NO_UNIT = -1

Units = npt.NDArray[np.integer[Any]]


def choose_units(
    responses: Path,
    units: Path,
    experts: Path,
    concept_table: Path,
    labels: Path,
    chosen: Path,
    most: int,
    draws: int,
    seed: int,
    concepts: int = 0,
) -> None:
    """Choose the units to force for each concept, with their medians on its sentences and on the others.

    Args:
        responses: `.npy` (sentences, units).
        units: Index of the units.
        experts: Expert sets, as `select_experts` writes them.
        concept_table: The concepts.
        labels: Positives, negatives and exclusions.
        chosen: Parquet file: concept_number, concept, condition, draw, rank (1 is the best expert, or what stands in
            for it), unit, of (number of the concept whose experts they are), on and off (median response to the
            positives and to the negatives of that concept).
        most: Experts taken of each concept.
        draws: Draws of random units.
        seed: Of the draws, of the concepts and of who is whose other concept.
        concepts: How many concepts, drawn at random; 0 takes all.

    """
    listed, index, found = tables.read(concept_table), tables.read(units), tables.read(experts)
    numbers = drawn(len(listed), concepts, seed)
    ranked = {number: _best(found, number, most, str(listed["concept"][number]), experts) for number in numbers}
    groups = index.groupby(["layer", "site"]).ngroup().to_numpy()
    parts = [_rows(number, EXPERTS, 0, own) for number, own in ranked.items()]
    for number, own in ranked.items():
        for draw in range(draws):
            generator = seeds.generator(seed, "steering_units", str(listed["concept"][number]), draw)
            parts.append(_rows(number, RANDOM, draw, matched(own, groups, generator)))
    pairs = pd.concat(parts, ignore_index=True)
    answers, design = open_array(responses), read_design(labels, len(listed), UNWEIGHTED)
    others = [negatives(design, concept, len(answers)) for concept in range(len(listed))]
    pairs["on"] = medians(answers, design.positives, pairs)
    pairs["off"] = medians(answers, others, pairs)
    partners = deranged(listed, numbers, seed)
    exchanged = pairs[pairs["condition"] == EXPERTS].assign(condition=OTHER)
    exchanged["concept_number"] = exchanged["of"].map({partner: number for number, partner in partners.items()})
    whole = pd.concat([pairs, exchanged], ignore_index=True)
    whole.insert(1, "concept", listed["concept"].to_numpy()[whole["concept_number"]])
    tables.write(whole, chosen, ["concept_number", "condition", "draw", "rank"])


def drawn(concepts: int, wanted: int, seed: int) -> list[int]:
    """Numbers of the concepts to steer, in order: all, or as many as wanted."""
    if not 0 < wanted < concepts:
        return list(range(concepts))
    return sorted(seeds.generator(seed, "steering_concepts").choice(concepts, wanted, replace=False).tolist())


def deranged(listed: pd.DataFrame, numbers: Sequence[int], seed: int) -> dict[int, int]:
    """Give every concept another one, each to one only; of another domain, unless one domain has more than half.

    Raises:
        StudyError: a single concept.

    """
    if len(numbers) < 2:
        raise StudyError("steering needs two concepts at least, so that one's experts can be forced for the other")
    order = seeds.generator(seed, "steering_partners").permutation(np.array(numbers))
    own = listed["domain"].fillna("").to_numpy()[order] if "domain" in listed else np.full(len(order), "")
    order = order[np.argsort(own, kind="stable")]
    largest = int(np.unique(own, return_counts=True)[1].max())
    # In a round ordered by domain, a step as long as the largest domain leaves every domain.
    partners = np.roll(order, -(largest if largest < len(order) else 1))
    return dict(zip(order.tolist(), partners.tolist(), strict=True))


def matched(experts: Units, groups: Units, generator: np.random.Generator) -> Units:
    """Draw for every expert a random unit of the same layer and site that is no expert, each only once.

    Args:
        experts: (k,) units, the best first.
        groups: (units,) number of each unit's layer and site.
        generator: Of the draw.

    Returns:
        (k,) units; -1 where a layer and site has no unit left. The first j stand in for the first j experts.

    """
    found = np.full(len(experts), NO_UNIT, np.intp)
    for group in np.unique(groups[experts]):
        places = np.flatnonzero(groups[experts] == group)
        pool = generator.permutation(np.setdiff1d(np.flatnonzero(groups == group), experts))[: len(places)]
        found[places[: len(pool)]] = pool
    return found


def medians(answers: npt.NDArray[Any], sentences: Sequence[Indices], pairs: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Median response of units to the sentences of concepts.

    Args:
        answers: (all sentences, units).
        sentences: Of every concept.
        pairs: Columns `of` (a concept's number) and `unit`, numbered from 0.

    Returns:
        (pairs,) float32.

    """
    found = np.empty(len(pairs), np.float32)
    columns = max(1, CHUNK_BYTES // (4 * len(answers)))
    for block, rows in pairs.groupby(pairs["unit"] // columns):
        first = int(block) * columns
        span = np.asarray(answers[:, first : first + columns], np.float32)
        for concept in rows["of"].unique():
            own = rows[rows["of"] == concept]
            asked = np.ix_(sentences[concept], own["unit"].to_numpy() - first)
            found[own.index] = np.median(span[asked], axis=0)
    return found


def _best(found: pd.DataFrame, number: int, most: int, concept: str, experts: Path) -> Units:
    own = found[(found["concept_number"] == number) & (found["rank"] <= most)].sort_values("rank")
    if len(own) < most:
        raise StudyError(
            f"{experts}: {len(own)} ranked units of {concept!r} are kept, steering.ks asks for {most}; add {most} to "
            "experts.top or choose smaller ks"
        )
    return own["unit"].to_numpy()


def _rows(number: int, condition: str, draw: int, units: Units) -> pd.DataFrame:
    rows = pd.DataFrame({"condition": condition, "draw": draw, "rank": np.arange(1, len(units) + 1), "unit": units})
    return rows.assign(concept_number=number, of=number)[rows["unit"] != NO_UNIT]
