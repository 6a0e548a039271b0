"""Every step's own stream of random numbers."""

from itertools import combinations

import numpy as np
import pytest

from expertneurons.seeds import generator


def stream(seed: int, *names: str | int) -> list[int]:
    return [int(number) for number in generator(seed, *names).bit_generator.random_raw(4)]


def test_the_stream_is_the_same_on_every_machine_and_in_every_process() -> None:
    # PCG64 on SeedSequence([1, crc32(b"step"), crc32(b"cat")]); numpy promises both for all versions.
    assert stream(1, "step", "cat")[0] == 18297420701201257803
    words = np.random.PCG64(np.random.SeedSequence([1, 0x43B9FE3C, 0x9E5E43A8])).random_raw(4)
    assert stream(1, "step", "cat") == [int(word) for word in words]


def test_drawing_elsewhere_does_not_matter() -> None:
    first = stream(1, "step")
    generator(2, "step").random(100)
    assert stream(1, "step") == first


def test_seed_step_concept_and_their_order_each_give_another_stream() -> None:
    asked: list[tuple[int, tuple[str | int, ...]]] = [
        (1, ("step", "cat")),
        (2, ("step", "cat")),
        (1, ("other step", "cat")),
        (1, ("step", "dog")),
        (1, ("cat", "step")),
        (1, ("step",)),
        (1, ("step", 0)),
        (1, ("step", 1)),
    ]
    streams = [stream(seed, *names) for seed, names in asked]
    for one, other in combinations(streams, 2):
        assert not set(one) & set(other)


@pytest.mark.parametrize("number", [np.int64(3), np.int32(3), 3])
def test_a_number_counts_by_its_value(number: int) -> None:
    assert stream(1, number) == stream(1, 3)
