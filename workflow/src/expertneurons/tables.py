"""Tables: parquet for programs, CSV for people; rows and columns always in the same order."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from expertneurons.errors import StudyError
from expertneurons.files import replacing

KEYS = {
    "agreement": ["norm", "measure", "source"],
    "alignment": ["model", "stimuli", "norm", "representation", "threshold"],
    "category_experts": ["model", "stimuli", "superordinate", "threshold", "layer", "site"],
    "comparisons": ["model", "against", "stimuli", "norm", "a", "b"],
    "dose_effects": ["family", "step", "threshold", "measure", "dose", "kind"],
    "dose_response": ["family", "size", "concept", "dose", "seed", "run", "step", "threshold"],
    "emergence": ["family", "stimuli", "size", "seed", "run", "step", "norm", "representation", "threshold"],
    "experts": ["model", "stimuli", "concept", "threshold"],
    "half_rise": ["family", "stimuli", "size", "seed", "norm", "representation", "threshold"],
    "inclusion": ["model", "stimuli", "member", "superordinate", "threshold"],
    "layers": ["model", "stimuli", "layer", "site", "threshold"],
    "mixed_models": ["model", "against", "stimuli", "norm", "name", "condition", "term"],
    "organisation": ["model", "stimuli", "representation", "threshold", "measure", "norm", "domain", "null"],
    "organisation_by_step": [
        *("family", "stimuli", "size", "seed", "run", "step"),
        *("measure", "norm", "domain", "null"),
    ],
    "partial": ["model", "stimuli", "norm", "representation", "given"],
    "polysemy": ["model", "stimuli", "threshold", "concepts"],
    "sizes": ["family", "stimuli", "norm", "representation", "threshold", "smaller", "larger"],
    "validation": ["design", "target", "method", "quantity"],
}


def write(table: pd.DataFrame, path: Path, keys: Sequence[str] = ()) -> None:
    """Write a table sorted by its keys, which must be unique."""
    if keys:
        repeated = table[table.duplicated(list(keys))]
        if len(repeated):
            raise StudyError(f"{path}: two rows for {repeated.iloc[0][list(keys)].to_dict()}")
        table = table.sort_values(list(keys), kind="stable", na_position="first")
    with replacing(path) as partial:
        table.reset_index(drop=True).to_parquet(partial, index=False)


def read(path: Path) -> pd.DataFrame:
    """Read a table; a broken file is an error that names it."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} is not a whole parquet file ({error}); delete it and run again") from error


def collect_tables(name: str, parts: list[Path], table: Path, csv: Path) -> None:
    """Join one table's parts over models and stimuli and write it twice.

    Args:
        name: The table's name; its key columns sort it.
        parts: Parquet files to join.
        table: Parquet file to write.
        csv: CSV file to write, the same rows.

    """
    joined = pd.concat([read(part) for part in parts], ignore_index=True)
    keys = KEYS[name]
    write(joined, table, keys)
    with replacing(csv) as partial:
        read(table).to_csv(partial, index=False, float_format="%.6g")
