"""Tables: sorted, unique, the same bytes each time, and joined twice over."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from expertneurons import collection, tables
from expertneurons.errors import StudyError

TABLE = pd.DataFrame(
    {
        "model": ["b", "a", "b", "a"],
        "k": [2, 10, 1, 9],
        "value": [0.1, np.nan, 1 / 3, 4.0],
        "spans": [[1], [], [2, 3], [4]],
    }
)
LAYERS = pd.DataFrame(
    {"model": "b", "stimuli": "s", "layer": [1, 0], "site": "mlp.up", "threshold": 0.5, "share": [1 / 3, 2e-9]}
)


def test_rows_are_sorted_by_the_keys(tmp_path: Path) -> None:
    tables.write(TABLE, tmp_path / "t.parquet", ["model", "k"])
    found = tables.read(tmp_path / "t.parquet")
    assert list(zip(found["model"], found["k"], strict=True)) == [("a", 9), ("a", 10), ("b", 1), ("b", 2)]
    assert [list(spans) for spans in found["spans"]] == [[4], [], [2, 3], [1]]
    assert found.index.tolist() == [0, 1, 2, 3]


def test_without_keys_rows_stay_as_they_are(tmp_path: Path) -> None:
    tables.write(TABLE, tmp_path / "t.parquet")
    assert tables.read(tmp_path / "t.parquet")["k"].tolist() == [2, 10, 1, 9]


def test_a_missing_key_sorts_first(tmp_path: Path) -> None:
    tables.write(pd.DataFrame({"k": [2.0, np.nan, 1.0]}), tmp_path / "t.parquet", ["k"])
    assert tables.read(tmp_path / "t.parquet")["k"].tolist()[1:] == [1, 2]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_the_same_rows_are_the_same_bytes_in_any_order(order: list[int], tmp_path: Path) -> None:
    tables.write(TABLE, tmp_path / "a.parquet", ["model", "k"])
    tables.write(TABLE.iloc[order], tmp_path / "b.parquet", ["model", "k"])
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_the_given_table_is_left_as_it_is(tmp_path: Path) -> None:
    before = TABLE.copy(deep=True)
    tables.write(TABLE, tmp_path / "t.parquet", ["model", "k"])
    pd.testing.assert_frame_equal(TABLE, before)


def test_two_rows_of_the_same_key_are_refused_and_the_old_table_stays(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(TABLE, path, ["model", "k"])
    before = path.read_bytes()
    with pytest.raises(StudyError, match=rf"{path}: two rows for .*'model': 'b'.*2"):
        tables.write(pd.concat([TABLE, TABLE.iloc[:1]]), path, ["model", "k"])
    assert path.read_bytes() == before
    assert not tiny.leftovers(tmp_path)


def test_a_full_disk_names_the_table_and_leaves_nothing(tmp_path: Path) -> None:
    limited = (
        "import resource, sys; from pathlib import Path; import numpy as np, pandas as pd\n"
        "from expertneurons import tables; resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n"
        "tables.write(pd.DataFrame({'k': np.random.default_rng(0).random(5000)}), Path(sys.argv[1]))"
    )
    path = tmp_path / "t.parquet"
    done = subprocess.run(
        [sys.executable, "-c", limited, str(path)],
        env={**os.environ, "PYTHONPATH": str(tiny.ROOT / "workflow/src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"StudyError: {path}: " in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "garbled footer", "absent"])
def test_a_broken_table_is_named_with_the_remedy(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(TABLE, path)
    whole = path.read_bytes()
    spoiled = {
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"model,k\na,1\n",
        "garbled footer": whole[:-400] + bytes(392) + whole[-8:],
    }
    path.unlink()
    if damage in spoiled:
        path.write_bytes(spoiled[damage])
    with pytest.raises(StudyError, match=rf"{path} is not a whole parquet file .*delete it and run again"):
        tables.read(path)


def test_a_changed_bit_is_told_or_changes_no_value(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random(300)
    table = pd.DataFrame({"value": values, "name": [f"n{n}" for n in range(300)], "spans": [[1, 2]] * 300})
    path, told = tmp_path / "t.parquet", list[str]()
    tables.write(table, path)
    whole = path.read_bytes()
    places = range(4, len(whole) - len(whole) // 4, 29)  # the last quarter describes the columns
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            pd.testing.assert_frame_equal(tables.read(path), table)
        except StudyError as error:
            told.append(str(error))
    assert len(told) > len(places) // 2
    assert all(own.startswith(f"{path} is not a whole parquet file") for own in told)


def test_damage_to_what_describes_the_columns_is_no_other_error(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(TABLE, path)
    whole = path.read_bytes()
    for place in range(len(whole) // 4, len(whole) - 8, 11):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with suppress(StudyError):
            tables.read(path)


def parts(folder: Path, *own: pd.DataFrame) -> list[Path]:
    paths = [folder / f"part{number}.parquet" for number in range(len(own))]
    for path, table in zip(paths, own, strict=True):
        tables.write(table, path)
    return paths


def test_joined_parts_are_sorted_whatever_their_order_and_written_twice(tmp_path: Path) -> None:
    made = parts(tmp_path, LAYERS, LAYERS.assign(model="a"))
    table, csv = tmp_path / "out" / "layers.parquet", tmp_path / "out" / "layers.csv"
    collection.collect_tables("layers", made, table, csv)
    before = table.read_bytes(), csv.read_bytes()
    found = tables.read(table)
    assert list(zip(found["model"], found["layer"], strict=True)) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert csv.read_text(encoding="utf-8").splitlines()[:3] == [
        "model,stimuli,layer,site,threshold,share",
        "a,s,0,mlp.up,0.5,2e-09",
        "a,s,1,mlp.up,0.5,0.333333",
    ]
    collection.collect_tables("layers", made[::-1], table, csv)
    assert (table.read_bytes(), csv.read_bytes()) == before


def test_a_part_without_rows_changes_nothing(tmp_path: Path) -> None:
    table, csv = tmp_path / "layers.parquet", tmp_path / "layers.csv"
    collection.collect_tables("layers", parts(tmp_path, LAYERS), table, csv)
    alone = table.read_bytes()
    collection.collect_tables("layers", parts(tmp_path, LAYERS, LAYERS.iloc[:0]), table, csv)
    assert table.read_bytes() == alone


def test_parts_that_overlap_are_refused(tmp_path: Path) -> None:
    table, csv = tmp_path / "layers.parquet", tmp_path / "layers.csv"
    with pytest.raises(StudyError, match=f"{table}: two rows for"):
        collection.collect_tables("layers", parts(tmp_path, LAYERS, LAYERS.iloc[1:]), table, csv)
    assert not table.exists()
    assert not csv.exists()
    assert not tiny.leftovers(tmp_path)


def test_a_broken_part_is_named(tmp_path: Path) -> None:
    made = parts(tmp_path, LAYERS, LAYERS.assign(model="a"))
    made[1].write_bytes(b"broken")
    with pytest.raises(StudyError, match=str(made[1])):
        collection.collect_tables("layers", made, tmp_path / "layers.parquet", tmp_path / "layers.csv")
    assert not (tmp_path / "layers.parquet").exists()
