"""Suites: families of training runs with several checkpoints each, as the models sheet lists them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from expertneurons.nursery_runs import FULL

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
        big = self.parameters >= 1e9
        return f"{self.parameters / 1e9:.1f}B" if big else f"{self.parameters / 1e6:.0f}M"


def training_runs(models: Mapping[str, Row], used: Sequence[str]) -> list[Run]:
    """Training runs of which a study has at least two checkpoints, by family, size and seed."""
    found: dict[tuple[str, int, int], dict[int, str]] = {}
    notes: dict[tuple[str, int, int], str] = {}
    for name in used:
        row = models.get(name, {})
        if row.get("family") and row.get("step") and row.get("size", "").isdigit() and row["weights"] == "trained":
            key = (row["family"], int(row["size"]), int(row.get("run_seed") or 0))
            found.setdefault(key, {})[int(row["step"])] = name
            notes.setdefault(key, row.get("note", ""))
    return [
        Run(*key, dict(sorted(steps.items())), notes[key]) for key, steps in sorted(found.items()) if len(steps) > 1
    ]


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
