"""Shading: a sentence cut into pieces, each with how strongly one unit answers there."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FAINT = 0.05  # of the range; less is left unshaded


class Piece(NamedTuple):
    """A piece of a sentence: its shade from 0 to 1 and whether the response comes from this token."""

    text: str
    shade: float
    peak: bool


class Scale(NamedTuple):
    """A unit's activation at which shading begins and at which it is full; `sign` is -1 where low ones count."""

    low: float
    high: float
    sign: float

    def of(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Shades of activations, 0 to 1."""
        span = self.high - self.low
        shades = (self.sign * np.asarray(values, np.float64) - self.low) / (span if span > 0 else 1.0)
        return shades.clip(0, 1)


def scale(values: Sequence[npt.NDArray[Any]], pooling: str) -> Scale:
    """Shade one unit from its median activation over all tokens read to its highest (with min pooling, lowest) one."""
    sign = -1.0 if pooling == "min" else 1.0
    joined = sign * np.concatenate(list(values)).astype(np.float64)
    return Scale(float(np.median(joined)), float(joined.max()), sign)


def pieces(
    text: str, starts: npt.NDArray[Any], ends: npt.NDArray[Any], values: npt.NDArray[Any], shade: Scale
) -> list[Piece]:
    """Cut a text at its tokens.

    Args:
        text: The sentence.
        starts: (tokens,) first character of each token, rising; tokens without characters are passed over.
        ends: (tokens,) the character after it.
        values: (tokens,) activations.
        shade: Of the unit.

    """
    shades, peak = shade.of(values), int(np.argmax(shade.sign * np.asarray(values)))
    found: list[Piece] = []
    at = 0
    for number in np.argsort(starts, kind="stable").tolist():
        start, end = max(int(starts[number]), at), int(ends[number])
        if end <= start:
            continue
        if start > at:
            found.append(Piece(text[at:start], 0.0, peak=False))
        strength = round(float(shades[number]), 2)
        found.append(Piece(text[start:end], strength if strength >= FAINT else 0.0, number == peak))
        at = end
    return _joined([*found, Piece(text[at:], 0.0, peak=False)])


def _joined(found: list[Piece]) -> list[Piece]:
    """Join unshaded pieces that follow each other."""
    kept: list[Piece] = []
    for piece in found:
        if kept and not (piece.shade or piece.peak or kept[-1].shade or kept[-1].peak):
            kept[-1] = Piece(kept[-1].text + piece.text, 0.0, peak=False)
        elif piece.text:
            kept.append(piece)
    return kept
