"""Figures of training: their panels, the values that their lines stand on, and what they leave out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from expertneurons import emergence_figures as drawn
from expertneurons import nursery_figures, tables
from expertneurons.dose_names import DIFFERENCE, HALF, MEAN
from expertneurons.organisation_names import COVERAGE, LABELS, LIFT, RATED_TRIPLETS, TRIPLETS

TITLES = {"simlex": "SimLex", "lexicon": "features"}
STEPS = [0, 1, 8]
RUNS = {"small-1": ("small", 1000, 1), "small-2": ("small", 1000, 2), "big-1": ("big", 2_000_000, 1)}


def rho(run: str, place: int) -> float:
    """Alignment by run and step: 0, 0.2 and 0.4, more for the second seed, half as much again for the larger size."""
    return 0.2 * place * (1.5 if run == "big-1" else 1) + (0.1 if run == "small-2" else 0)


def grown() -> pd.DataFrame:
    rows = [
        {"run": run, "size": size, "parameters": parameters, "seed": seed, "step": step, "norm": norm}
        | {"representation": name, "threshold": limit, "rho": rho(run, place) - (limit == 0.3), "se": 0.05}
        | {"n_pairs": 66 if norm == "simlex" else 28, "n_experts": 10.0 * place, "n_expected_by_chance": 1.5}
        | {"best_ap": 0.5 + 0.1 * place, "identity": 0.3 if step < 8 else np.nan, "domain_auc": 0.5 + 0.2 * place}
        for norm in TITLES
        for name, limit in ((drawn.EXPERTS, 0.3), (drawn.EXPERTS, 0.5), (drawn.LAST, np.nan))
        for run, (size, parameters, seed) in RUNS.items()
        for place, step in enumerate(STEPS)
    ]
    return pd.DataFrame(rows)


def halves() -> pd.DataFrame:
    told: dict[str, Any] = {"norm": "simlex", "representation": drawn.EXPERTS, "threshold": 0.5}
    rows = [("small-1", True, 3.0), ("small-2", False, 5.0), ("big-1", True, 2.0)]
    found = pd.DataFrame(rows, columns=["run", "emerged", "half_monotone"]).assign(**told)
    return pd.concat([found, found.assign(threshold=0.3, half_monotone=7.0)])


def lines(panel: Axes) -> dict[str, list[float]]:
    """Heights of the lines that the legend names."""
    shown = {str(line.get_label()): np.asarray(line.get_ydata(), np.float64).tolist() for line in panel.lines}
    return {label: heights for label, heights in shown.items() if not label.startswith("_")}


def titles(figure: Figure) -> list[str]:
    return [panel.get_title() for panel in figure.axes]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def half_marks(panel: Axes) -> list[float]:
    """Where the short lines on the step axis stand."""
    return [
        float(np.asarray(line.get_xdata())[0])
        for line in panel.lines
        if np.asarray(line.get_ydata()).tolist() == [0, 0.05]
    ]


def test_alignment_has_a_panel_per_norm_with_means_over_seeds_and_its_own_half_steps() -> None:
    figure = drawn.alignment_by_step(grown(), halves(), 0.5, TITLES)
    assert titles(figure) == ["SimLex\n66 pairs", "features\n28 pairs"]
    shown = lines(figure.axes[0])
    small, big = "experts, small (0.001 million parameters)", "experts, big (2 million parameters)"
    assert shown[small] == pytest.approx([0.05, 0.25, 0.45])
    assert shown[big] == pytest.approx([0, 0.3, 0.6])
    assert shown["last hidden state, big (2 million parameters)"] == pytest.approx([0, 0.3, 0.6])
    assert shown["untrained (step 0), mean"] == pytest.approx([0.1 / 3] * 2)
    assert half_marks(figure.axes[0]) == [3.0, 2.0]
    assert half_marks(figure.axes[1]) == []
    assert set(legend(figure)) == {*shown, "chance (1.96 SE)"}


def test_ranges_between_seeds_and_chance_are_shaded() -> None:
    figure = drawn.alignment_by_step(grown(), halves(), 0.5, {"simlex": "SimLex"})
    small, *_, chance = (np.asarray(own.get_paths()[0].vertices) for own in figure.axes[0].collections)
    assert (small[:, 1].min(), small[:, 1].max()) == pytest.approx((0, 0.5))
    assert (chance[:, 1].min(), chance[:, 1].max()) == pytest.approx((-1.96 * 0.05, 1.96 * 0.05))


def test_thresholds_are_those_of_the_largest_size() -> None:
    figure = drawn.thresholds_by_step(grown(), TITLES)
    assert titles(figure) == [f"{title}\nbig (2 million parameters)" for title in TITLES.values()]
    shown = lines(figure.axes[1])
    assert shown["AP >= 0.3"] == pytest.approx([-1, -0.7, -0.4])
    assert shown["AP >= 0.5"] == pytest.approx([0, 0.3, 0.6])


def test_experts_have_four_panels_each_with_its_chance() -> None:
    figure = drawn.experts_by_step(grown(), 0.5, 0.25)
    expected: dict[str, tuple[list[float], float]] = {
        "experts of the median concept, AP >= 0.5": ([0, 10, 20], 1.5),
        "best AP of the median concept": ([0.5, 0.6, 0.7], 0.25),
        "same experts at the next checkpoint\n(Jaccard beyond chance)": ([0.3, 0.3, np.nan], 0.0),
        "overlap tells same domain (AUC)": ([0.5, 0.7, 0.9], 0.5),
    }
    assert titles(figure) == list(expected)
    for panel, (values, chance) in zip(figure.axes, expected.values(), strict=True):
        shown = lines(panel)
        np.testing.assert_allclose(shown["big (2 million parameters)"], values)
        assert shown["chance"] == [chance] * 2


def organised(rated: tuple[str, ...] = ("simlex",)) -> pd.DataFrame:
    measures = [(TRIPLETS, ""), (COVERAGE, ""), (LIFT, ""), *((RATED_TRIPLETS, norm) for norm in rated)]
    rows = [
        {"size": "big", "parameters": 2_000_000, "seed": 1, "step": step, "measure": measure, "norm": norm}
        | {"domain": domain, "null": null, "value": 0.1 * number + 0.2 * place + (null != LABELS), "null_mean": 0.33}
        for number, (measure, norm) in enumerate(measures)
        for domain, null in (("", LABELS), ("", "other null"), ("animal", LABELS))
        for place, step in enumerate(STEPS)
    ]
    return pd.DataFrame(rows)


def test_organisation_has_a_panel_per_measure_and_rated_norm() -> None:
    figure = drawn.organisation_by_step(organised(), TITLES)
    assert titles(figure) == [
        "two of a domain against one\n(accuracy)",
        "the most alike of three\n(SimLex)",
        "members cover the category\nword's experts",
        "lift of member and\ncategory word",
    ]
    starts = (0.0, 0.3, 0.1, 0.2)
    for panel, start in zip(figure.axes, starts, strict=True):
        values = lines(panel)["big (2 million parameters)"]
        assert values == pytest.approx([start, start + 0.2, start + 0.4])
        null = [line for line in panel.lines if line.get_linestyle() == ":" and len(np.asarray(line.get_xdata()))]
        assert [np.asarray(line.get_ydata()).tolist() for line in null] == [[0.33] * 3]
    assert len(drawn.organisation_by_step(organised(()), TITLES).axes) == 3
    assert len(drawn.organisation_by_step(organised(("simlex", "lexicon")), TITLES).axes) == 5


def compared() -> pd.DataFrame:
    row = {"smaller": "small", "larger": "big", "difference": 0.2, "low": 0.05, "high": 0.4, "bound": 0.1}
    kinds = [(drawn.EXPERTS, 0.5), (drawn.EXPERTS, 0.3), ("experts.top10", np.nan), (drawn.LAST, np.nan)]
    rows = [
        {**row, "norm": norm, "representation": name, "threshold": limit} for norm in TITLES for name, limit in kinds
    ]
    return pd.DataFrame(rows)


def test_differences_between_sizes_with_their_intervals_and_the_bound() -> None:
    figure = drawn.size_differences(compared(), 0.5, TITLES)
    assert titles(figure) == list(TITLES.values())
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["big - small"]
    assert legend(figure) == ["smaller than 0.1", "AP threshold", "top 10 units each"]
    for panel in figure.axes:
        assert len(panel.containers) == 2
        points: Any = panel.containers[0]
        (reach,) = points.lines[2]
        assert reach.get_segments()[0][:, 0].tolist() == pytest.approx([0.05, 0.4])


def test_sizes_that_cannot_be_compared_leave_empty_panels() -> None:
    figure = drawn.size_differences(compared().assign(difference=np.nan), 0.5, TITLES)
    assert titles(figure) == list(TITLES.values())
    assert all(not panel.containers for panel in figure.axes)


def test_step_axis_has_room_for_step_zero_and_short_labels() -> None:
    panel = Figure().subplots()
    drawn.step_axis(panel, [143000, 0, 512, 512, 1000])
    assert panel.get_xticks().tolist() == [0, 512, 1000, 143000]
    assert [text.get_text() for text in panel.get_xticklabels()] == ["0", "512", "1k", "143k"]
    assert panel.get_xlim()[0] < 0 < 143000 < panel.get_xlim()[1]


def draw(folder: Path, out: Path) -> None:
    written = {"emergence": grown(), "half_rises": halves(), "sizes": compared(), "organised": organised()}
    for name, table in written.items():
        tables.write(table, folder / f"{name}.parquet")
    paths: dict[str, Any] = {name: folder / f"{name}.parquet" for name in written}
    labels = ["simlex=SimLex", "unused=a norm without rows"]
    drawn.draw_emergence(**paths, folder=out, threshold=0.5, prevalence=0.25, norm_labels=labels)


def test_every_figure_is_there_as_svg_and_png_with_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        draw(tmp_path, tmp_path / name)
    names = ("alignment_by_step", "thresholds_by_step", "experts_by_step", "organisation_by_step", "sizes")
    first = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert set(first) == {f"{name}.{ending}" for name in names for ending in ("svg", "png")}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert b"a norm without rows" not in first["alignment_by_step.svg"]


def effects() -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = [
        (measure, dose, step, kind, scale * (dose + place), scale * (dose + place) - 1, scale * (dose + place) + 1)
        for measure, scale in (("best_ap", 0.1), ("n_experts", 10.0), ("rho", 0.2), ("best_auroc", 9.0))
        for kind in (MEAN, DIFFERENCE)
        for dose in (0.0, 0.1, 1.0)
        for place, step in enumerate(STEPS)
    ]
    rows += [("rho", 1.0, np.nan, HALF, 2.5, 1.0, 4.0), ("rho", 0.0, np.nan, HALF, np.nan, np.nan, np.inf)]
    columns = ["measure", "dose", "step", "kind", "value", "low", "high"]
    found = pd.DataFrame(rows, columns=columns).assign(threshold=0.5, n_concepts=12)
    return pd.concat([found, found.assign(threshold=0.3, value=99.0)])


def test_doses_have_a_panel_per_measure_and_a_line_per_dose() -> None:
    figure = nursery_figures.dose_response(effects(), 0.5, 0.25)
    assert titles(figure) == [
        "best AP of a concept\nmean of 12 concepts",
        "experts of a concept, AP >= 0.5\nmean of 12 concepts",
        "alignment of a concept with its features\nmean of 12 concepts",
    ]
    for panel, scale, chance in zip(figure.axes, (0.1, 10.0, 0.2), (0.25, None, 0.0), strict=True):
        shown = lines(panel)
        for dose in (0.0, 0.1, 1.0):
            assert shown[f"dose {dose:g}"] == pytest.approx([scale * (dose + place) for place in range(3)])
        assert shown.get("chance") == (None if chance is None else [chance] * 2)
    assert [half_marks(panel) for panel in figure.axes] == [[], [], [2.5]]
    assert legend(figure) == ["dose 0", "dose 0.1", "dose 1", "chance"]


def losses() -> pd.DataFrame:
    runs = {"a-1": 8.0, "a-2": 7.0, "b-1": 6.0}
    return pd.concat(
        [pd.DataFrame({"run": run, "step": range(16), "loss": top - np.arange(16)}) for run, top in runs.items()]
    )


def test_losses_are_smoothed_over_eight_steps_each_size_in_its_colour() -> None:
    (panel,) = nursery_figures.loss_curves(losses()).axes
    shown = lines(panel)
    assert list(shown) == ["a-1", "a-2", "b-1"]
    assert shown["a-1"][:3] == [8, 7.5, 7]
    assert shown["a-1"][15] == 8 - np.arange(8, 16).mean()
    first, second, other = panel.lines[:3]
    assert first.get_color() == second.get_color() != other.get_color()
    assert first.get_linestyle() == other.get_linestyle() != second.get_linestyle()


def test_nursery_figures_are_written(tmp_path: Path) -> None:
    tables.write(effects(), tmp_path / "effects.parquet")
    paths = [tmp_path / f"losses-{run}.parquet" for run in ("a-1", "a-2", "b-1")]
    for path, (_, own) in zip(paths, losses().groupby("run"), strict=True):
        tables.write(own, path)
    nursery_figures.draw_nursery(tmp_path / "effects.parquet", paths, tmp_path / "figures", 0.5, 0.25)
    found = {path.name for path in (tmp_path / "figures").iterdir()}
    assert found == {f"{name}.{ending}" for name in ("dose_response", "losses") for ending in ("svg", "png")}
    picture = (tmp_path / "figures/losses.svg").read_text(encoding="utf-8")
    assert all(run in picture for run in ("a-1", "a-2", "b-1"))
