"""Nursery plan: doses and concepts are crossed, and impossible plans are refused."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from expertneurons import tables
from expertneurons.errors import StudyError
from expertneurons.nursery_plan import plan_nursery
from expertneurons.nursery_runs import parameters
from nursery import FEATURES, write_sheets

SETTINGS: dict[str, Any] = {
    "sizes": {"a": {"width": 16, "layers": 1, "heads": 2}, "b": {"width": 32, "layers": 2, "heads": 2}},
    "seeds": [1, 2],
    "vocabulary": 300,
    "interventions": {"size": "b", "runs": 3, "doses": [0, 0.1, 1], "concepts_per_dose": 2},
}


def planned(folder: Path, seed: int = 1, **change: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    paths = write_sheets(folder / "sheets")
    given = json.dumps({**SETTINGS, "interventions": {**SETTINGS["interventions"], **change}})
    runs, doses = folder / "runs.parquet", folder / "doses.parquet"
    plan_nursery(paths.lexicon, paths.frames, runs, doses, given, seed)
    return tables.read(runs), tables.read(doses)


def test_every_concept_of_a_group_gets_every_dose_once(tmp_path: Path) -> None:
    _, doses = planned(tmp_path)
    assert doses["concept"].nunique() == 6
    assert set(doses["concept"]) <= set(FEATURES)
    given = doses.groupby("concept")["dose"].apply(sorted).tolist()
    assert given == [[0, 0.1, 1]] * 6
    per_run = doses.groupby(["run", "dose"]).size()
    assert per_run.to_dict() == dict.fromkeys(product(["dosed-1", "dosed-2", "dosed-3"], [0, 0.1, 1]), 2)


def test_groups_stay_together(tmp_path: Path) -> None:
    _, doses = planned(tmp_path)
    groups = [set(own["concept"]) for _, own in doses.groupby(["run", "dose"])]
    assert len({frozenset(group) for group in groups}) == 3


def test_a_run_fewer_leaves_a_dose_out_for_every_concept(tmp_path: Path) -> None:
    _, doses = planned(tmp_path, runs=2)
    assert doses.groupby("concept")["dose"].nunique().tolist() == [2] * 6


def test_runs_tell_what_is_trained(tmp_path: Path) -> None:
    runs, _ = planned(tmp_path)
    runs = runs.set_index("run")
    assert set(runs.index) == {"a-1", "a-2", "b-1", "b-2", "dosed-1", "dosed-2", "dosed-3"}
    assert set(runs["family"]) == {"nursery"}
    assert runs.loc["b-2", "parameters"] == parameters(32, 2, 300)
    assert runs.loc[["dosed-1", "a-1"], "kind"].tolist() == ["dosed", "full"]
    assert runs["size"]["dosed-3"] == "b"
    assert runs["corpus"]["dosed-3"] == "dosed-3"


def test_seed_draws_the_groups(tmp_path: Path) -> None:
    first, again, other = (planned(tmp_path / name, seed)[1] for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first.equals(again)
    assert not first.equals(other)


def test_all_concepts_may_take_part_and_one_more_is_refused(tmp_path: Path) -> None:
    _, doses = planned(tmp_path, doses=[1], concepts_per_dose=len(FEATURES))
    assert set(doses["concept"]) == set(FEATURES)
    told = r"nursery\.interventions: 2 doses of 4 concepts are more than the 7 of the lexicon; set concepts_per_dose"
    with pytest.raises(StudyError, match=told):
        planned(tmp_path, doses=[0, 1], concepts_per_dose=4)
