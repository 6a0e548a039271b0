"""Representations: every way in which the study gets a concept-by-concept similarity, side by side."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import seeds, sheets, tables
from expertneurons.errors import StudyError
from expertneurons.files import FINITE, SCORE, open_array, save_array
from expertneurons.selection import expert_sets
from expertneurons.similarity import cosine, jaccard, overlap, standardised
from expertneurons.stimuli import SCOPES
from expertneurons.words import forms

Found = tuple[str, str, float, npt.NDArray[np.float64]]
NONE = float("nan")


def measure_similarity(
    ap: Path,
    design: Path,
    experts: Path,
    units: Path,
    embeddings: Path,
    concept_table: Path,
    sentence_table: Path,
    similarity: Path,
    representations: Path,
    thresholds: list[float],
    top: list[int],
    random_draws: int,
    seed: int,
    word_vectors: Path | None = None,
) -> None:
    """Measure how alike every two concepts are, in every representation.

    Args:
        ap: `.npy` (concepts, units).
        design: Chance per concept.
        experts: Expert sets, as `select_experts` writes them.
        units: Index of the units.
        embeddings: As `extract_responses` writes them.
        concept_table: The concepts.
        sentence_table: Their sentences.
        similarity: `.npy` (representations, concepts, concepts) float32.
        representations: Parquet file: representation, family, threshold, and per row of `similarity` how many
            concepts have an empty or unknown entry (undefined).
        thresholds: AP from which a unit is an expert.
        top: Sizes of count-matched expert sets.
        random_draws: Draws of random units matched to the experts by count, layer and site.
        seed: Of these draws.
        word_vectors: Sheet of users' word vectors.

    """
    concepts, sentences = tables.read(concept_table), tables.read(sentence_table)
    index, chosen = tables.read(units), tables.read(experts)
    chance = tables.read(design)["chance"].to_numpy()
    scores = open_array(ap, (len(concepts), len(index)), SCORE)
    found: list[Found] = []
    for threshold in thresholds:
        sets = expert_sets(chosen, len(concepts), len(index), threshold=threshold)
        found.append(("experts.jaccard", "experts", threshold, jaccard(sets)))
        found.append(("experts.overlap", "experts", threshold, overlap(sets)))
        found.append(("random_units.jaccard", "control", threshold, _random(sets, index, random_draws, seed)))
    for size in top:
        sets = expert_sets(chosen, len(concepts), len(index), top=size)
        found.append((f"experts.top{size}", "experts", NONE, jaccard(sets)))
    found.append(("expertise.cosine", "experts", NONE, cosine(scores, chance[:, None])))
    found += _embedded(open_array(embeddings, (len(SCOPES), None, len(concepts), None), FINITE))
    found += _texts(concepts, sentences)
    if word_vectors is not None:
        found += _vectors(word_vectors, concepts["concept"].tolist())
    names, families, limits, matrices = zip(*found, strict=True)
    save_array(similarity, np.stack(matrices).astype(np.float32))
    table = pd.DataFrame({"representation": names, "family": families, "threshold": limits})
    table["undefined"] = [int(np.isnan(matrix.diagonal()).sum()) for matrix in matrices]
    tables.write(table, representations)


def _random(sets: sparse.csr_array, index: pd.DataFrame, draws: int, seed: int) -> npt.NDArray[np.float64]:
    """Mean Jaccard of random unit sets with as many units of each layer and site as the concept's experts."""
    group = index.groupby(["layer", "site"]).ngroup().to_numpy()
    pools = [np.flatnonzero(group == number) for number in range(group.max() + 1)]
    wanted = [
        np.bincount(group[sets.indices[a:b]], minlength=len(pools))
        for a, b in zip(sets.indptr, sets.indptr[1:], strict=False)
    ]
    generator = seeds.generator(seed, "random_units")
    total = np.zeros((sets.shape[0], sets.shape[0]))
    for _ in range(draws):
        rows = [
            np.concatenate(
                [generator.choice(pool, count, replace=False) for pool, count in zip(pools, counts, strict=True)]
            )
            for counts in wanted
        ]
        ones = np.ones(sum(map(len, rows)), np.int32)
        starts = np.cumsum([0, *map(len, rows)])
        total += jaccard(sparse.csr_array((ones, np.concatenate(rows), starts), shape=sets.shape))
    return total / draws


def _embedded(embeddings: npt.NDArray[np.float32]) -> Iterator[Found]:
    for scope, depths in zip(SCOPES, embeddings, strict=True):
        for depth, vectors in enumerate(depths):
            name = f"embedding.static.{scope}" if depth == 0 else f"embedding.layer{depth - 1}.{scope}"
            family = "static" if depth == 0 else "contextual"
            yield name, family, NONE, cosine(vectors)
            yield f"{name}.z", family, NONE, cosine(standardised(vectors))


def _texts(concepts: pd.DataFrame, sentences: pd.DataFrame) -> Iterator[Found]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = [""] * len(concepts)
    mentions = np.zeros((len(concepts), len(concepts)))
    totals = np.zeros(len(concepts))
    row: Any
    for row in sentences.itertuples():
        text = row.text
        for start, end in sorted(zip(row.starts, row.ends, strict=True), reverse=True):
            text = text[:start] + text[end:]
        documents[row.concept_number] += " " + text
        mentions[row.concept_number, list(row.others)] += 1
        totals[row.concept_number] += 1
    weights = TfidfVectorizer(sublinear_tf=True).fit_transform(documents)
    yield "text.tfidf", "text", NONE, cosine(weights.toarray())
    share = mentions / totals[:, None]
    yield "text.partner_words", "text", NONE, share + share.T


def _vectors(sheet: Path, concepts: list[str]) -> Iterator[Found]:
    rows = sheets.read(sheet, "word_vectors")
    if not rows:
        return
    from gensim.models import KeyedVectors

    for row in rows:
        path = sheet.parent / row["path"]
        vectors, reason = None, ""
        with warnings.catch_warnings():
            # gensim leaves the file open that it reads for the size of GloVe vectors.
            warnings.simplefilter("ignore", ResourceWarning)
            try:
                vectors = KeyedVectors.load_word2vec_format(
                    str(path), binary=row["format"] == "word2vec-binary", no_header=row["format"] == "glove"
                )
            except (OSError, ValueError, EOFError, TypeError, IndexError, MemoryError) as error:
                reason = str(error)
        if vectors is None:
            raise StudyError(f"{path}: gensim cannot read it as {row['format']} ({reason}); correct {sheet}")
        values = np.full((len(concepts), vectors.vector_size), np.nan)
        for number, concept in enumerate(concepts):
            known = [form for form in [concept, *forms(concept)] if form in vectors]
            if known:
                values[number] = vectors[known[0]]
        yield f"vectors.{row['vectors']}", "word vectors", NONE, cosine(values)
