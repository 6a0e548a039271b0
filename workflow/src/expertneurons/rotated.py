"""Statsmodels' mixed model of pairs, made cheap: on the span of the design, and with no derivative solved for twice."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

from expertneurons.formulas import Design

Values = npt.NDArray[np.float64]


class Rotation(NamedTuple):
    """An orthonormal basis of the span of a design, and the design in it (a QR decomposition)."""

    basis: Values  # (pairs, k + effects)
    shape: Values  # (k + effects, k + effects)


def rotation(design: Design, kept: npt.NDArray[np.intp]) -> Rotation | None:
    """Rotate the design onto its own span, where that is smaller than the number of pairs."""
    columns = [design.fixed, *(design.memberships[number].toarray() for number in kept)]
    if sum(own.shape[1] for own in columns) >= len(design.fixed):
        return None
    return Rotation(*np.linalg.qr(np.column_stack(columns)))


def pair_model(design: Design, response: Values, kept: npt.NDArray[np.intp], rotated: Rotation | None) -> MixedLM:
    """Make statsmodels' model, on the span of the design where there is a rotation onto it.

    An orthonormal rotation changes no likelihood. Rows outside the span hold residual noise alone: they form a group
    of their own without effects, and statsmodels, whose cost grows with rows times effects squared, halves its time.
    """
    fixed, sizes = design.fixed, [design.memberships[number].shape[1] for number in kept]
    k = fixed.shape[1]
    columns = [[[str(number) for number in range(size)]] for size in sizes]
    if rotated is None:
        groups, blocks = np.zeros(len(response)), [[design.memberships[number].toarray()] for number in kept]
    else:
        inside = rotated.basis.T @ response
        outside = len(response) - len(inside)
        left = max(float(response @ response - inside @ inside), 0.0)
        response = np.concatenate([inside, np.full(outside, np.sqrt(left / outside))])
        fixed = np.concatenate([rotated.shape[:, :k], np.zeros((outside, k))])
        groups = np.repeat([0.0, 1.0], [len(inside), outside])
        effects = np.split(rotated.shape[:, k:], np.cumsum(sizes)[:-1], axis=1)
        blocks = [[own, np.zeros((outside, 1))] for own in effects]
        columns = [[*own, ["none"]] for own in columns]
    names = [design.components[number] for number in kept]
    return _EffectsOfConcepts(
        response,
        fixed,
        groups=groups,
        exog_re=np.zeros((len(response), 0)),  # else an intercept per group is added
        exog_vc=VCSpec(names, columns, blocks),
    )


class _EffectsOfConcepts(MixedLM):  # type: ignore[misc]
    """Statsmodels' model with variance components alone; the same numbers in less time."""

    _solved: tuple[Any, list[Any]] = (None, [])

    def _gen_dV_dPar(self, ex_r: Values, solver: Any, group_ix: int, max_ix: int | None = None) -> Iterator[Any]:  # noqa: N802
        """Yield the derivatives of V, solved for once: the Hessian asks again for each pair of components.

        Statsmodels also solves for `ex_r`, all effects at once, which only effects other than these need.
        """
        if self._solved[0] is not solver:
            self._solved = solver, list(super()._gen_dV_dPar(ex_r[:, :0], solver, group_ix))
        yield from (own for own in self._solved[1] if max_ix is None or own[0] <= max_ix)
