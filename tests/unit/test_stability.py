"""Stability on planted responses: what must be found, what must be lost, and what only moves with the prevalence."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import planted
from expertneurons import stability_names as names
from expertneurons import tables
from expertneurons.across_models import compare_models, read_profile
from expertneurons.choices import measure_choice
from expertneurons.errors import StudyError
from expertneurons.profiles import profile_model
from expertneurons.registers import measure_sources
from expertneurons.set_sizes import measure_set_sizes
from expertneurons.stability_controls import measure_controls
from planted import Planted

PREVALENCE = 2 / 7


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted.planted(tmp_path_factory.mktemp("planted"))


def chosen(files: Planted, output: Path, **options: Any) -> pd.DataFrame:
    given = {"pooling": "max", "precision": "float32", "sentences": "labelled", "top": [5], **options}
    measure_choice(
        *(files.responses, files.units, files.concepts, files.labels, files.experts, [files.norm], output),
        **given,
        thresholds=[0.4, 0.6],
        aurocs=[0.8],
        headline=0.6,
        prevalence=PREVALENCE,
        model="m",
        stimuli="s",
        seed=1,
    )
    return tables.read(output)


def row(found: pd.DataFrame, **where: Any) -> pd.Series:
    for column, value in where.items():
        found = found[found[column] == value]
    assert len(found) == 1
    return found.iloc[0]


def test_planted_units_are_found_and_align_with_the_norm_that_they_make(files: Planted, tmp_path: Path) -> None:
    found = chosen(files, tmp_path / "choice.parquet")
    own = row(found, sites=names.ALL, score=names.AP, limit=0.6)
    assert own["rho"] > 0.4
    assert own["jaccard"] > 0.5
    matched = row(found, sites=names.ALL, score=names.COUNT_MATCHED)
    assert matched["jaccard"] > 0.8
    assert matched["n_experts"] == tables.read(files.experts).groupby("concept_number").size().median()
    assert row(found, sites=names.ALL, score=names.TOP)["n_experts"] == 5
    parts = [row(found, sites=name, score=names.AP, limit=0.4) for name in (names.ATTENTION, names.FEED_FORWARD)]
    whole = row(found, sites=names.ALL, score=names.AP, limit=0.4)
    assert all(0 < part["n_experts"] < whole["n_experts"] for part in parts)


def test_shuffled_sentences_lose_the_experts(files: Planted, tmp_path: Path) -> None:
    found = chosen(files, tmp_path / "choice.parquet", sentences="shuffled")
    assert row(found, sites=names.ALL, score=names.AP, limit=0.6)["jaccard"] < 0.1
    assert row(found, sites=names.ALL, score=names.COUNT_MATCHED)["rho"] < 0.4


def test_half_precision_moves_almost_nothing(files: Planted, tmp_path: Path) -> None:
    full, half = (chosen(files, tmp_path / f"{name}.parquet", precision=name) for name in ("float32", "float16"))
    assert (full["rho"] - half["rho"]).abs().max() < 0.05
    assert set(half["precision"]) == {"float16"}


def test_units_that_the_index_lacks_are_refused(files: Planted, tmp_path: Path) -> None:
    short = tmp_path / "units.parquet"
    tables.write(tables.read(files.units).iloc[:-1], short)
    with pytest.raises(StudyError, match=r"60 units, but .*units\.parquet lists 59; extract them again"):
        chosen(files._replace(units=short), tmp_path / "out.parquet")


@pytest.fixture(scope="module")
def sizes(files: Planted, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    output = tmp_path_factory.mktemp("sizes") / "sizes.parquet"
    inputs = files.responses, files.concepts, files.sentences, files.labels, [files.norm], output
    measure_set_sizes(
        *inputs,
        positives=[2, 4, 50],
        negatives=[10, 40],
        draws=3,
        threshold=0.5,
        auroc=0.9,
        top=8,
        prevalence=PREVALENCE,
        model="m",
        stimuli="s",
        seed=1,
        threads=2,
    )
    return tables.read(output)


def test_sizes_that_the_stimuli_lack_are_left_out(sizes: pd.DataFrame) -> None:
    assert set(sizes["positives"]) == {2, 4}
    assert len(sizes) == 2 * 2 * 4
    assert (sizes["n_draws"] == 3).all()


def test_only_ap_as_it_is_moves_with_the_share_of_positives(sizes: pd.DataFrame) -> None:
    counts = sizes.set_index(["rule", "positives", "negatives"])["n_experts"]
    fallen = counts[names.AP, 4, 40] / counts[names.AP, 4, 10]
    held = counts[names.REFERENCE, 4, 40] / counts[names.REFERENCE, 4, 10]
    assert fallen < held
    assert counts[names.TOP, 2, 10] == counts[names.TOP, 4, 40] == 8
    chance = sizes.set_index(["positives", "negatives"])["chance"]
    assert chance[4, 40].iloc[0] == 4 / 44


def test_disjoint_draws_find_the_planted_units_again(sizes: pd.DataFrame) -> None:
    best = row(sizes, rule=names.REFERENCE, positives=4, negatives=40)
    assert best["jaccard"] > best["jaccard_chance"] + 0.2
    assert best["jaccard_low"] < best["jaccard"] < best["jaccard_high"]
    assert best["jaccard"] > row(sizes, rule=names.REFERENCE, positives=2, negatives=10)["jaccard"]


def test_no_draw_that_fits_is_refused(files: Planted, tmp_path: Path) -> None:
    inputs = files.responses, files.concepts, files.sentences, files.labels, [files.norm], tmp_path / "out.parquet"
    with pytest.raises(StudyError, match=r"stability\.positives .*8 sentences of a concept"):
        measure_set_sizes(*inputs, [9], [10], 1, 0.5, 0.9, 8, PREVALENCE, "m", "s")


def test_ap_falls_where_experts_did_not_choose_the_sentences(files: Planted, tmp_path: Path) -> None:
    output = tmp_path / "sources.parquet"
    places = [files.responses], [files.concepts], [files.sentences], [files.labels], [files.norm], output
    measure_sources(*places, ["s"], splits=2, threshold=0.5, prevalence=PREVALENCE, model="m", seed=1)
    found = tables.read(output)
    assert set(zip(found["a"], found["b"], strict=True)) == {
        (names.FIRST, names.SECOND),
        ("fact", "story"),
        ("story", "fact"),
    }
    half = row(found, a=names.FIRST)
    assert PREVALENCE < half["ap_held_out"] < half["ap_found"]
    assert half["jaccard"] > 3 * half["jaccard_chance"]
    assert half["rho_between"] > 0.3


def profiled(folder: Path, seed: int) -> tuple[Path, Path]:
    folder.mkdir()
    own = planted.planted(folder, seed)
    outputs = folder / "similarity.npy", folder / "parts.parquet"
    inputs = own.responses, own.units, own.concepts, own.sentences, own.labels
    profile_model(*inputs, *outputs, threshold=0.5, prevalence=PREVALENCE, seed=1)
    return outputs


def test_models_agree_with_themselves_and_not_with_strangers(tmp_path: Path) -> None:
    paths = [profiled(tmp_path / name, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))]
    output = tmp_path / "models.parquet"
    compare_models([one for one, _ in paths], [two for _, two in paths], output, ["a", "b", "c"], "s")
    found = tables.read(output)
    whole = found[found["layer_a"] == names.NO_LAYER].set_index(["a", "b"])
    assert whole.loc[("a", "b"), "rho"] == pytest.approx(1)
    assert whole["rho"].abs().loc[("a", "c")] < 0.4
    own = read_profile(*paths[0]).reliability
    assert 0.3 < own < 1
    assert whole.loc[("a", "b"), "corrected"] == pytest.approx(1 / own)
    layers = found[(found["a"] == "a") & (found["b"] == "b") & (found["layer_a"] != names.NO_LAYER)]
    assert len(layers) == 4
    assert (layers.loc[layers["layer_a"] == layers["layer_b"], "rho"] > 0.99).all()


def test_controls_are_shares_of_the_alignment(tmp_path: Path) -> None:
    def aligned(model: str, representation: str, threshold: float, rho: float) -> dict[str, Any]:
        where = {"model": model, "stimuli": "s", "norm": "n", "representation": representation, "threshold": threshold}
        return {**where, "rho": rho, "low": rho - 0.1, "high": rho + 0.1, "n_pairs": 50}

    own = [aligned("m", "experts.jaccard", 0.5, 0.4), aligned("m", "experts.jaccard", 0.6, 0.9)]
    own += [aligned("m", "random_units.jaccard", 0.5, 0.02), aligned("m", "text.tfidf", np.nan, 0.3)]
    tables.write(pd.DataFrame(own), tmp_path / "own.parquet")
    tables.write(pd.DataFrame([aligned("u", "experts.jaccard", 0.5, 0.1)]), tmp_path / "untrained.parquet")
    partial = aligned("m", "experts.jaccard@0.5", np.nan, 0.2) | {"given": "text_overlap"}
    tables.write(pd.DataFrame([partial]), tmp_path / "partial.parquet")
    choice = {"sites": names.ALL, "score": names.AP, "limit": 0.5, "responses": "masked", "sentences": "labelled"}
    shuffled = choice | {"responses": "max", "score": names.COUNT_MATCHED, "sentences": "shuffled"}
    rows = [aligned("m", "", 0, 0.1) | choice, aligned("m", "", 0, -0.04) | shuffled]
    tables.write(pd.DataFrame(rows), tmp_path / "stability.parquet")
    alignment = [tmp_path / "own.parquet", tmp_path / "untrained.parquet"]
    inputs = alignment, tmp_path / "partial.parquet", [tmp_path / "stability.parquet"]
    measure_controls(*inputs, tmp_path / "controls.parquet", 0.5, "m", "s")
    share = tables.read(tmp_path / "controls.parquet").set_index("control")["share"]
    expected = {names.OWN: 1, names.UNTRAINED: 0.25, names.RANDOM: 0.05, names.TFIDF: 0.75}
    expected |= {names.TEXT: 0.5, names.MASKED: 0.25, names.SHUFFLED: -0.1}
    assert share.to_dict() == pytest.approx(expected)


def test_draws_need_no_exclusions(files: Planted, tmp_path: Path) -> None:
    """In the published design negatives are listed and nothing is excluded."""
    labels = tables.read(files.labels)
    listed = pd.DataFrame({"concept_number": range(planted.CONCEPTS), "sentence": 0, "label": "negative"})
    listed["sentence"] = (listed["concept_number"] + 1) * planted.EACH % planted.SENTENCES
    tables.write(pd.concat([labels, listed]), tmp_path / "labels.parquet")
    output = tmp_path / "out.parquet"
    inputs = files.responses, files.concepts, files.sentences, tmp_path / "labels.parquet", [files.norm], output
    measure_set_sizes(*inputs, [4], [40], 2, 0.5, 0.9, 8, PREVALENCE, "m", "s")
    assert (tables.read(output)["jaccard"] > 0).all()
