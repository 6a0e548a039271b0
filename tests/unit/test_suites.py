"""Suites: which rows of the models sheet are checkpoints of one training run."""

import json
from pathlib import Path

import pytest

from expertneurons import tables
from expertneurons.emergence_tables import list_runs
from expertneurons.suites import Run, describe, problems, training_runs

Rows = dict[str, dict[str, str]]


def sheet(*rows: tuple[str, str, str, str, str], weights: str = "trained") -> Rows:
    """Rows of name, family, size, run_seed and step."""
    keys = ("family", "size", "run_seed", "step")
    return {name: {**dict(zip(keys, row, strict=True)), "weights": weights} for name, *row in rows}


def two_sizes() -> Rows:
    return sheet(
        ("big-8", "suite", "160000000", "", "8"),
        ("small-8", "suite", "70000000", "", "8"),
        ("small-0", "suite", "70000000", "", "0"),
        ("big-0", "suite", "160000000", "", "0"),
        ("small-1", "suite", "70000000", "", "1"),
        ("again-0", "suite", "70000000", "3", "0"),
        ("again-8", "suite", "70000000", "3", "8"),
    )


def test_runs_by_family_size_and_seed_with_their_steps_in_order() -> None:
    models = two_sizes()
    found = training_runs(models, list(models))
    assert [run.name for run in found] == ["suite-70M-0", "suite-70M-3", "suite-160M-0"]
    assert found[0].models == {0: "small-0", 1: "small-1", 8: "small-8"}
    assert list(found[0].models) == [0, 1, 8]
    assert found[2].parameters == 160_000_000


def test_only_models_in_use_count() -> None:
    assert [run.name for run in training_runs(two_sizes(), ["small-0", "small-8", "big-8"])] == ["suite-70M-0"]


def test_single_steps_random_weights_and_rows_without_family_size_or_step_are_no_runs() -> None:
    models = {
        **sheet(("alone", "one", "1000", "", "8")),
        **sheet(("r-0", "control", "1000", "", "0"), ("r-8", "control", "1000", "", "8"), weights="random"),
        **sheet(("n-0", "", "1000", "", "0"), ("n-8", "", "1000", "", "8")),
        **sheet(("s-0", "sizeless", "", "", "0"), ("s-8", "sizeless", "", "", "8")),
        **sheet(("t-0", "stepless", "1000", "", ""), ("t-8", "stepless", "1000", "", "")),
        "bare": {"weights": "trained"},
    }
    assert training_runs(models, [*models, "not in the sheet"]) == []


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        (70_426_624, "70M"),
        (405_334_016, "405M"),
        (1_011_781_632, "1.0B"),
        (11_846_072_320, "11.8B"),
        (3_264, "3k"),
        (200_000, "200k"),
    ],
)
def test_sizes_in_words(parameters: int, size: str) -> None:
    assert Run("f", parameters, 0, {}, "").size == size


def test_small_sizes_of_a_family_are_told_apart() -> None:
    models = sheet(*((f"{size}-{step}", "f", size, "", step) for size in ("3264", "9216") for step in ("0", "8")))
    assert [run.name for run in training_runs(models, list(models))] == ["f-3k-0", "f-9k-0"]


def test_two_rows_for_one_checkpoint_are_told() -> None:
    models = sheet(("a", "f", "1000", "", "8"), ("b", "f", "1000", "0", "8"), ("c", "f", "1000", "1", "8"))
    (told,) = problems(models, list(models), "models.tsv")
    assert told == "models.tsv: 'a' and 'b' are of the same family, size, run_seed and step; correct one"


def test_two_sizes_of_one_name_are_told() -> None:
    sizes = ("70000000", "70400000")
    models = sheet(*((f"{size}-{step}", "f", size, "", step) for size in sizes for step in ("0", "8")))
    (told,) = problems(models, list(models), "models.tsv")
    assert "sizes 70000000 and 70400000 of 'f' are both called 70M" in told


def test_family_of_the_nursery_is_taken() -> None:
    models = sheet(("a", "nursery", "1000", "", "0"), ("b", "nursery", "1000", "", "8"))
    assert "'nursery' is that of the models trained here" in next(problems(models, list(models), "models.tsv"))


def test_no_problems_in_a_good_sheet() -> None:
    assert list(problems(two_sizes(), list(two_sizes()), "models.tsv")) == []


def test_described_runs_become_a_table(tmp_path: Path) -> None:
    models = two_sizes()
    models["small-0"]["note"] = "another initialisation"
    rows = describe(training_runs(models, ["small-0", "small-8"]))
    list_runs(json.dumps(rows), tmp_path / "runs.parquet")
    (row,) = tables.read(tmp_path / "runs.parquet").to_dict("records")
    assert row == {
        "run": "suite-70M-0",
        "family": "suite",
        "size": "70M",
        "parameters": 70_000_000,
        "seed": 0,
        "kind": "full",
        "note": "another initialisation",
    }
