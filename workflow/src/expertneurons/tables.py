"""Tables: parquet for programs, CSV for people; rows and columns always in the same order."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from expertneurons.errors import StudyError
from expertneurons.files import replacing


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
