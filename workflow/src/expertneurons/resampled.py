"""Resampled: AP and AUROC of one unit's ranking, and their spread when its sentences are drawn again.

Between two positives that follow each other in the ranking, only the number of negatives matters. A bootstrap of the
negatives is therefore one multinomial draw over these gaps, and one of the positives over their levels: exact, and
without sorting again.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


class Ranking(NamedTuple):
    """A unit's ranking of one concept's sentences.

    Attributes:
        order: (positives,) numbers of the positives from the highest response on.
        starts: (levels,) where in this order each distinct response begins.
        between: (levels + 1,) negatives above the first level, between two levels, and below the last.
        tied: (levels,) negatives whose response equals that of a level.
        weight: What one negative counts against one positive.

    """

    order: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    between: npt.NDArray[np.int64]
    tied: npt.NDArray[np.int64]
    weight: float


class Spread(NamedTuple):
    """An estimate with the ends of its interval."""

    value: float
    low: float
    high: float


UNKNOWN = Spread(np.nan, np.nan, np.nan)


def rank(positives: npt.NDArray[Any], negatives: npt.NDArray[Any], prevalence: float | None) -> Ranking:
    """Rank the responses of positives and negatives; the prevalence weights the negatives as `design.Design` does."""
    order = np.argsort(-np.asarray(positives), kind="stable")
    levels, starts = np.unique(-np.asarray(positives)[order], return_index=True)
    others = -np.asarray(negatives)
    # Places 0, 2, 4, ... lie between levels, places 1, 3, 5, ... on them.
    place = np.searchsorted(levels, others, side="left") + np.searchsorted(levels, others, side="right")
    cells = np.bincount(place, minlength=2 * len(levels) + 1)
    weight = 1.0 if prevalence is None else len(positives) * (1 - prevalence) / (prevalence * len(negatives))
    return Ranking(order, starts, cells[::2], cells[1::2], weight)


def scores(ranking: Ranking) -> tuple[float, float]:
    """AP and AUROC of a ranking, equal to those of `expertise`."""
    once = np.ones((1, len(ranking.order)), np.int64)
    ap, auroc = _scores(ranking, once, ranking.between[None], ranking.tied[None])
    return float(ap[0]), float(auroc[0])


def _scores(
    ranking: Ranking, times: npt.NDArray[np.int64], between: npt.NDArray[np.int64], tied: npt.NDArray[np.int64]
) -> tuple[Values, Values]:
    """AP and AUROC with each positive so many times, (draws, positives), and so many negatives, (draws, cells)."""
    positives = np.add.reduceat(times[:, ranking.order], ranking.starts, axis=1)  # (draws, levels)
    shares = positives / times.sum(1, keepdims=True)
    over = between[:, :-1].cumsum(1) + tied.cumsum(1)  # negatives at a level or above it
    found = positives.cumsum(1)
    precision = found / np.maximum(found + ranking.weight * over, np.finfo(float).tiny)
    negatives = between.sum(1, keepdims=True) + tied.sum(1, keepdims=True)
    below = 1 - (over - tied / 2) / negatives
    return (shares * precision).sum(1), (shares * below).sum(1)


def times_drawn(positives: int, count: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """How often each positive is in each of so many bootstraps, (count, positives)."""
    return generator.multinomial(positives, np.full(positives, 1 / positives), size=count)


def draw(ranking: Ranking, times: npt.NDArray[np.int64], generator: np.random.Generator) -> tuple[Values, Values]:
    """AP and AUROC of bootstraps, (draws,) each: positives as often as told, negatives drawn here."""
    levels = len(ranking.starts)
    cells = np.concatenate([ranking.between, ranking.tied])
    filled = np.flatnonzero(cells)
    negatives = np.zeros((len(times), len(cells)), np.int64)
    negatives[:, filled] = generator.multinomial(cells.sum(), cells[filled] / cells.sum(), size=len(times))
    return _scores(ranking, times, negatives[:, : levels + 1], negatives[:, levels + 1 :])


def spreads(
    rankings: Sequence[Ranking], times: Sequence[npt.NDArray[np.int64]], level: float, generator: np.random.Generator
) -> tuple[Spread, Spread]:
    """AP and AUROC averaged over rankings of separate sentences, with percentile intervals of the bootstrap.

    Where every positive is above every negative, no draw is below 1. The lower end is then that of the exact binomial
    interval for the share of positives above all negatives, n out of n; AP and AUROC are at least that share.

    Args:
        rankings: Of one unit, on separate sentences; none gives NaN.
        times: For each ranking how often its positives are drawn, as `times_drawn` says.
        level: Coverage, 0 to 1.
        generator: Of the negatives.

    """
    if not rankings:
        return UNKNOWN, UNKNOWN
    values = np.mean([scores(own) for own in rankings], axis=0)
    drawn = np.mean([draw(own, often, generator) for own, often in zip(rankings, times, strict=True)], axis=0)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1)
    if all(own.between[:-1].sum() + own.tied.sum() == 0 for own in rankings):
        low = low.clip(max=((1 - level) / 2) ** (1 / sum(len(own.order) for own in rankings)))
    ap, auroc = (Spread(*map(float, ends)) for ends in zip(values, low, high, strict=True))
    return ap, auroc
