"""Scores in torch against the compiled walk: the same to 1e-6 on a GPU where there is one, else on the CPU."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from expertneurons import device_scores
from expertneurons.design import Design
from expertneurons.device_scores import score_on_device
from expertneurons.errors import StudyError
from expertneurons.expertise import score

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SENTENCES, UNITS = 300, 37


def responses(kind: str, dtype: Any) -> npt.NDArray[Any]:
    values = np.random.default_rng(1).standard_normal((SENTENCES, UNITS))
    if kind == "ties":
        values = np.maximum(values.round(1), 0)
        values[::7] = -0.0
    values[:, 3] = 0.5
    return values.astype(dtype)


def design(kind: str) -> Design:
    """Sets of unequal sizes that overlap."""
    rng = np.random.default_rng(2)
    orders = [rng.permutation(SENTENCES) for _ in range(9)]
    positives = [order[: 3 + 5 * number] for number, order in enumerate(orders)]
    if kind == "all others":
        return Design(positives, None, [order[-number - 1 :] for number, order in enumerate(orders)], 2 / 7)
    if kind == "none excluded":
        return Design(positives)
    return Design(positives, [order[-20 - number :] for number, order in enumerate(orders)])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("values", ["normal", "ties"])
@pytest.mark.parametrize("kind", ["all others", "none excluded", "own negatives"])
def test_equal_to_the_compiled_walk(kind: str, values: str, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own, labels = responses(values, dtype), design(kind)
    expected = score(own, labels)
    for limit in (device_scores.STEP_BYTES, 1 << 20):  # whole, and in several steps of units and of concepts
        monkeypatch.setattr(device_scores, "STEP_BYTES", limit)
        done: list[int] = []
        found = score_on_device(own, labels, advance=done.append, device=DEVICE)
        assert sum(done) == UNITS
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == np.float32
            assert np.abs(ours - theirs).max() < 1e-6


def test_tensors_are_taken_as_they_are() -> None:
    own = torch.tensor(responses("ties", np.float32)).bfloat16()
    expected = score(own.float().numpy(), design("all others"))
    for ours, theirs in zip(score_on_device(own, design("all others"), device=DEVICE), expected, strict=True):
        assert np.abs(ours - theirs).max() < 1e-6


def test_not_finite_is_refused_with_its_place() -> None:
    own = responses("normal", np.float32)
    own[11, 33] = np.inf
    with pytest.raises(StudyError, match="unit 133 to sentence 11 is inf"):
        score_on_device(own, design("all others"), number=100, device=DEVICE)


def test_a_concept_without_positives_is_refused() -> None:
    with pytest.raises(StudyError, match="concept 1 has 0 positive"):
        score_on_device(responses("normal", np.float32), Design([np.array([1]), np.array([], int)]), device=DEVICE)
