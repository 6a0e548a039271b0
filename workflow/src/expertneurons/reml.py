"""REML for rows that draw on several effects of one set: a few small matrices, and an optimum found from many starts.

A pair of concepts holds the effects of both (multi-membership). With H = I + sum_j theta_j Z_j Z_j', the restricted
log-likelihood, profiled over the fixed effects and the residual variance, depends on the variance ratios theta alone
(Bates et al. 2015, doi 10.18637/jss.v067.i01, eq. 42); H is never formed, only matrices as wide as the effects.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import linalg, ndimage, optimize, sparse

Values = npt.NDArray[np.float64]

# Variance ratios at which the search starts; zero is one of them because a log scale never reaches it.
STARTS = (0.0, 0.02, 0.1, 0.4, 1.5)
NEGLIGIBLE = 1e-8
LARGEST = 1e4  # residuals next to none: the effects explain every row
NO_GAIN = 1e-6
CLEAR_LOSS = 0.1


class Optimum(NamedTuple):
    """The REML fit of one response.

    Attributes:
        ratios: (components,) variances as shares of the residual one; zero where a component was dropped.
        loglik: Restricted log-likelihood.
        fixed: (k,) fixed effects.
        covariance: (k, k) of the fixed effects, given the variances.
        residual: Residual variance.

    """

    ratios: Values
    loglik: float
    fixed: Values
    covariance: Values
    residual: float


class Weights(NamedTuple):
    """What given variances make of a design: H^-1 = I - halves' halves, H^-1 X, and X'H^-1 X inverted."""

    halves: Values  # (effects, rows)
    weighted: Values  # (rows, k)
    inverse: Values  # (k, k)

    def per_row(self, residuals: Values) -> Values:
        """Return (rows, k): what each row adds to the fixed effects, given y - X b."""
        return np.asarray((self.weighted @ self.inverse) * residuals[:, None])


class Products:
    """Everything that the likelihood needs of the data, for any number of responses to one design."""

    def __init__(self, fixed: Values, memberships: Sequence[Any], responses: Values) -> None:
        """Multiply out the design.

        Args:
            fixed: (rows, k) columns of the fixed effects.
            memberships: Per component a (rows, effects) matrix, dense or sparse.
            responses: (rows, responses).

        """
        self.rows, self.k = fixed.shape
        self.sizes = [matrix.shape[1] for matrix in memberships]
        data = np.column_stack([fixed, responses])
        self.inner = data.T @ data
        if memberships:
            effects = sparse.hstack([sparse.csr_array(matrix) for matrix in memberships], format="csr")
            self.gram = np.asarray((effects.T @ effects).toarray(), np.float64)
            self.against = np.asarray(effects.T @ data, np.float64)
        else:
            self.gram, self.against = np.zeros((0, 0)), np.zeros((0, data.shape[1]))

    def without(self, component: int) -> "Products":
        """Return the same products without one component."""
        starts = np.cumsum([0, *self.sizes])
        kept = np.r_[0 : starts[component], starts[component + 1] : starts[-1]]
        fewer = object.__new__(Products)
        fewer.rows, fewer.k, fewer.inner = self.rows, self.k, self.inner
        fewer.sizes = [size for number, size in enumerate(self.sizes) if number != component]
        fewer.gram, fewer.against = self.gram[np.ix_(kept, kept)], self.against[kept]
        return fewer

    def one(self, response: int) -> "Products":
        """Return the same products with one response."""
        columns = [*range(self.k), self.k + response]
        fewer = object.__new__(Products)
        fewer.rows, fewer.k, fewer.sizes, fewer.gram = self.rows, self.k, self.sizes, self.gram
        fewer.inner, fewer.against = self.inner[np.ix_(columns, columns)], self.against[:, columns]
        return fewer

    def factor(self, ratios: Values) -> tuple[Values, Values, Values]:
        """Return scales of the effects, the Cholesky factor of I + S G S, and it solved for S Z'[X, Y]."""
        scales = np.repeat(np.sqrt(ratios), self.sizes)
        system = self.gram * scales * scales[:, None]
        system.flat[:: len(system) + 1] += 1
        lower = linalg.cholesky(system, lower=True, overwrite_a=True, check_finite=False)
        return scales, lower, linalg.solve_triangular(lower, scales[:, None] * self.against, lower=True)

    def solved(self, half: Values) -> tuple[Values, Values, Values]:
        """Return X'H^-1 X inverted, the fixed effects (k, responses) and the weighted residual sums of squares."""
        weighted = self.inner - half.T @ half
        inverse = linalg.inv(weighted[: self.k, : self.k])
        fixed = inverse @ weighted[: self.k, self.k :]
        squares = weighted[self.k :, self.k :].diagonal() - (weighted[: self.k, self.k :] * fixed).sum(axis=0)
        return inverse, fixed, squares

    def logliks(self, lower: Values, inverse: Values, squares: Values) -> Values:
        """Return the profiled restricted log-likelihood of every response."""
        free = self.rows - self.k
        determinants = 2 * np.log(lower.diagonal()).sum() - np.linalg.slogdet(inverse)[1]
        return np.asarray(-(free * (np.log(2 * np.pi * squares / free) + 1) + determinants) / 2)

    def optimum(self, ratios: Values) -> Optimum:
        """Return the fit of a single response at given variance ratios."""
        _, lower, half = self.factor(ratios)
        inverse, fixed, squares = self.solved(half)
        residual = float(squares[0]) / (self.rows - self.k)
        loglik = float(self.logliks(lower, inverse, squares)[0])
        return Optimum(ratios, loglik, fixed[:, 0], inverse * residual, residual)

    def descent(self, ratios: Values) -> tuple[float, Values]:
        """Return the negative log-likelihood of a single response and its gradient by the variance ratios."""
        scales, lower, half = self.factor(ratios)
        inverse, fixed, squares = self.solved(half)
        spread = linalg.solve_triangular(lower, half, lower=True, trans="T")
        solved = self.against - self.gram @ (scales[:, None] * spread)  # Z'H^-1 [X, y]
        on_fixed, on_residual = solved[:, : self.k], solved[:, self.k] - solved[:, : self.k] @ fixed[:, 0]
        traces = self._traces(ratios, scales, lower)
        explained = ((on_fixed @ inverse) * on_fixed).sum(axis=1)
        quadratic = (self.rows - self.k) / squares[0] * on_residual**2
        starts = np.cumsum([0, *self.sizes])[:-1]
        gradient = np.add.reduceat(traces - explained - quadratic, starts) / 2
        return -float(self.logliks(lower, inverse, squares)[0]), gradient

    def _traces(self, ratios: Values, scales: Values, lower: Values) -> Values:
        """Return the diagonal of Z'H^-1 Z."""
        diagonal = np.empty(len(scales))
        by_effect = np.repeat(ratios, self.sizes)
        small = by_effect < NEGLIGIBLE
        if not small.all():
            inverse = linalg.lapack.dpotri(lower, lower=1)[0].diagonal()
            diagonal[~small] = (1 - inverse[~small]) / by_effect[~small]
        if small.any():
            half = linalg.solve_triangular(lower, scales[:, None] * self.gram[:, small], lower=True)
            diagonal[small] = self.gram.diagonal()[small] - (half**2).sum(axis=0)
        return diagonal


def weights(fixed: Values, memberships: Sequence[Any], ratios: Values) -> Weights:
    """Work out the weights of a design at given variance ratios; arguments as in `fit`."""
    halves = np.zeros((0, len(fixed)))
    if memberships:
        products = Products(fixed, memberships, np.zeros((len(fixed), 0)))
        scales, lower, _ = products.factor(ratios)
        effects = sparse.hstack([sparse.csr_array(matrix) for matrix in memberships], format="csr")
        halves = linalg.solve_triangular(lower, scales[:, None] * effects.T.toarray(), lower=True)
    weighted = fixed - halves.T @ (halves @ fixed)
    return Weights(halves, weighted, np.asarray(np.linalg.inv(fixed.T @ weighted), np.float64))


def fit(fixed: Values, memberships: Sequence[Any], responses: Values) -> list[Optimum]:
    """Fit every response to one design by REML.

    The likelihood is computed on a grid of variance ratios for all responses at once; every grid point that none of
    its neighbours beats is the start of a bounded search. A component whose loss changes the log-likelihood by less
    than 1e-6 is dropped (its ratio is zero).

    Args:
        fixed: (rows, k) columns of the fixed effects, of full rank.
        memberships: Per component a (rows, effects) matrix: how much of each effect a row holds.
        responses: (rows, responses).

    """
    products = Products(fixed, memberships, responses)
    if not memberships:
        return [products.one(number).optimum(np.empty(0)) for number in range(responses.shape[1])]
    grid = np.array(list(product(STARTS, repeat=len(memberships))))
    values = np.empty((len(grid), responses.shape[1]))
    for number, ratios in enumerate(grid):
        _, lower, half = products.factor(ratios)
        inverse, _, squares = products.solved(half)
        values[number] = products.logliks(lower, inverse, squares)
    return [_best(products.one(number), _peaks(grid, own)) for number, own in enumerate(values.T)]


def _peaks(grid: Values, values: Values) -> Values:
    """Return the grid points that none of their neighbours beats."""
    cube = values.reshape((len(STARTS),) * grid.shape[1])
    return np.asarray(grid[(ndimage.maximum_filter(cube, size=3, mode="nearest") == cube).ravel()])


def _best(products: Products, starts: Values) -> Optimum:
    found = max((_search(products, start) for start in starts), key=lambda own: own.loglik)
    for component in np.flatnonzero(found.ratios > 0):
        fewer = _dropped(products, found, int(component))
        if fewer.loglik > found.loglik + NO_GAIN:
            return _best(products, fewer.ratios[None])
        if fewer.loglik > found.loglik - NO_GAIN:
            return fewer
    return found


def _dropped(products: Products, found: Optimum, component: int) -> Optimum:
    """Return the fit without a component; where that is clearly worse, without a new search for the other ratios."""
    zeroed = found.ratios.copy()
    zeroed[component] = 0
    at_once = products.optimum(zeroed)
    if len(zeroed) == 1 or at_once.loglik < found.loglik - CLEAR_LOSS:
        return at_once
    searched = _search(products.without(component), np.delete(zeroed, component))
    return searched._replace(ratios=np.insert(searched.ratios, component, 0.0))


def _search(products: Products, start: Values) -> Optimum:
    ended = optimize.minimize(
        products.descent,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, LARGEST)] * len(start),
        options={"ftol": 1e-14, "gtol": 1e-4, "maxiter": 200},
    )
    return products.optimum(np.where(ended.x < NEGLIGIBLE, 0.0, ended.x))
