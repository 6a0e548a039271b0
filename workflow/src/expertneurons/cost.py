"""Cost: what the steps that have run took in seconds, memory and disk, and what the steps still to come will take.

Predictions scale what was measured on the nearest model of the same study: the seconds and hidden states of a pass with
the model's parameters and the sentences' number, what there is one of per unit with the two-thirds power of the
parameters (units grow with layers times width, parameters with layers times width squared). They hold for the kind of
machine that the measured steps ran on.
"""

import csv
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from expertneurons import tables
from expertneurons.errors import StudyError
from expertneurons.files import replacing
from expertneurons.steps import LOGGER

MEASURED, PREDICTED = "measured", "predicted"
MIB = 1 << 20
UNITS = 2 / 3
# Main memory that holds a model's weights while they are read, as a multiple of their size.
COPIES = 2


class Step(NamedTuple):
    """How a rule's cost grows with a model's parameters, and where its files lie."""

    seconds: float
    disk: float
    folder: str
    loads: bool  # whether it holds the model's weights


STEPS = {
    "extract_responses": Step(1, UNITS, "responses/{model}/{stimuli}", loads=True),
    "stream_expertise": Step(1, UNITS, "expertise/{model}/{stimuli}", loads=True),
    "score_units": Step(UNITS, UNITS, "expertise/{model}/{stimuli}", loads=False),
    "measure_similarity": Step(0, 0, "similarity/{model}/{stimuli}", loads=False),
    "hold_out": Step(UNITS, 0, "held_out/{model}/{stimuli}", loads=False),
    "read_tokens": Step(1, 0, "tokens/{model}/{stimuli}", loads=True),
    "steer": Step(1, 0, "steering/{model}/{stimuli}", loads=True),
}


class Entry(NamedTuple):
    """One line of the table."""

    rule: str
    model: str
    stimuli: str
    part: str
    kind: str
    seconds: float
    cpu_seconds: float
    memory_mib: float
    disk_mib: float
    of: str


def tell_cost(
    root: Path,
    results: Path,
    output: Path,
    stimuli: list[str],
    stored: list[str],
    streamed: list[str],
    reported: list[str],
    steered: list[str],
    sizes: list[str],
) -> None:
    """Write what every step took, and what the main steps of the models that have not run will take.

    Args:
        root: Folder of what Snakemake measured, RULE/.../NAME.tsv.
        results: The folder of the results, for what they take on the disk.
        output: CSV file: rule, model, stimuli, part, kind (measured or predicted), seconds, cpu_seconds, memory_mib,
            disk_mib, of (the model that a prediction was scaled from).
        stimuli: Sets in use.
        stored: Models in use whose responses are stored.
        streamed: Models in use that are streamed.
        reported: Models in use that are audited.
        steered: Models in use that are steered.
        sizes: Parameters and bytes a parameter of the models in use, as name=parameters=bytes.

    """
    benchmarks = sorted(root.rglob("*.tsv"))
    if not benchmarks:
        raise StudyError(f"{root}: nothing has run yet, so that nothing can be scaled; run the study's smallest model")
    known = {name: (int(parameters), int(width)) for name, parameters, width in (own.split("=") for own in sizes)}
    measured = [entry for path in benchmarks for entry in _measured(path, root, results, known)]
    whose = dict.fromkeys(("extract_responses", "score_units"), stored) | {"stream_expertise": streamed}
    whose |= dict.fromkeys(("hold_out", "read_tokens"), reported) | {"steer": steered}
    whose["measure_similarity"] = [*stored, *streamed]
    predicted = [
        entry
        for rule, models in whose.items()
        for model in models
        for name in stimuli
        if (entry := _predicted(rule, model, name, measured, known, results))
    ]
    _write([*measured, *predicted], output)
    for kind, entries in ((MEASURED, measured), (PREDICTED, predicted)):
        _tell(kind, entries)


def _measured(path: Path, root: Path, results: Path, models: Collection[str]) -> Iterator[Entry]:
    rule, *names = path.relative_to(root).with_suffix("").parts
    model, stimuli = (names.pop(0), names.pop(0)) if len(names) > 1 and names[0] in models else ("", "")
    disk = _disk(rule, model, stimuli, results)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            seconds, cpu, memory = (_number(row[key]) for key in ("s", "cpu_time", "max_rss"))
            yield Entry(rule, model, stimuli, "/".join(names), MEASURED, seconds, cpu, memory, disk, "")


def _number(text: str) -> float:
    # Snakemake does not see what a step takes that is over in a moment.
    return 0.0 if text in ("NA", "-", "") else float(text)


def _disk(rule: str, model: str, stimuli: str, results: Path) -> float:
    """Size of a step's folder in MiB; 0 where the step is none of the main ones."""
    if rule not in STEPS:
        return 0.0
    folder = results / STEPS[rule].folder.format(model=model, stimuli=stimuli)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MIB


def _predicted(
    rule: str, model: str, stimuli: str, measured: list[Entry], sizes: dict[str, tuple[int, int]], results: Path
) -> Entry | None:
    """Scale the nearest measured model of the same rule; None where the step has run, or none of the rule has."""
    own = [entry for entry in measured if entry.rule == rule and entry.model in sizes]
    if any((entry.model, entry.stimuli) == (model, stimuli) for entry in own) or not sizes[model][0]:
        return None
    known = [entry for entry in own if sizes[entry.model][0]]
    if not known:
        return None
    near = min(known, key=lambda entry: (abs(sizes[entry.model][0] - sizes[model][0]), entry.stimuli != stimuli))
    step, before, after = STEPS[rule], sizes[near.model], sizes[model]
    larger = after[0] / before[0]
    longer = _sentences(stimuli, results) / _sentences(near.stimuli, results)
    weights = COPIES * (after[0] * after[1] - before[0] * before[1]) / MIB if step.loads else 0.0
    time = larger**step.seconds * longer
    return Entry(
        *(rule, model, stimuli, "", PREDICTED, near.seconds * time, near.cpu_seconds * time),
        *(max(0.0, near.memory_mib + weights), near.disk_mib * larger**step.disk * longer, near.model),
    )


def _sentences(stimuli: str, results: Path) -> int:
    """Sentences of a set; 1 where the set is not there yet, so that it counts as long as any other."""
    path = results / f"stimuli/{stimuli}/sentences.parquet"
    return len(tables.read(path)) if path.is_file() else 1


def _write(entries: list[Entry], output: Path) -> None:
    table = pd.DataFrame(entries, columns=list(Entry._fields)).sort_values(["kind", "rule", "model", "stimuli", "part"])
    with replacing(output) as partial:
        table.round(2).to_csv(partial, index=False)


def _tell(kind: str, entries: list[Entry]) -> None:
    for rule in sorted({entry.rule for entry in entries}):
        own = [entry for entry in entries if entry.rule == rule]
        hours = sum(entry.seconds for entry in own) / 3600
        peak, disk = max(entry.memory_mib for entry in own) / 1024, sum(entry.disk_mib for entry in own) / 1024
        LOGGER.info("%s: %s, %d jobs: %.2f h, peak %.1f GiB, %.1f GiB on disk", kind, rule, len(own), hours, peak, disk)
    total = sum(entry.seconds for entry in entries) / 3600
    LOGGER.info("%s in all: %.2f h one after another", kind, total)
