"""Similarity of sets and vectors: by hand, against scikit-learn, and whatever the storage."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import StandardScaler

from expertneurons import similarity
from expertneurons.similarity import cosine, jaccard, overlap, shared, standardised

# A = {0, 1, 2, 3}, B = {2, 3, 4}, C = {3}, two empty sets.
SETS = np.zeros((5, 6), bool)
SETS[0, [0, 1, 2, 3]] = SETS[1, [2, 3, 4]] = SETS[2, 3] = True
NAN = np.nan


def test_shared_units_by_hand() -> None:
    common, sizes = shared(SETS)
    assert common[:3, :3].tolist() == [[4, 2, 1], [2, 3, 1], [1, 1, 1]]
    assert sizes.tolist() == [4, 3, 1, 0, 0]


def test_jaccard_by_hand() -> None:
    expected = [
        [1, 2 / 5, 1 / 4, 0, 0],
        [2 / 5, 1, 1 / 3, 0, 0],
        [1 / 4, 1 / 3, 1, 0, 0],
        [0, 0, 0, NAN, NAN],
        [0, 0, 0, NAN, NAN],
    ]
    np.testing.assert_allclose(jaccard(SETS), expected, rtol=1e-12)


def test_overlap_by_hand() -> None:
    expected = [
        [1, 2 / 3, 1, NAN, NAN],
        [2 / 3, 1, 1, NAN, NAN],
        [1, 1, 1, NAN, NAN],
        [NAN, NAN, NAN, NAN, NAN],
        [NAN, NAN, NAN, NAN, NAN],
    ]
    np.testing.assert_allclose(overlap(SETS), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("measure", [jaccard, overlap])
def test_dense_and_sparse_sets_give_the_same(measure: Any, kind: Any) -> None:
    sets = np.random.default_rng(2).random((30, 400)) < 0.05
    sets[4] = False
    np.testing.assert_array_equal(measure(kind(sets)), measure(sets))


def test_more_than_255_shared_units_are_counted() -> None:
    assert shared(np.ones((2, 70_000), bool))[0].tolist() == [[70_000] * 2] * 2


@pytest.mark.parametrize("at_once", [1, 7, 50, 1000])
@pytest.mark.parametrize("origin", ["none", "number", "per concept"])
def test_cosine_equals_scikit_learn_in_any_blocks(origin: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "FEATURES_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((9, 50)).astype(np.float32)
    seen_from: Any = {"none": 0.0, "number": 0.3, "per concept": rng.random((9, 1))}[origin]
    expected = cosine_similarity(vectors.astype(np.float64) - seen_from)
    found = cosine(vectors) if origin == "none" else cosine(vectors, seen_from)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_cosine_with_a_zero_or_unknown_row_is_unknown_and_no_other() -> None:
    vectors = np.array([[1.0, 0], [0, 0], [1, 1], [NAN, NAN]])
    root = np.sqrt(0.5)
    expected = [[1, NAN, root, NAN], [NAN] * 4, [root, NAN, 1, NAN], [NAN] * 4]
    np.testing.assert_allclose(cosine(vectors), expected, rtol=1e-12)


def test_a_row_equal_to_its_origin_has_no_direction() -> None:
    assert np.isnan(cosine(np.full((2, 3), 0.25), np.array([[0.25], [0.5]]))[0]).all()


def test_standardised_equals_scikit_learn() -> None:
    vectors = np.random.default_rng(1).standard_normal((20, 8)) * 5 + 3
    np.testing.assert_allclose(standardised(vectors), StandardScaler().fit_transform(vectors), atol=1e-12)


def test_standardised_leaves_a_constant_feature_at_zero() -> None:
    found = standardised(np.array([[1.0, 5.0], [3.0, 5.0]], np.float32))
    assert found.tolist() == [[-1.0, 0.0], [1.0, 0.0]]


# 0.1 has no exact binary form: a mean over three of them is off by a rounding error, which is not a spread.
@pytest.mark.parametrize("value", [0.1, 1e-3, 123.456])
def test_standardised_does_not_blow_up_rounding_errors(value: float) -> None:
    for concepts in (3, 7, 240):
        for dtype in (np.float32, np.float64):
            assert np.abs(standardised(np.full((concepts, 1), value, dtype))).max() == 0
