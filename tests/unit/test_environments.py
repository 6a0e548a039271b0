"""The conda files pin exactly what the lock has, and every stage has what its modules import."""

import ast
import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import rattler
import yaml
from rattler.exceptions import SolverError

import channel
from expertneurons.provenance import FOLDER, reached
from tiny import ROOT

ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
CONDA = {theirs: own for own, theirs in channel.NAMES.items()}
# What the import calls a distribution of the lock.
IMPORTS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "huggingface_hub": "huggingface-hub"}
STAGES = {
    "acquire": ("sources", "checkpoints", "hub", "norms", "stimuli", "stimuli_table"),
    "responses": ("extraction", "streaming", "encoding", "dictionary_training", "steering", "tokens"),
    "nursery": ("nursery_training", "nursery_measures", "nursery_experts"),
    "analysis": (
        *("scoring", "selection", "representations", "alignment", "layers", "collection", "cost"),
        *("ceilings", "comparisons", "mixed_tables", "validation", "organisation"),
        *("nursery_text", "nursery_plan", "traces", "emergence_tables", "doses", "probes", "rivals", "held_out"),
        *("choices", "set_sizes", "registers", "profiles", "across_models", "stability_controls"),
        *("nursery_statements", "steering_units", "steering_effects"),
    ),
    "report": (
        *("figures", "report", "provenance", "emergence_figures", "nursery_figures", "emergence_report"),
        *("organisation_figures", "graph_page", "organisation_statements", "audit"),
        *("stability_figures", "stability_report", "steering_figures", "steering_report"),
    ),
}
# The loader is shared: fetching a model needs no torch, running one does.
ELSEWHERE = {"acquire": {"accelerate", "safetensors", "torch", "transformers"}}


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text() + (ROOT / "requirements-torch.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \n]+)", lines, re.MULTILINE))


def pins(path: Path) -> dict[str, str]:
    found = [rattler.MatchSpec(line, strict=True) for line in yaml.safe_load(path.read_text())["dependencies"]]
    return {str(spec.name.normalized): str(spec.version).removeprefix("==") for spec in found if spec.name}


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_pins_equal_the_lock(path: Path) -> None:
    lock = locked()
    for name, version in pins(path).items():
        if name not in ("python", "pip"):
            assert version == lock[CONDA.get(name, name)], name


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_what_its_modules_import(stage: str) -> None:
    modules = [*reached(frozenset(STAGES[stage])), "__main__", "steps", "errors"]
    needed: set[str] = set()
    for module in modules:
        for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
            if isinstance(node, ast.Import):
                needed |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                needed.add(str(node.module).partition(".")[0])
    have = {CONDA.get(name, name) for name in pins(ROOT / f"envs/{stage}.yaml")}
    packages = {IMPORTS.get(name, name) for name in needed} & set(locked())
    assert packages - have - ELSEWHERE.get(stage, set()) == set()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A channel with what each package says that it requires, and no files."""
    folder = tmp_path_factory.mktemp("channel") / "told"
    names = {CONDA.get(name, name) for path in ENVIRONMENTS for name in pins(path)} - {"python", "pip"}
    channel.write_channel(folder, sorted(names), pins(ROOT / "envs/acquire.yaml")["pip"], contents=False)
    return folder


def solved(wanted: list[str], folder: Path) -> list[Any]:
    platforms = [rattler.Subdir("linux-64"), rattler.Subdir("noarch")]
    return list(asyncio.run(rattler.solve([rattler.Channel(folder.as_uri())], wanted, platforms=platforms)))


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_pins_agree_with_what_the_packages_require(path: Path, told: Path) -> None:
    wanted = yaml.safe_load(path.read_text())["dependencies"]
    assert {record.name.normalized for record in solved(wanted, told)} >= set(pins(path))
    with pytest.raises(SolverError):
        solved([*wanted, "numpy <2"], told)


def test_lock_names_no_index() -> None:
    for lock in ROOT.glob("requirements*"):
        assert "://" not in lock.read_text()
