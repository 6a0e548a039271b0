"""Tests of a difference between two alignments with the same ratings: the usual ones, and what equivalence needs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Values = npt.NDArray[np.float64]


class Equivalence(NamedTuple):
    """Two one-sided tests that a difference lies within a bound, and the Bayes factor for no difference."""

    p: float
    bayes_factor: float


def williams(r_ay: float, r_by: float, r_ab: float, n: int) -> tuple[float, float]:
    """Williams' t for two correlations with one variable, and its two-sided p.

    Steiger 1980 (doi 10.1037/0033-2909.87.2.245), eq. 7. It takes the n pairs as independent,
    which pairs that share concepts are not: shown beside, never relied on.
    """
    determinant = 1 - r_ay**2 - r_by**2 - r_ab**2 + 2 * r_ay * r_by * r_ab
    mean = (r_ay + r_by) / 2
    scale = 2 * determinant * (n - 1) / (n - 3) + mean**2 * (1 - r_ab) ** 3
    t = (r_ay - r_by) * np.sqrt((n - 1) * (1 + r_ab) / scale)
    return float(t), float(2 * stats.t.sf(abs(t), n - 3))


def steiger(r_ay: float, r_by: float, r_ab: float, n: int) -> tuple[float, float]:
    """Steiger's Z with pooled correlations, and its two-sided p (Steiger 1980, eq. 14); pairs taken as independent."""
    mean = (r_ay + r_by) / 2
    product = r_ab * (1 - 2 * mean**2) - mean**2 * (1 - 2 * mean**2 - r_ab**2) / 2
    covariance = product / (1 - mean**2) ** 2
    z = (np.arctanh(r_ay) - np.arctanh(r_by)) * np.sqrt((n - 3) / (2 - 2 * covariance))
    return float(z), float(2 * stats.norm.sf(abs(z)))


def equivalence(difference: float, se: float, bound: float, df: float) -> Equivalence:
    """Test that a difference is smaller than a bound, and weigh no difference against one of about that size.

    The p value is the larger of the two one-sided tests (Schuirmann 1987, doi 10.1007/BF01068419). The Bayes factor
    is Savage and Dickey's ratio for zero against N(0, bound^2): above 1 speaks for no difference.
    """
    p = max(stats.t.sf((difference + bound) / se, df), stats.t.sf((bound - difference) / se, df))
    wide = np.hypot(se, bound)
    return Equivalence(float(p), float(stats.norm.pdf(difference, 0, se) / stats.norm.pdf(difference, 0, wide)))


def detectable(se: float, df: float, level: float = 0.95, power: float = 0.8) -> float:
    """Smallest true difference that a two-sided test at this level finds with this power."""
    return float((stats.t.ppf(0.5 + level / 2, df) + stats.t.ppf(power, df)) * se)


def holm(p: Sequence[float]) -> Values:
    """P values adjusted over their family (Holm 1979); unknown ones do not count and stay unknown."""
    values = np.asarray(p, np.float64)
    adjusted = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted
