"""Collection: one table from its parts over models, stimuli and norms."""

from pathlib import Path

import pandas as pd

from expertneurons import tables
from expertneurons.files import replacing
from expertneurons.keys import KEYS


def join_parts(name: str, parts: list[Path], table: Path) -> None:
    """Join one table's parts.

    Args:
        name: The table's name; its key columns sort it.
        parts: Parquet files to join.
        table: Parquet file to write.

    """
    found = [tables.read(part) for part in parts]
    tables.write(pd.concat([own for own in found if len(own)] or found, ignore_index=True), table, KEYS[name])


def collect_tables(name: str, parts: list[Path], table: Path, csv: Path) -> None:
    """Join one table's parts over models and stimuli and write it twice.

    Args:
        name: The table's name; its key columns sort it.
        parts: Parquet files to join.
        table: Parquet file to write.
        csv: CSV file to write, the same rows.

    """
    join_parts(name, parts, table)
    with replacing(csv) as partial:
        tables.read(table).to_csv(partial, index=False, float_format="%.6g")
