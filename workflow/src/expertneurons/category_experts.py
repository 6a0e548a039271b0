"""Category experts: units that serve most members of a category; where they sit, and whether they serve its word."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from expertneurons import nulls
from expertneurons.hierarchy import LEAST_MEMBERS, Categories, Numbers, Sets
from expertneurons.nulls import Row, Values
from expertneurons.organisation_names import COMMON, GROUPS

SHARE = 0.5  # of the members, from which a unit is a category expert


def random_groups(found: Categories, draws: int, generator: np.random.Generator) -> dict[int, list[Numbers]]:
    """Draw groups of members as large as each category, (places among the members); the category itself comes first."""
    groups: dict[int, list[Numbers]] = {}
    for number, word in enumerate(found.words):
        own = np.flatnonzero(found.category == number)
        pool = np.flatnonzero(found.members != word)
        drawn = [generator.choice(pool, len(own), replace=False) for _ in range(draws)]
        if len(own) >= LEAST_MEMBERS:
            groups[number] = [own, *drawn]
    return groups


def common_rows(
    sets: Sets, ranks: npt.NDArray[Any], found: Categories, groups: dict[int, list[Numbers]]
) -> Iterator[Row]:
    """Say whether the units that a category's members have in common predict its word's experts.

    A unit's score is how many members have it among their best units, as many for each as the word has experts; the
    value is the AUROC of that score for the word's experts, against random groups of as many members of any category.

    Args:
        sets: Sparse (concepts, units) expert sets.
        ranks: `hierarchy.unit_ranks` of the members.
        found: Members and category words.
        groups: As `random_groups` draws them.

    """
    every = []
    for number, drawn in groups.items():
        word = found.words[number]
        own = sets.indices[sets.indptr[word] : sets.indptr[word + 1]]
        if not 0 < len(own) < sets.shape[1]:
            continue
        best = (ranks <= len(own)).astype(np.uint8)
        values = np.array([_auroc(best[group].sum(axis=0, dtype=np.uint16), own) for group in drawn])
        every.append(values)
        told: dict[str, Any] = {"domain": found.names[number], "n_concepts": len(drawn[0])}
        yield nulls.row(COMMON, values[0], values[1:], len(own), GROUPS, **told)
    if every:
        whole = np.mean(every, axis=0)
        yield nulls.row(COMMON, whole[0], whole[1:], len(every), GROUPS, n_concepts=len(found.members), note=found.note)


def _auroc(score: npt.NDArray[np.uint16], own: npt.NDArray[Any]) -> float:
    """AUROC of whole-number scores (units,) for the units `own`."""
    every = np.bincount(score).astype(np.float64)
    hits = np.bincount(score[own], minlength=len(every))
    others = every - hits
    below = np.cumsum(others) - others / 2
    return float((hits * below).sum() / (hits.sum() * others.sum()))


def category_experts(
    sets: Sets, units: pd.DataFrame, found: Categories, groups: dict[int, list[Numbers]]
) -> pd.DataFrame:
    """Count the experts of at least half of a category's members, by layer and site, against random groups.

    Args:
        sets: Sparse (concepts, units) expert sets.
        units: Index of the units: layer, site.
        found: Members and category words.
        groups: As `random_groups` draws them.

    Returns:
        superordinate, layer, site, n_units, n_members, n_experts, n_expected (mean of random groups), p, and
        n_of_superordinate: how many of them are experts of the category word.

    """
    keys = units.groupby(["layer", "site"])
    place, where = keys.ngroup().to_numpy(), keys.size()
    members = sets[found.members].toarray().astype(np.uint8)
    parts = []
    for number, drawn in groups.items():
        counts = np.stack([_by_place(members[group], place, len(where)) for group in drawn])
        word = np.zeros(len(place), bool)
        word[sets.indices[sets.indptr[found.words[number]] : sets.indptr[found.words[number] + 1]]] = True
        both = _common(members[drawn[0]]) & word
        parts.append(
            pd.DataFrame(
                {
                    "superordinate": found.names[number],
                    "layer": where.index.get_level_values("layer"),
                    "site": where.index.get_level_values("site"),
                    "n_units": where.to_numpy(),
                    "n_members": len(drawn[0]),
                    "n_experts": counts[0],
                    "n_expected": counts[1:].mean(axis=0),
                    "p": [nulls.p_value(own[0], own[1:]) for own in counts.T.astype(np.float64)],
                    "n_of_superordinate": np.bincount(place[both], minlength=len(where)),
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["superordinate", *where.index.names])


def _common(members: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.asarray(members.sum(axis=0, dtype=np.uint16) >= max(SHARE * len(members), 2))


def _by_place(members: npt.NDArray[np.uint8], place: npt.NDArray[Any], places: int) -> Values:
    return np.bincount(place[_common(members)], minlength=places).astype(np.float64)
