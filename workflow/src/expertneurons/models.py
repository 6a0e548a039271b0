"""The models sheet: what its rows must agree on before anything is fetched."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

SHARED = ("source", "sha256", "revision")
# What a source cannot be told apart without.
NEEDED = {"wheel:": ("a wheel", "sha256"), "hub:": ("a model hub", "revision")}


def conflicts(models: Mapping[str, Mapping[str, str]], used: Sequence[str], sheet: str) -> Iterator[str]:
    """Every reason, in words, why rows of the models sheet cannot run; only `used` ones need all of their cells."""
    for name in used:
        if name not in models:
            yield f"config key models: {name!r} is not in {sheet}; add a row or correct the name"
            continue
        kind, _, folder = models[name]["source"].partition(":")
        if kind == "folder" and not Path(folder).is_dir():
            yield f"{sheet}: {name!r} comes from the folder {folder!r}, which does not exist; correct its source"
        for kind, (place, column) in NEEDED.items():
            if models[name]["source"].startswith(kind) and not models[name].get(column):
                yield f"{sheet}: {name!r} comes from {place} and needs its {column}"
    first: dict[str, str] = {}
    for name, row in models.items():
        other = first.setdefault(row["checkpoint"], name)
        if any(row.get(column) != models[other].get(column) for column in SHARED):
            yield f"{sheet}: {other!r} and {name!r} share a checkpoint but not its {', '.join(SHARED)}"
        if row.get("control_of") and row["control_of"] not in models:
            yield f"{sheet}: {name!r} is the control of {row['control_of']!r}, which has no row"
