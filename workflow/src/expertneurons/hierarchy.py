"""Hierarchy: what the experts of a category word have to do with those of the category's members.

Raw containment says nothing: |A and B| / |B| exceeds |A and B| / |A| if and only if B is the smaller set. What counts
is coverage, lift and common experts, which tell members from others but have no direction, and the graded asymmetry,
which has one (and needs `roles`). Nulls shuffle the category labels over the members, so that whatever belongs to a
member or to a word alone, its number of experts or how high its AP are, is the same in the null.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, stats

from expertneurons import nulls
from expertneurons.nulls import Row, Values
from expertneurons.organisation_names import ASYMMETRY, COVERAGE, LIFT, MENTIONS, SIZES, UNMENTIONED
from expertneurons.random_sets import overlaps

LEAST_MEMBERS = 2

Numbers = npt.NDArray[np.intp]
Sets = sparse.csr_array


class Categories(NamedTuple):
    """Members and category words that are both concepts of the study.

    Attributes:
        members: (members,) concept numbers.
        category: (members,) which category word each belongs to.
        words: (categories,) concept numbers of the category words.
        names: (categories,) the words.
        note: Which superordinates are no concepts and how many members were left out with them.

    """

    members: Numbers
    category: Numbers
    words: Numbers
    names: list[str]
    note: str


def categories(concepts: pd.DataFrame) -> Categories:
    """Read the hierarchy from a table of concepts with the columns concept and superordinate."""
    number = {name: place for place, name in enumerate(concepts["concept"])}
    above = concepts["superordinate"].fillna("") if "superordinate" in concepts else pd.Series("", concepts.index)
    given = [(place, name) for place, name in enumerate(above) if name and number.get(name) != place]
    lost = sorted({name for _, name in given if name not in number})
    kept = [(place, name) for place, name in given if name in number]
    names = sorted({name for _, name in kept})
    count = sum(name in lost for _, name in given)
    note = f"{count} members left out: {', '.join(lost)} is no concept" if lost else ""
    return Categories(
        np.array([place for place, _ in kept], np.intp),
        np.array([names.index(name) for _, name in kept], np.intp),
        np.array([number[name] for name in names], np.intp),
        names,
        note,
    )


def unit_ranks(ap: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Rank the units of each row, (rows, units), the most precise first; equal units share the middle rank."""
    ranks = np.empty(ap.shape, np.float32)
    for number, own in enumerate(ap):
        ranks[number] = stats.rankdata(-np.asarray(own))
    return ranks


def inclusion(
    sets: Sets, ap: npt.NDArray[Any], found: Categories, ranks: npt.NDArray[Any] | None = None
) -> dict[str, Values]:
    """Measure every member against every category word.

    Args:
        sets: Sparse (concepts, units) expert sets.
        ap: (concepts, units).
        found: Members and category words.
        ranks: `unit_ranks` of the members' AP, where they are known already.

    Returns:
        (members, categories) each, NaN where a set is empty or both are the same concept:
        in_member, in_superordinate: shared experts over the experts of the member, of the category word.
        lift: shared experts over what two random sets of these sizes share.
        coverage: share of the category word's experts among as many best units of the member.
        asymmetry: mean AP for the category word over the member's experts, minus the reverse.

    """
    common = overlaps(sets).astype(np.float64)
    sizes = common.diagonal()
    units = sets.shape[1]
    of_members, of_words = sizes[found.members][:, None], sizes[found.words][None]
    both = common[np.ix_(found.members, found.words)]
    ranks = unit_ranks(ap[found.members]) if ranks is None else ranks
    coverage = np.full(both.shape, np.nan)
    for number, word in enumerate(found.words):
        own = sets.indices[sets.indptr[word] : sets.indptr[word + 1]]
        if len(own):
            coverage[:, number] = (ranks[:, own] <= len(own)).mean(axis=1)
    involved, places = np.unique(np.r_[found.members, found.words], return_inverse=True)
    carried = graded(sets, ap, involved)
    place = np.ix_(places[: len(found.members)], places[len(found.members) :])
    with np.errstate(invalid="ignore", divide="ignore"):
        measures = {
            "in_member": both / of_members,
            "in_superordinate": both / of_words,
            LIFT: both * units / (of_members * of_words),
            COVERAGE: coverage,
            ASYMMETRY: (carried - carried.T)[place],
        }
    empty = (of_members == 0) | (of_words == 0) | (found.members[:, None] == found.words[None])
    return {name: np.where(empty, np.nan, values) for name, values in measures.items()}


def graded(sets: Sets, ap: npt.NDArray[Any], own: Numbers) -> Values:
    """Mean AP for each concept (columns) over the experts of each (rows), (own, own); NaN where a set is empty."""
    sizes = np.diff(sets.indptr)[own].astype(np.float64)
    sums = np.asarray(sets[own].astype(np.float32) @ np.asarray(ap[own], np.float32).T, np.float64)
    means: Values = np.full(sums.shape, np.nan)
    return np.divide(sums, sizes[:, None], out=means, where=sizes[:, None] > 0)


def label_rows(
    measures: dict[str, Values],
    found: Categories,
    permutations: int,
    generator: np.random.Generator,
    level: float,
    mentions: Values | None = None,
) -> list[Row]:
    """Hold the means over true members against shuffled category labels, overall and per category.

    Overall, every category counts the same. The p value is for these category words; the interval, to be held against
    null_mean, is for new ones: members of a category depend on each other through its word.

    Args:
        measures: As `inclusion` gives them.
        found: Members and category words.
        permutations: Shuffles of the category labels over the members, sizes kept.
        generator: Of the shuffles.
        level: Coverage of the interval.
        mentions: (members, categories) sentences of either that mention the other; with them, coverage is also
            measured on the pairs that never occur together.

    """
    if len(found.names) < 2:
        return [nulls.row(COVERAGE, np.nan, note=found.note or "fewer than two category words with members")]
    labels = found.category[nulls.shuffles(generator, permutations, len(found.members))]
    tested = {name: measures[name] for name in (COVERAGE, LIFT, ASYMMETRY)}
    if mentions is not None:
        tested[MENTIONS] = mentions
        tested[UNMENTIONED] = np.where(mentions > 0, np.nan, measures[COVERAGE])
    rows = []
    for name, values in tested.items():
        seen, null = (_means(values, own) for own in (found.category[None], labels))
        own = ~np.isnan(values[np.arange(len(values)), found.category])
        counts = np.bincount(found.category, own, len(found.names)).astype(int)
        ends = category_interval(seen[0], null, level)
        told: dict[str, Any] = {"two_sided": name == ASYMMETRY, "note": found.note}
        rows.append(
            nulls.row(
                name,
                float(np.nanmean(seen)) if own.any() else np.nan,
                _over_categories(null),
                counts.sum(),
                **told,
                **ends,
            )
        )
        rows += [
            nulls.row(name, seen[0, place], null[:, place], counts[place], domain=word, two_sided=name == ASYMMETRY)
            for place, word in enumerate(found.names)
        ]
    return [*rows, _sizes(measures, found)]


def _over_categories(means: Values) -> Values:
    """Mean over the categories, each of which counts the same, (labellings,)."""
    known = ~np.isnan(means)
    return np.asarray(np.where(known, means, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def category_interval(seen: Values, null: Values, level: float) -> dict[str, Any]:
    """Interval of the mean over categories for new category words, from how the distances to the null's mean differ."""
    known = ~np.isnan(seen) & ~np.isnan(null).any(axis=0)
    if known.sum() < 3:
        return {"low": np.nan, "high": np.nan}
    distance = seen[known] - null[:, known].mean(axis=0)
    reach = stats.t.ppf(0.5 + level / 2, len(distance) - 1) * distance.std(ddof=1) / np.sqrt(len(distance))
    middle = float(seen[known].mean())
    return {"low": middle - reach, "high": middle + reach}


def _means(values: Values, labels: Numbers) -> Values:
    """Mean over the members with each label, (labellings, categories); NaN where none is known."""
    own = values[np.arange(len(values)), labels]
    known = ~np.isnan(own)
    cells = (labels + values.shape[1] * np.arange(len(labels))[:, None]).ravel()
    size = len(labels) * values.shape[1]
    sums, counts = (np.bincount(cells, part.ravel(), size) for part in (np.where(known, own, 0), known))
    means = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    return np.asarray(means.reshape(len(labels), -1))


def _sizes(measures: dict[str, Values], found: Categories) -> Row:
    """Share of true pairs whose raw containment has the sign of the size difference: all of those that overlap."""
    own = (np.arange(len(found.members)), found.category)
    inner, outer = measures["in_member"][own], measures["in_superordinate"][own]
    known = inner + outer > 0
    larger = (inner < outer)[known]
    note = f"members have the larger set, and so the higher raw containment, in {larger.sum()} of {known.sum()} pairs"
    return nulls.row(SIZES, larger.mean() if known.any() else np.nan, n=int(known.sum()), note=note)
