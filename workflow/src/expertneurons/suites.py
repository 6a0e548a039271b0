"""Suites: families of training runs with several checkpoints each, as the models sheet lists them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from expertneurons.nursery_runs import FAMILY, FULL

Row = Mapping[str, str]


class Run(NamedTuple):
    """One training run: its family, parameters, seed and its models by rising step."""

    family: str
    parameters: int
    seed: int
    models: dict[int, str]
    note: str

    @property
    def name(self) -> str:
        """Name of the run, for files and tables."""
        return f"{self.family}-{self.size}-{self.seed}"

    @property
    def size(self) -> str:
        """Size in words: 70M, 1.0B, so many parameters."""
        if self.parameters >= 1e9:
            return f"{self.parameters / 1e9:.1f}B"
        return f"{self.parameters / 1e6:.0f}M" if self.parameters >= 1e6 else f"{self.parameters / 1e3:.0f}k"


def training_runs(models: Mapping[str, Row], used: Sequence[str]) -> list[Run]:
    """Training runs of which a study has at least two checkpoints, by family, size and seed."""
    found: dict[tuple[str, int, int], dict[int, str]] = {}
    notes: dict[tuple[str, int, int], str] = {}
    for key, step, name in _steps(models, used):
        found.setdefault(key, {})[step] = name
        notes.setdefault(key, models[name].get("note", ""))
    return [
        Run(*key, dict(sorted(steps.items())), notes[key]) for key, steps in sorted(found.items()) if len(steps) > 1
    ]


def _steps(models: Mapping[str, Row], used: Sequence[str]) -> Iterator[tuple[tuple[str, int, int], int, str]]:
    """Yield the run (family, size, seed), step and name of every checkpoint of a training run."""
    for name in used:
        row = models.get(name, {})
        if row.get("family") and row.get("step") and row.get("size", "").isdigit() and row["weights"] == "trained":
            yield (row["family"], int(row["size"]), int(row.get("run_seed") or 0)), int(row["step"]), name


def problems(models: Mapping[str, Row], used: Sequence[str], sheet: str) -> Iterator[str]:
    """Every reason, in words, why the training runs cannot be told apart."""
    places: dict[tuple[tuple[str, int, int], int], str] = {}
    for key, step, name in _steps(models, used):
        if (key, step) in places:
            first = places[key, step]
            yield f"{sheet}: {first!r} and {name!r} are of the same family, size, run_seed and step; correct one"
        places.setdefault((key, step), name)
    named: dict[str, Run] = {}
    for run in training_runs(models, used):
        if run.family == FAMILY:
            yield f"{sheet}: the family {FAMILY!r} is that of the models trained here; name yours otherwise"
        if run.name in named:
            sizes = f"{named[run.name].parameters} and {run.parameters}"
            yield f"{sheet}: sizes {sizes} of {run.family!r} are both called {run.size}; give one family another name"
        named[run.name] = run


def describe(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Rows of a table of training runs."""
    return [
        {
            "run": run.name,
            "family": run.family,
            "size": run.size,
            "parameters": run.parameters,
            "seed": run.seed,
            "kind": FULL,
            "note": run.note,
        }
        for run in runs
    ]
