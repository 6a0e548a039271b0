"""Sparse fits: logistic regressions of a concept on few units, chosen by forward selection."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from expertneurons.design import Design, Indices
from expertneurons.stored import spans
from expertneurons.subsets import roles

Values = npt.NDArray[np.float64]
Array = npt.NDArray[Any]

CANDIDATES = 256  # units of a concept among which a fit chooses
RIDGE = 0.01  # in variances of a unit, so that of two units that answer alike the second is worth little


class Chosen(NamedTuple):
    """Units of one concept in the order of their choice, and per k the weights of the first k standardised ones."""

    units: Indices
    weights: dict[int, Values]


def fitted(
    answers: Array,
    rows: Indices,
    design: Design,
    sizes: Sequence[int],
    threads: int = 1,
    advance: Callable[[int], object] = lambda _concepts: None,
) -> list[Chosen]:
    """Choose units for every concept and fit a logistic regression for every k.

    Classes are weighted to the design's prevalence; the regression has scikit-learn's default penalty (C = 1).

    Args:
        answers: (sentences, units).
        rows: Sentences to use, to which the design's numbers refer: nothing else is looked at.
        design: Over these sentences.
        sizes: Numbers of units k.
        threads: Concepts that are fitted at the same time.
        advance: Told of every finished concept.

    """
    candidates = screened(answers, rows, design, max(CANDIDATES, *sizes))
    weights = design.weights(len(rows))

    def fit(given: tuple[Indices, npt.NDArray[np.int8], float]) -> Chosen:
        units, role, weight = given
        used = role != 0
        values = standardised(np.take(answers, units, axis=1)[rows[used]])
        sample = np.where(role[used] > 0, 1.0, weight)
        order = forward(values, role[used] > 0, sample, max(sizes))
        return Chosen(units[order], _regressions(values[:, order], role[used] > 0, sample, sizes))

    found = []
    with ThreadPoolExecutor(threads) as pool:
        for chosen in pool.map(fit, zip(candidates, roles(design, len(rows)), weights, strict=True)):
            found.append(chosen)
            advance(1)
    return found


def screened(answers: Array, rows: Indices, design: Design, count: int) -> npt.NDArray[np.intp]:
    """Units whose means differ most between positives and negatives, in standard deviations: (concepts, count).

    A constant unit differs by 0; of equal units the first comes first. Fewer columns where there are fewer units.
    """
    contrast = np.zeros((len(design.positives), len(rows)), np.float32)
    for concept, role in enumerate(roles(design, len(rows))):
        for sign in (1, -1):
            contrast[concept, role == sign] = sign / max((role == sign).sum(), 1)
    difference = np.empty((len(contrast), answers.shape[1]), np.float32)
    for span in spans(answers):
        block = np.asarray(answers[rows, span], np.float32)
        spread = block.std(axis=0)
        centred = block - block.mean(axis=0)
        apart = np.abs(contrast @ centred)
        difference[:, span] = np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0)
    return np.argsort(-difference, axis=1, kind="stable")[:, :count]


def standardised(values: Array, like: Array | None = None) -> Values:
    """Z-score columns by the mean and spread of their own or of `like`'s rows; a constant column becomes zero."""
    known = np.asarray(values if like is None else like, np.float64)
    spread = known.std(axis=0)
    return np.asarray((values - known.mean(axis=0)) / np.where(spread > 0, spread, np.inf), np.float64)


def forward(values: Values, positive: npt.NDArray[np.bool_], sample: Values, count: int) -> npt.NDArray[np.intp]:
    """Order columns by forward selection: each next one lowers the weighted squared error of the labels the most.

    With two classes least squares is Fisher's discriminant; the classes' weights are in `sample`.

    Args:
        values: (sentences, candidates), standardised.
        positive: (sentences,).
        sample: (sentences,) weights.
        count: Columns to choose; no more than there are.

    """
    share = sample / sample.sum()
    centred = values - share @ values
    weighted = centred * share[:, None]
    products = weighted.T @ centred + RIDGE * np.eye(values.shape[1])
    with_labels = weighted.T @ positive.astype(np.float64)
    order: list[int] = []
    for _ in range(min(count, values.shape[1])):
        gain = with_labels**2 / products.diagonal()
        gain[order] = -1.0
        best = int(gain.argmax())
        order.append(best)
        # What is left of all columns and labels once this column explains its part.
        slope = products[:, best] / products[best, best]
        with_labels = with_labels - slope * with_labels[best]
        products = products - np.outer(slope, products[best])
        products[best, best] = 1.0
    return np.array(order, np.intp)


def _regressions(
    values: Values, positive: npt.NDArray[np.bool_], sample: Values, sizes: Sequence[int]
) -> dict[int, Values]:
    from sklearn.linear_model import LogisticRegression

    found = {}
    single = np.ascontiguousarray(values, np.float32)  # half the time; the weights differ in the seventh digit
    for size in sizes:
        model = LogisticRegression(solver="newton-cholesky").fit(
            single[:, :size], positive, sample_weight=sample.astype(np.float32)
        )
        found[size] = np.asarray(model.coef_[0], np.float64)
    return found
