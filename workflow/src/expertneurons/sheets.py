"""Sheets: tab-separated tables that people edit, each row checked against a closed JSON schema."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from expertneurons.errors import StudyError
from expertneurons.files import replacing

CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
SHOWN = 60  # characters of a wrong value in a message
UTF_16 = b"\xff\xfe", b"\xfe\xff"

_HERE = Path(__file__).parent
SCHEMAS = _HERE / "schemas" if (_HERE / "schemas").is_dir() else _HERE.parents[1] / "schemas"


def schema(name: str) -> dict[str, Any]:
    """One of the project's JSON schemas by name."""
    loaded: dict[str, Any] = yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))
    return loaded


def read(path: Path, kind: str) -> list[dict[str, str]]:
    """Rows of a sheet as text, checked; every problem is reported with its line, all in one error.

    The schema names the columns: those of `required` must be there, the others may be; an `unique` list names the
    columns that together tell rows apart; `empty` allows a sheet of only a header.
    """
    rules = schema(kind)
    rows = _rows(path, rules)
    problems: list[str] = []
    seen: dict[tuple[str, ...], int] = {}
    row_rules = {key: value for key, value in rules.items() if key not in ("unique", "required", "empty")}
    validator = Draft202012Validator({**row_rules, "required": rules["required"]})
    for line, row in rows:
        filled = {column: value for column, value in row.items() if value or column in rules["required"]}
        problems += [
            f"line {line}, {'.'.join(map(str, error.path)) or 'row'}{_of(row, error.path, rules)}: {explain(error)}"
            for error in validator.iter_errors(filled)
        ]
        named = [row.get(column, "") for column in rules["unique"]]
        key = tuple(name.casefold() for name in named)
        if key in seen:
            problems.append(
                f"line {line}: {' '.join(rules['unique'])} {' '.join(named)!r} is already in line {seen[key]}"
            )
        seen.setdefault(key, line)
    if problems:
        more = f" (and {len(problems) - 10} more)" if len(problems) > 10 else ""
        raise StudyError(f"{path}: {'; '.join(problems[:10])}{more}")
    return [row for _, row in rows]


def check_header(path: Path, kind: str) -> None:
    """Raise where a sheet's columns are not those of its schema, without a look at its rows."""
    _check_header(_text(path).partition("\n")[0].split("\t"), schema(kind), path)


def _rows(path: Path, rules: Mapping[str, Any]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows with their line numbers; blank lines are passed over."""
    header, *lines = [line.split("\t") if line else [] for line in _text(path).split("\n")]
    _check_header(header, rules, path)
    rows = []
    for line, cells in enumerate(lines, start=2):
        if not cells:
            continue
        if len(cells) != len(header):
            raise StudyError(f"{path}: line {line} has {len(cells)} cells, the header {len(header)}; check its tabs")
        rows.append((line, {column: cell.strip() for column, cell in zip(header, cells, strict=True)}))
    if not rows and not rules.get("empty"):
        raise StudyError(f"{path}: no rows below the header")
    return rows


def _check_header(header: Sequence[str], rules: Mapping[str, Any], path: Path) -> None:
    wrong = {
        "lacks": [column for column in rules["required"] if column not in header],
        "has unknown": [column for column in header if column not in rules["properties"]],
        "repeats": sorted({column for column in header if header.count(column) > 1}),
    }
    told = [f"{fault} {', '.join(map(repr, columns))}" for fault, columns in wrong.items() if columns]
    if told:
        raise StudyError(
            f"{path}: the header {' and '.join(told)}; use tabs between columns, and of these: "
            f"{', '.join(rules['properties'])}"
        )


def _text(path: Path) -> str:
    """Return the text of a sheet, with Unix line ends and without a byte order mark."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise StudyError(f"{path}: no such sheet; check the path in the config") from None
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror}; give the run access to it") from None
    except UnicodeDecodeError as error:
        kind = "UTF-16, " if path.read_bytes().startswith(UTF_16) else ""
        raise StudyError(f"{path}: {kind}not UTF-8 at byte {error.start}; save it as UTF-8") from None
    if found := CONTROLS.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise StudyError(
            f"{path}: line {line} holds the control character U+{ord(found[0]):04X}; remove it, or save the sheet as "
            "UTF-8 if it is in another encoding"
        )
    return text


def _of(row: Mapping[str, str], place: Sequence[str | int], rules: Mapping[str, Any]) -> str:
    """Name the row whose cell is wrong, where the cell itself does not and its names are short words."""
    own = [row[key] for key in rules["unique"] if row.get(key) and key not in place]
    return (
        f" of {' '.join(own)!r}" if own and all(len(name.split()) == 1 and len(name) <= SHOWN for name in own) else ""
    )


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def write(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows as a sheet; all have the same columns, and no cell holds a tab or a line break."""
    lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    with replacing(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def explain(error: Any) -> str:
    """Say a schema error in words, with the remedy where the schema names one."""
    hint = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
    message = str(error.message)
    if isinstance(error.instance, str) and len(error.instance) > SHOWN:
        message = message.replace(repr(error.instance), repr(_short(error.instance)), 1)
    if error.validator == "maxLength":
        message += f": {len(error.instance):,} characters, at most {error.validator_value:,}; shorten it"
    if error.validator == "additionalProperties":
        known = ", ".join(error.schema.get("properties", {}))
        return f"{message.replace('Additional properties are not allowed', 'unknown key')}; known: {known}"
    return message + (f" ({hint})" if hint else "")
