"""Answer and rival figures: every contrast, concept and method is drawn at its value, in the colour of what it is."""

from pathlib import Path

import numpy as np
import pandas as pd

import reported
from expertneurons import tables
from expertneurons.answer_figures import contrast_panels, draw_answers, held_out_panel
from expertneurons.drawing import CONTEXTUAL, EXPERTS, RANDOM, TEXT, UNTRAINED, Form
from expertneurons.rival_figures import draw_rivals, rival_panels

LABELS = [f"{name}={title}" for name, title in reported.NORMS.items()]


def test_contrasts_stand_at_their_differences_in_the_colour_of_the_other_side() -> None:
    untrained = reported.compared().assign(against="control", contrast="experts - untrained", b="experts.jaccard@0.5")
    rows = pd.concat([reported.compared(), untrained.drop_duplicates(["norm"])])
    figure = contrast_panels(rows, reported.NORMS)
    assert [panel.get_title() for panel in figure.axes] == list(reported.NORMS.values())
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["experts - text", "experts - contextual embedding", "experts - untrained"]
    for panel in figure.axes:
        marks = [line for line in panel.lines if line.get_marker() == "o"]
        assert [float(np.asarray(line.get_xdata())[0]) for line in marks] == [-0.1] * 3
        assert [line.get_color() for line in marks] == [TEXT, CONTEXTUAL, UNTRAINED]


def test_undefined_contrasts_are_left_out() -> None:
    (panel, _) = contrast_panels(reported.compared(difference=np.nan), reported.NORMS).axes
    assert not [line for line in panel.lines if line.get_marker() == "o"]


def test_concepts_are_in_the_order_of_their_held_out_ap_and_warned_ones_stand_out() -> None:
    (panel,) = held_out_panel(reported.audited()).axes
    plain, warned = (np.column_stack(line.get_data()).tolist() for line in panel.lines[:2])
    assert plain == [[0, 0.7], [2, 0.85]]
    assert warned == [[1, 0.8]]
    assert float(np.asarray(panel.lines[2].get_ydata())[0]) == 2 / 7


def test_rivals_have_a_line_per_method_and_the_untrained_experts_their_own() -> None:
    rows = pd.concat([reported.rivalled(), reported.rivalled().assign(model="control", rho=0.0, low=-0.1, high=0.1)])
    scores, aligned, _ = rival_panels(rows, "a-model", reported.NORMS).axes
    marked = [line for line in aligned.lines if line.get_marker() not in ("None", "", "_")]
    lines = {line.get_color(): np.asarray(line.get_ydata()).tolist() for line in marked}
    assert lines[EXPERTS] == [0.4, 0.4]
    assert lines[RANDOM] == [0.05, 0.05]
    assert lines[UNTRAINED] == [0.0, 0.0]
    assert scores.get_title() == "AP on held-out sentences"


def test_both_are_written_in_either_form(tmp_path: Path) -> None:
    written = {"comparisons": reported.compared(), "audit": reported.audited(), "rivals": reported.rivalled()}
    for name, table in written.items():
        tables.write(table, tmp_path / f"{name}.parquet")
    forms: tuple[Form, Form] = ("screen", "print")
    for form in forms:
        draw_answers(
            tmp_path / "comparisons.parquet", tmp_path / "audit.parquet", tmp_path / "out", "a-model", LABELS, form
        )
        draw_rivals([tmp_path / "rivals.parquet"], tmp_path / "out", "a-model", LABELS, form)
    names = {f"{name}.{end}" for name in ("contrasts", "held_out", "rivals") for end in ("svg", "png", "pdf")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
