"""Two groups of a concept's sentences: told apart where their experts differ, not where they only vary."""

import numpy as np
import pytest

from expertneurons.design import Design
from expertneurons.expertise import score
from expertneurons.senses import Crossing, add_products, grouped, split

SENTENCES, OWN, UNITS = 120, 16, 200


def crossed(responses: np.ndarray, registers: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Side of each positive, and AP of the groups' best units on their own and on the other group."""
    design = Design([np.arange(OWN)], None, None, 0.25)
    products = [np.zeros((OWN, OWN))]
    for first in range(0, UNITS, 64):
        add_products(products, responses[:, first : first + 64], design.positives)
    side = split(products[0], np.full(OWN, "") if registers is None else registers)
    assert side is not None
    _, groups = grouped(design, [side])
    crossing = Crossing(2)
    for first in range(0, UNITS, 64):
        crossing.add(score(np.ascontiguousarray(responses[:, first : first + 64]), groups)[0])
    own, other = crossing.means()
    return side, own[0], other[0]


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(SENTENCES, UNITS)).astype(np.float32)


def test_two_senses_with_experts_of_their_own(noise: np.ndarray) -> None:
    noise[: OWN // 2, :20] += 4  # one sense
    noise[OWN // 2 : OWN, 20:40] += 4  # the other
    side, own, other = crossed(noise)
    assert set(side[: OWN // 2]) != set(side[OWN // 2 :])
    assert len(set(side[: OWN // 2])) == len(set(side[OWN // 2 :])) == 1
    assert own.min() > 0.9
    assert other.max() < 0.5


def test_one_sense_whose_sentences_vary(noise: np.ndarray) -> None:
    noise[:OWN, :20] += 4
    noise[: OWN // 2, 100:130] += 1.5
    _, own, other = crossed(noise)
    assert own.min() > 0.9
    assert other.min() > 0.8


def test_registers_are_no_senses(noise: np.ndarray) -> None:
    registers = np.array(["fact", "story"] * (OWN // 2))
    noise[:OWN:2, 50:150] += 3  # what all facts have
    noise[: OWN // 2, :20] += 4
    noise[OWN // 2 : OWN, 20:40] += 4
    side, _, _ = crossed(noise, registers)
    assert len(set(side[: OWN // 2])) == 1
    assert set(side[: OWN // 2]) != set(side[OWN // 2 :])


def test_a_side_of_two_is_no_group() -> None:
    responses = np.random.default_rng(0).normal(scale=0.1, size=(10, 50)).astype(np.float32)
    responses[:2] += 5
    products = [np.zeros((10, 10))]
    add_products(products, responses, [np.arange(10)])
    assert split(products[0], np.full(10, "")) is None


def test_the_other_group_is_neither_positive_nor_negative() -> None:
    design = Design([np.arange(4), np.arange(4, 8)], None, [np.array([9]), np.array([], np.intp)], 0.25)
    divided, groups = grouped(design, [np.array([True, False, True, False]), None])
    assert divided == [0]
    assert [own.tolist() for own in groups.positives] == [[0, 2], [1, 3]]
    assert [own.tolist() for own in groups.excluded or []] == [[1, 3, 9], [0, 2, 9]]
    sampled = grouped(Design([np.arange(4)], [np.arange(4, 9)]), [np.array([True, True, False, False])])[1]
    assert [own.tolist() for own in sampled.negatives or []] == [[4, 5, 6, 7, 8]] * 2
