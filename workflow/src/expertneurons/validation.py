"""Validation: do the study's intervals cover, and do its tests err as often as they say? Simulated pairs, known truth.

Similarities and ratings are made with concept hubs on both sides and, where there is alignment, concepts that differ
in it: what real norms show, and what breaks methods that take pairs as independent.
"""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from expertneurons import reml, seeds, tables
from expertneurons.alignment import node_permutation
from expertneurons.dependent import equivalence, holm, steiger, williams
from expertneurons.dyadic import covariance, freedom, incidence, interval, node_bootstrap, simultaneous, spearman
from expertneurons.keys import KEYS
from expertneurons.steps import Progress

Values = npt.NDArray[np.float64]

Key = tuple[str, str]

HUBS, SLOPES, NOISE, HUMAN_HUBS = 0.32, 0.12, 0.72, 0.38
STRENGTHS = (0.5, 0.5, 0.35)
TESTED_AT = 0.05
PERMUTATIONS, DRAWS, JOINT_DRAWS = 199, 300, 4000
INDEPENDENT = "Fisher z, pairs independent"


class Shape(NamedTuple):
    """How many concepts and rated pairs a simulated norm has; pairs None is all of them."""

    name: str
    concepts: int
    pairs: int | None


class Data(NamedTuple):
    """What the methods say of one data set: per target and method (estimate, low, high, se) and p values."""

    intervals: dict[Key, tuple[float, float, float, float]]
    p: dict[Key, float]
    rhos: Values
    errors: Values
    df: int


SHAPES = (
    Shape("30 concepts, all 435 pairs", 30, None),
    Shape("60 concepts, all 1,770 pairs", 60, None),
    Shape("182 concepts, 190 pairs", 182, 190),
    Shape("200 concepts, 1,000 pairs", 200, 1000),
)


def validate_statistics(
    output: Path, repeats: int = 400, bound: float = 0.05, level: float = 0.95, seed: int = 0, threads: int = 1
) -> None:
    """Simulate pairs with known truth; report coverage and false positives of every interval and test in use.

    Args:
        output: Parquet file, the `validation` table: share (of repeats), its binomial 95% interval, what it should be.
        repeats: Simulated data sets a design.
        bound: Difference at which equivalence is tested: the truth lies on it.
        level: Coverage of the intervals.
        seed: Of the simulations.
        threads: Simulations at a time.

    """
    rows: list[dict[str, Any]] = []
    progress = Progress(len(SHAPES) * repeats * 2, "validation", "data sets")
    with joblib.Parallel(n_jobs=threads, return_as="generator", batch_size=4) as parallel:
        for shape in SHAPES:
            for null in (False, True):
                found = []
                for one in parallel(
                    joblib.delayed(_one)(shape, null, bound, level, seed, number) for number in range(repeats)
                ):
                    found.append(one)
                    progress(1)
                rows += _summary(shape, null, found, level)
    tables.write(pd.DataFrame(rows), output, KEYS["validation"])


def simulate(shape: Shape, strengths: Values, slopes: float, generator: np.random.Generator) -> tuple[Any, ...]:
    """Similarities of several conditions, as whole matrices (conditions, concepts, concepts), pairs and ratings."""
    every = np.array(list(combinations(range(shape.concepts), 2)))
    holds = incidence(every)
    human = generator.standard_normal(len(every)) + HUMAN_HUBS * (holds @ generator.standard_normal(shape.concepts))
    human /= np.sqrt(1 + 2 * HUMAN_HUBS**2)
    matrices = np.full((len(strengths), shape.concepts, shape.concepts), 1.0)
    common = generator.standard_normal(len(every))  # what two models of the same pairs have in common
    for matrix, strength in zip(matrices, strengths, strict=True):
        effects, own_slopes = generator.standard_normal((2, shape.concepts))
        noise = np.sqrt(0.5) * (common + generator.standard_normal(len(every)))
        values = strength * human + HUBS * (holds @ effects) + slopes * human * (holds @ own_slopes) + NOISE * noise
        matrix[every[:, 0], every[:, 1]] = matrix[every[:, 1], every[:, 0]] = values
    chosen = np.sort(generator.choice(len(every), shape.pairs or len(every), replace=False))
    return matrices, every[chosen], human[chosen]


def _one(shape: Shape, null: bool, bound: float, level: float, seed: int, number: int) -> Data:
    """Return the intervals and p values of one simulated data set."""
    generator = seeds.generator(seed, "validation", shape.name, str(null), str(number))
    strengths = np.zeros(3) if null else np.array(STRENGTHS)
    matrices, pairs, human = simulate(shape, strengths, 0.0 if null else SLOPES, generator)
    values = matrices[:, pairs[:, 0], pairs[:, 1]].T
    rhos, influence = spearman(values, human)
    errors, df = covariance(influence, pairs), freedom(len(np.unique(pairs)))
    told = Data({}, {}, rhos, errors, df)
    ses = np.sqrt(errors.diagonal())
    tails = [0.5 - level / 2, 0.5 + level / 2]
    fisher = float(1 / np.sqrt(len(human) - 3) * (1 - rhos[0] ** 2))
    drawn = np.quantile(node_bootstrap(values[:, :1], human, pairs, DRAWS, number), tails)
    told.intervals["Spearman", "dyadic-robust"] = (rhos[0], *interval(rhos[0], ses[0], _t(level, df)), ses[0])
    told.intervals["Spearman", INDEPENDENT] = (rhos[0], *interval(rhos[0], fisher, _t(level, np.inf)), fisher)
    told.intervals["Spearman", "bootstrap of concepts"] = (rhos[0], *drawn, np.nan)
    told.p["no alignment", "dyadic-robust"] = _p(rhos[0], ses[0], df)
    told.p["no alignment", INDEPENDENT] = _p(np.arctanh(rhos[0]) * (1 - rhos[0] ** 2), fisher, np.inf)
    if null:
        told.p["no alignment", "node permutation"] = node_permutation(matrices[0], pairs, human, PERMUTATIONS, number)[
            0
        ]
    three = holm([_p(rho, se, df) for rho, se in zip(rhos, ses, strict=True)])
    told.p["three nulls, any refused", "Holm"] = float(three.min())
    _compare(told, values, len(human), bound, level)
    _mix(told, values, human, pairs, level)
    return told


def _t(level: float, df: float) -> float:
    return float(stats.t.ppf(0.5 + level / 2, df))


def _p(estimate: float, se: float, df: float) -> float:
    return float(2 * stats.t.sf(abs(estimate) / se, df))


def _compare(told: Data, values: Values, n: int, bound: float, level: float) -> None:
    """Add the difference of the first two conditions, which the truth says is none."""
    difference = float(told.rhos[0] - told.rhos[1])
    se = float(np.sqrt(told.errors[0, 0] + told.errors[1, 1] - 2 * told.errors[0, 1]))
    r_ab = float(stats.spearmanr(values[:, 0], values[:, 1]).statistic)
    reach = _t(level, told.df) * se
    told.intervals["difference", "dyadic-robust"] = (difference, difference - reach, difference + reach, se)
    told.p["no difference", "dyadic-robust"] = _p(difference, se, told.df)
    for name, test in (("Williams", williams), ("Steiger", steiger)):
        told.p["no difference", f"{name}, pairs independent"] = test(told.rhos[0], told.rhos[1], r_ab, n)[1]
    # Moved so that the truth lies on the bound, where equivalence must seldom be declared.
    told.p["difference of the bound", "two one-sided tests"] = equivalence(difference + bound, se, bound, told.df).p


def _mix(told: Data, values: Values, human: Values, pairs: Any, level: float) -> None:
    """Add the slopes of the mixed models, with their own errors, with dyadic ones, and with the larger of both."""
    holds = incidence(pairs)
    fixed = np.column_stack([np.ones(len(human)), human])
    concept = [holds] if holds.shape[1] < len(human) - 2 else []
    both = [*concept, holds.multiply(human[:, None]).tocsr()] if 2 * holds.shape[1] < len(human) - 2 else concept
    responses = np.column_stack([values[:, 0], values[:, 0] - values[:, 1]])
    for name, memberships in (("concept intercepts", concept), ("concept intercepts and slopes", both)):
        optima = reml.fit(fixed, memberships, responses)
        for target, own, response in zip(("slope", "slope difference"), optima, responses.T, strict=True):
            estimate, se = float(own.fixed[1]), float(np.sqrt(own.covariance[1, 1]))
            per_pair = reml.weights(fixed, memberships, own.ratios).per_row(response - fixed @ own.fixed)
            dyadic = float(np.sqrt(covariance(len(per_pair) * per_pair, pairs)[1, 1]))
            for kind, error in (("model", se), ("dyadic", dyadic), ("larger", max(se, dyadic))):
                method = f"mixed model, {name}, {kind} error"
                reach = _t(level, told.df) * error
                told.intervals[target, method] = (estimate, estimate - reach, estimate + reach, error)
                told.p[f"no {target}", method] = _p(estimate, error, told.df)


def _summary(shape: Shape, null: bool, found: list[Data], level: float) -> Iterator[dict[str, Any]]:
    """Yield coverage where there is alignment, false positives where there is none."""
    hits: dict[Key, tuple[Any, float]] = {}
    if null:
        hits = {key: ([own.p[key] < TESTED_AT for own in found], np.nan) for key in found[0].p}
    else:
        hits = dict(_covered(found, level))
    for (target, method), (inside, ratio) in hits.items():
        low, high = stats.binomtest(int(np.sum(inside)), len(inside)).proportion_ci(method="wilson")
        yield {
            "design": shape.name,
            "target": target,
            "method": method,
            "quantity": "false positives" if null else "coverage",
            "share": float(np.mean(inside)),
            "low": low,
            "high": high,
            "nominal": TESTED_AT if null else level,
            "se_ratio": ratio,
            "repeats": len(inside),
        }


def _covered(found: list[Data], level: float) -> Iterator[tuple[Key, tuple[Any, float]]]:
    """Yield whether each interval holds the truth, and mean error over true spread; a mean estimate stands for it."""
    truths = {"slope": STRENGTHS[0], "slope difference": STRENGTHS[0] - STRENGTHS[1]}
    for key in found[0].intervals:
        estimates, low, high, se = np.array([own.intervals[key] for own in found]).T
        truth = truths.get(key[0], float(estimates.mean()))
        yield key, ((low <= truth) & (truth <= high), float(se.mean() / estimates.std()))
    middle = np.mean([own.rhos for own in found], axis=0)
    together = []
    for number, own in enumerate(found):
        critical = simultaneous(own.errors, own.df, level, number, JOINT_DRAWS)
        ses = np.sqrt(own.errors.diagonal())
        bounds = [interval(rho, se, critical) for rho, se in zip(own.rhos, ses, strict=True)]
        together.append(all(low <= truth <= high for (low, high), truth in zip(bounds, middle, strict=True)))
    yield ("three Spearmans at once", "max-T"), (together, np.nan)
