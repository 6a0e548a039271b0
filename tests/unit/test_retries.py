"""Waiting before a server is asked again: doubled, or as long as it says, within reason."""

import email.utils
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expertneurons import retries
from expertneurons.retries import LONGEST, pause


def test_pauses_double() -> None:
    assert [pause(number) for number in (1, 2, 3)] == [2, 4, 8]


@pytest.mark.parametrize(("told", "seconds"), [("7", 7), ("0", 2), ("1", 2), ("86400", LONGEST), ("9" * 5000, LONGEST)])
def test_seconds_that_a_server_names_are_waited_within_reason(told: str, seconds: float) -> None:
    assert pause(1, told) == seconds


@pytest.mark.parametrize(("ahead", "low", "high"), [(30, 27, 30), (-30, 2, 2), (1e6, LONGEST, LONGEST)])
def test_a_date_that_a_server_names_is_waited_for_within_reason(ahead: float, low: float, high: float) -> None:
    told = email.utils.formatdate(time.time() + ahead, usegmt=True)
    assert low <= pause(1, told) <= high


@given(st.text() | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ [-+]?\w*"))
def test_whatever_a_server_says_is_a_bounded_wait(told: str) -> None:
    assert retries.PAUSE <= pause(1, told) <= LONGEST
