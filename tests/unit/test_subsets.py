"""Subsets: draws are disjoint and even over registers, halves split every concept, restricted designs keep roles."""

import numpy as np
import pytest

from expertneurons import seeds
from expertneurons.design import Design
from expertneurons.errors import StudyError
from expertneurons.subsets import halves, parts, restricted, roles

POSITIVES = [np.arange(8), np.arange(8, 17)]
REGISTERS = np.arange(20) % 2


def generator(seed: int = 1) -> np.random.Generator:
    return seeds.generator(seed, "test")


@pytest.mark.parametrize(("size", "together"), [(2, 4), (4, 2), (3, 2), (8, 1)])
def test_draws_of_one_shuffle_share_no_sentence_and_hold_both_registers(size: int, together: int) -> None:
    found = parts(POSITIVES, size, 5, generator(), REGISTERS)
    assert len(found) == 5
    for first in range(0, 5, together):
        for concept, own in enumerate(POSITIVES):
            drawn = np.concatenate([draw[concept] for draw in found[first : first + together]])
            assert len(set(drawn.tolist())) == len(drawn)
            assert set(drawn.tolist()) <= set(own.tolist())
    assert all(len(draw[0]) == size and abs(2 * REGISTERS[draw[0]].sum() - size) <= 1 for draw in found)


def test_draws_differ_between_shuffles_and_follow_the_seed() -> None:
    first, again, other = (parts(POSITIVES, 8, 2, generator(seed)) for seed in (1, 1, 2))
    assert first[0][0].tolist() == again[0][0].tolist() != other[0][0].tolist()
    assert first[0][0].tolist() != first[1][0].tolist()


def test_halves_split_every_concept_and_register_evenly() -> None:
    first, second = halves(POSITIVES, 20, generator(), REGISTERS)
    assert sorted([*first, *second]) == list(range(20))
    for own in POSITIVES:
        for register in (0, 1):
            members = own[REGISTERS[own] == register]
            assert abs(2 * len(np.intersect1d(members, first)) - len(members)) <= 1
    assert abs(2 * len(np.intersect1d(np.arange(17, 20), first)) - 3) <= 1


def test_a_single_sentence_has_no_halves() -> None:
    with pytest.raises(StudyError, match="concept 1 has 1 sentences"):
        halves([np.arange(2), np.array([2])], 4, generator(), np.zeros(4, np.intp))


def test_restricted_design_by_hand() -> None:
    design = Design([np.array([1, 5]), np.array([0, 2])], [np.array([2, 3]), np.array([4, 5])], None, 0.5)
    found = restricted(design, np.array([1, 2, 5]), 6)
    assert [own.tolist() for own in found.positives] == [[0, 2], [1]]
    assert [own.tolist() for own in found.negatives or []] == [[1], [2]]
    assert found.excluded is None
    assert found.prevalence == 0.5


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
