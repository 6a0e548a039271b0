"""Nursery statements: sentences that come to a concept by way of its features, and neutral beginnings of sentences.

The statements are filled from probe frames, which no model was trained on.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.errors import StudyError
from expertneurons.files import replacing
from expertneurons.nursery_text import Lexicon, read_lexicon
from expertneurons.words import Lexicon as Mentions

PLACE = "{concept}"
PROMPTS = 6


def write_nursery_statements(
    lexicon: Path, frames: Path, concept_table: Path, statements: Path, prompts: Path, per_concept: int, seed: int
) -> None:
    """Write what steering asks a nursery model with.

    Args:
        lexicon: Sheet of features.
        frames: Sheet of frames.
        concept_table: The concepts.
        statements: Parquet file: id, concept_number, text, starts and ends (character span of the concept):
            sentences that name features first and the concept after them.
        prompts: Text file to write: beginnings of neutral sentences, up to the concept, one a line.
        per_concept: Statements of a concept.
        seed: Of their draw.

    """
    known, listed = read_lexicon(lexicon, frames), tables.read(concept_table)
    rows = []
    for number, concept in zip(listed["concept_number"], listed["concept"], strict=True):
        texts = sorted(set(_stated(known, concept)))
        if len(texts) < per_concept:
            raise StudyError(
                f"{frames}: only {len(texts)} statements of probe frames come to {concept!r} after its features, "
                f"steering.sentences asks for {per_concept}; add probe frames with {{1}} before {PLACE}"
            )
        picked = seeds.generator(seed, "nursery_statements", concept).choice(len(texts), per_concept, replace=False)
        for place, text in enumerate(texts[one] for one in np.sort(picked)):
            start = len(text.partition(PLACE)[0])
            whole = text.replace(PLACE, concept)
            span = {"starts": [start], "ends": [start + len(concept)]}
            rows.append({"id": f"{concept}-{place:02d}", "concept_number": number, "text": whole, **span})
    tables.write(pd.DataFrame(rows), statements, ["concept_number", "id"])
    with replacing(prompts) as partial:
        partial.write_text("\n".join(beginnings(known)) + "\n", encoding="utf-8")


def _stated(known: Lexicon, concept: str) -> Iterator[str]:
    """Probe sentences whose features are named before the concept, which itself is left open."""
    own = known.values[concept]
    mentions = Mentions({concept: [concept]})
    for relations, text in known.frames["probe"]:
        before = text.partition(PLACE)[0]
        if not relations or not set(relations) <= own.keys() or "{1}" not in before:
            continue
        if len(relations) > 1 and "{2}" not in before:
            continue
        for first in own[relations[0]]:
            for second in own[relations[1]] if len(relations) > 1 else [""]:
                filled = text.replace("{1}", first).replace("{2}", second)
                if not any(mentions.find(filled.replace(PLACE, " "))):
                    yield filled


def beginnings(known: Lexicon) -> list[str]:
    """Neutral probe frames up to their concept, each once, and as many as are enough."""
    neutral = [text for relations, text in known.frames["probe"] if not relations and PLACE in text]
    return sorted({text.partition(PLACE)[0].strip() for text in neutral} - {""})[:PROMPTS]
