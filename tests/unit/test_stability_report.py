"""What the report says of stability: every number in a sentence is that of its row."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from expertneurons import stability_names as names
from expertneurons.stability_figures import control_panels, model_panels, size_panels, specification_curve
from expertneurons.stability_report import (
    choice_statements,
    control_statements,
    model_statements,
    rival_statements,
    size_statements,
    source_statements,
)

NORMS = {"n": "Norm"}


def ends(rho: float) -> dict[str, Any]:
    return {"norm": "n", "rho": rho, "low": rho - 0.1, "high": rho + 0.1, "n_pairs": 40}


def choice(rho: float, **other: Any) -> dict[str, Any]:
    usual = {"model": "m", "responses": "max", "precision": "float32", "sentences": "labelled", "sites": names.ALL}
    return {**usual, "score": names.AP, "limit": 0.5, **ends(rho), **other}


@pytest.fixture
def choices() -> pd.DataFrame:
    rows = [choice(0.4), choice(0.2, responses="min"), choice(0.05, sites=names.ATTENTION), choice(np.nan, limit=0.9)]
    rows += [choice(0.7, responses="masked"), choice(0.01, model="u"), choice(-0.02, sentences="shuffled")]
    rows.append(choice(0.6, score=names.COUNT_MATCHED))
    return pd.DataFrame(rows)


def test_range_of_choices_leaves_controls_out(choices: pd.DataFrame) -> None:
    own, untrained, best = choice_statements(choices, "m", "n", "Norm")
    assert "3 choices: rho 0.05 to 0.40, median 0.20" in own
    assert "above zero in 2; 1 more leave too few experts" in own
    assert "1 choices with untrained weights: rho 0.01 to 0.01" in untrained
    assert "max 0.40 [0.30, 0.50] at 0.5; min 0.20" in best
    assert "masked" not in best


def test_controls_are_named_with_their_share() -> None:
    rows = [{"control": names.OWN, "share": 1.0, **ends(0.5)}, {"control": names.TFIDF, "share": 0.6, **ends(0.3)}]
    rows.append({"control": names.PARTNER, "share": np.nan, **ends(np.nan)})
    (told,) = control_statements(pd.DataFrame(rows), NORMS)
    assert "experts 0.50 [0.40, 0.60]" in told
    assert f"{names.TFIDF}: 0.30 [0.20, 0.40], 60%" in told
    assert f"{names.PARTNER}: not defined" in told


def sizes() -> pd.DataFrame:
    rows = []
    for rule, last in ((names.AP, 3), (names.REFERENCE, 90), (names.AUROC, 80), (names.TOP, 100)):
        for negatives, count in ((50, 100), (400, last)):
            where = {"rule": rule, "positives": 12, "negatives": negatives, "n_experts": count}
            overlap = {"jaccard": 0.5, "jaccard_low": 0.4, "jaccard_high": 0.6, "chance": 12 / (12 + negatives)}
            rows.append({**where, **overlap, **ends(0.4)})
    return pd.DataFrame(rows)


def test_sizes_say_which_counts_move_with_the_share_of_positives() -> None:
    raw, reference, _, _, last = size_statements(sizes(), 0.5)
    assert "12 positives, 50 to 400 negatives: 100 to 3 experts, Jaccard 0.50 to 0.50" in raw
    assert "100 to 90 experts" in reference
    assert "0.029 to 0.194" in last


def test_sources_give_ap_where_found_and_elsewhere() -> None:
    row = {"a": "fact", "b": "story", "norm": "n", "ap_found": 0.81, "jaccard_chance": 0.01, "rho_between": 0.66}
    for name, value in (("ap_held_out", 0.62), ("jaccard", 0.33)):
        row |= {name: value, f"{name}_low": value - 0.1, f"{name}_high": value + 0.1}
    for side, rho in (("_a", 0.5), ("_b", 0.4)):
        row |= {f"rho{side}": rho, f"low{side}": rho - 0.1, f"high{side}": rho + 0.1}
    (told,) = source_statements(pd.DataFrame([row]), NORMS, 0.5)
    for part in ("found on fact: AP 0.81 there, 0.62 [0.52, 0.72] on story", "0.33 [0.23, 0.43]", "correlate 0.66"):
        assert part in told
    assert "Norm 0.50 [0.40, 0.60] and 0.40 [0.30, 0.50]" in told


def models() -> pd.DataFrame:
    whole = {"a": "x", "b": "y", "layer_a": -1, "layer_b": -1, "corrected": 0.9, "reliability_a": 0.8}
    rows: list[dict[str, Any]] = [{**whole, "reliability_b": 0.7, **ends(0.6)}]
    rows += [
        {"a": "x", "b": "y", "layer_a": i, "layer_b": j, **ends(0.1 * i + 0.2 * j)} for i in (0, 1) for j in (0, 1)
    ]
    return pd.DataFrame(rows)


def test_models_agree_raw_and_corrected() -> None:
    (told,) = model_statements(models())
    assert "x and y: 0.60 [0.50, 0.70], 0.90 corrected" in told
    assert "layers 1 and 1 agree most (0.30)" in told


def test_rivals_stand_side_by_side_at_equal_numbers() -> None:
    rows = [
        {"method": "experts", "k": 4, "ap": 0.9, **ends(0.2)},
        {"method": "probes", "k": 4, "ap": 0.95, **ends(0.1)},
    ]
    rows.append({"method": "random", "k": 4, "ap": np.nan, **ends(0.0)})
    held_out, aligned = rival_statements(pd.DataFrame(rows), NORMS)
    assert held_out == "Held-out AP with 4 units a concept: units of a sparse probe 0.950, experts 0.900."
    assert "experts 0.20 [0.10, 0.30]; units of a sparse probe 0.10 [0.00, 0.20]; random units 0.00" in aligned


def test_curve_shows_every_choice_and_marks_the_study(choices: pd.DataFrame) -> None:
    figure: Figure = specification_curve(choices, "m", 0.5, NORMS)
    top = figure.axes[0]
    own = next(line for line in top.lines if line.get_label() == "as the study does")
    heights = np.asarray(own.get_ydata(), np.float64)
    assert heights.tolist() == [0.4]
    labels = top.get_legend_handles_labels()[1]
    assert {"3 choices", "3 controls"} <= set(labels)


def test_figures_hold_every_rule_control_and_pair() -> None:
    panels = size_panels(sizes(), NORMS).axes
    assert [len(panel.lines) for panel in panels] == [4, 4, 4]
    controls = {names.OWN: 0.5, names.TFIDF: 0.3, names.PARTNER: np.nan}
    (panel,) = control_panels(
        pd.DataFrame([{"control": name, **ends(rho)} for name, rho in controls.items()]), NORMS
    ).axes
    assert [label.get_text() for label in panel.get_yticklabels()] == list(controls)
    assert [(text.get_text(), text.get_position()) for text in panel.texts] == [(" not defined", (0, -2))]
    left, right = model_panels(models()).axes[:2]
    assert [label.get_text() for label in left.get_yticklabels()] == ["x / y"]
    assert right.images[0].get_array() is not None
