"""Organisation: every representation's domains and trees, the experts' hierarchy, polysemy and graph, in tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import seeds, tables
from expertneurons.domains import domain_rows
from expertneurons.expert_organisation import AtThreshold, at_threshold, read_inputs
from expertneurons.files import open_array
from expertneurons.hierarchy import categories, inclusion, label_rows
from expertneurons.keys import KEYS
from expertneurons.nulls import Values
from expertneurons.roles import role_rows
from expertneurons.steps import Progress
from expertneurons.trees import human_tree_rows, tree_rows
from expertneurons.triplets import triplet_row


def organisation_of(
    similarity: npt.NDArray[Any],
    concepts: pd.DataFrame,
    permutations: int,
    seed: int,
    level: float = 0.95,
    human: Mapping[str, Values] | None = None,
    sets: sparse.csr_array | None = None,
    ap: npt.NDArray[Any] | None = None,
) -> pd.DataFrame:
    """Measure how one similarity is organised: domains, tree, people's triplets and tree, and the experts' hierarchy.

    Small and fast enough for every checkpoint of a training run.

    Args:
        similarity: (concepts, concepts); concepts whose similarity to themselves is NaN are left out.
        concepts: Table with the columns concept, domain and superordinate (empty where there is none).
        permutations: Shuffles for every null.
        seed: Of the shuffles.
        level: Coverage of the intervals.
        human: By norm, (concepts, concepts) ratings, NaN where a pair has none.
        sets: Sparse (concepts, units) expert sets, for the hierarchy.
        ap: (concepts, units), for the hierarchy.

    Returns:
        One row per measure, norm, domain and null, with the columns of the `organisation` table.

    """
    generator = seeds.generator(seed, "organisation")
    rows = domain_rows(similarity, concepts, permutations, generator, level)
    rows += tree_rows(similarity, concepts, permutations, generator)
    for norm, ratings in (human or {}).items():
        rows.append(triplet_row(similarity, ratings, norm, permutations, generator, level))
        names = concepts["concept"].to_numpy(str)
        rows += human_tree_rows(similarity, ratings, names, norm, permutations, generator)
    if sets is not None and ap is not None:
        found = categories(concepts)
        rows += label_rows(inclusion(sets, ap, found), found, permutations, generator, level)
        rows += role_rows(sets, ap, found, permutations, generator, level)
    return pd.DataFrame(rows)


def measure_organisation(
    similarity: Path,
    representations: Path,
    experts: Path,
    units: Path,
    ap: Path,
    concept_table: Path,
    sentence_table: Path,
    norms: list[Path],
    organisation: Path,
    inclusions: Path,
    category_expert_table: Path,
    polysemy_table: Path,
    edges: Path,
    thresholds: list[float],
    threshold: float,
    permutations: int,
    draws: int,
    model: str,
    stimuli: str,
    level: float = 0.95,
    seed: int = 0,
) -> None:
    """Measure how one model's concepts are organised, against nulls, in every representation.

    Args:
        similarity: `.npy` (representations, concepts, concepts).
        representations: Their names.
        experts: As `select_experts` writes them.
        units: Index of the units.
        ap: `.npy` (concepts, units).
        concept_table: The concepts.
        sentence_table: Their sentences.
        norms: Tidy norms, named by their files.
        organisation: Parquet file, the `organisation` table of this model.
        inclusions: Parquet file, the `inclusion` table of this model.
        category_expert_table: Parquet file, the `category_experts` table of this model.
        polysemy_table: Parquet file, the `polysemy` table of this model.
        edges: Parquet file: the concept graph at `threshold`, one row per edge.
        thresholds: AP from which a unit is an expert.
        threshold: The one of the graph.
        permutations: Shuffles of concepts for the nulls.
        draws: Random expert sets, and random groups of members.
        model: Its name.
        stimuli: Their name.
        level: Coverage of the intervals.
        seed: Of everything drawn.

    """
    index = tables.read(representations)
    known = read_inputs(experts, units, ap, concept_table, sentence_table, norms)
    matrices = open_array(similarity, (len(index), len(known.concepts), len(known.concepts)))
    progress = Progress(len(index) + len(thresholds), f"{model}: organisation", "representations")
    parts: list[pd.DataFrame] = []
    for matrix, row in zip(matrices, index.to_dict("records"), strict=True):
        own = organisation_of(matrix, known.concepts, permutations, seed, level, known.human)
        parts.append(own.assign(**{name: row[name] for name in ("representation", "family", "threshold")}))
        progress(1)
    found: list[AtThreshold] = []
    for limit in thresholds:
        generator = seeds.generator(seed, "measure_organisation", str(limit))
        found.append(at_threshold(known, limit, limit == threshold, permutations, draws, generator, level))
        progress(1)
    written = (
        (organisation, "organisation", [*parts, *(own.organisation for own in found)]),
        (inclusions, "inclusion", [own.inclusion for own in found]),
        (category_expert_table, "category_experts", [own.category_experts for own in found]),
        (polysemy_table, "polysemy", [own.polysemy for own in found]),
    )
    for path, name, frames in written:
        whole = pd.concat([frame for frame in frames if len(frame)] or frames, ignore_index=True)
        tables.write(whole.assign(model=model, stimuli=stimuli), path, KEYS[name])
    tables.write(pd.concat([own.edges for own in found], ignore_index=True), edges)
