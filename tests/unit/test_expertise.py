"""AP and AUROC against scikit-learn, by hand, and on what must not matter."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from expertneurons import plans
from expertneurons.design import Design
from expertneurons.errors import StudyError
from expertneurons.expertise import auroc, average_precision, score

KINDS = ("normal", "heavy ties", "constant", "rectified", "signed zeros")
TOLERANCE = 1e-6


def responses(kind: str, shape: tuple[int, int], dtype: Any, rng: np.random.Generator) -> npt.NDArray[Any]:
    values = rng.standard_normal(shape)
    if kind == "heavy ties":
        values = np.round(values)
    elif kind == "constant":
        values = np.full(shape, 0.7)
    elif kind == "rectified":
        values = np.maximum(values, 0)
    elif kind == "signed zeros":
        values = np.where(rng.random(shape) < 0.5, 0.0, -0.0)
    return values.astype(dtype)


def oracle(values: npt.NDArray[Any], design: Design) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Score every unit and concept by scikit-learn, one call at a time."""
    sentences, units = values.shape
    weights = design.weights(sentences)
    ap = np.empty((len(design.positives), units))
    area = np.empty_like(ap)
    for concept, positives in enumerate(design.positives):
        out = np.array([], int) if design.excluded is None else design.excluded[concept]
        rest = np.setdiff1d(np.arange(sentences), np.concatenate([positives, out]))
        negatives = rest if design.negatives is None else design.negatives[concept]
        rows = np.concatenate([positives, negatives])
        labels = np.repeat([1, 0], [len(positives), len(negatives)])
        weight = np.where(labels == 1, 1.0, weights[concept])
        for unit in range(units):
            own = values[rows, unit].astype(np.float64)
            ap[concept, unit] = average_precision_score(labels, own, sample_weight=weight)
            area[concept, unit] = roc_auc_score(labels, own)
    return ap, area


def draw(rng: np.random.Generator, sentences: int, concepts: int, positives: int, negatives: int | None) -> Design:
    orders = [rng.permutation(sentences) for _ in range(concepts)]
    chosen = [order[:positives] for order in orders]
    if negatives is not None:
        return Design(chosen, [order[positives : positives + negatives] for order in orders])
    return Design(chosen, None, [order[positives : positives + 3] for order in orders], 2 / 7)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("negatives", [None, 4, 60])
def test_equal_to_scikit_learn(kind: str, dtype: Any, negatives: int | None) -> None:
    rng = np.random.default_rng(7)
    values = responses(kind, (120, 6), dtype, rng)
    design = draw(rng, 120, 9, 8, negatives)
    ap, area = score(values, design)
    expected_ap, expected_area = oracle(values, design)
    assert np.abs(ap.astype(np.float64) - expected_ap).max() < TOLERANCE
    assert np.abs(area.astype(np.float64) - expected_area).max() < TOLERANCE


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(12, 90),
    st.integers(1, 5),
    st.sampled_from(KINDS),
    st.sampled_from([np.float16, np.float32]),
    st.sampled_from([None, 1, 5]),
)
def test_equal_to_scikit_learn_on_any_input(
    seed: int, sentences: int, positives: int, kind: str, dtype: Any, negatives: int | None
) -> None:
    rng = np.random.default_rng(seed)
    values = responses(kind, (sentences, 3), dtype, rng)
    design = draw(rng, sentences, 4, positives, negatives)
    ap, area = score(values, design)
    expected_ap, expected_area = oracle(values, design)
    assert np.abs(ap.astype(np.float64) - expected_ap).max() < TOLERANCE
    assert np.abs(area.astype(np.float64) - expected_area).max() < TOLERANCE


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["duels", "lists", "dense", "rest"])
def test_every_kernel_is_equal_to_scikit_learn(
    way: str, kind: str, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(11)
    values = responses(kind, (90, 300), dtype, rng)
    orders = [rng.permutation(90) for _ in range(5)]
    # Lists of all lengths: what fills up the last comparisons of a list must not count.
    design = Design(
        [order[: 3 + c] for c, order in enumerate(orders)],
        [order[3 + c : 40 - 7 * c] for c, order in enumerate(orders)],
        prevalence=2 / 7,
    )
    monkeypatch.setattr(plans, "cheapest", lambda *_: way)
    ap, area = score(values, design)
    some = [0, 255, 256, 299]
    expected_ap, expected_area = oracle(values[:, some], design)
    assert np.abs(ap[:, some].astype(np.float64) - expected_ap).max() < TOLERANCE
    assert np.abs(area[:, some].astype(np.float64) - expected_area).max() < TOLERANCE


@pytest.mark.parametrize(
    ("positives", "negatives", "sentences", "expected"),
    [
        ([40] * 100, [40] * 100, 4000, "duels"),
        ([40] * 100, [1000] * 100, 4000, "dense"),
        ([700], [1000], 1700, "rest"),
        ([400] * 9, [400] * 9, 7200, "lists"),
        ([1], [70_000], 70_001, "rest"),
    ],
)
def test_designs_go_to_the_kernel_that_takes_least(
    positives: list[int], negatives: list[int], sentences: int, expected: str
) -> None:
    counts = np.array([positives, negatives], np.float64).T
    assert {plans.cheapest(counts, sentences, itemsize) for itemsize in (2, 4)} == {expected}


def test_a_sentence_that_is_listed_twice_counts_twice() -> None:
    values = np.array([[0.9], [0.5], [0.4], [0.1]], np.float32)
    design = Design([np.array([0, 2])], [np.array([1, 1, 3])])
    # Positives at the first and, after two negatives, at the fourth place.
    assert score(values, design)[0][0, 0] == pytest.approx((1 + 2 / 4) / 2)


def test_more_sentences_than_sixteen_bits() -> None:
    rng = np.random.default_rng(3)
    values = rng.standard_normal((70_000, 2)).astype(np.float16)
    design = draw(rng, 70_000, 2, 50, None)
    assert np.abs(score(values, design)[0].astype(np.float64) - oracle(values, design)[0]).max() < TOLERANCE


def test_by_hand() -> None:
    # Positives at ranks 1 and 3: precision 1/1 and 2/3.
    values = np.array([[0.9], [0.5], [0.4], [0.1]], np.float32)
    assert average_precision(values, [np.array([0, 2])])[0, 0] == pytest.approx(5 / 6)
    # Of the four positive-negative pairs, three are in the right order.
    assert auroc(values, [np.array([0, 2])])[0, 0] == pytest.approx(3 / 4)


def test_ties_are_one_step_whatever_the_order() -> None:
    values = np.array([[1.0], [1.0], [1.0], [0.0]], np.float32)
    for positive in range(3):
        assert average_precision(values, [np.array([positive])])[0, 0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("prevalence", [0.1, 2 / 7, 0.5])
def test_constant_unit_scores_the_prevalence(prevalence: float) -> None:
    values = np.zeros((50, 1), np.float32)
    found = average_precision(values, [np.arange(5)], excluded=[np.arange(5, 9)], prevalence=prevalence)
    assert found[0, 0] == pytest.approx(prevalence)
    assert Design([np.arange(5)], prevalence=prevalence).chance(50)[0] == pytest.approx(prevalence)


def test_order_of_sentences_and_threads_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    values = np.round(rng.standard_normal((200, 90)), 1).astype(np.float32)
    design = draw(rng, 200, 5, 10, None)
    ap, area = score(values, design)
    order = rng.permutation(200)
    place = np.argsort(order)
    assert design.excluded is not None
    moved = Design([place[p] for p in design.positives], None, [place[e] for e in design.excluded], design.prevalence)
    for other in (score(values[order], moved), score(values, design, threads=2)):
        assert np.array_equal(ap, other[0])
        assert np.array_equal(area, other[1])


def test_blocks_report_all_units() -> None:
    values = np.random.default_rng(0).standard_normal((40, 777)).astype(np.float32)
    seen: list[int] = []
    score(values, Design([np.arange(4)]), advance=seen.append)
    assert sum(seen) == 777


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_not_finite_is_refused_with_its_place(bad: float, dtype: Any) -> None:
    values = np.zeros((30, 40), dtype)
    values[17, 33] = bad
    with pytest.raises(StudyError, match="unit 33 to sentence 17"):
        average_precision(values, [np.arange(3)])


def test_what_cannot_be_scored_is_refused() -> None:
    values = np.zeros((10, 2), np.float32)
    with pytest.raises(StudyError, match="concept 1 has 0 positive"):
        average_precision(values, [np.arange(2), np.array([], int)])
    with pytest.raises(StudyError, match="0 negative"):
        average_precision(values, [np.arange(10)])
    with pytest.raises(StudyError, match="float64"):
        average_precision(values.astype(np.float64), [np.arange(2)])


def test_shuffled_design_keeps_its_sizes() -> None:
    rng = np.random.default_rng(0)
    design = draw(rng, 60, 3, 6, None)
    shuffled = design.permuted(rng, 60, 4)
    assert len(shuffled.positives) == 12
    assert shuffled.excluded is not None
    for positives, excluded in zip(shuffled.positives, shuffled.excluded, strict=True):
        assert len(np.unique(np.concatenate([positives, excluded]))) == 9
