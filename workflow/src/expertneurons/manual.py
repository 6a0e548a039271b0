"""Manual: the page that explains every configuration key and every sheet column, made from the schemas."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from expertneurons import sheets
from expertneurons.files import replacing

SHEETS = {
    "models": "config/models.tsv",
    "models.lock": "config/models.lock.tsv",
    "norms": "config/norms.tsv",
    "norm_files": "config/norm_files.tsv",
    "norm_raters": "config/norm_raters.tsv",
    "norm_agreement": "config/norm_agreement.tsv",
    "contrasts": "config/contrasts.tsv",
    "mixed_models": "config/mixed_models.tsv",
    "sites": "config/sites.tsv",
    "word_vectors": "config/word_vectors.tsv",
    "concepts": "config/stimuli/NAME/concepts.tsv",
    "sentences": "config/stimuli/NAME/sentences.tsv",
    "table": "A table of stimuli.tables",
}
INTRODUCTION = """# Configuration

This page is made from the schemas in `workflow/schemas` (`python -m expertneurons describe-config --output
config/README.md`); a test keeps it in step. `config/config.yaml` holds only what differs from the defaults below. Any
other file works too: `snakemake --configfile mine.yaml` (later files win, key by key). An unknown key is an error.
"""


def describe_config(output: Path) -> None:
    """Write the page of configuration keys and sheet columns.

    Args:
        output: Markdown file to write.

    """
    lines = [INTRODUCTION, "## Keys", "", "| key | meaning | allowed | default |", "|---|---|---|---|"]
    lines += _keys(sheets.schema("config"), "")
    for name, path in SHEETS.items():
        rules = sheets.schema(name)
        lines += [
            "",
            f"## `{path}`",
            "",
            f"{rules['title']}: tab separated, one row per {' and '.join(rules['unique'])}.",
            "",
        ]
        lines += ["| column | meaning | allowed | needed |", "|---|---|---|---|"]
        for column, rule in rules["properties"].items():
            needed = "yes" if column in rules["required"] else ""
            lines.append(f"| `{column}` | {rule.get('description', '')} | {_allowed(rule)} | {needed} |")
    with replacing(output) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _keys(rules: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, rule in rules["properties"].items():
        if "properties" in rule:
            yield from _keys(rule, f"{prefix}{key}.")
        else:
            default = f"`{json.dumps(rule['default'])}`" if "default" in rule else "must be set"
            yield f"| `{prefix}{key}` | {rule['description']} | {_allowed(rule)} | {default} |"


def _allowed(rule: Mapping[str, Any]) -> str:
    if "enum" in rule:
        return ", ".join(f"`{value}`" for value in rule["enum"])
    if rule.get("type") == "array":
        return f"list of {_allowed(rule['items'])}"
    kinds = rule.get("type", "text")
    words = {"string": "text", "null": "nothing", "integer": "whole number"}
    told = " or ".join(str(words.get(kind, kind)) for kind in (kinds if isinstance(kinds, list) else [kinds]))
    bounds = [
        f"{word} {rule[bound]}"
        for bound, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to"),
            ("exclusiveMaximum", "below"),
        )
        if bound in rule
    ]
    pattern = [f"like `{rule['pattern']}`".replace("|", "\\|")] if "pattern" in rule else []
    return " ".join([told, *bounds, *pattern])
