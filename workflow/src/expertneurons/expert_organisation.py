"""Expert organisation: hierarchy, polysemy, popular units and graph of the expert sets at one threshold."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from expertneurons import polysemy, tables
from expertneurons.alignment import rated_pairs
from expertneurons.category_experts import category_experts, common_rows, random_groups
from expertneurons.files import SCORE, open_array
from expertneurons.hierarchy import Categories, categories, inclusion, label_rows, unit_ranks
from expertneurons.nulls import Row, Values
from expertneurons.organisation_names import EXPERTS, HEADLINE, LIFT, RATING, SAME_DOMAIN
from expertneurons.popular_units import Compared, compare, edge_table, popular_rows, saturated
from expertneurons.roles import role_rows
from expertneurons.selection import expert_sets

Counts = npt.NDArray[np.int64]


class Inputs(NamedTuple):
    """What the experts of one model are measured with.

    Attributes:
        concepts: Table of the concepts.
        units: Index of the units.
        experts: As `select_experts` writes them.
        ap: (concepts, units).
        found: Members and category words.
        ranks: `hierarchy.unit_ranks` of the members.
        mentions: (concepts, concepts) share of a concept's sentences (rows) that mention another.
        human: By norm, (concepts, concepts) ratings, NaN where a pair has none.

    """

    concepts: pd.DataFrame
    units: pd.DataFrame
    experts: pd.DataFrame
    ap: npt.NDArray[Any]
    found: Categories
    ranks: npt.NDArray[np.float32]
    mentions: Values
    human: dict[str, Values]


class AtThreshold(NamedTuple):
    """Tables of one threshold: rows of `organisation`, `inclusion`, `category_experts`, `polysemy`; graph edges."""

    organisation: pd.DataFrame
    inclusion: pd.DataFrame
    category_experts: pd.DataFrame
    polysemy: pd.DataFrame
    edges: pd.DataFrame


def read_inputs(
    experts: Path, units: Path, ap: Path, concept_table: Path, sentence_table: Path, norms: list[Path]
) -> Inputs:
    """Read what `measure_organisation` takes."""
    concepts, index = tables.read(concept_table), tables.read(units)
    scores = open_array(ap, (len(concepts), len(index)), SCORE)
    found = categories(concepts)
    return Inputs(
        concepts,
        index,
        tables.read(experts),
        scores,
        found,
        unit_ranks(scores[found.members]),
        mention_shares(tables.read(sentence_table), len(concepts)),
        {norm.stem: ratings(norm, concepts) for norm in norms},
    )


def ratings(norm: Path, concepts: pd.DataFrame) -> Values:
    """Ratings of a norm as a symmetric matrix (concepts, concepts), NaN where a pair has none."""
    pairs, values = rated_pairs(norm, concepts["concept"].tolist())
    matrix = np.full((len(concepts), len(concepts)), np.nan)
    matrix[tuple(pairs.T)] = matrix[tuple(pairs.T[::-1])] = values
    return matrix


def mention_shares(sentences: pd.DataFrame, concepts: int) -> Values:
    """Share of the sentences of each concept (rows) that mention each other one, (concepts, concepts)."""
    counts, totals = np.zeros((concepts, concepts)), np.zeros(concepts)
    for own, others in zip(sentences["concept_number"], sentences["others"], strict=True):
        counts[own, list(others)] += 1
        totals[own] += 1
    return np.asarray(counts / np.maximum(totals, 1)[:, None])


def at_threshold(
    known: Inputs,
    threshold: float,
    graph: bool,
    permutations: int,
    draws: int,
    generator: np.random.Generator,
    level: float,
) -> AtThreshold:
    """Measure the expert sets at one threshold.

    Args:
        known: The inputs.
        threshold: AP from which a unit is an expert.
        graph: Whether to return the edges of the concept graph.
        permutations: Shuffles of concepts for the nulls.
        draws: Random expert sets, and random groups of members. None of the former, unless for the graph, where the
            mean concept has over a quarter of all units.
        generator: Of everything drawn.
        level: Coverage of the intervals.

    """
    found, concepts = known.found, known.concepts
    sets = expert_sets(known.experts, len(concepts), len(known.units), threshold=threshold)
    measures = inclusion(sets, known.ap, found, known.ranks)
    groups = random_groups(found, draws, generator)
    rows = label_rows(measures, found, permutations, generator, level, _either(known))
    rows += role_rows(sets, known.ap, found, permutations, generator, level)
    rows += common_rows(sets, known.ranks, found, groups)
    rows += _polysemy(sets, known, permutations, generator)
    compared, popular = None, []
    if graph or not saturated(sets):
        compared = compare(sets, concepts, found, draws, generator)
        popular = popular_rows(compared, concepts, found, len(known.units))
    frames = [pd.DataFrame(rows).assign(representation=EXPERTS)]
    if popular:
        own = pd.DataFrame(popular)
        frames.append(own.assign(representation=np.where(own["measure"] == LIFT, EXPERTS, HEADLINE)))
    kinds = category_experts(sets, known.units, found, groups)
    return AtThreshold(
        pd.concat(frames, ignore_index=True).assign(family=EXPERTS, threshold=threshold),
        inclusion_table(measures, known, compared).assign(threshold=threshold),
        kinds.assign(threshold=threshold),
        polysemy.popularity(sets, known.units).assign(threshold=threshold),
        edge_table(compared, sets, concepts, known.units) if graph and compared else pd.DataFrame(),
    )


def _either(known: Inputs) -> Values:
    """Mean share of the sentences of a member and a category word that mention the other, (members, categories)."""
    places = np.ix_(known.found.members, known.found.words)
    return np.asarray((known.mentions + known.mentions.T)[places] / 2)


def _polysemy(sets: sparse.csr_array, known: Inputs, permutations: int, generator: np.random.Generator) -> list[Row]:
    weights = polysemy.shared_units(sets)
    same = polysemy.same_domain_target(known.concepts)
    targets = {("", SAME_DOMAIN): same}
    targets |= {(norm, RATING): rated for norm, rated in known.human.items()}
    return [
        polysemy.popularity_row(sets, known.units),
        *(
            polysemy.sharing_row(measure, weights, target, permutations, generator, norm=norm)
            for (norm, measure), target in targets.items()
        ),
    ]


def inclusion_table(measures: dict[str, Values], known: Inputs, compared: Compared | None) -> pd.DataFrame:
    """Return every member beside its category word, with what others and random sets give.

    Returns:
        member, superordinate, the measures of `hierarchy.inclusion`, each of coverage, lift and asymmetries with its
        mean over the members of other categories (null_*), lift_expected and p (random sets), the shares of sentences
        that mention the other word, and a note.

    """
    found = known.found
    own = np.arange(len(found.members)), found.category
    names = known.concepts["concept"].to_numpy(str)
    columns: dict[str, Any] = {"member": names[found.members], "superordinate": names[found.words[found.category]]}
    others = found.category[:, None] != found.category[None]  # (members, members)
    for name, values in measures.items():
        columns[name] = values[own]
        if name not in ("in_member", "in_superordinate"):
            of_others = np.where(others, values[:, found.category], np.nan)
            count = (~np.isnan(of_others)).sum(axis=0)
            columns[f"null_{name}"] = np.divide(
                np.nansum(of_others, axis=0), count, where=count > 0, out=np.full(len(count), np.nan)
            )
    pairs = found.members, found.words[found.category]
    expected, p = (
        (compared.expected[pairs], compared.p[pairs]) if compared else (np.full(len(found.members), np.nan),) * 2
    )
    columns |= {"shared_expected": expected, "p": p}
    columns |= {"mentioned_by_member": known.mentions[pairs], "mentioned_by_superordinate": known.mentions[pairs[::-1]]}
    table = pd.DataFrame(columns)
    table["note"] = np.where(table["lift"].isna(), "no expert on one side", "")
    return table
