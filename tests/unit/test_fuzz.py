"""Whatever bytes stand in a file of the user's, a reader gives rows or a StudyError, soon, and no other error."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import tiny
from expertneurons import corpus, formulas, nursery_text, representations, sheets, study
from expertneurons.errors import StudyError
from expertneurons.norms import tidy_norm
from expertneurons.raters import read_raters
from expertneurons.stimuli import build_stimuli
from expertneurons.stimuli_table import split_table

KINDS = sorted(path.name.removesuffix(".schema.yaml") for path in sheets.SCHEMAS.glob("*.schema.yaml"))
KINDS.remove("config")
SCHEMAS = {kind: sheets.schema(kind) for kind in KINDS}
HEX = "ab" * 32
CELLS = st.sampled_from(
    [
        *(
            "",
            "cat",
            "Cat",
            "ice cream",
            "A cat sat.",
            "0",
            "1",
            "10",
            "-1",
            "1.2.3",
            "nan",
            "inf",
            "1e999",
            "9" * 5000,
        ),
        *(HEX, "trained", "pairs", "concepticon", "similarity", "is-a", "train", "neutral", "{concept}", "{1}", "*.x"),
        *("../../x", "/etc/x", "folder:..", "hub:a/b", "wheel:a==1/b", "https://a/b", "package:../a/../b", "a=b=c"),
        *("\x00", "\x1b[1m", "\u2028", "\x85", "\r", '"', "<b>", "\ud7ff", "\ufeff", "x" * 3000, "@0.5", "max", "*"),
    ]
)
EDGES = st.sampled_from([b"", b"", b"", b"\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\r\n", b"\n\n", b"\t", b"\x00"])
own_pace = settings(max_examples=20, deadline=5000, suppress_health_check=[HealthCheck.too_slow], database=None)


def bundled(kind: str) -> list[list[str]]:
    """Header and first rows of the project's own sheet of a kind."""
    places = {
        "lexicon": "nursery/",
        "frames": "nursery/",
        "concepts": "stimuli/everyday/",
        "sentences": "stimuli/everyday/",
    }
    name = "stimuli/quality/quality" if kind == "table" else f"{places.get(kind, '')}{kind}"
    lines = (tiny.ROOT / f"config/{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[:9]]


@st.composite
def contents(draw: st.DrawFn, kind: str) -> bytes:
    """Draw bytes that are nearly a sheet of this kind: one of the project's with cells changed, or odd rows."""
    if draw(st.booleans()):
        rows = [list(row) for row in bundled(kind)]
        for row in draw(st.lists(st.sampled_from(rows), max_size=2)):
            row[draw(st.integers(0, len(row) - 1))] = draw(CELLS)
    else:
        header = draw(st.just(list(SCHEMAS[kind]["properties"])) | st.lists(CELLS, max_size=4))
        width = st.just(len(header)) if draw(st.booleans()) else st.integers(0, 9)
        cells = width.flatmap(lambda n: st.lists(CELLS | st.text(max_size=9), min_size=n, max_size=n))
        rows = [header, *draw(st.lists(cells))]
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join("\t".join(row) for row in rows)
    coded = text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"])), "surrogatepass")
    return draw(EDGES) + coded + draw(EDGES)


def survive(read: Callable[[Path], object], content: bytes) -> None:
    """Read the bytes as a file in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, suppress(StudyError):
        path = Path(folder) / "given.tsv"
        path.write_bytes(content)
        read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_any_bytes_are_rows_or_an_error_of_the_study(kind: str) -> None:
    @own_pace
    @given(contents(kind) | st.binary(max_size=200))
    @example(b"\t".join(column.encode() for column in SCHEMAS[kind]["properties"]) + b"\n" + b"x" * 300_000)
    def check(content: bytes) -> None:
        survive(lambda path: sheets.read(path, kind), content)

    check()


@pytest.mark.parametrize("kind", ["models", "norms", "norm_files", "norm_raters", "contrasts", "choices"])
def test_any_sheet_of_a_study_is_checked_or_an_error_of_the_study(kind: str, tmp_path: Path) -> None:
    checked = ("models", "norms", "norm_files", "norm_raters", "contrasts", "choices")
    others = {name: str(tiny.ROOT / f"config/{name}.tsv") for name in checked}
    base = {"models": ["minilm-l6"], "norms": ["simlex999-nouns"], "stimuli": {"folder": str(tmp_path)}}
    tiny.write_stimuli(tmp_path / "everyday", {"cat": ["A cat."]})

    @own_pace
    @given(contents(kind))
    def check(content: bytes) -> None:
        survive(lambda path: study.load({**base, "sheets": {**others, kind: str(path)}}), content)

    check()


def test_any_stimuli_are_tables_or_an_error_of_the_study() -> None:
    @own_pace
    @given(contents("concepts"), contents("sentences"))
    def check(concepts: bytes, sentences: bytes) -> None:
        def read(path: Path) -> None:
            path.with_name("concepts.tsv").write_bytes(concepts)
            outputs = path.with_name("c.parquet"), path.with_name("s.parquet")
            build_stimuli(path.with_name("concepts.tsv"), path, *outputs, min_sentences=0, named=False)

        survive(read, sentences)

    check()


def test_any_table_is_split_or_an_error_of_the_study() -> None:
    @own_pace
    @given(contents("table"))
    @example(b"concept\tsentence\ncat\ta\xc2\x85b\ndog\tc\n")
    @example(b"concept\tsentence\rcat\ta\rdog\tc\r")
    def check(content: bytes) -> None:
        survive(lambda path: split_table(path, path.with_name("c.tsv"), path.with_name("s.tsv"), 1), content)

    check()


@pytest.mark.parametrize("reader", ["pairs", "concepticon"])
def test_any_norm_is_pairs_or_an_error_of_the_study(reader: str) -> None:
    header = "SIMLEX_IDS\tENGLISH\tENGLISH_SCORE\n" if reader == "concepticon" else ""
    ids = st.sampled_from(["1:1", "1:2", "1:1 2:2", "9" * 5000 + ":1", "\u0663:1", "1:3", ":"])
    cells = st.lists(CELLS | ids, max_size=4).map("\t".join)

    @own_pace
    @given(st.lists(cells).map(lambda rows: (header + "\n".join(rows)).encode()) | st.binary())
    def check(content: bytes) -> None:
        survive(lambda path: tidy_norm(path, path.with_name("n"), "n", reader, (0, 10)), content)  # type: ignore[arg-type]

    check()


def test_any_ratings_are_numbers_or_an_error_of_the_study() -> None:
    pairs = pd.DataFrame({"word1": ["cat", "1"], "word2": ["ice cream", "10"]})
    own = st.fixed_dictionaries(
        {"separator": st.sampled_from(["", "tab", "space", "comma"]), "skip": st.sampled_from(["", "0", "2"])},
        optional={"strip": CELLS, "replace": CELLS, "first_rater": CELLS},
    )

    @own_pace
    @given(st.lists(st.lists(CELLS, max_size=5).map("\t".join)).map("\n".join).map(str.encode) | st.binary(), own)
    def check(content: bytes, row: dict[str, str]) -> None:
        def read(path: Path) -> None:
            sheet = path.with_name("sheet.tsv")
            sheet.write_text("\t".join(["norm", "file", *row]) + "\n" + "\t".join(["n", "given.tsv", *row.values()]))
            read_raters(sheet, "n", [path], pairs)

        survive(read, content)

    check()


def test_any_corpus_is_sentences_or_an_error_of_the_study() -> None:
    lines = st.lists(CELLS | st.just("The cat sat on the mat, and the dog slept.")).map("\n".join).map(str.encode)

    @own_pace
    @given(st.binary() | lines)
    @example(b"The cat " + b"sat " * 30_000)
    def check(content: bytes) -> None:
        def read(path: Path) -> None:
            concepts = path.with_name("concepts.tsv")
            concepts.write_text("concept\ncat\n")
            kept, sentences, rejects = map(path.with_name, "ksr")
            corpus.collect_sentences(concepts, path, [], kept, sentences, rejects, 2, 2, 1)

        survive(read, content)

    check()


@pytest.mark.parametrize("layout", ["word2vec-text", "word2vec-binary", "glove"])
def test_any_vectors_are_read_or_an_error_of_the_study(layout: str) -> None:
    @own_pace
    @given(st.binary() | st.lists(CELLS, max_size=9).map(" ".join).map(str.encode))
    @example(b"999999999999 300\ncat 1 2 3\n")
    @example(b"2 3\ncat 1 2\ndog 1 2 3\n")
    @example(b"-1 -1\n")
    def check(content: bytes) -> None:
        def read(path: Path) -> None:
            sheet = path.with_name("sheet.tsv")
            sheet.write_text(f"vectors\tpath\tformat\nown\tgiven.tsv\t{layout}\n")
            list(representations._vectors(sheet, ["cat"]))

        survive(read, content)

    check()


def test_any_lexicon_and_frames_are_read_or_an_error_of_the_study() -> None:
    @own_pace
    @given(contents("lexicon"), contents("frames"))
    def check(lexicon: bytes, frames: bytes) -> None:
        def read(path: Path) -> None:
            path.with_name("frames.tsv").write_bytes(frames)
            nursery_text.read_lexicon(path, path.with_name("frames.tsv"))

        survive(read, lexicon)

    check()


@given(st.text() | st.lists(CELLS | st.sampled_from(["1 ", "x", "x ** 2", "(", "I(x", "C(x)", "0"])).map("+".join))
@example("y()")
@example("1/0")
@example("__import__('os').getcwd()")
@example("np.array")
@example("x:mm(concept)")
@settings(deadline=5000)
def test_any_formula_is_a_design_or_an_error_of_the_study(terms: str) -> None:
    table = pd.DataFrame({"word1": ["a", "a", "b"], "word2": ["b", "c", "c"], "x": [1.0, 2.0, 4.0], "y": np.ones(3)})
    with suppress(StudyError):
        formulas.build(table, formulas.parse(f"y ~ {terms}"))
