"""Stimuli: concepts and their sentences, checked, numbered and labelled as positives and negatives."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from expertneurons import seeds, sheets, tables
from expertneurons.design import Design
from expertneurons.errors import StudyError
from expertneurons.words import Lexicon, forms

POSITIVE, NEGATIVE, EXCLUDED = "positive", "negative", "excluded"
SCOPES = ("concept", "sentence")  # over which tokens an embedding is averaged: the concept's own, or all


def build_stimuli(
    concepts: Path,
    sentences: Path,
    concept_table: Path,
    sentence_table: Path,
    min_sentences: int = 2,
    named: bool = True,
) -> None:
    """Check a set of concepts and sentences and write both as numbered tables.

    Args:
        concepts: Sheet of concepts.
        sentences: Sheet of sentences.
        concept_table: Parquet file: concept_number, concept, domain, superordinate and the sheet's other columns.
        sentence_table: Parquet file: sentence (number), id, concept_number, register, text, starts and ends (character
            spans of the concept) and others (numbers of the other concepts that the text mentions).
        min_sentences: Fewest sentences that a concept may have.
        named: Whether every sentence must contain its concept; where not, one that does not has no spans.

    """
    listed = pd.DataFrame(sheets.read(concepts, "concepts"))
    rows = pd.DataFrame(sheets.read(sentences, "sentences"))
    listed.insert(0, "concept_number", np.arange(len(listed)))
    check_counts(listed, rows, concepts, sentences, min_sentences)
    number = dict(zip(listed["concept"], listed["concept_number"], strict=True))
    listed_forms = listed["forms"] if "forms" in listed else [""] * len(listed)
    lexicon = Lexicon({c: forms(c, own) for c, own in zip(listed["concept"], listed_forms, strict=True)})
    rows["concept_number"] = rows["concept"].map(number)
    rows = rows.sort_values(["concept_number", "id"], kind="stable").reset_index(drop=True)
    spans = [list(lexicon.find(text)) for text in rows["text"]]
    own = [
        [mention for mention in found if mention.concept == concept]
        for found, concept in zip(spans, rows["concept"], strict=True)
    ]
    if named and (absent := [index for index, found in enumerate(own) if not found]):
        lacking = "; ".join(f"{rows['id'][i]} lacks {rows['concept'][i]!r}" for i in absent[:10])
        remedy = "write the concept as a whole word, or list its spellings in the column `forms` of the concepts sheet"
        raise StudyError(f"{sentences}: {len(absent)} sentences do not contain their concept: {lacking}; {remedy}")
    rows.insert(0, "sentence", np.arange(len(rows)))
    rows["starts"] = [[mention.start for mention in found] for found in own]
    rows["ends"] = [[mention.end for mention in found] for found in own]
    rows["others"] = [
        sorted({int(number[mention.concept]) for mention in found} - {int(concept)})
        for found, concept in zip(spans, rows["concept_number"], strict=True)
    ]
    empty = {name: "" for name in ("domain", "superordinate") if name not in listed}
    tables.write(listed.assign(**empty), concept_table, ["concept_number"])
    tables.write(rows.drop(columns="concept"), sentence_table, ["sentence"])


def check_counts(listed: pd.DataFrame, rows: pd.DataFrame, concepts: Path, sentences: Path, least: int) -> None:
    """Refuse sentences of a concept that is not listed, repeated texts, and concepts with too few sentences.

    Args:
        listed: concept.
        rows: id, concept, text.
        concepts: Sheet that messages name for the concepts.
        sentences: Sheet that messages name for the sentences.
        least: Fewest sentences that a concept may have.

    """
    unknown = rows[~rows["concept"].isin(listed["concept"])]
    if len(unknown):
        row = unknown.iloc[0]
        raise StudyError(
            f"{sentences}: {row['id']} is for {row['concept']!r}, which {concepts} does not list; add it there"
        )
    repeated = rows[rows.duplicated("text", keep=False)].sort_values("text")
    if len(repeated):
        same = ", ".join(repeated["id"][:2])
        raise StudyError(f"{sentences}: {same} have the same text; a sentence serves one concept only")
    counts = rows["concept"].value_counts().reindex(listed["concept"], fill_value=0)
    if (counts < least).any():
        named = ", ".join(f"{concept} has {count}" for concept, count in counts[counts < least].items())
        raise StudyError(
            f"{sentences}: {named}; every concept needs {least} sentences (stimuli.min_sentences): write more, or "
            f"remove the concept from {concepts}"
        )


def label_sentences(
    concept_table: Path,
    sentence_table: Path,
    labels: Path,
    negatives: Literal["all", "sampled"] = "all",
    sampled_negatives: int = 1000,
    seed: int = 0,
) -> None:
    """Say which sentences are positives and negatives of each concept.

    A sentence that mentions a concept without being written for it is excluded there. With `all`, every other
    sentence is a negative (and only positives and exclusions are written); with `sampled`, a random subset is.

    Args:
        concept_table: As `build_stimuli` writes it.
        sentence_table: As `build_stimuli` writes it.
        labels: Parquet file to write: concept_number, sentence, label.
        negatives: The design.
        sampled_negatives: Negatives a concept in the sampled design; fewer where there are not so many.
        seed: Of the sample.

    """
    rows = tables.read(sentence_table)
    own = rows["concept_number"].to_numpy()
    found = [pd.DataFrame({"concept_number": own, "sentence": rows["sentence"], "label": POSITIVE})]
    out = rows[["sentence", "others"]].explode("others").dropna()
    out = pd.DataFrame({"concept_number": out["others"].astype(int), "sentence": out["sentence"], "label": EXCLUDED})
    found.append(out)
    if negatives == "sampled":
        for concept in tables.read(concept_table)["concept_number"]:
            generator = seeds.generator(seed, "label_sentences", concept)
            excluded = out.loc[out["concept_number"] == concept, "sentence"]
            admissible = np.setdiff1d(np.flatnonzero(own != concept), excluded)
            drawn = generator.choice(admissible, min(sampled_negatives, admissible.size), replace=False)
            found.append(pd.DataFrame({"concept_number": concept, "sentence": drawn, "label": NEGATIVE}))
    tables.write(pd.concat(found), labels, ["concept_number", "label", "sentence"])


def read_design(labels: Path, concepts: int, prevalence: float) -> Design:
    """Read labels as a design; the prevalence applies where all other sentences are negatives."""
    rows = tables.read(labels)

    def lists(label: str) -> list[np.ndarray]:
        chosen = rows[rows["label"] == label]
        groups = dict(tuple(chosen.groupby("concept_number")["sentence"]))
        return [np.asarray(groups.get(concept, []), np.intp) for concept in range(concepts)]

    if (rows["label"] == NEGATIVE).any():
        return Design(lists(POSITIVE), lists(NEGATIVE))
    return Design(lists(POSITIVE), None, lists(EXCLUDED), prevalence)
