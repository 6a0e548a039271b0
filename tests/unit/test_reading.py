"""Batches, the spans of tokens that are pooled, and work that runs a few items ahead."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from expertneurons.batches import Batch, chunks
from expertneurons.files import let_go, new_array
from expertneurons.poolings import Mask, masks, pool
from expertneurons.reading import AHEAD, in_order


@given(st.lists(st.integers(1, 40), min_size=1, max_size=200), st.integers(1, 400))
def test_batches_hold_every_sentence_once_within_the_budget(lengths: list[int], tokens: int) -> None:
    ordered = np.sort(np.array(lengths))[::-1]
    found = list(chunks(np.arange(len(ordered)), ordered, tokens))
    assert np.concatenate(found).tolist() == list(range(len(ordered)))
    for rows in found:
        assert len(rows) == 1 or len(rows) * ordered[rows[0]] <= tokens


def test_a_batch_ends_where_the_length_changes_once_it_is_half_full() -> None:
    lengths = np.array([10] * 9 + [9] * 20)
    found = list(chunks(np.arange(29), lengths, 100))
    assert [len(rows) for rows in found] == [9, 11, 9]
    assert [len(rows) for rows in chunks(np.arange(12), np.array([10] * 3 + [9] * 9), 100)] == [10, 2]


@pytest.mark.parametrize("statistic", ["max", "min"])
def test_a_span_pools_as_the_mask_does(statistic: str) -> None:
    values = torch.randn(3, 7, 5)
    chosen = torch.zeros(3, 7, dtype=torch.bool)
    chosen[:, 1:6] = True
    batch = Batch(np.arange(3), torch.zeros(3, 7), torch.ones(3, 7, dtype=torch.bool), chosen, chosen)
    found = masks(batch, ["max"], include_padding=False, device=torch.device("cpu"))["real"]
    assert found.span == slice(1, 6)
    masked = pool(values, statistic, Mask(chosen[:, :, None], None))
    assert torch.equal(pool(values, statistic, found), masked)


@pytest.mark.parametrize("place", [(0, 5), (1, 3)])
def test_rows_that_differ_or_leave_gaps_have_no_span(place: tuple[int, int]) -> None:
    chosen = torch.zeros(2, 7, dtype=torch.bool)
    chosen[:, 1:6] = True
    chosen[place if place[0] == 0 else (slice(None), place[1])] = False
    batch = Batch(np.arange(2), torch.zeros(2, 7), torch.ones(2, 7, dtype=torch.bool), chosen, chosen)
    assert masks(batch, ["max"], include_padding=False, device=torch.device("cpu"))["real"].span is None


def test_results_come_in_order_and_only_a_few_are_ahead() -> None:
    started: list[int] = []
    lock = threading.Lock()

    def work(item: int) -> int:
        with lock:
            started.append(item)
        return 2 * item

    with ThreadPoolExecutor(2) as executor:
        for taken, result in enumerate(in_order(executor, work, range(50))):
            assert result == 2 * taken
            with lock:
                assert len(started) <= taken + 1 + AHEAD
    assert sorted(started) == list(range(50))


def test_what_was_let_go_is_written_all_the_same(tmp_path: Path) -> None:
    with new_array(tmp_path / "a.npy", (100, 100), np.float32) as array:
        array[:] = 3
        let_go(array)
        array[5] = 4
    found = np.load(tmp_path / "a.npy")
    assert found[4].tolist() == [3] * 100
    assert found[5].tolist() == [4] * 100
