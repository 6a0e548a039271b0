"""Roles: whether a category's word stands to its members otherwise than the members stand to each other.

Shuffled category labels cannot show two things: how category words differ from other words in general, and that between
related concepts an asymmetry may come from the sizes of their sets alone. So the word changes places with members of
its own category here, after two corrections: what a concept's asymmetry is with unrelated concepts, those of other
categories, and what the sizes of two sets say of it, in all pairs within a category, are taken off.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from expertneurons import nulls
from expertneurons.hierarchy import LEAST_MEMBERS, Categories, Numbers, Sets, category_interval, graded
from expertneurons.nulls import Row, Values
from expertneurons.organisation_names import ADJUSTED, ROLES


def role_rows(
    sets: Sets, ap: npt.NDArray[Any], found: Categories, permutations: int, generator: np.random.Generator, level: float
) -> list[Row]:
    """Hold the graded asymmetry of members and category word, sizes set aside, against members in the word's place.

    Args:
        sets: Sparse (concepts, units) expert sets.
        ap: (concepts, units).
        found: Members and category words.
        permutations: Draws of who is the word, one concept of each category.
        generator: Of these draws.
        level: Coverage of the interval, for new category words.

    Returns:
        Rows `asymmetry_adjusted`, overall (every category counts the same) and per category; positive where the
        members' experts carry the word more than the word's experts carry the members.

    """
    sizes = np.diff(sets.indptr)
    families = {}
    for number, word in enumerate(found.words):
        members = found.members[(found.category == number) & (found.members != word)]
        members = members[sizes[members] > 0]
        if sizes[word] and len(members) >= LEAST_MEMBERS:
            families[found.names[number]] = np.r_[word, members]
    if not families:
        return [nulls.row(ADJUSTED, np.nan, note="no category word with experts and two members with experts")]
    pairs = _asymmetries(sets, ap, list(families.values()))
    slope = _slope(pairs)
    # (family,) mean asymmetry of all others with each concept
    seen = [(own - slope * apart).sum(axis=0) / (len(own) - 1) for own, apart in pairs]
    drawn = np.column_stack([own[generator.integers(len(own), size=permutations)] for own in seen])
    values = np.array([own[0] for own in seen])
    note = f"{slope:.3g} per unit of log size taken off"
    told: dict[str, Any] = {"kind": ROLES, "two_sided": True}
    ends = category_interval(values, drawn, level)
    counts = [len(own) - 1 for own in seen]
    return [
        nulls.row(ADJUSTED, values.mean(), drawn.mean(axis=1), sum(counts), note=note, **told, **ends),
        *(
            nulls.row(ADJUSTED, values[place], drawn[:, place], counts[place], domain=name, **told)
            for place, name in enumerate(families)
        ),
    ]


def _asymmetries(sets: Sets, ap: npt.NDArray[Any], families: list[Numbers]) -> list[tuple[Values, Values]]:
    """Per family: asymmetries beyond those with unrelated concepts, and differences of log size, (own, own) each."""
    involved = np.unique(np.concatenate(families))
    carried = graded(sets, ap, involved)
    asymmetry, places = carried - carried.T, [np.searchsorted(involved, own) for own in families]
    unrelated = np.ones(asymmetry.shape, bool)
    for own in places:
        unrelated[np.ix_(own, own)] = False
    counts = unrelated.sum(axis=0)
    general = np.where(unrelated, asymmetry, 0).sum(axis=0) / np.maximum(counts, 1)
    asymmetry -= general[None] - general[:, None]
    logs = np.log(np.diff(sets.indptr)[involved])
    return [(asymmetry[np.ix_(own, own)], logs[own, None] - logs[own]) for own in places]


def _slope(pairs: list[tuple[Values, Values]]) -> float:
    """Least-squares slope, through the origin, of asymmetries on differences of log size."""
    squares = sum(float((apart**2).sum()) for _, apart in pairs)
    return sum(float((own * apart).sum()) for own, apart in pairs) / squares if squares else 0.0
