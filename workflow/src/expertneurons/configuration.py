"""Configuration: what the user wrote, with the schema's defaults filled in and checked against it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from expertneurons import sheets
from expertneurons.errors import StudyError

TABLE = "table"


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the schema's defaults, without what needs ratings where there are none; raise with every refused key."""
    rules = sheets.schema("config")
    filled: dict[str, Any] = _filled(_with_table(config), rules)
    if filled.get("norms") == []:
        for stage in (filled["stability"], filled["rivals"]):
            stage["run"] = False  # they hold similarities against ratings
    problems = [
        f"config key {_key(error.absolute_path)}: {sheets.explain(error)}"
        for error in sorted(Draft202012Validator(rules).iter_errors(filled), key=lambda error: str(error.absolute_path))
    ]
    if problems:
        raise StudyError("; ".join(problems))
    return filled


def _with_table(config: Mapping[str, Any]) -> dict[str, Any]:
    """Write out `stimuli: PATH`: a user's table is the only set, and no norm rates its concepts."""
    path = config.get("stimuli")
    if not isinstance(path, str):
        return dict(config)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(path).stem).strip("-") or TABLE
    return {**config, "stimuli": {"sets": [name], "tables": {name: path}}, "norms": []}


def _key(path: Any) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".") or "(top level)"


def _filled(values: Any, rules: Mapping[str, Any]) -> Any:
    if not isinstance(values, dict):
        return values
    filled = dict(values)
    for key, rule in rules.get("properties", {}).items():
        if key not in filled and "default" in rule:
            filled[key] = rule["default"]
        if key in filled:
            filled[key] = _filled(filled[key], rule)
    return filled
