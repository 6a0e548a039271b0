"""Tables: parquet for programs, CSV for people; rows and columns always in the same order."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from expertneurons.errors import StudyError
from expertneurons.files import AGAIN, replacing


def write(table: pd.DataFrame, path: Path, keys: Sequence[str] = ()) -> None:
    """Write a table sorted by its keys, which must be unique."""
    if keys:
        repeated = table[table.duplicated(list(keys))]
        if len(repeated):
            raise StudyError(f"{path}: two rows for {repeated.iloc[0][list(keys)].to_dict()}")
        table = table.sort_values(list(keys), kind="stable", na_position="first")
    with replacing(path) as partial:
        table.reset_index(drop=True).to_parquet(partial, index=False, write_page_checksum=True)


def read(path: Path) -> pd.DataFrame:
    """Read a table; a broken file, or one whose values are not those that were written, is an error that names it."""
    try:
        return pd.read_parquet(path, page_checksum_verification=True)
    except Exception as error:  # damage comes to light as any kind
        raise StudyError(f"{path} is not a whole parquet file ({error}); {AGAIN}") from error
