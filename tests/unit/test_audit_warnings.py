"""Every warning fires at its rule's limit, and only there."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from expertneurons.audit_warnings import NULL, REGISTER, SENSES, WORD, by_chance, warnings_of

GROUPS = {"group_own_1": 0.9, "group_own_2": 0.9, "group_other_1": 0.8, "group_other_2": 0.8}
GOOD: dict[str, float] = {
    "held_out_ap": 0.7,
    "held_out_auroc": 0.8,
    "held_out_auroc_low": 0.7,
    "held_out_auroc_high": 0.9,
    **GROUPS,
}
UNIT: dict[str, float] = {
    "ap": 0.9,
    "peak_share": 0.95,
    "ap_without": 0.4,
    "auroc_without": 0.6,
    "auroc_without_low": 0.55,
}


def kinds(
    best: dict[str, Any] | None = None,
    units: list[dict[str, Any]] | None = None,
    registers: dict[str, float] | None = None,
    found: float = 0.001,
) -> list[str]:
    told = pd.DataFrame([UNIT, UNIT] if units is None else units)
    listed = {"fact": 0.8, "story": 0.7} if registers is None else registers
    table = pd.DataFrame({"register": list(listed), "ap": list(listed.values())})
    found_warnings = warnings_of({**GOOD, **(best or {})}, told, table, 0.9, found, 0.5)
    assert all(own.text.endswith((".", "?")) and own.label for own in found_warnings)
    return [own.kind for own in found_warnings]


def test_nothing_to_warn_of() -> None:
    assert kinds() == []


@pytest.mark.parametrize(
    ("found", "low", "warned"), [(0.05, 0.51, 0), (0.051, 0.51, 1), (0.01, 0.5, 1), (0.01, np.nan, 1)]
)
def test_no_better_than_chance(found: float, low: float, warned: int) -> None:
    assert kinds({"held_out_auroc_low": low}, found=found) == [NULL] * warned


@pytest.mark.parametrize(
    ("fact", "story", "warned"),
    [(0.8, 0.49, 1), (0.49, 0.8, 1), (0.8, 0.5, 0), (0.6, 0.45, 0), (0.49, 0.2, 0), (0.69, 0.49, 0)],
)
def test_one_register_only(fact: float, story: float, warned: int) -> None:
    gap = abs(fact - story)
    assert kinds(registers={"fact": fact, "story": story}) == [REGISTER] * (warned if gap >= 0.2 else 0)


def test_one_register_is_no_comparison() -> None:
    assert kinds(registers={"fact": 0.1}) == []


@pytest.mark.parametrize(
    ("own", "other", "warned"),
    [((0.5, 0.6), (0.49, 0.3), 1), ((0.5, 0.6), (0.5, 0.3), 0), ((0.49, 0.6), (0.3, 0.3), 0)],
)
def test_senses_mixed(own: tuple[float, float], other: tuple[float, float], warned: int) -> None:
    best = {"group_own_1": own[0], "group_own_2": own[1], "group_other_1": other[0], "group_other_2": other[1]}
    assert kinds(best) == [SENSES] * warned


def test_sentences_without_groups_have_no_senses() -> None:
    assert kinds(dict.fromkeys(GROUPS, np.nan)) == []


@pytest.mark.parametrize(
    ("change", "warned"),
    [
        ({"auroc_without_low": 0.5}, 1),
        ({"auroc_without_low": 0.51}, 0),
        ({"auroc_without_low": 0.4, "peak_share": 0.89}, 0),
        ({"auroc_without_low": np.nan, "auroc_without": np.nan, "peak_share": np.nan}, 0),
    ],
)
def test_the_word_alone(change: dict[str, float], warned: int) -> None:
    assert kinds(units=[{**UNIT, **change}, UNIT]) == [WORD] * warned
    assert kinds(units=[{**UNIT, **change}, UNIT, UNIT]) == []


def test_units_by_chance_are_bounded_and_never_zero() -> None:
    rows = pd.DataFrame(
        {
            "kind": ["permuted", "permuted", "observed", "permuted"],
            "n_positives": [8, 8, 8, 9],
            "low": [0.4, 0.6, 0.6, 0.9],
            "count": [100, 3, 50, 7],
            "sets": [19, 19, 5, 19],
        }
    )
    assert by_chance(rows, 0.6004, 8) == pytest.approx((3 + 1) / 20)
    assert by_chance(rows, 0.601, 8) == pytest.approx(1 / 20)
    assert by_chance(rows, 0.4, 8) == pytest.approx(104 / 20)
