"""The tiny study: random models, real norms and real sentences, with its own copy of the rules."""

import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import tiny
from tiny import ROOT

CONCEPTS = [
    "boy",
    "girl",
    "man",
    "woman",
    "child",
    "kid",
    "mother",
    "father",
    "son",
    "daughter",
    "brother",
    "wife",
    "parent",
    "baby",
]
SENTENCES = 8
CONFIG = """
models: [tiny, tiny-untrained]
norms: [simlex999-nouns]
stimuli: {min_sentences: 8}
responses: {poolings: [max, mean]}
expertise: {permutations: 3}
experts: {thresholds: [0.4, 0.5], top: [10]}
similarity: {random_draws: 2}
alignment: {permutations: 99}
comparisons: {bootstrap: 100}
validation: {repeats: 10}
stability: {positives: [2, 4], negatives: [10, 40], draws: 2, splits: 1, aurocs: [0.8]}
rivals: {sizes: [1, 4], dictionary: {features_per_dimension: 2, active_features: 3, steps: 5}}
"""
MODELS = (
    "model\tcheckpoint\tsource\tweights\tseed\tcontrol_of\n"
    "tiny\ttiny\tfolder:model\ttrained\t0\t\n"
    "tiny-untrained\ttiny\tfolder:model\trandom\t1\ttiny\n"
)
CHOICES = (
    "responses\tprecision\tsentences\n"
    "max\tfloat32\tlabelled\n"
    "max\tfloat32\tshuffled\n"
    "activated\tfloat16\tlabelled\n"
    "masked\tfloat32\tlabelled\n"
)


class Study:
    """A folder with a whole study; runs Snakemake in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def snakemake(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments, cores=cores)
        return subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )

    def command(self, *arguments: str, cores: int = 2) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", str(cores), "--nocolor", *arguments]

    def environment(self) -> dict[str, str]:
        """Give the jobs this Python, a home with nothing in it, and leave to keep what they compile."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"HOME": str(self.folder), "XDG_CACHE_HOME": str(self.folder / ".cache"), "PATH": path}
        return {**os.environ, **own, "PYTHONDONTWRITEBYTECODE": ""}

    def run(self, *arguments: str, cores: int = 2) -> str:
        """Run and insist on success."""
        done = self.snakemake(*arguments, cores=cores)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def due(self) -> set[str]:
        """Rules that a run would execute now."""
        told = self.run("--dry-run")
        return set(re.findall(r"^(?:local)?rule (\w+):$", told, re.MULTILINE)) - {"all"}

    def digests(self) -> dict[str, str]:
        """Digest of every result, without the logs, the timings and the manifest's commit."""
        results = self.folder / "results"
        return {
            str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(results.rglob("*"))
            if path.is_file() and path.relative_to(results).parts[0] not in ("logs", "benchmarks")
        }

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")


def sentences() -> dict[str, list[str]]:
    """Take the bundled sentences of a few concepts."""
    with (ROOT / "config/stimuli/everyday/sentences.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {c: [row["text"] for row in rows if row["concept"] == c][:SENTENCES] for c in CONCEPTS}


def write_study(folder: Path) -> Study:
    """Write a study that has not run; what is compiled comes along, for Numba's part takes half a minute."""
    unfinished = shutil.ignore_patterns("*.pyc.*", "*.tmp.*")  # of another process that compiles right now
    for part in ("workflow", "profiles", "envs"):
        shutil.copytree(ROOT / part, folder / part, ignore=unfinished)
    shutil.copy(ROOT / "Snakefile", folder)
    config = folder / "config"
    config.mkdir()
    for sheet in (ROOT / "config").glob("*.tsv"):
        shutil.copy(sheet, config)
    shutil.copytree(ROOT / "config/nursery", config / "nursery")
    (config / "choices.tsv").write_text(CHOICES, encoding="utf-8")
    (config / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (config / "models.tsv").write_text(MODELS, encoding="utf-8")
    texts = sentences()
    tiny.write_stimuli(config / "stimuli/everyday", texts)
    tiny.write_model(folder / "model", "gpt_neox", [text for own in texts.values() for text in own])
    return Study(folder)


def recover(study: Study) -> str:
    """Run what `make recover` runs, and insist on success."""
    command = [sys.executable, "-m", "expertneurons", "recover"]
    environment = study.environment() | {"PYTHONPATH": "workflow/src"}
    done = subprocess.run(command, cwd=study.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr
