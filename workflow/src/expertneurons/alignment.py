"""Alignment: Spearman between a representation's similarities and a norm; its error respects shared concepts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from expertneurons import seeds, tables
from expertneurons.ceilings import ceiling
from expertneurons.dyadic import covariance, freedom, interval, simultaneous, spearman
from expertneurons.errors import StudyError
from expertneurons.files import open_array
from expertneurons.keys import KEYS
from expertneurons.steps import Progress

Values = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.intp]

LEAST_PAIRS = 5
BLOCK = 250


class Alignment(NamedTuple):
    """A Spearman correlation over pairs: estimate, dyadic-robust standard error and interval, and what it rests on."""

    rho: float
    se: float
    low: float
    high: float
    n_pairs: int
    n_concepts: int


def align(similarity: npt.NDArray[Any], pairs: Pairs, ratings: Values, level: float = 0.95) -> Alignment:
    """Spearman between similarities and ratings over rated pairs, with a dyadic-robust interval.

    The standard error comes from the influence of every pair on Spearman's coefficient, the estimated ranks included,
    summed over pairs that share a concept (`dyadic.covariance`); the interval is built on Fisher's z with Student's t
    at n_concepts - 2 degrees of freedom.

    Args:
        similarity: (concepts, concepts); pairs where it is NaN are left out.
        pairs: (pairs, 2) numbers of the two concepts.
        ratings: (pairs,) human ratings.
        level: Coverage of the interval, 0 to 1.

    Returns:
        NaN estimates where fewer than 5 pairs are left or either side is constant.

    """
    model = np.asarray(similarity)[pairs[:, 0], pairs[:, 1]].astype(np.float64)
    known = ~np.isnan(model)
    model, human, pairs = model[known], np.asarray(ratings, np.float64)[known], pairs[known]
    concepts = np.unique(pairs).size
    nothing = float("nan")
    if len(model) < LEAST_PAIRS or np.ptp(model) == 0 or np.ptp(human) == 0:
        return Alignment(nothing, nothing, nothing, nothing, len(model), concepts)
    (rho,), influence = spearman(model[:, None], human)
    se = float(np.sqrt(covariance(influence, pairs)[0, 0]))
    low, high = interval(rho, se, stats.t.ppf(0.5 + level / 2, freedom(concepts)))
    return Alignment(float(rho), se, low, high, len(model), concepts)


def node_permutation(
    similarity: npt.NDArray[Any], pairs: Pairs, ratings: Values, permutations: int, seed: int
) -> tuple[float, Values]:
    """P value (one-sided, no alignment against a positive one) and null, by shuffling which concept is which.

    Mantel's test with Spearman's coefficient on the rated pairs. Concepts without any defined similarity to
    themselves (empty expert sets) are left out. p = (b + 1) / (m + 1), never zero.
    """
    matrix = np.asarray(similarity, np.float64)
    active = np.unique(pairs)
    active = active[~np.isnan(matrix.diagonal()[active])]
    kept = np.isin(pairs, active).all(axis=1)
    matrix = matrix[np.ix_(active, active)]
    place = np.searchsorted(active, pairs[kept])
    own = matrix[place[:, 0], place[:, 1]]
    if kept.sum() < LEAST_PAIRS or np.isnan(own).any() or np.ptp(own) == 0 or np.ptp(ratings[kept]) == 0:
        return float("nan"), np.empty(0)
    human = _standard(stats.rankdata(ratings[kept])[None])[0]
    generator = seeds.generator(seed, "node_permutation")
    shuffles = np.argsort(generator.random((permutations, len(active))), axis=1)
    observed = _correlations(own[None], human)[0]
    null = np.concatenate(
        [
            _correlations(matrix[chunk[:, place[:, 0]], chunk[:, place[:, 1]]], human)
            for chunk in np.array_split(shuffles, max(1, permutations // BLOCK))
        ]
    )
    return float(((null >= observed - 1e-12).sum() + 1) / (permutations + 1)), null


def _standard(ranks: Values) -> Values:
    """Rows centred and of length one; a constant row, which correlates with nothing, becomes zero."""
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    shape: Values = np.zeros_like(centred)
    np.divide(centred, lengths, out=shape, where=lengths > 0)
    return shape


def _correlations(values: Values, human: Values) -> Values:
    """Spearman of every row of (permutations, pairs) with standardised human ranks; unknown values rank lowest."""
    filled = np.where(np.isnan(values), -np.inf, values)
    return np.asarray(_standard(stats.rankdata(filled, axis=1)) @ human, np.float64)


def rated_pairs(norm: Path, concepts: list[str], least: int = 3) -> tuple[Pairs, Values]:
    """Pairs of a norm whose two words are both concepts of the study: numbers (pairs, 2) and ratings (pairs,)."""
    table = tables.read(norm)
    number = {concept.casefold(): place for place, concept in enumerate(concepts)}
    places = table[["word1", "word2"]].apply(lambda words: words.map(number))
    known = places.notna().all(axis=1)
    pairs = np.sort(places[known].to_numpy(np.intp), axis=1)
    if np.unique(pairs).size < least or len(pairs) < least:
        raise StudyError(
            f"norm {norm.stem!r} rates {len(pairs)} pairs of the {len(concepts)} concepts, fewer than {least}; "
            "remove it from `norms` in the config or use stimuli for more of its words"
        )
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return pairs[order], table["rating"].to_numpy(np.float64)[known][order]


def by_domain(concepts: pd.DataFrame, pairs: Pairs) -> dict[str, npt.NDArray[np.bool_]]:
    """Which pairs lie within one named domain, between two, and which have a concept that is of none (unnamed)."""
    domains = concepts["domain"].fillna("").to_numpy(str)[pairs]
    named = (domains != "").all(axis=1)
    same = domains[:, 0] == domains[:, 1]
    return {"within": named & same, "between": named & ~same, "unnamed": ~named}


def align_representations(
    similarity: Path,
    representations: Path,
    concept_table: Path,
    norms: list[Path],
    agreement: list[Path],
    output: Path,
    model: str,
    stimuli: str,
    permutations: int = 1999,
    level: float = 0.95,
    max_undefined: float = 0.1,
    seed: int = 0,
) -> None:
    """Align every representation with every norm, on identical pairs.

    A pair of two empty expert sets is undefined. Representations that lose at most `max_undefined` of a norm's pairs
    are compared on the pairs that all of them have (identical_pairs is true); the others keep their own pairs.
    low_joint and high_joint hold for all of the former at once (max-T).

    Args:
        similarity: `.npy` (representations, concepts, concepts).
        representations: Their names.
        concept_table: The concepts.
        norms: Tidy norms, named by their files.
        agreement: What is known of the raters' agreement in each, in the same order.
        output: Parquet file, the `alignment` table of this model.
        model: Its name.
        stimuli: Their name.
        permutations: Of the node-permutation test.
        level: Coverage of the intervals.
        max_undefined: Share of pairs, 0 to 1.
        seed: Of the permutations.

    """
    index, concepts = tables.read(representations), tables.read(concept_table)
    matrices = open_array(similarity, (len(index), len(concepts), len(concepts)))
    rows: list[dict[str, Any]] = []
    progress = Progress(len(norms) * len(index), f"{model}: alignment", "representations")
    for norm, known in zip(norms, agreement, strict=True):
        pairs, ratings = rated_pairs(norm, concepts["concept"].tolist())
        parts = by_domain(concepts, pairs)
        top = ceiling(tables.read(known), ratings)
        own_rows = []
        for row, matrix, identical, own in _on_identical_pairs(index, matrices, pairs, max_undefined):
            found = align(matrix, pairs[own], ratings[own], level)
            p, null = node_permutation(matrix, pairs[own], ratings[own], permutations, seed)
            own_rows.append(
                {
                    "model": model,
                    "stimuli": stimuli,
                    "norm": norm.stem,
                    "representation": row["representation"],
                    "threshold": row["threshold"],
                    **found._asdict(),
                    "ceiling": top,
                    "share_of_ceiling": found.rho / top,
                    "p": p,
                    "null_low": np.quantile(null, 0.5 - level / 2) if null.size else np.nan,
                    "null_high": np.quantile(null, 0.5 + level / 2) if null.size else np.nan,
                    **_in_parts(matrix, pairs, ratings, {name: part & own for name, part in parts.items()}, level),
                    "family": row["family"],
                    "identical_pairs": identical,
                    "undefined_pairs": int(len(pairs) - own.sum()) if not identical else 0,
                }
            )
            progress(1)
        rows += _jointly(own_rows, matrices, pairs, ratings, level, seed)
    tables.write(pd.DataFrame(rows), output, KEYS["alignment"])


def _in_parts(
    matrix: npt.NDArray[Any], pairs: Pairs, ratings: Values, parts: dict[str, npt.NDArray[np.bool_]], level: float
) -> dict[str, float]:
    """Align within domains, between them and outside: a contrast of domains alone flatters every representation."""
    found = {}
    for name, chosen in parts.items():
        own = align(matrix, pairs[chosen], ratings[chosen], level) if chosen.any() else None
        for key in ("rho", "low", "high", "n_pairs"):
            found[f"{key}_{name}"] = getattr(own, key) if own else 0 if key == "n_pairs" else np.nan
    return found


def _jointly(
    rows: list[dict[str, Any]], matrices: npt.NDArray[Any], pairs: Pairs, ratings: Values, level: float, seed: int
) -> list[dict[str, Any]]:
    """Add intervals that hold for all representations on identical pairs at once."""
    together = [number for number, row in enumerate(rows) if row["identical_pairs"] and not np.isnan(row["rho"])]
    critical = np.nan
    if together:
        values = matrices[together][:, pairs[:, 0], pairs[:, 1]].T.astype(np.float64)
        common = ~np.isnan(values).any(axis=1)
        _, influence = spearman(values[common], ratings[common])
        df = freedom(rows[together[0]]["n_concepts"])
        critical = simultaneous(covariance(influence, pairs[common]), df, level, seed)
    joint = {number: interval(rows[number]["rho"], rows[number]["se"], critical) for number in together}
    return [
        {**row, "low_joint": joint.get(number, (np.nan,) * 2)[0], "high_joint": joint.get(number, (np.nan,) * 2)[1]}
        for number, row in enumerate(rows)
    ]


def _on_identical_pairs(
    index: pd.DataFrame, matrices: npt.NDArray[Any], pairs: Pairs, max_undefined: float
) -> Iterator[tuple[pd.Series, npt.NDArray[Any], bool, npt.NDArray[np.bool_]]]:
    """Yield each representation with its matrix, whether it is on the identical pairs, and the pairs that it uses."""
    defined = ~np.isnan(matrices[:, pairs[:, 0], pairs[:, 1]])
    whole = defined.mean(axis=1) >= 1 - max_undefined
    common = defined[whole].all(axis=0)
    for number, (_, row) in enumerate(index.iterrows()):
        yield row, matrices[number], bool(whole[number]), common if whole[number] else defined[number]
