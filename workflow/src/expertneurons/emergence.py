"""Emergence: how alignment grows over training, when half of it is there, and whether size makes a difference."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, stats

from expertneurons import seeds, tables
from expertneurons.alignment import LEAST_PAIRS
from expertneurons.dependent import equivalence
from expertneurons.dyadic import covariance, freedom, interval, spearman
from expertneurons.formulas import numbered
from expertneurons.traces import DRAW

Values = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.intp]

FIXED = ("run", "step", "norm", "word1", "word2", "rating")
STEEPNESS = (0.3, 30.0)  # bounds of the logistic, per factor of ten in steps
STARTS = 5
EVALUATIONS = 100  # of one fit: flat curves, which have no middle, would take thousands
LEAST_POINTS = 4


class Curve(NamedTuple):
    """Alignment over the steps of one run, with the joint covariance of its points.

    Attributes:
        steps: (steps,).
        rho: (steps,), NaN where not defined.
        errors: (steps, steps), NaN in rows and columns where not defined.
        n_pairs: (steps,).
        influence: (pairs, steps): what each pair adds to each point, zero where it is undefined there.
        pairs: (pairs, 2) numbers of the concepts.
        n_concepts: Concepts in them.
        last: (pairs, columns) similarities at the last step.
        ratings: (pairs,).

    """

    steps: npt.NDArray[np.int64]
    rho: Values
    errors: Values
    n_pairs: npt.NDArray[np.int64]
    influence: Values
    pairs: Pairs
    n_concepts: int
    last: Values
    ratings: Values


def curve(rows: pd.DataFrame, columns: list[str]) -> Curve:
    """Align one representation with one norm at every step of a run.

    Args:
        rows: Of the `pairs` table of one run and norm: step, word1, word2, rating and the representation's columns.
        columns: Its columns; over several draws the curve is their mean.

    """
    ordered = rows.sort_values(["word1", "word2", "step"], kind="stable")
    steps = np.unique(rows["step"].to_numpy(np.int64))
    of_pairs = ordered.iloc[:: len(steps)]  # every pair stands at every step
    concepts, pairs = numbered(of_pairs)
    ratings = of_pairs["rating"].to_numpy(np.float64)
    values = ordered[columns].to_numpy(np.float64).reshape(len(ratings), len(steps), len(columns))
    rho, influence = np.full(values.shape[1:], np.nan), np.zeros(values.shape)
    known = ~np.isnan(values)
    for place in np.ndindex(rho.shape):
        own, there = values[:, *place], known[:, *place]
        if there.sum() >= LEAST_PAIRS and np.ptp(own[there]) > 0 and np.ptp(ratings[there]) > 0:
            (rho[place],), found = spearman(own[there][:, None], ratings[there])
            influence[there, *place] = (found[:, 0] - found[:, 0].mean()) * len(own) / there.sum()
    middle, summed = rho.mean(axis=1), influence.mean(axis=2)
    errors = covariance(summed, pairs)
    errors[np.isnan(middle), :] = errors[:, np.isnan(middle)] = np.nan
    n_pairs = known.sum(axis=0).min(axis=1)
    return Curve(steps, middle, errors, n_pairs, summed, pairs, len(concepts), values[:, -1], ratings)


def half_rise(found: Curve, draws: int, level: float, seed: int) -> dict[str, Any]:
    """Find the step at which half of the final alignment is reached, by two ways, with intervals.

    The monotone way interpolates an isotonic fit on log10(step + 1) and is repeated on curves drawn from the joint
    covariance of the points. The logistic way fits r0 + A / (1 + exp(-k (x - m))), weighted by that covariance; its
    interval is Wald's, kept within the steps.

    Returns:
        half_monotone, half_logistic (steps), rise (from the first to the last point), each with its low and high,
        final, and emerged: whether the interval of the rise lies above zero. NaN where under four points are known.

    """
    names = ("half_monotone", "half_logistic", "rise")
    known = ~np.isnan(found.rho)
    nothing = {f"{name}{end}": np.nan for name in names for end in ("", "_low", "_high")}
    if known.sum() < LEAST_POINTS:
        return {**nothing, "final": np.nan, "emerged": False}
    x, rho = np.log10(found.steps[known] + 1.0), found.rho[known]
    errors = found.errors[np.ix_(known, known)]
    scale, vectors = np.linalg.eigh(errors)
    scale = np.maximum(scale, 1e-4 * scale[-1])  # neighbouring points may move as one
    drawn = rho + seeds.generator(seed, "half_rise").standard_normal((draws, len(rho))) @ (vectors * np.sqrt(scale)).T
    monotone = np.array([_half(x, own, errors.diagonal()) for own in [rho, *drawn]])
    rise = np.array([own[-1] - own[0] for own in [rho, *drawn]])
    told: dict[str, Any] = {}
    for name, values in {"half_monotone": 10**monotone - 1, "rise": rise}.items():
        reached = values[1:][~np.isnan(values[1:])]
        low, high = np.quantile(reached, [0.5 - level / 2, 0.5 + level / 2]) if reached.size else (np.nan, np.nan)
        told |= {name: float(values[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
    middle, error = _logistic(x, rho, (vectors / np.sqrt(scale)).T)
    reach = stats.norm.ppf(0.5 + level / 2) * error
    for end, place in (("", middle), ("_low", max(middle - reach, x[0])), ("_high", min(middle + reach, x[-1]))):
        told[f"half_logistic{end}"] = float(10**place - 1)
    return {**told, "final": float(rho[-1]), "emerged": told["rise_low"] > 0}


def crossing(x: Values, values: Values, target: float, weights: Values | None = None) -> float:
    """Where an isotonic fit to the known values reaches a target above zero, on the scale of x; NaN where never."""
    known = ~np.isnan(values)
    if not known.any() or not target > 0:
        return float("nan")
    x, weights = x[known], None if weights is None else weights[known]
    fitted = np.asarray(optimize.isotonic_regression(values[known], weights=weights).x)
    if fitted[-1] < target:
        return float("nan")
    above = int(np.argmax(fitted >= target))
    if above == 0 or fitted[above] == fitted[above - 1]:
        return float(x[above])
    share = (target - fitted[above - 1]) / (fitted[above] - fitted[above - 1])
    return float(x[above - 1] + share * (x[above] - x[above - 1]))


def _half(x: Values, rho: Values, variances: Values) -> float:
    """Where a curve reaches half of the last value of its isotonic fit."""
    weights = 1 / variances
    last = float(optimize.isotonic_regression(rho, weights=weights).x[-1])
    return crossing(x, rho, last / 2, weights)


def _logistic(x: Values, rho: Values, whiten: Values) -> tuple[float, float]:
    """Midpoint m of the logistic that is closest to the points, and its standard error, infinite where it is free."""

    def grown(own: Values) -> Values:
        return np.asarray(1 / (1 + np.exp(-own[2] * (x - own[3]))))

    def residuals(own: Values) -> Values:
        return np.asarray(whiten @ (own[0] + own[1] * grown(own) - rho))

    def slopes(own: Values) -> Values:
        share = grown(own)
        steep = own[1] * share * (1 - share)
        return np.asarray(whiten @ np.column_stack([np.ones(len(x)), share, steep * (x - own[3]), -steep * own[2]]))

    bounds = ([-1, 0, STEEPNESS[0], x[0]], [1, 2, STEEPNESS[1], x[-1]])
    rise = max(float(rho.max() - rho.min()), 1e-3)
    starts = [np.array([rho[0], rise, k, m]) for k in (2, 8) for m in np.linspace(x[0], x[-1], STARTS + 2)[1:-1]]
    options: dict[str, Any] = {"jac": slopes, "bounds": bounds, "max_nfev": EVALUATIONS}
    tried = [optimize.least_squares(residuals, np.clip(own, *bounds), **options) for own in starts]
    best = min(tried, key=lambda own: float(own.cost))
    information = slopes(best.x).T @ slopes(best.x)
    if np.linalg.cond(information) > 1 / np.finfo(np.float64).eps:
        return float(best.x[3]), np.inf
    return float(best.x[3]), float(np.sqrt(np.linalg.inv(information)[3, 3]))


def compare_sizes(curves: dict[tuple[str, str], Curve], bound: float, level: float) -> Iterator[dict[str, Any]]:
    """Compare the last checkpoints of neighbouring sizes, and of the outermost, means over seeds, on identical pairs.

    Args:
        curves: By size and seed, sizes in rising order; all of one norm and representation.
        bound: Smallest difference of interest.
        level: Coverage of the interval.

    """
    sizes = list(dict.fromkeys(size for size, _ in curves))
    outermost = [(sizes[0], sizes[-1])] if len(sizes) > 2 else []
    for smaller, larger in [*pairwise(sizes), *outermost]:
        sides = [[own for (size, _), own in curves.items() if size == wanted] for wanted in (smaller, larger)]
        common = np.logical_and.reduce([~np.isnan(own.last).any(axis=1) for side in sides for own in side])
        if not all(_varies(own, common) for side in sides for own in side):
            yield {"smaller": smaller, "larger": larger, "note": "not defined at the last step of some run"}
            continue
        finals, influences = zip(*(_finals(side, common) for side in sides), strict=True)
        pairs, difference = sides[0][0].pairs[common], float(finals[1].mean() - finals[0].mean())
        se = float(np.sqrt(covariance((influences[1] - influences[0])[:, None], pairs)[0, 0]))
        reach = stats.t.ppf(0.5 + level / 2, df := freedom(np.unique(pairs).size)) * se
        within = equivalence(difference, se, bound, df)
        yield {
            "smaller": smaller,
            "larger": larger,
            "difference": difference,
            "se": se,
            "low": difference - reach,
            "high": difference + reach,
            "p": float(2 * stats.t.sf(abs(difference) / se, df)),
            "bound": bound,
            "p_equivalence": within.p,
            "equivalent": within.p < 1 - level,
            "bayes_factor_01": within.bayes_factor,
            "sd_over_seeds": float(np.mean([own.std(ddof=1) if len(own) > 1 else np.nan for own in finals])),
            "seeds": min(len(own) for own in finals),
            "n_pairs": len(pairs),
            "note": "the same for these runs; seeds are few",
        }


def _varies(found: Curve, common: npt.NDArray[np.bool_]) -> bool:
    """Whether the last step can be aligned on these pairs."""
    own = np.column_stack([found.last, found.ratings])[common]
    return len(own) >= LEAST_PAIRS and bool((np.ptp(own, axis=0) > 0).all())


def _finals(side: list[Curve], common: npt.NDArray[np.bool_]) -> tuple[Values, Values]:
    """Alignment of each run at its last step on these pairs, and the influence of every pair on their mean."""
    found = [spearman(own.last[common], own.ratings[common]) for own in side]
    rhos = np.array([rho.mean() for rho, _ in found])
    return rhos, np.mean([influence.mean(axis=1) for _, influence in found], axis=0)


def points(found: Curve, level: float) -> pd.DataFrame:
    """Return the curve as rows: step, rho, se, low, high, n_pairs."""
    # Each by itself: the joint covariance, made positive, is a little larger.
    own = [covariance(influence[:, None], found.pairs)[0, 0] for influence in found.influence.T]
    se = np.where(np.isnan(found.rho), np.nan, np.sqrt(own))
    critical = stats.t.ppf(0.5 + level / 2, freedom(found.n_concepts))
    bounds = [
        interval(rho, error, critical) if not np.isnan(rho) else (np.nan, np.nan)
        for rho, error in zip(found.rho, se, strict=True)
    ]
    low, high = zip(*bounds, strict=True)
    table = {"step": found.steps, "rho": found.rho, "se": se, "low": low, "high": high, "n_pairs": found.n_pairs}
    return pd.DataFrame(table)


def representations(pairs: pd.DataFrame) -> dict[str, list[str]]:
    """Similarities of a `pairs` table: the columns of each, several where it was drawn several times."""
    found: dict[str, list[str]] = {}
    for column in map(str, pairs.columns):
        if column not in FIXED:
            found.setdefault(column.partition(DRAW)[0], []).append(column)
    return found


def read_parts(paths: list[Path]) -> pd.DataFrame:
    """Join the tables of several runs."""
    return pd.concat([tables.read(path) for path in paths], ignore_index=True)
