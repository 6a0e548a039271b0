"""Paper: the tables of the report as LaTeX and CSV, with n, interval, chance and what they are about."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reported
from expertneurons import tables
from expertneurons.grids import Column, grid
from expertneurons.paper import escaped, write_paper_tables


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    for name, table in reported.all_tables("ant_50% & co").items():
        tables.write(table, folder / f"{name}.parquet")
    write_paper_tables(
        sorted(folder.glob("*.parquet")),
        folder / "out",
        0.5,
        ["a-model"],
        ["everyday"],
        [f"{name}={title}" for name, title in reported.NORMS.items()],
        ["a-model=A model", "control=Its control"],
        ["control=a-model"],
    )
    return folder / "out"


def test_every_table_is_there_twice(written: Path) -> None:
    names = {path.name for path in written.iterdir()}
    stems = {name.partition(".")[0] for name in names}
    assert names == {f"{stem}.{ending}" for stem in stems for ending in ("csv", "tex")}
    parts = ("q1_alignment", "q2_comparisons", "q2_alignment", "q2_mixed_models", "q3_layers", "q6_organisation")
    assert stems == {*(f"{name}_a-model_everyday" for name in (*parts, "q7_rivals", "q9_audit")), "q7_models_everyday"}


def test_both_hold_the_same_cells(written: Path) -> None:
    for path in written.glob("*.csv"):
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
        text = path.with_suffix(".tex").read_text(encoding="utf-8")
        body = text[text.rindex(r"\endlastfoot") :].splitlines()
        cells = [line.removesuffix(r" \\").split(" & ") for line in body if line.endswith(r"\\")]
        expected = [[escaped(cell) for cell in row] for row in rows.to_numpy().tolist()]
        joined = [" & ".join(row) for row in expected]
        assert [" & ".join(row) for row in cells] == joined, path.name


def test_latex_is_a_captioned_booktabs_table_that_sets_special_letters(written: Path) -> None:
    text = (written / "q9_audit_a-model_everyday.tex").read_text(encoding="utf-8")
    for command in (r"\begin{longtable}", r"\toprule", r"\midrule", r"\bottomrule", r"\end{longtable}"):
        assert command in text
    assert r"ant\_50\% \& co" in text
    assert "Chance: A constant unit has AP 0.286." in text
    assert r"\label{tab:q9_audit_a-model_everyday}" in text
    assert re.search(r"\\begin\{longtable\}\{lrrrlrrrrl\}", text)


def test_tables_name_their_pairs_intervals_and_chance(written: Path) -> None:
    rows = pd.read_csv(written / "q1_alignment_a-model_everyday.csv")
    assert {"rho", "interval", "pairs", "concepts", "p", "chance"} <= set(rows.columns)
    assert set(rows["interval"].dropna()) == {"0.10 to 0.60", "-0.10 to 0.60"}
    assert set(rows["model"]) == {"A model", "Its control"}


def test_cells_are_formatted_and_sorted_by_their_numbers() -> None:
    rows = pd.DataFrame(
        {"name": ["a", "b"], "x": [-0.001, np.nan], "low": [0.1, 0.2], "high": [0.3, 0.4], "p": [1e-5, 0.04]}
    )
    columns = [
        Column("name", "name"),
        Column("x", "x", ".2f"),
        Column("ends", "low high", ".1f"),
        Column("p", "p", "p"),
    ]
    found = grid("t", "A table.", rows, columns, {"a": "a.html"})
    assert found.frame().to_numpy().tolist() == [
        ["a", "0.00", "0.1 to 0.3", "< 0.001"],
        ["b", "n/a", "0.2 to 0.4", "0.040"],
    ]
    assert [cell.order for cell in found.rows[0]] == [None, -0.001, 0.1, 1e-5]
    assert found.rows[1][1].order == float("-inf")
    assert [row[0].href for row in found.rows] == ["a.html", ""]
    assert [number for _, number in found.heads] == [False, True, True, True]


@pytest.mark.parametrize(
    ("text", "set_as"),
    [("a_b & 5%", r"a\_b \& 5\%"), ("AP >= 1~\\", r"AP \textgreater{}= 1\textasciitilde{}\textbackslash{}")],
)
def test_special_letters(text: str, set_as: str) -> None:
    assert escaped(text) == set_as
