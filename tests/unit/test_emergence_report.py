"""The emergence report: every sentence says what the tables say, worked out by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from expertneurons import accounts, control_alerts
from expertneurons import emergence_report as told
from expertneurons.dose_names import DIFFERENCE, HALF, MEAN
from expertneurons.emergence_figures import EXPERTS
from expertneurons.organisation_names import COVERAGE, LABELS, RATED_TRIPLETS, TRIPLETS
from expertneurons.studied import Studied

NORMS = {"simlex": "SimLex & co", "lexicon": "features"}
SIZES = {"small": 1000, "big": 4000}
Curve = dict[tuple[str, int, int], tuple[float, float, float]]
# (size, seed, step): rho, low, high
RISING: Curve = {
    ("big", 1, 0): (0.01, -0.2, 0.22),
    ("big", 1, 8): (0.612, 0.5, 0.7),
    ("small", 1, 0): (-0.004, -0.21, 0.2),
    ("small", 1, 8): (0.3, 0.1, 0.5),
    ("small", 2, 0): (0.03, -0.1, 0.3),
    ("small", 2, 8): (0.2, -0.01, 0.4),
}


def grown(curve: Curve = RISING, norm: str = "simlex", **more: Any) -> pd.DataFrame:
    rows = [
        {"size": size, "parameters": SIZES[size], "seed": seed, "step": step, "run": f"{size}-{seed}", "norm": norm}
        | {"rho": rho, "low": low, "high": high, "n_pairs": 66}
        for (size, seed, step), (rho, low, high) in curve.items()
    ]
    told_of: dict[str, Any] = {"representation": EXPERTS, "threshold": 0.5, "note": "", **more}
    return pd.DataFrame(rows).assign(**told_of)


def halves(emerged: dict[str, bool], norm: str = "simlex") -> pd.DataFrame:
    rows = [{"run": run, "seed": int(run[-1]), "norm": norm, "emerged": there} for run, there in emerged.items()]
    ends: dict[str, Any] = {"representation": EXPERTS, "threshold": 0.5}
    ends |= {"half_monotone": 3.26, "half_monotone_low": 0.04, "half_monotone_high": 12.7, "half_logistic": 10.4}
    return pd.DataFrame(rows).assign(**ends)


def test_control_tells_chance_and_recovery_of_every_size_the_smallest_first() -> None:
    small, big = told.control(grown(), "features")
    assert small == (
        "small: untrained models are at chance on the features (seed 1: rho = 0.00 [-0.21, 0.20], "
        "seed 2: rho = 0.03 [-0.10, 0.30]); the last checkpoint does NOT recover it (seed 1: rho = 0.30 [0.10, 0.50], "
        "seed 2: rho = 0.20 [-0.01, 0.40]); 66 pairs."
    )
    assert big.startswith("big: untrained models are at chance")
    assert "the last checkpoint recovers it (seed 1: rho = 0.61 [0.50, 0.70])" in big


@pytest.mark.parametrize("ends", [(0.1, 0.3), (-0.3, -0.1)])
def test_untrained_model_away_from_chance_on_either_side_fails_the_control(ends: tuple[float, float]) -> None:
    off = {**RISING, ("big", 1, 0): (sum(ends) / 2, *ends)}
    small, big = told.control(grown(off), "features")
    assert "NOT at chance" not in small
    assert "big: untrained models are NOT at chance on the features" in big


def test_undefined_alignment_is_not_written_as_a_number() -> None:
    nothing = {**RISING, ("big", 1, 0): (np.nan, np.nan, np.nan)}
    assert "(seed 1: not defined)" in told.control(grown(nothing), "features")[1]


def test_curves_tell_start_end_and_half_step_of_the_norm_and_size() -> None:
    rows = pd.concat([grown(), grown({("big", 1, 0): (0, 0, 0), ("big", 1, 8): (0.9, 0.8, 1.0)}, "lexicon")])
    rises = halves({"big-1": True, "small-1": False, "small-2": False})
    small, big, other = told.curves(rows, rises, NORMS)
    assert small == (
        "SimLex & co, small: at the last step seed 1: rho = 0.30 [0.10, 0.50], seed 2: rho = 0.20 [-0.01, 0.40], "
        "66 pairs; untrained 0.01; no emergence detected."
    )
    assert big == (
        "SimLex & co, big: at the last step seed 1: rho = 0.61 [0.50, 0.70], 66 pairs; untrained 0.01; "
        "half of it at step 3.3 [0.0, 13] (logistic 10)."
    )
    assert other.startswith("features, big: at the last step seed 1: rho = 0.90 [0.80, 1.00]")
    assert other.endswith("no emergence detected.")


def test_experts_tell_the_first_and_the_last_step_of_one_norm() -> None:
    told_of: dict[str, Any] = {
        "n_experts": [2.0, 40.0],
        "n_expected_by_chance": [1.0, 3.14],
        "domain_auc": [0.5, 0.875],
    }
    two = {key: own for key, own in RISING.items() if key[0] == "big"}
    rows = grown(two).assign(**told_of)
    # What concepts say stands once per norm; another norm's rows change nothing.
    both = pd.concat([rows, rows.assign(norm="lexicon", n_experts=0.0)])
    assert told.experts(both, 0.5) == [
        "big: the median concept has 2 experts at AP >= 0.5 at step 0 and 40 at step 8 (shuffled labels: 3.1); their "
        "overlap tells same-domain pairs with AUC 0.50 and 0.88 (chance 0.50)."
    ]


def organised() -> pd.DataFrame:
    rows = [
        (TRIPLETS, "", "", LABELS, 1, 0, 0.334, 0.333, 0.4),
        (TRIPLETS, "", "", LABELS, 1, 8, 0.71234, 0.333, 0.0001),
        (TRIPLETS, "", "", LABELS, 2, 8, 0.6, 0.333, 0.02),
        (TRIPLETS, "", "animal", LABELS, 1, 8, 0.99, 0.3, 0.01),
        (RATED_TRIPLETS, "simlex", "", LABELS, 1, 8, 0.55, 0.5, 0.03),
        (COVERAGE, "", "", "random sets", 1, 8, 0.9, 0.1, 0.001),
    ]
    columns = ["measure", "norm", "domain", "null", "seed", "step", "value", "null_mean", "p"]
    return pd.DataFrame(rows, columns=columns).assign(size="big", parameters=4000)


def test_organisation_tells_values_against_their_null_at_both_ends() -> None:
    assert told.organisation(organised(), NORMS) == [
        "big, two of a domain overlap most among three: step 0 0.334 against 0.333, p = 0.400; "
        "step 8 0.712 against 0.333, p < 0.001 and 0.6 against 0.333, p = 0.020.",
        "big, the most alike of three (SimLex & co): step 8 0.55 against 0.5, p = 0.030.",
    ]


def sizes(**changes: Any) -> pd.DataFrame:
    row: dict[str, Any] = {
        "norm": "simlex",
        "smaller": "small",
        "larger": "big",
        "representation": EXPERTS,
        "threshold": 0.5,
    }
    row |= {"difference": 0.204, "low": 0.1, "high": 0.3, "p": 0.01, "p_equivalence": 0.7, "equivalent": False}
    row |= {"bound": 0.1, "bayes_factor_01": 0.256, "seeds": 2, "note": ""}
    return pd.DataFrame([{**row, **changes}])


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "higher"),
        ({"difference": -0.2}, "lower"),
        ({"p": 0.2}, "undecided"),
        ({"p": 0.2, "equivalent": True}, "equivalent"),
        ({"equivalent": True}, "higher but within 0.1"),
    ],
)
def test_verdict_on_two_sizes(changes: dict[str, Any], verdict: str) -> None:
    (sentence,) = told.compared(sizes(**changes), 0.5, NORMS)
    assert sentence.startswith(f"SimLex & co, big - small, AP threshold: {verdict}; difference ")


def test_difference_of_sizes_in_full_and_where_there_is_none() -> None:
    assert told.compared(sizes(), 0.5, NORMS) == [
        "SimLex & co, big - small, AP threshold: higher; difference 0.20 [0.10, 0.30], equivalence within 0.1 "
        "p = 0.700, BF01 = 0.26, 2 seeds."
    ]
    (one,) = told.compared(sizes(seeds=1), 0.5, NORMS)
    assert one.endswith("1 seed.")
    (none,) = told.compared(sizes(difference=np.nan, note="not defined at the last step"), 0.5, NORMS)
    assert none == "SimLex & co, big - small, AP threshold: not defined at the last step."
    assert told.compared(sizes(), 0.3, NORMS) == []
    assert told.compared(sizes(representation="embedding.last.concept", threshold=np.nan), 0.5, NORMS) == []


def effects() -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for measure, high, low in (("best_ap", 0.9, 0.4), ("n_experts", 120.4, 3.6), ("rho", 0.5, -0.001)):
        rows += [
            (8, measure, MEAN, 1.0, high, high - 0.1, high + 0.1),
            (8, measure, MEAN, 0.0, low, low - 0.1, low + 0.1),
        ]
        rows += [(8, measure, DIFFERENCE, 0.0, low - high, low - high - 0.1, low - high + 0.1)]
        rows += [(0, measure, MEAN, 0.0, 77.0, 77.0, 77.0)]
    rows += [(np.nan, "rho", HALF, 0.0, np.nan, np.nan, np.inf), (np.nan, "rho", HALF, 1.0, 2.34, 0.5, np.inf)]
    columns = ["step", "measure", "kind", "dose", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).assign(threshold=0.5, n_concepts=12)


def test_doses_tell_means_differences_and_half_steps() -> None:
    assert told.doses(effects(), 0.5) == [
        "Mean best AP at step 8 by dose 0: 0.40 [0.30, 0.50]; 1: 0.90 [0.80, 1.00]; dose 0 against the highest: "
        "-0.50 [-0.60, -0.40], 12 concepts.",
        "Mean experts at step 8 by dose 0: 4 [4, 4]; 1: 120 [120, 120]; dose 0 against the highest: "
        "-117 [-117, -117], 12 concepts.",
        "Mean alignment of a concept with its features at step 8 by dose 0: 0.00 [-0.10, 0.10]; 1: 0.50 [0.40, 0.60]; "
        "dose 0 against the highest: -0.50 [-0.60, -0.40], 12 concepts.",
        "Half of the highest dose's last alignment is reached at dose 0: never; dose 1: step 2.3 [0.5, never].",
    ]


def study(norms: dict[str, str] = NORMS) -> Studied:
    """A family's tables, with rows of another norm, threshold and representation that must not be told."""
    rows = grown(n_experts=3.0, n_expected_by_chance=1.0, domain_auc=0.6, note="shapes <differ>")
    other = rows.assign(threshold=0.7, rho=0.99)
    found = {
        "emergence": pd.concat([rows, other, rows.assign(representation="experts.top10", rho=0.98)]),
        "half_rise": halves({"big-1": True}),
        "sizes": sizes(),
        "organisation_by_step": organised(),
        "dose_effects": effects(),
    }
    named = {name: table.assign(family="suite", stimuli="simlex") for name, table in found.items()}
    return Studied(named, 0.5, [], [], norms, {}, {})


def test_accounts_have_their_headings_and_leave_other_rows_out() -> None:
    found = accounts.growth(study(), "suite", "simlex")
    assert list(found) == ["Positive control", "Alignment", "Experts", "Organisation", "Notes"]
    assert found["Notes"] == ["shapes <differ>"]
    texts = [text for own in found.values() for text in own] + accounts.sizes(study(), "suite", "simlex")["Sizes"]
    assert any(text.startswith("SimLex & co, big: at the last step seed 1: rho = 0.61 [0.50, 0.70]") for text in texts)
    assert not any("0.99" in text or "0.98" in text for text in texts)
    assert any("the last checkpoint does NOT recover it" in text for text in found["Positive control"])
    assert "dose 1: step 2.3 [0.5, never]" in accounts.doses(study(), "suite", "simlex")["Rare concepts"][-1]


def test_norm_of_other_stimuli_is_no_positive_control() -> None:
    elsewhere = study()
    named = {name: table.assign(stimuli="everyday") for name, table in elsewhere.tables.items()}
    assert accounts.growth(elsewhere._replace(tables=named), "suite", "everyday")["Positive control"] == []


def test_known_truth_that_is_missed_or_there_from_the_start_is_a_failure() -> None:
    (missed,) = told.failures(grown(), "features")
    assert missed.startswith("Control failed: models of size small do not recover the features")
    early = {**RISING, ("small", 2, 8): (0.2, 0.1, 0.4), ("big", 1, 0): (0.3, 0.1, 0.5)}
    (known,) = told.failures(grown(early), "features")
    assert known.startswith("Control failed: untrained models of size big align with the features")
    assert control_alerts.failed(study()) == [missed.replace("the features", "the SimLex & co")]
