"""Paper: the tables of the report as LaTeX and CSV, with n, interval, chance and what they are about."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reported
from expertneurons import tables
from expertneurons.grids import Column, counted, grid
from expertneurons.paper import escaped, latex, write_paper_tables

# Every letter that LaTeX minds, a name that cannot be hyphenated, and rows that start with what a line break could eat.
HARD = ["[a] & b_c%", "* $x$ #1 {y} ~^\\<>", "embedding.layer6.concept/residual_stream.of-experts@0.5"]
CLASSES = ["{article}", "[twocolumn]{article}"]


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
        plain = [[re.sub(r"\\mbox\{(.*)\}|\\allowbreak\{\}", r"\1", cell) for cell in row] for row in cells]
        expected = [[escaped(cell) for cell in row] for row in rows.to_numpy().tolist()]
        assert plain == expected, path.name


def test_latex_is_a_captioned_booktabs_table_that_sets_special_letters(written: Path) -> None:
    text = (written / "q9_audit_a-model_everyday.tex").read_text(encoding="utf-8")
    for command in (r"\begin{longtable}", r"\toprule", r"\midrule", r"\bottomrule", r"\end{longtable}"):
        assert command in text
    assert r"ant\_50\% \& co" in text
    assert "Chance: A constant unit has AP 0.286." in text
    assert r"\label{tab:q9_audit_a-model_everyday}" in text
    sides = re.findall(r"\\ragged(left|right)", text.partition("\\caption")[0])
    assert sides == ["right", *["left"] * 3, "right", *["left"] * 4, "right"]
    assert text.startswith("% Packages: array, booktabs, longtable.")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("kind", CLASSES)
def test_latex_compiles_and_stays_within_the_page(kind: str, tmp_path: Path) -> None:
    rows = pd.DataFrame({"name": HARD * 30, "low": -0.15, "high": 0.16, "p": 0.0001})
    parts = [Column("contrast of_100%", "name"), Column("interval", "low high", ".2f"), Column("p", "p", "p")]
    made = grid("t", "", rows, [*parts, *parts, Column("difference", "low", ".3f"), Column("equivalent", "p", "p")])
    text = latex(made, made.frame(), "A & B [0, 1] of 95%.", "t_1")
    head = f"\\documentclass{kind}\\usepackage{{array,booktabs,longtable}}"
    (tmp_path / "t.tex").write_text(f"{head}\\begin{{document}}{text}\\end{{document}}", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert max(map(float, re.findall(r"Overfull \\hbox \(([\d.]+)pt", told)), default=0) < 10


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


@pytest.mark.parametrize(("value", "text"), [(428.5, "428.5"), (428.0, "428"), (0.04, "0"), (10.25, "10.2")])
def test_counts_have_a_decimal_where_they_are_not_whole(value: float, text: str) -> None:
    assert counted(value) == text


def test_columns_that_say_nothing_are_left_out() -> None:
    rows = pd.DataFrame(
        {"name": ["", ""], "x": [np.nan, np.nan], "note": ["", None], "low": [np.nan, 0.1], "high": 0.2}
    )
    columns = [
        Column("name", "name"),
        Column("x", "x", ".2f"),
        Column("note", "note"),
        Column("ends", "low high", ".1f"),
    ]
    assert [name for name, _ in grid("t", "A table.", rows, columns).heads] == ["name", "ends"]
    assert len(grid("t", "A table.", rows[:0], columns).heads) == 4


@pytest.mark.parametrize(
    ("text", "set_as"),
    [("a_b & 5%", r"a\_b \& 5\%"), ("AP >= 1~\\", r"AP \textgreater{}= 1\textasciitilde{}\textbackslash{}")],
)
def test_special_letters(text: str, set_as: str) -> None:
    assert escaped(text) == set_as
