"""Figures: all are drawn, from tables as small as they come, and the same data give the same bytes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expertneurons import figures, tables
from expertneurons.distribution import OBSERVED, PERMUTED
from expertneurons.drawing import Form
from expertneurons.figures import draw_figures

NAMES = ["alignment_by_threshold", "ap_distribution", "expert_counts", "layers", "similarity_matrix"]
THRESHOLDS = [0.3, 0.5]
CONCEPTS = ["ant", "bee", "cat", "oak"]
NORMS = {"simlex": "SimLex & $friends", "wordsim": r"WordSim for $\no$"}


def aligned(model: str) -> pd.DataFrame:
    thresholded = [(name, t) for name in ("experts.jaccard", "random_units.jaccard") for t in THRESHOLDS]
    whole = ["embedding.static.concept", "embedding.layer0.concept", "embedding.layer10.concept", "text.tfidf"]
    rows = [
        {
            "model": model,
            "norm": norm,
            "representation": name,
            "threshold": threshold,
            "rho": 0.3 + 0.01 * place,
            "low": 0.1,
            "high": 0.5,
            "null_low": -0.1,
            "null_high": 0.12,
            "n_pairs": 40,
            "n_concepts": 12,
        }
        for norm in NORMS
        for place, (name, threshold) in enumerate([*thresholded, *((name, np.nan) for name in whole)])
    ]
    return pd.DataFrame(rows)


def counted(model: str) -> pd.DataFrame:
    rows = [
        {"model": model, "concept": c, "threshold": t, "n_experts": n, "n_expected_by_chance": 0.2, "chance": 2 / 7}
        for t in THRESHOLDS
        for n, c in enumerate(CONCEPTS)
    ]
    return pd.DataFrame(rows)


def by_layer() -> pd.DataFrame:
    row = {"n_experts": 3, "n_units": 40, "n_expert_concept_pairs": 5, "n_pairs_expected_by_chance": 0.4} | {
        f"{name}_{norm}": value for norm in NORMS for name, value in (("rho", 0.2), ("low", -0.1), ("high", 0.4))
    }
    places = [(layer, site, t) for layer in (0, 1) for site in ("attn.out", "mlp.up", "all") for t in THRESHOLDS]
    return pd.DataFrame([{"layer": layer, "site": site, "threshold": t, **row} for layer, site, t in places])


def histogram() -> pd.DataFrame:
    rows = [
        {"kind": kind, "n_positives": 6, "layer": 0, "site": "mlp.up", "low": low, "count": count, "sets": sets}
        for kind, sets, bins in ((OBSERVED, 4, {0.2: 70, 0.6: 9, 1.0: 1}), (PERMUTED, 40, {0.2: 780, 0.4: 20}))
        for low, count in bins.items()
    ]
    return pd.DataFrame(rows)


def experts() -> pd.DataFrame:
    rows = [(concept, unit) for concept in range(4) for unit in (0, concept, concept + 1)]
    table = pd.DataFrame(rows, columns=["concept_number", "unit"]).drop_duplicates()
    return table.assign(rank=1, ap=np.float32(0.6))


def draw(folder: Path, form: Form = "screen", **changed: Any) -> Path:
    controls = changed.pop("controls", ["control"])
    concepts = pd.DataFrame({"concept_number": range(4), "concept": CONCEPTS, "domain": ["animal"] * 3 + [""]})
    written = {
        "layers": by_layer(),
        "distribution": histogram(),
        "expert_table": experts(),
        "concept_table": concepts,
        "units": pd.DataFrame({"unit": range(8)}),
        **changed,
    }
    models = ["a-model", *controls]
    for name, table in written.items():
        tables.write(table, folder / f"{name}.parquet")
    for model in models:
        tables.write(aligned(model), folder / f"alignment-{model}.parquet")
        tables.write(counted(model), folder / f"experts-{model}.parquet")
    draw_figures(
        [folder / f"alignment-{model}.parquet" for model in models],
        [folder / f"experts-{model}.parquet" for model in models],
        layers=folder / "layers.parquet",
        distribution=folder / "distribution.parquet",
        expert_table=folder / "expert_table.parquet",
        concept_table=folder / "concept_table.parquet",
        units=folder / "units.parquet",
        folder=folder / "figures",
        threshold=0.5,
        model="a-model",
        controls=controls,
        norm_labels=[f"{name}={title}" for name, title in NORMS.items()],
        form=form,
    )
    return folder / "figures"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("drawn"))


def test_every_figure_is_there_as_svg_and_png_and_nothing_else(drawn: Path) -> None:
    assert sorted(path.name for path in drawn.iterdir()) == [
        f"{name}.{end}" for name in NAMES for end in ("png", "svg")
    ]
    for name in NAMES:
        assert (drawn / f"{name}.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")
        assert (drawn / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_data_give_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    again = draw(tmp_path)
    for path in drawn.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_other_data_give_another_figure(drawn: Path, tmp_path: Path) -> None:
    fewer = draw(tmp_path, expert_table=experts()[::2], controls=[])
    for name in ("similarity_matrix", "expert_counts", "alignment_by_threshold"):
        assert (fewer / f"{name}.svg").read_bytes() != (drawn / f"{name}.svg").read_bytes()


def test_concepts_without_any_expert_at_the_threshold_can_be_drawn(tmp_path: Path) -> None:
    none = draw(tmp_path, expert_table=experts().assign(ap=np.float32(0.4)))
    assert (none / "similarity_matrix.svg").stat().st_size > 1000


def test_layer_without_alignment_can_be_drawn(tmp_path: Path) -> None:
    unknown = by_layer()
    unknown.loc[unknown["layer"] == 1, ["rho_simlex", "low_simlex", "high_simlex"]] = np.nan
    assert (draw(tmp_path, layers=unknown) / "layers.svg").stat().st_size > 1000


def test_alignment_shows_control_chance_and_the_deepest_embedding() -> None:
    figure = figures.alignment_by_threshold(
        pd.concat([aligned("a-model"), aligned("control")]), "a-model", ["control"], NORMS
    )
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert labels == [
        "expert overlap (Jaccard)",
        "same, untrained weights",
        "random units, matched count and layer",
        "contextual embedding, last layer",
        "static token embedding",
        "TF-IDF of the sentences",
        "chance: 95% of node permutations",
    ]
    assert [panel.get_title() for panel in figure.axes] == [f"{t}\n40 pairs, 12 concepts" for t in NORMS.values()]
    deepest = next(line for line in figure.axes[0].lines if line.get_label() == "contextual embedding, last layer")
    assert np.asarray(deepest.get_ydata()).tolist() == pytest.approx([0.36, 0.36])


def test_distribution_is_units_per_concept() -> None:
    figure = figures.ap_distribution(histogram(), counted("a-model"))
    observed, shuffled = (np.asarray(patch.get_data().values) for patch in figure.axes[0].patches[:2])  # type: ignore[attr-defined]
    assert observed.sum() == pytest.approx(80 / 4)
    assert shuffled.sum() == pytest.approx(800 / 40)
    assert observed[-1] == pytest.approx(1 / 4)


def test_similarity_matrix_is_ordered_by_domain_and_hides_the_diagonal() -> None:
    concepts = pd.DataFrame({"concept": ["oak", "cat", "ant"], "domain": ["plant", "animal", "animal"]})
    matrix = np.array([[1.0, 0.1, 0.2], [0.1, 1.0, 0.3], [0.2, 0.3, 1.0]])
    panel = figures.similarity_matrix(matrix, concepts, 0.5).axes[0]
    shown: Any = np.ma.filled(np.ma.asarray(panel.images[0].get_array()), np.nan)
    expected = [[np.nan, 0.3, 0.2], [0.3, np.nan, 0.1], [0.2, 0.1, np.nan]]
    np.testing.assert_allclose(shown, expected)
    assert [label.get_text() for label in panel.get_yticklabels()] == ["animal", "plant"]


def test_bad_table_leaves_no_figure_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        draw(tmp_path, distribution=histogram().drop(columns="low"))
    assert not list((tmp_path / "figures").glob(".*partial"))


def test_intervals_below_the_usual_axis_are_whole() -> None:
    low = pd.concat([aligned("a-model"), aligned("control").assign(low=-0.7), aligned("another").assign(low=-0.9)])
    figure = figures.alignment_by_threshold(low, "a-model", ["control"], NORMS)
    assert figure.axes[0].get_ylim() == (-0.7, 1)
    usual = figures.alignment_by_threshold(low, "a-model", [], NORMS)
    assert usual.axes[0].get_ylim() == (-0.4, 1)


def test_the_legend_of_the_counts_hides_no_curve() -> None:
    figure = figures.expert_counts(counted("a-model"), "a-model", [])
    assert figure.axes[0].get_legend() is None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "trained: median concept",
        "shuffled labels: mean",
    ]
