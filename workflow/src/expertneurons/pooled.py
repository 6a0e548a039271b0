"""The pooled model: all conditions of all pairs in one mixed model, split exactly into small independent problems.

Where every pair has every condition and the covariates do not vary over conditions, an orthonormal change of basis over
the conditions turns the long model into one problem for the mean and one for each contrast, which share variances. It
takes the noise of all conditions to be equal, which they seldom are: a secondary table beside one fit per contrast.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg, optimize, stats

from expertneurons import reml
from expertneurons.dyadic import freedom
from expertneurons.errors import StudyError
from expertneurons.formulas import Formula, build, parse

Values = npt.NDArray[np.float64]

COMPONENTS = ("concept", "concept:condition", "pair", "residual")
CONDITION = "condition"


class Pooled(NamedTuple):
    """The pooled fit: one row per condition and fixed effect, four variances, the long table's log-likelihood."""

    terms: pd.DataFrame
    variances: dict[str, float]
    loglik: float
    n_pairs: int
    n_concepts: int


class _Spectrum(NamedTuple):
    """Cross products in the eigenbasis of M M', and what lies outside it."""

    eigenvalues: Values  # (r,)
    fixed: Values  # (r, k)
    strata: Values  # (r, conditions)
    outside: Values  # (k + conditions, k + conditions)
    pairs: int


def fit_pooled(table: pd.DataFrame, formula_row: Mapping[str, str], responses: pd.DataFrame, level: float) -> Pooled:
    """Fit all conditions at once by REML.

    Args:
        table: One row per pair: word1, word2 and the covariates.
        formula_row: `formula` is `similarity ~ 0 + condition + condition:column + ... + mm(concept) +
            mm(concept):condition + (1|pair)`.
        responses: One column per condition, no value missing.
        level: Coverage of the intervals, 0 to 1.

    """
    formula = parse(formula_row["formula"])
    columns = _columns(formula)
    if responses.isna().to_numpy().any():
        raise StudyError(f"formula {formula.text!r}: every pair needs every condition; leave incomplete pairs out")
    simple = parse(f"{formula.response} ~ {' + '.join(['1', *columns])} + mm(concept)")
    design = build(table.assign(**{formula.response: responses.iloc[:, 0]}), simple)
    if len(design.concepts) + len(design.names) >= len(table):
        raise StudyError(
            f"formula {formula.text!r}: {len(design.concepts)} concept effects for {len(table)} pairs cannot be told "
            "from the residuals; use more pairs"
        )
    basis = linalg.helmert(responses.shape[1], full=True)  # (strata, conditions), the first row constant
    strata = responses.to_numpy(np.float64) @ basis.T
    spectrum = _spectrum(design.fixed, design.memberships[0], strata)
    variances, loglik = _variances(spectrum, design, strata)
    stratum = [_stratum(spectrum, number, *_scales(variances, len(basis), number)) for number in range(len(basis))]
    estimates = np.einsum("sc,sk->ck", basis, [fixed for _, fixed, _ in stratum])
    errors = np.sqrt(np.einsum("sc,sk->ck", basis**2, [inverse.diagonal() for _, _, inverse in stratum]))
    df = freedom(len(design.concepts))
    reach = stats.t.ppf(0.5 + level / 2, df) * errors
    terms = pd.DataFrame(
        {
            CONDITION: np.repeat(responses.columns.to_numpy(str), len(design.names)),
            "term": design.names * responses.shape[1],
            "estimate": estimates.ravel(),
            "se": errors.ravel(),
            "df": df,
            "low": (estimates - reach).ravel(),
            "high": (estimates + reach).ravel(),
            "p": 2 * stats.t.sf(np.abs(estimates / errors), df).ravel(),
        }
    )
    named = dict(zip(COMPONENTS, variances.tolist(), strict=True))
    return Pooled(terms, named, loglik, len(table), len(design.concepts))


def _columns(formula: Formula) -> list[str]:
    """Covariates of a pooled formula; refuse one of another shape."""
    fixed = [term.replace(" ", "") for term in formula.fixed.split("+")]
    columns = [term.removeprefix(f"{CONDITION}:") for term in fixed if term.startswith(f"{CONDITION}:")]
    whole = ["0", CONDITION, *(f"{CONDITION}:{column}" for column in columns)]
    if sorted(fixed) != sorted(whole) or sorted(formula.by) != ["", CONDITION] or not formula.pair:
        raise StudyError(
            f"formula {formula.text!r}: over `pooled` it must read response ~ 0 + condition + condition:column + "
            "mm(concept) + mm(concept):condition + (1|pair)"
        )
    return columns


def _spectrum(fixed: Values, membership: Any, strata: Values) -> _Spectrum:
    eigenvalues, vectors = np.linalg.eigh((membership.T @ membership).toarray())
    kept = eigenvalues > 1e-9 * eigenvalues[-1]
    basis = membership @ (vectors[:, kept] / np.sqrt(eigenvalues[kept]))  # (pairs, r), orthonormal
    data = np.column_stack([fixed, strata])
    inside = basis.T @ data
    outside = data.T @ data - inside.T @ inside
    k = fixed.shape[1]
    return _Spectrum(eigenvalues[kept], inside[:, :k], inside[:, k:], outside, len(fixed))


def _scales(variances: Values, conditions: int, stratum: int) -> tuple[float, float]:
    """Variance of the concept effects and of the noise in a stratum; the first one is the mean's."""
    concept, by_condition, pair, residual = variances
    if stratum == 0:
        return conditions * concept + by_condition, conditions * pair + residual
    return by_condition, residual


def _stratum(spectrum: _Spectrum, number: int, concept: float, noise: float) -> tuple[float, Values, Values]:
    """Return a stratum's restricted log-likelihood, its fixed effects and their covariance."""
    k = spectrum.fixed.shape[1]
    weights = 1 / (concept * spectrum.eigenvalues + noise)
    data = np.column_stack([spectrum.fixed, spectrum.strata[:, number]])
    columns = [*range(k), k + number]
    products = (data * weights[:, None]).T @ data + spectrum.outside[np.ix_(columns, columns)] / noise
    inverse = np.asarray(np.linalg.inv(products[:k, :k]), np.float64)
    fixed = inverse @ products[:k, k]
    determinants = np.log(noise) * (spectrum.pairs - len(weights)) - np.log(weights).sum()
    determinants -= np.linalg.slogdet(inverse)[1]
    squares = products[k, k] - products[:k, k] @ fixed
    loglik = -((spectrum.pairs - k) * np.log(2 * np.pi) + determinants + squares) / 2
    return float(loglik), np.asarray(fixed), np.asarray(inverse)


def _variances(spectrum: _Spectrum, design: Any, strata: Values) -> tuple[Values, float]:
    """Maximise the sum of the strata's log-likelihoods over four variances, none below zero."""
    conditions = strata.shape[1]

    def loss(variances: Values) -> float:
        return -sum(
            _stratum(spectrum, number, *_scales(variances, conditions, number))[0] for number in range(conditions)
        )

    floor = 1e-8 * strata.var()
    ended = [
        optimize.minimize(
            loss,
            start,
            jac="3-point",
            method="L-BFGS-B",
            bounds=[(0, None)] * 3 + [(floor, None)],
            options={"ftol": 1e-15, "gtol": 1e-6, "maxiter": 500},
        )
        for start in _starts(design, strata)
    ]
    best = min(ended, key=lambda own: float(own.fun))
    return np.where(best.x < reml.NEGLIGIBLE, 0.0, best.x), -float(best.fun)


def _starts(design: Any, strata: Values) -> Sequence[Values]:
    """Start from the optimum of every stratum alone, and one with a little of everything."""
    alone = reml.fit(design.fixed, design.memberships, strata)
    mean, *contrasts = [np.array([own.ratios[0] * own.residual, own.residual]) for own in alone]
    by_condition, residual = np.mean(contrasts, axis=0)
    conditions = strata.shape[1]
    concept, pair = np.maximum((mean - [by_condition, residual]) / conditions, 0)
    first = np.array([concept, by_condition, pair, residual])
    return [first, np.full(4, first.sum() / 4)]
