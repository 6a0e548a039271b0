"""Mixed models over pairs of concepts: statsmodels' REML fit, started and checked by our own, with its diagnostics."""

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLMParams

from expertneurons import reml
from expertneurons.diagnostics import diagnose
from expertneurons.errors import StudyError
from expertneurons.formulas import Design, build, parse
from expertneurons.rotated import Rotation, pair_model, rotation

Values = npt.NDArray[np.float64]

SAME_LOGLIK = 1e-3
LEAST_CONCEPTS = 3
LEAST_FREEDOM = 10
NOTHING_LEFT = 1e-12


class Fit(NamedTuple):
    """One fitted model.

    Attributes:
        formula: As written.
        terms: One row per fixed effect: term, estimate, se, se_dyadic (the error of the same estimate that trusts no
            variance component), error (which of the two the interval takes), df, low, high, p.
        variances: Of each concept effect and the residuals; zero where a component was dropped.
        loglik: Restricted log-likelihood of the reported fit.
        loglik_own: The same from our own optimum.
        converged: The optimiser says so and the two log-likelihoods agree.
        dropped: Components whose variance is zero.
        left_out: Constant covariates.
        n_pairs: Rows.
        n_concepts: Concepts in them.
        residuals: (pairs,) response less the fixed effects and the concepts' predicted effects.
        fitted: (pairs,) what is left of the response.
        influence: One row per concept: its pairs, its predicted effects, and every fixed effect without it.
        notes: Warnings of the optimiser, and what was done.

    """

    formula: str
    terms: pd.DataFrame
    variances: dict[str, float]
    loglik: float
    loglik_own: float
    converged: bool
    dropped: list[str]
    left_out: list[str]
    n_pairs: int
    n_concepts: int
    residuals: Values
    fitted: Values
    influence: pd.DataFrame
    notes: list[str]


def fit(table: pd.DataFrame, formula_row: Mapping[str, str], level: float = 0.95) -> Fit:
    """Fit one formula to one table of pairs by REML.

    The two concepts of a pair draw from one set of effects with one variance (multi-membership), so that the order of
    words does not matter. Intervals use Student's t with n_concepts - 2 degrees of freedom.

    Args:
        table: One row per pair: word1, word2 and the columns of the formula.
        formula_row: A row of the sheet of mixed models: `formula` is used.
        level: Coverage of the intervals, 0 to 1.

    """
    formula = parse(formula_row["formula"])
    if formula.pair:
        raise StudyError(f"formula {formula.text!r}: (1|pair) needs several rows a pair; use it over `pooled`")
    if formula.response not in table:
        known = ", ".join(map(str, table.columns))
        raise StudyError(f"formula {formula.text!r}: no column {formula.response!r}; known: {known}")
    return fit_responses(table, formula_row, table[[formula.response]], level)[0]


def fit_responses(
    table: pd.DataFrame, formula_row: Mapping[str, str], responses: pd.DataFrame, level: float = 0.95
) -> list[Fit]:
    """Fit one formula to several responses (columns, one row per pair); the search for starts is shared."""
    formula = parse(formula_row["formula"])
    design = build(table.assign(**{formula.response: responses.iloc[:, 0]}), formula)
    design, unidentified = _identified(design)
    values = responses.to_numpy(np.float64)
    if len(design.concepts) < LEAST_CONCEPTS or len(table) < design.fixed.shape[1] + LEAST_FREEDOM:
        raise StudyError(
            f"formula {formula.text!r}: {len(table)} pairs of {len(design.concepts)} concepts are too few for "
            f"{design.fixed.shape[1]} fixed effects, which need {LEAST_FREEDOM} pairs more; use more pairs"
        )
    if not np.isfinite(values).all():
        raise StudyError(f"formula {formula.text!r}: {formula.response} is not a number in some pairs; leave them out")
    unexplained = values - design.fixed @ np.linalg.lstsq(design.fixed, values, rcond=None)[0]
    if ((unexplained**2).sum(axis=0) <= NOTHING_LEFT * (values**2).sum(axis=0)).any():
        raise StudyError(
            f"formula {formula.text!r}: {formula.response} is constant or one of its own covariates; leave it out"
        )
    optima = reml.fit(design.fixed, design.memberships, values)
    rotations: dict[bytes, Rotation | None] = {}  # responses that keep the same components share one
    fits = []
    for response, own in zip(values.T, optima, strict=True):
        kept = np.flatnonzero(own.ratios > 0)
        if kept.size and kept.tobytes() not in rotations:
            rotations[kept.tobytes()] = rotation(design, kept)
        rotated = rotations.get(kept.tobytes())
        fits.append(_reported(formula.text, design, response, own, level, unidentified, rotated))
    return fits


def _identified(design: Design) -> tuple[Design, list[str]]:
    """Leave out concept effects that could explain every pair by itself, and say so."""
    sizes = np.cumsum([design.fixed.shape[1], *(matrix.shape[1] for matrix in design.memberships)])[1:]
    kept = int((sizes < len(design.fixed)).sum())
    notes = [
        f"{name}: {size} effects for {len(design.fixed)} pairs cannot be told from the residuals, left out"
        for name, size in zip(design.components[kept:], sizes[kept:], strict=True)
    ]
    return design._replace(components=design.components[:kept], memberships=design.memberships[:kept]), notes


def _reported(
    text: str,
    design: Design,
    response: Values,
    own: reml.Optimum,
    level: float,
    unidentified: list[str],
    rotated: Rotation | None,
) -> Fit:
    kept = np.flatnonzero(own.ratios > 0)
    dropped = [name for name, ratio in zip(design.components, own.ratios, strict=True) if ratio == 0]
    notes = unidentified + [f"{name}: variance zero, dropped" for name in dropped]
    notes += [f"{name}: constant, left out" for name in design.left_out]
    converged, final = True, own
    if kept.size:
        final, converged, told = _statsmodels(design, response, own, kept, rotated)
        notes += told
    else:
        notes.append("no concept effect: ordinary least squares")
    terms, influence, fitted = diagnose(design, response, final, level, bool(unidentified))
    variances = dict(zip(design.components, (final.ratios * final.residual).tolist(), strict=True))
    return Fit(
        text,
        terms,
        {**variances, "residual": final.residual},
        final.loglik,
        own.loglik,
        converged,
        dropped,
        design.left_out,
        len(response),
        len(design.concepts),
        response - fitted,
        fitted,
        influence,
        notes,
    )


def _statsmodels(
    design: Design, response: Values, own: reml.Optimum, kept: npt.NDArray[np.intp], rotated: Rotation | None
) -> tuple[reml.Optimum, bool, list[str]]:
    """Fit by statsmodels from our optimum; a log-likelihood that differs from ours there is an error."""
    model = pair_model(design, response, kept, rotated)
    start = MixedLMParams.from_components(fe_params=own.fixed, cov_re=np.zeros((0, 0)), vcomp=own.ratios[kept])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = model.fit(start_params=start, reml=True)
        same = abs(float(found.llf) - own.loglik) <= SAME_LOGLIK
        there = own.loglik if same else float(model.loglike(start))
    if abs(there - own.loglik) > SAME_LOGLIK:
        raise StudyError(
            f"mixed model: statsmodels' log-likelihood at our optimum is {there:.6f}, ours {own.loglik:.6f}; "
            "please report this with the pairs"
        )
    told = sorted({str(entry.message).splitlines()[0] for entry in caught})
    # A note for every small variance ratio, within the parameter space too.
    told = [text for text in told if "may be on the boundary" not in text]
    if not (found.converged and same):
        told.append(f"log-likelihood {float(found.llf):.4f}, {own.loglik:.4f} by our own fit; ours is reported")
        return own, False, told
    ratios = own.ratios.copy()
    ratios[kept] = np.asarray(found.vcomp) / found.scale
    k = design.fixed.shape[1]
    errors = np.asarray(found.cov_params())[:k, :k]
    fixed = np.asarray(found.fe_params)
    return reml.Optimum(ratios, float(found.llf), fixed, errors, float(found.scale)), True, told
