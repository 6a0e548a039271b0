"""Halves: every concept's sentences are split evenly, and a design over one half names no sentence of the other."""

import numpy as np
import pytest

from expertneurons.design import Design
from expertneurons.errors import StudyError
from expertneurons.halves import halves, restricted, roles

POSITIVES = [np.arange(4), np.arange(4, 9), np.arange(9, 12)]


def test_halves_share_no_sentence_and_split_every_concept() -> None:
    first, second = halves(Design(POSITIVES), 14, seed=1)
    assert sorted([*first, *second]) == list(range(14))
    for own in POSITIVES:
        assert len(np.intersect1d(own, first)) == len(own) // 2
    assert {12, 13} <= set(second)


def test_halves_follow_from_the_seed() -> None:
    design = Design(POSITIVES)
    assert halves(design, 14, 1)[0].tolist() == halves(design, 14, 1)[0].tolist()
    assert halves(design, 14, 1)[0].tolist() != halves(design, 14, 2)[0].tolist()


def test_a_single_sentence_has_no_halves() -> None:
    with pytest.raises(StudyError, match="concept 1 has 1 sentences"):
        halves(Design([np.arange(2), np.array([2])]), 4, 0)


def test_restricted_design_by_hand() -> None:
    design = Design([np.array([1, 5]), np.array([0, 2])], [np.array([2, 3]), np.array([4, 5])], None)
    found = restricted(design, np.array([1, 2, 5]), 6)
    assert [own.tolist() for own in found.positives] == [[0, 2], [1]]
    assert [own.tolist() for own in found.negatives or []] == [[1], [2]]
    assert found.excluded is None


@pytest.mark.parametrize(
    ("design", "expected"),
    [
        (Design([np.array([0])], None, [np.array([2])]), [1, -1, 0, -1]),
        (Design([np.array([0])], [np.array([3])]), [1, 0, 0, -1]),
        (Design([np.array([1, 2])]), [-1, 1, 1, -1]),
    ],
)
def test_roles_by_hand(design: Design, expected: list[int]) -> None:
    assert [own.tolist() for own in roles(design, 4)] == [expected]
