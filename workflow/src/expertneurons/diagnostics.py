"""Diagnostics of a mixed model: errors that trust its variances and errors that do not, and what each concept does."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from expertneurons import reml
from expertneurons.dyadic import covariance, freedom
from expertneurons.formulas import Design

Values = npt.NDArray[np.float64]


def diagnose(
    design: Design, response: Values, final: reml.Optimum, level: float, cautious: bool
) -> tuple[pd.DataFrame, pd.DataFrame, Values]:
    """Tables of the fixed effects and of the concepts' influence on them, and the fitted values.

    Args:
        design: Of the model.
        response: (pairs,).
        final: Its fit.
        level: Coverage of the intervals, 0 to 1.
        cautious: Whether effects of the formula had to be left out.

    Returns:
        One row per fixed effect; one row per concept, with its predicted effects and every fixed effect without its
        pairs, at the same variances; (pairs,) fitted values, the concepts' predicted effects among them.

    """
    own = reml.weights(design.fixed, design.memberships, final.ratios)
    residuals = response - design.fixed @ final.fixed
    smooth = residuals - own.halves.T @ (own.halves @ residuals)  # H^-1 (y - X b)
    terms = _terms(design, final, own.per_row(residuals), level, cautious)
    influence = pd.DataFrame({"concept": design.concepts, "n_pairs": np.bincount(design.pairs.ravel())})
    for name, ratio, matrix in zip(design.components, final.ratios, design.memberships, strict=True):
        influence[f"effect_{name}"] = ratio * (matrix.T @ smooth)
    changes = np.array(
        [
            _change(np.flatnonzero((design.pairs == number).any(axis=1)), own, smooth)
            for number in range(len(design.concepts))
        ]
    )
    for name, estimate, change in zip(design.names, final.fixed, changes.T, strict=True):
        influence[f"without_{name}"] = estimate - change
    return terms, influence, response - smooth


def _change(rows: npt.NDArray[np.intp], weights: reml.Weights, smooth: Values) -> Values:
    """Return what some pairs add to the fixed effects: exact for given variances, as if each pair had a dummy."""
    halves, weighted = weights.halves[:, rows], weights.weighted[rows]
    within = np.eye(len(rows)) - halves.T @ halves - weighted @ weights.inverse @ weighted.T
    dummies = np.linalg.lstsq(within, smooth[rows], rcond=1e-10)[0]
    return np.asarray(weights.inverse @ (weighted.T @ dummies))


def _terms(design: Design, final: reml.Optimum, per_pair: Values, level: float, cautious: bool) -> pd.DataFrame:
    """Make the table of fixed effects.

    Where effects that the formula has could not be told from the residuals, the interval takes the larger of the two
    errors: with 190 simulated pairs of 182 concepts it then covers 0.925 to 0.935, the model's own 0.91.
    """
    df = freedom(len(design.concepts))
    se = np.sqrt(final.covariance.diagonal())
    dyadic = np.sqrt(covariance(len(per_pair) * per_pair, design.pairs).diagonal())
    used = np.maximum(se, dyadic) if cautious else se
    reach = stats.t.ppf(0.5 + level / 2, df) * used
    return pd.DataFrame(
        {
            "term": design.names,
            "estimate": final.fixed,
            "se": se,
            "se_dyadic": dyadic,
            "error": "larger of model and dyadic" if cautious else "model",
            "df": df,
            "low": final.fixed - reach,
            "high": final.fixed + reach,
            "p": 2 * stats.t.sf(np.abs(final.fixed) / used, df),
        }
    )
