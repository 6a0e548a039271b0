"""Alignment: Spearman between a representation's similarities and a norm; its error respects shared concepts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from expertneurons import seeds, tables
from expertneurons.errors import StudyError
from expertneurons.files import open_array
from expertneurons.steps import LOGGER, Progress

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
    summed over pairs that share a concept (Aronow, Samii & Assenova 2015, doi 10.1093/pan/mpv018, eq. 5); the
    interval is built on Fisher's z with Student's t at n_concepts - 2 degrees of freedom.

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
    rho, influence = _influence(model, human)
    se = _dyadic_error(influence, pairs)
    reach = stats.t.ppf(0.5 + level / 2, max(concepts - 2, 1)) * se / max(1 - rho**2, 1e-12)
    low, high = np.tanh(np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12)) + np.array([-reach, reach]))
    return Alignment(rho, se, float(low), float(high), len(model), concepts)


def _grades(values: Values) -> Values:
    """Middle ranks as shares of n, centred on zero."""
    return np.asarray((stats.rankdata(values) - 0.5) / len(values) - 0.5, np.float64)


def _above(values: Values, weights: Values) -> Values:
    """For every pair p, the mean over q of weights[q] where values[q] is above values[p], ties counting one half."""
    order = np.argsort(values, kind="stable")
    tails = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)
    ordered = values[order]
    left, right = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return np.asarray((tails[left] + tails[right]) / 2 / len(values), np.float64)


def _influence(x: Values, y: Values) -> tuple[float, Values]:
    """Spearman's rho and the influence of every pair on it, including through the ranks of the others."""
    u, v = _grades(x), _grades(y)
    cross, spread_u, spread_v = (u * v).mean(), (u * u).mean(), (v * v).mean()

    def through(own: Values, values: Values, other: Values) -> Values:
        return np.asarray(_above(values, other) - (own * other).mean() - other.mean() / 2)

    scale = np.sqrt(spread_u * spread_v)
    rho = cross / scale
    on_cross = u * v - cross + through(u, x, v) + through(v, y, u)
    on_u = u * u - spread_u + 2 * through(u, x, u)
    on_v = v * v - spread_v + 2 * through(v, y, v)
    return float(rho), on_cross / scale - rho / 2 * (on_u / spread_u + on_v / spread_v)


def _dyadic_error(influence: Values, pairs: Pairs) -> float:
    """Return the standard error of a mean over pairs whose terms covary where they share a concept."""
    centred = influence - influence.mean()
    per_concept = np.zeros(int(pairs.max()) + 1)
    np.add.at(per_concept, pairs.ravel(), np.repeat(centred, 2))
    own = (centred**2).sum()
    variance = (per_concept**2).sum() - own
    if variance <= 0:  # possible in small samples with little dependence
        LOGGER.info("dyadic variance not positive with %d pairs; the variance over pairs is taken", len(pairs))
        variance = own
    return float(np.sqrt(variance) / len(influence))


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


def align_representations(
    similarity: Path,
    representations: Path,
    concept_table: Path,
    norms: list[Path],
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

    Args:
        similarity: `.npy` (representations, concepts, concepts).
        representations: Their names.
        concept_table: The concepts.
        norms: Tidy norms, named by their files.
        output: Parquet file, the `alignment` table of this model.
        model: Its name.
        stimuli: Their name.
        permutations: Of the node-permutation test.
        level: Coverage of the intervals.
        max_undefined: Share of pairs, 0 to 1.
        seed: Of the permutations.

    """
    matrices, index = open_array(similarity), tables.read(representations)
    concepts = tables.read(concept_table)["concept"].tolist()
    rows = []
    progress = Progress(len(norms) * len(index), f"{model}: alignment", "representations")
    for norm in norms:
        pairs, ratings = rated_pairs(norm, concepts)
        for row, matrix, identical, own in _on_identical_pairs(index, matrices, pairs, max_undefined):
            found = align(matrix, pairs[own], ratings[own], level)
            p, null = node_permutation(matrix, pairs[own], ratings[own], permutations, seed)
            rows.append(
                {
                    "model": model,
                    "stimuli": stimuli,
                    "norm": norm.stem,
                    "representation": row["representation"],
                    "threshold": row["threshold"],
                    **found._asdict(),
                    "ceiling": np.nan,
                    "share_of_ceiling": np.nan,
                    "p": p,
                    "null_low": np.quantile(null, 0.5 - level / 2) if null.size else np.nan,
                    "null_high": np.quantile(null, 0.5 + level / 2) if null.size else np.nan,
                    "family": row["family"],
                    "identical_pairs": identical,
                    "undefined_pairs": int(len(pairs) - own.sum()) if not identical else 0,
                }
            )
            progress(1)
    tables.write(pd.DataFrame(rows), output, tables.KEYS["alignment"])


def _on_identical_pairs(
    index: pd.DataFrame, matrices: npt.NDArray[Any], pairs: Pairs, max_undefined: float
) -> Iterator[tuple[pd.Series, npt.NDArray[Any], bool, npt.NDArray[np.bool_]]]:
    """Yield each representation with its matrix, whether it is on the identical pairs, and the pairs that it uses."""
    defined = ~np.isnan(matrices[:, pairs[:, 0], pairs[:, 1]])
    whole = defined.mean(axis=1) >= 1 - max_undefined
    common = defined[whole].all(axis=0)
    for number, (_, row) in enumerate(index.iterrows()):
        yield row, matrices[number], bool(whole[number]), common if whole[number] else defined[number]
