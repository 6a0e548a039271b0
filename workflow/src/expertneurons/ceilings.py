"""Ceilings: how far people agree with each other, and so how well any similarity could follow their mean.

Several quantities are called a ceiling. A model is held against the mean rating, so its ceiling is the square root of
that mean's reliability; what one rater reaches is lower and no bound for a model.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from expertneurons import seeds, sheets, tables
from expertneurons.errors import StudyError
from expertneurons.keys import KEYS
from expertneurons.raters import read_raters

Values = npt.NDArray[np.float64]

RELIABILITY, ERROR = "reliability of the mean rating", "error variance of the mean rating"
LEAST_RATERS, LEAST_PAIRS = 4, 10
HERE = "this study"


def measure_agreement(
    table: Path,
    output: Path,
    norm: str,
    stated: Path,
    raters: Path,
    files: list[Path],
    judgements: int = 0,
    reason: str = "",
    splits: int = 200,
    seed: int = 0,
) -> None:
    """Measure what a norm's data allow to say about the agreement of its raters.

    With the raters' own ratings: split-half reliability, agreement of one rater with the others. With a rating that
    counts judgements: the binomial error. Else the reliability is not estimable, and the reason is given.

    Args:
        table: The tidy norm.
        output: Parquet file, the `agreement` table of this norm: measure, value, n_pairs, n_raters, source, note.
        norm: Its name.
        stated: Sheet of published and corrected agreement figures.
        raters: Sheet of files with raters' own ratings.
        files: These files of this norm, fetched; none where they are not to be fetched.
        judgements: How many yes-or-no judgements a rating counts; 0 where it counts none.
        reason: Why a norm without either has no estimate.
        splits: Random halves of the raters.
        seed: Of these halves.

    """
    pairs = tables.read(table)
    rows = [
        {"measure": row["measure"], "value": float(row["value"]), "source": row["source"], "note": row.get("note", "")}
        for row in sheets.read(stated, "norm_agreement")
        if row["norm"] == norm
    ]
    ratings = read_raters(raters, norm, files, pairs) if files else np.empty((0, len(pairs)))
    means = pairs["rating"].to_numpy(np.float64)
    rows += [{"source": HERE, **row} for row in estimates(means, ratings, judgements, splits, seed)]
    if not any(row["measure"] == RELIABILITY for row in rows):
        rows.append({"measure": RELIABILITY, "value": np.nan, "source": HERE, "note": f"not estimable: {reason}"})
    columns = ["norm", "measure", "value", "n_pairs", "n_raters", "source", "note"]
    tables.write(pd.DataFrame(rows).assign(norm=norm).reindex(columns=columns), output, KEYS["agreement"])


def estimates(means: Values, ratings: Values, judgements: int, splits: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield measures of agreement from ratings (raters, pairs; NaN where a rater did not rate) or judgements."""
    ratings = ratings[~np.isnan(ratings).all(axis=1)]
    counts = (~np.isnan(ratings)).sum(axis=0)
    told = {"n_pairs": len(means), "n_raters": float(np.median(counts[counts > 0])) if counts.any() else np.nan}
    reliability, note = np.nan, ""
    if len(ratings) >= 2:
        yield {**told, "measure": "rater with rater, mean", "value": pairwise(ratings)}
        alone, everyone = with_others(ratings)
        yield {**told, "measure": "rater with the mean of the others", "value": alone}
        yield {**told, "measure": "rater with the mean of all", "value": everyone}
        rated = counts > 0
        mean = np.nansum(ratings[:, rated], axis=0) / counts[rated]
        yield {**told, "measure": "mean of the raters with the norm", "value": _spearman(mean, means[rated])}
    if (counts >= LEAST_RATERS).sum() >= LEAST_PAIRS:
        reliability, note = split_half(ratings, splits, seed), f"split half, Spearman-Brown, mean of {splits} splits"
    elif judgements:
        reliability = binomial(means, judgements)
        note = f"binomial error of {judgements} judgements, as if independent: an upper bound"
    if not np.isnan(reliability):
        yield {**told, "measure": RELIABILITY, "value": reliability, "note": note}
        yield {**told, "measure": ERROR, "value": (1 - reliability) * means.var(), "note": note}


def split_half(ratings: Values, splits: int, seed: int) -> float:
    """Reliability of the mean rating: two random halves of the raters of every pair, Spearman and Spearman-Brown.

    The raters stand in random order; of those who rated a pair the first half make one mean, the others the second.
    Pairs with fewer than 4 raters are left out.

    Args:
        ratings: (raters, pairs), NaN where a rater did not rate.
        splits: Number of random orders; the mean over them is returned.
        seed: Of the orders.

    """
    ratings = ratings[:, (~np.isnan(ratings)).sum(axis=0) >= LEAST_RATERS]
    generator = seeds.generator(seed, "split_half")
    found = []
    for _ in range(splits):
        shuffled = ratings[generator.permutation(len(ratings))]
        known = ~np.isnan(shuffled)
        place = np.cumsum(known, axis=0)
        first = known & (place <= place[-1] // 2)
        halves = [np.where(own, shuffled, 0).sum(axis=0) / own.sum(axis=0) for own in (first, known & ~first)]
        r = _spearman(*halves)
        found.append(2 * r / (1 + r))
    return float(np.mean(found))


def with_others(ratings: Values) -> tuple[float, float]:
    """Mean Spearman of a rater with the mean of the others (what one person reaches), and with the mean of all."""
    counts, sums = (~np.isnan(ratings)).sum(axis=0), np.nansum(ratings, axis=0)
    alone, everyone = [], []
    for own in ratings:
        known = ~np.isnan(own) & (counts >= 2)
        alone.append(_spearman(own[known], (sums[known] - own[known]) / (counts[known] - 1)))
        everyone.append(_spearman(own[known], sums[known] / counts[known]))
    return float(np.nanmean(alone)), float(np.nanmean(everyone))


def pairwise(ratings: Values) -> float:
    """Mean Spearman of two raters over the pairs that both rated."""
    found = []
    for number, first in enumerate(ratings):
        for second in ratings[number + 1 :]:
            both = ~np.isnan(first) & ~np.isnan(second)
            if both.sum() >= LEAST_PAIRS:
                found.append(_spearman(first[both], second[both]))
    return float(np.mean(found)) if found else float("nan")


def binomial(means: Values, judgements: int) -> float:
    """Reliability of ratings that count how many of so many judgements chose the pair, taken as independent."""
    if (means < 0).any() or (means > judgements).any():
        raise StudyError(f"ratings from {means.min():g} to {means.max():g} do not count {judgements} judgements")
    errors = means * (judgements - means) / (judgements - 1)
    return float(1 - errors.mean() / means.var())


def ceiling(agreement: pd.DataFrame, ratings: Values) -> float:
    """Highest correlation that a perfect model could have with the mean ratings of these pairs; NaN if unknown.

    The square root of the reliability among them: the norm's error variance against the variance of their ratings.
    """
    error = agreement.loc[agreement["measure"] == ERROR, "value"]
    spread = ratings.var()
    if error.empty or spread <= error.iloc[0]:
        return float("nan")
    return float(np.sqrt(1 - error.iloc[0] / spread))


def _spearman(a: Values, b: Values) -> float:
    return float("nan") if np.ptp(a) == 0 or np.ptp(b) == 0 else float(stats.spearmanr(a, b).statistic)
