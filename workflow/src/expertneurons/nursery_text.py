"""Nursery texts: from a hand-written lexicon a corpus, sentences to ask with, and the similarity it implies.

Every sentence of the corpus states one or two true features of a concept in one of many frames; how often a concept
occurs is under control. The sentences that the models are asked with come from other frames and state no feature: what
a model knows of a concept must come from its training. The overlap of features is the known truth.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import seeds, sheets, tables
from expertneurons.errors import StudyError
from expertneurons.files import replacing

NEUTRAL, FILLER = "neutral", "filler"
RANK_OFFSET = 10
SENTENCES_PER_PASSAGE = (1, 2, 3)
FILLER_SHARE = 0.05
SHORTNESS = 6.0
PLAIN = ("looks", "feels")  # adjectives, which fit a filler too
REGISTER = "probe"


class Lexicon(NamedTuple):
    """Concepts in their order, the values of each by relation, and the frames of each split."""

    values: dict[str, dict[str, list[str]]]
    frames: dict[str, list[tuple[list[str], str]]]


def read_lexicon(lexicon: Path, frames: Path) -> Lexicon:
    """Read the sheets of features and frames and check that every concept can be written about."""
    values: dict[str, dict[str, list[str]]] = {}
    for row in sheets.read(lexicon, "lexicon"):
        values.setdefault(row["concept"], {}).setdefault(row["relation"], []).append(row["value"])
    found: dict[str, list[tuple[list[str], str]]] = {"train": [], "probe": []}
    for row in sheets.read(frames, "frames"):
        relations = [] if row["relations"] in (NEUTRAL, FILLER) else row["relations"].split("+")
        if not _fits(row["relations"], row["text"]):
            raise StudyError(f"{frames}: {row['text']!r} does not fit its relations {row['relations']!r}; correct it")
        found[row["split"]].append((relations, row["text"]))
    known = [set(relations) for relations, text in found["train"] if relations]
    for concept, own in values.items():
        if not any(needed <= own.keys() for needed in known):
            raise StudyError(f"{frames}: no train frame for the relations of {concept!r}; add one")
    return Lexicon(values, found)


def _fits(relations: str, text: str) -> bool:
    """Whether a frame has one place for the concept and one for the value of each relation; a filler may have {1}."""
    places = sorted(re.findall(r"\{(.*?)\}", text))
    if relations == FILLER:
        return places in ([], ["1"])
    values = [] if relations == NEUTRAL else relations.split("+")
    return places == [*(str(number) for number, _ in enumerate(values, start=1)), "concept"]


def write_nursery_corpus(
    lexicon: Path,
    frames: Path,
    output: Path,
    words: int,
    exponent: float,
    seed: int,
    doses: Path | None = None,
    run: str = "",
) -> None:
    """Write a corpus of short passages, one a line.

    Args:
        lexicon: Sheet of features.
        frames: Sheet of frames.
        output: Text file to write.
        words: About how many words to write.
        exponent: Of the Zipf-like frequencies: the concept of rank r weighs (r + 10)^-exponent.
        seed: Of ranks and passages.
        doses: Parquet file run, concept, dose: what multiplies a concept's weight; other concepts keep theirs.
        run: The rows of `doses` to use.

    """
    known = read_lexicon(lexicon, frames)
    generator = seeds.generator(seed, "nursery_corpus", run)
    concepts = list(known.values)
    weights = frequencies(concepts, exponent, seed)
    if doses is not None:
        table = tables.read(doses)
        given = dict(table[table["run"] == run][["concept", "dose"]].to_numpy().tolist())
        weights = weights * np.array([given.get(concept, 1.0) for concept in concepts])
    written = 0
    with replacing(output) as partial, partial.open("w", encoding="utf-8") as file:
        for passage in passages(known, weights / weights.sum(), generator):
            file.write(passage + "\n")
            written += passage.count(" ") + 1
            if written >= words:
                break


def frequencies(concepts: Sequence[str], exponent: float, seed: int) -> npt.NDArray[np.float64]:
    """Zipf-like weights of concepts, whose ranks are drawn; they sum to one."""
    ranks = seeds.generator(seed, "nursery_ranks").permutation(len(concepts)) + 1
    weights = (ranks + RANK_OFFSET) ** -exponent
    return np.asarray(weights / weights.sum(), np.float64)


def passages(lexicon: Lexicon, shares: npt.NDArray[np.float64], generator: np.random.Generator) -> Iterator[str]:
    """Yield passages without end: one to three sentences about one concept, now and then a sentence about none."""
    concepts = list(lexicon.values)
    plain = sorted({v for own in lexicon.values.values() for r in PLAIN for v in own.get(r, [])})
    fillers = [text for relations, text in lexicon.frames["train"] if not relations and "{concept}" not in text]
    fillers = [text for text in fillers if plain or "{1}" not in text]
    usable = {
        concept: [frame for frame in lexicon.frames["train"] if frame[0] and set(frame[0]) <= own.keys()]
        for concept, own in lexicon.values.items()
    }
    while True:
        if fillers and generator.random() < FILLER_SHARE:
            text = fillers[int(generator.integers(len(fillers)))]
            yield text.replace("{1}", plain[int(generator.integers(len(plain)))]) if plain else text
            continue
        concept = concepts[generator.choice(len(concepts), p=shares)]
        yield " ".join(
            filled(usable[concept], concept, lexicon.values[concept], generator)
            for _ in range(generator.choice(SENTENCES_PER_PASSAGE))
        )


def filled(
    frames: Sequence[tuple[list[str], str]],
    concept: str,
    values: Mapping[str, Sequence[str]],
    generator: np.random.Generator,
) -> str:
    """Fill one of the frames with a concept and its values."""
    lengths = np.array([max(1, frame[1].count(" ")) for frame in frames], np.float64)
    weights = lengths**-SHORTNESS
    relations, text = frames[int(generator.choice(len(frames), p=weights / weights.sum()))]
    text = text.replace("{concept}", concept)
    for number, relation in enumerate(relations, start=1):
        text = text.replace(f"{{{number}}}", values[relation][int(generator.integers(len(values[relation])))])
    return text


def write_nursery_probes(
    lexicon: Path, frames: Path, listed: Path, concepts: Path, sentences: Path, norm: Path, pairs: int, seed: int
) -> None:
    """Write the sentences that the models are asked with, and the similarity that the lexicon implies.

    Every neutral probe frame is filled with every concept.

    Args:
        lexicon: Sheet of features.
        frames: Sheet of frames.
        listed: Sheet of the concepts, with domains.
        concepts: Sheet to write: those of the lexicon.
        sentences: Sheet to write.
        norm: Parquet file to write: share of features in common (Jaccard), as a tidy norm.
        pairs: How many pairs of it.
        seed: Of their draw.

    """
    known = read_lexicon(lexicon, frames)
    rows = [row for row in sheets.read(listed, "concepts") if row["concept"] in known.values]
    if unknown := set(known.values) - {row["concept"] for row in rows}:
        raise StudyError(f"{lexicon}: {sorted(unknown)[0]!r} is not in {listed}; correct the lexicon")
    probes = [text for relations, text in known.frames["probe"] if not relations and "{concept}" in text]
    if not probes:
        raise StudyError(f"{frames}: no neutral probe frame; the models are asked with those, so add some")
    sheets.write(concepts, [{**row, "forms": row["concept"]} for row in rows])
    sheets.write(
        sentences,
        [
            {
                "id": f"{row['concept']}-{number:02d}",
                "concept": row["concept"],
                "register": REGISTER,
                "text": text.replace("{concept}", row["concept"]),
            }
            for row in rows
            for number, text in enumerate(probes, start=1)
        ],
    )
    tables.write(lexicon_norm(known, pairs, seed), norm, ["word1", "word2"])


def lexicon_norm(lexicon: Lexicon, pairs: int, seed: int) -> pd.DataFrame:
    """Tidy norm of feature overlap: half of the pairs spread evenly over all that share a feature, half any."""
    similarity, concepts = feature_overlap(lexicon)
    first, second = np.triu_indices(len(concepts), 1)
    values = similarity[first, second]
    generator = seeds.generator(seed, "lexicon_norm")
    order = np.argsort(-values, kind="stable")[: int((values > 0).sum())]
    alike = order[np.unique(np.linspace(0, len(order) - 1, min(pairs // 2, len(order))).astype(int))]
    rest = np.setdiff1d(np.arange(len(values)), alike)
    chosen = np.sort(np.concatenate([alike, generator.choice(rest, min(pairs - len(alike), len(rest)), replace=False)]))
    words = np.sort(np.array(concepts)[np.column_stack([first[chosen], second[chosen]])], axis=1)
    table = pd.DataFrame({"word1": words[:, 0], "word2": words[:, 1], "rating": values[chosen]})
    return table.assign(scale_low=0.0, scale_high=1.0)


def feature_overlap(lexicon: Lexicon) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Jaccard overlap of the features (relation and value) of every two concepts, and the concepts."""
    concepts = list(lexicon.values)
    features = [{(r, v) for r, own in lexicon.values[c].items() for v in own} for c in concepts]
    every = sorted(set().union(*features))
    place = {feature: number for number, feature in enumerate(every)}
    held = np.zeros((len(concepts), len(every)))
    for row, own in enumerate(features):
        held[row, [place[feature] for feature in own]] = 1
    common = held @ held.T
    sizes = common.diagonal()
    return common / (sizes[:, None] + sizes[None, :] - common), concepts
