"""Doses: what rare concepts lack, in numbers that can be redone by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from expertneurons import tables
from expertneurons.dose_names import DIFFERENCE, HALF, MEAN
from expertneurons.doses import MEASURES, measure_doses
from expertneurons.keys import KEYS

STEPS = [0, 1, 3]
# Alignment of a concept by dose and step; at dose 0 it never comes near half of 0.8.
RHO = {0.0: [0.0, 0.1, 0.2], 1.0: [0.0, 0.2, 0.8]}
SHIFT = {"ant": 0.0, "bee": 0.0, "cat": 0.1}
# Each concept has every dose in one of the two runs; the third run is no intervention.
DOSES = {"d-1": {"ant": 0.0, "bee": 1.0, "cat": 0.0}, "d-2": {"ant": 1.0, "bee": 0.0, "cat": 1.0}}


def measured(run: str, doses: dict[str, float]) -> pd.DataFrame:
    rows = [
        (
            run,
            step,
            concept,
            0.5,
            int(10 * dose + place),
            0.3 + 0.1 * place * dose,
            0.5,
            RHO[dose][place] + SHIFT[concept],
        )
        for concept, dose in doses.items()
        for place, step in enumerate(STEPS)
    ]
    return pd.DataFrame(rows, columns=["run", "step", "concept", "threshold", *MEASURES])


def measure(
    folder: Path, parts: dict[str, pd.DataFrame], given: dict[str, dict[str, float]] = DOSES
) -> tuple[pd.DataFrame, pd.DataFrame]:
    listed = [(run, "nursery", "a", 1, "dosed") for run in given] + [("full-1", "nursery", "a", 1, "full")]
    tables.write(pd.DataFrame(listed, columns=["run", "family", "size", "seed", "kind"]), folder / "runs.parquet")
    doses = [(run, concept, dose) for run, own in given.items() for concept, dose in own.items()]
    doses.append(("full-1", "ant", 1.0))
    tables.write(pd.DataFrame(doses, columns=["run", "concept", "dose"]), folder / "doses.parquet")
    for run, table in parts.items():
        tables.write(table, folder / f"{run}.parquet")
    responses, effects = folder / "responses.parquet", folder / "effects.parquet"
    paths = [folder / f"{run}.parquet" for run in parts]
    measure_doses(folder / "runs.parquet", folder / "doses.parquet", paths, responses, effects, draws=200, seed=1)
    return tables.read(responses), tables.read(effects)


@pytest.fixture(scope="module")
def parts() -> dict[str, pd.DataFrame]:
    other = measured("full-1", {"ant": 1.0}).assign(rho=-1.0, n_experts=1000)
    return {**{run: measured(run, doses) for run, doses in DOSES.items()}, "full-1": other}


@pytest.fixture(scope="module")
def found(
    parts: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> tuple[pd.DataFrame, pd.DataFrame]:
    return measure(tmp_path_factory.mktemp("doses"), parts)


def effect(effects: pd.DataFrame, measure: str, kind: str, dose: float, step: float | None = None) -> pd.Series:
    own = effects[(effects["measure"] == measure) & (effects["kind"] == kind) & (effects["dose"] == dose)]
    own = own[own["step"].isna() if step is None else own["step"] == step]
    assert len(own) == 1
    return own.iloc[0]


def test_tables_have_their_keys_once_and_only_runs_with_doses(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    responses, effects = found
    for table, name in ((responses, "dose_response"), (effects, "dose_effects")):
        assert not table.duplicated(KEYS[name]).any()
    assert set(responses["run"]) == set(DOSES)
    assert len(responses) == 2 * 3 * len(STEPS)
    assert set(effects["family"]) == {"nursery"}
    assert (effects["n_concepts"] == 3).all()


def test_each_concept_stands_at_the_dose_of_its_run(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    last = found[0].query("step == 3").set_index(["concept", "dose"])["n_experts"]
    assert last.to_dict() == {(name, dose): int(10 * dose + 2) for name in SHIFT for dose in (0.0, 1.0)}


@pytest.mark.parametrize(
    ("dose", "step", "mean"), [(0.0, 3, 0.2 + 0.1 / 3), (1.0, 1, 0.2 + 0.1 / 3), (1.0, 3, 0.8 + 0.1 / 3)]
)
def test_means_by_hand_with_intervals_around_them(
    dose: float, step: int, mean: float, found: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    row = effect(found[1], "rho", MEAN, dose, step)
    assert row["value"] == pytest.approx(mean)
    # A draw of three concepts of which none or all are the cat.
    assert row["low"] == pytest.approx(mean - 0.1 / 3)
    assert row["high"] == pytest.approx(mean + 0.2 / 3)


def test_difference_is_within_concepts_so_that_what_they_differ_by_leaves_no_spread(
    found: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    row = effect(found[1], "rho", DIFFERENCE, 0.0, 3)
    assert row[["value", "low", "high"]].tolist() == pytest.approx([-0.6] * 3)
    counts = effect(found[1], "n_experts", DIFFERENCE, 0.0, 3)
    assert counts[["value", "low", "high"]].tolist() == pytest.approx([-10] * 3)
    assert not ((found[1]["kind"] == DIFFERENCE) & (found[1]["dose"] == 1.0)).any()


def test_half_of_the_highest_dose_is_reached_between_two_steps_or_never(
    found: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    row = effect(found[1], "rho", HALF, 1.0)
    shift = 0.1 / 3
    # On log10(step + 1): from step 1 to step 3, where the mean passes half of 0.8 + shift.
    share = ((0.8 + shift) / 2 - 0.2 - shift) / 0.6
    assert row["value"] == pytest.approx(10 ** (np.log10(2) + share * np.log10(2)) - 1)
    assert row["share_never"] == 0
    never = effect(found[1], "rho", HALF, 0.0)
    assert np.isnan(never["value"])
    assert never["share_never"] == 1
    assert np.isinf(never["high"])
    assert set(found[1].loc[found[1]["kind"] == HALF, "measure"]) == {"rho"}


def test_a_concept_that_is_not_defined_at_a_dose_is_left_out_of_its_mean(
    parts: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    holes = {run: table.copy() for run, table in parts.items()}
    holes["d-1"].loc[(holes["d-1"]["concept"] == "cat") & (holes["d-1"]["step"] == 3), "rho"] = np.nan
    effects = measure(tmp_path, holes)[1]
    assert effect(effects, "rho", MEAN, 0.0, 3)["value"] == pytest.approx(0.2)
    assert effect(effects, "rho", MEAN, 0.0, 1)["value"] == pytest.approx(0.1 + 0.1 / 3)


def test_runs_of_one_dose_are_averaged_before_concepts_are(parts: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    again = measured("d-3", {"bee": 1.0})
    doses = {**DOSES, "d-3": {"bee": 1.0}}
    effects = measure(tmp_path, {**parts, "d-3": again.assign(rho=again["rho"] + 0.3)}, doses)[1]
    assert effect(effects, "rho", MEAN, 1.0, 3)["value"] == pytest.approx(0.8 + (0.3 / 2 + 0.1) / 3)


def test_the_same_seed_gives_the_same_bytes(parts: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        measure(folder, parts)
    first, second = ((folder / "effects.parquet").read_bytes() for folder in folders)
    assert first == second
