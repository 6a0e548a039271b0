"""Halves of the sentences, and the units that they choose."""

import numpy as np
import pytest

from expertneurons.design import Design
from expertneurons.halves import Choice, Pick, complete, deal, merged
from expertneurons.subsets import negatives, restricted


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.intp)


DESIGN = Design([rows(0, 1, 2), rows(3, 4)], None, [rows(3), rows()], 0.25)


def test_halves_hold_as_many_of_every_concept_and_register() -> None:
    concepts = np.repeat([0, 1, 2], [12, 7, 5])
    registers = np.array(["fact", "story"] * 12)
    first = deal(concepts, registers, np.random.default_rng(0))
    for concept in range(3):
        own = concepts == concept
        assert abs(2 * first[own].sum() - own.sum()) <= 1
        for register in ("fact", "story"):
            both = own & (registers == register)
            assert abs(2 * first[both].sum() - both.sum()) <= 1
    other = deal(concepts, registers, np.random.default_rng(1))
    assert (first != other).any()


def test_concepts_without_positives_are_left_out() -> None:
    kept, own = complete(restricted(DESIGN, rows(0, 1, 2, 5), 6), 4)
    assert kept.tolist() == [0]
    assert len(own.positives) == 1


def test_negatives_are_neither_positive_nor_excluded() -> None:
    assert negatives(DESIGN, 0, 6).tolist() == [4, 5]
    assert negatives(DESIGN, 1, 6).tolist() == [0, 1, 2, 5]


@pytest.mark.parametrize("block", [1, 3, 50])
def test_the_best_units_are_found_block_by_block(block: int) -> None:
    ap = (np.random.default_rng(0).integers(0, 9, (2, 20)) / 9).astype(np.float32)
    choice = Choice(2, 5)
    for first in range(0, 20, block):
        choice.add(ap[:, first : first + block], first)
    for concept in (0, 1):
        assert choice.of(concept) == np.argsort(-ap[concept], kind="stable")[:5].tolist()


def test_fewer_units_than_asked_for_are_all_listed() -> None:
    choice = Choice(1, 5)
    choice.add(np.array([[0.5, 0.7]], np.float32), 0)
    assert choice.of(0) == [1, 0]


def test_a_unit_is_chosen_by_the_half_that_ranks_it_higher() -> None:
    assert merged([[7, 3, 5], [7, 9, 3]], 4) == [
        Pick(7, 1, (0, 1), 2),
        Pick(3, 2, (0,), 2),
        Pick(9, 2, (1,), 1),
        Pick(5, 3, (0,), 1),
    ]
