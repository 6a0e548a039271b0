"""The audit's table and pages, from a small run of all its steps."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

import audited
from expertneurons.audit_warnings import LABELS
from expertneurons.keys import KEYS


class Page(HTMLParser):
    """What a page links to, its identifiers, its text and what it is made of."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.words = ""
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts: list[str | None] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= dict(attrs).keys()
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words += data


def test_every_concept_has_a_page_and_nothing_else_is_there(done: audited.Audited) -> None:
    names = {"cat.html", "ice-cream.html", "dog-s-dinner.html", "late-delivery.html"}
    assert {path.name for path in done.pages.iterdir()} == names | {"index.html", "audit.css", "audit.js"}


def test_every_link_is_a_file_of_the_folder(done: audited.Audited) -> None:
    for path in done.pages.glob("*.html"):
        page = Page(path)
        assert page.links
        assert all((done.pages / unquote(link)).is_file() for link in page.links), path
        assert len(set(page.ids)) == len(page.ids)


def test_nothing_asks_for_a_network(done: audited.Audited) -> None:
    for path in done.pages.iterdir():
        assert "://" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize(
    ("name", "markup"),
    [("dog-s-dinner", "<script>alert(1)</script>"), ("late-delivery", "<img src=x onerror=alert(2)>")],
)
def test_markup_in_sentences_and_names_is_text(name: str, markup: str, done: audited.Audited) -> None:
    page = Page(done.pages / f"{name}.html")
    assert markup in re.sub(r"\s+", " ", page.words)
    assert "Tiny & <u>co" in page.words
    for path in done.pages.glob("*.html"):
        page = Page(path)
        assert not {"img", "u", "iframe"} & page.tags
        assert not [name for name in page.attributes if name.startswith("on")]
        assert page.scripts == (["audit.js"] if "script" in page.tags else [])


def test_sentences_survive_shading_whole(done: audited.Audited) -> None:
    page = Page(done.pages / "ice-cream.html")
    shown = [text for text in audited.sentences()["ice cream"] if text in page.words]
    assert len(shown) >= 2


def test_the_table_has_its_key_and_the_index_every_concept(done: audited.Audited) -> None:
    rows = pd.read_parquet(done.table)
    assert not rows.duplicated(KEYS["audit"]).any()
    assert rows.groupby("concept").size().to_dict() == dict.fromkeys(audited.SUBJECTS, 6)
    index = Page(done.pages / "index.html")
    assert all(concept in index.words for concept in audited.SUBJECTS)


def test_a_concept_that_is_never_named_has_no_word_to_judge(done: audited.Audited) -> None:
    rows = dict(tuple(pd.read_parquet(done.table).groupby("concept")))
    assert rows["late delivery"]["peak_share"].isna().all()
    assert not rows["late delivery"]["warnings"].str.contains("word").any()
    assert rows["cat"]["n_named"].dropna().tolist() == [10, 10]
    words = Page(done.pages / "late-delivery.html").words
    assert "0 of 10 sentences contain the concept’s word: too few to tell" in words
    assert "more than the word itself drives it" not in words


def test_pages_show_ratings_checkpoints_and_steering(done: audited.Audited) -> None:
    cat, ice = (Page(done.pages / f"{name}.html").words for name in ("cat", "ice-cream"))
    assert "Toy <u>norm" in cat
    assert "step 8" in cat
    assert re.search(r"forced51\.2540%12\.0.*silenced5-0\.50–11\.5", re.sub(r"\s+", "", cat))
    assert "This concept was not among those steered." in ice
    rows = pd.read_parquet(done.table)
    assert set(rows["since"].dropna()) <= {8.0}
    assert (rows["since"].notna() == (rows["ap"].astype(np.float32) >= 0.5)).all()


def test_warnings_of_the_table_are_those_of_the_page(done: audited.Audited) -> None:
    rows = pd.read_parquet(done.table).drop_duplicates("concept")
    warned = dict(zip(rows["concept"], rows["warnings"], strict=True))
    for concept, name in (("cat", "cat"), ("ice cream", "ice-cream"), ("late delivery", "late-delivery")):
        words = Page(done.pages / f"{name}.html").words
        for kind, label in LABELS.items():
            told = kind in warned[concept].split(", ")
            assert (f"{label}." in words) == told, (concept, kind)


def test_the_same_input_gives_the_same_bytes(done: audited.Audited, tmp_path: Path) -> None:
    again = audited.write(tmp_path)
    assert again.table.read_bytes() == done.table.read_bytes()
    for path in done.pages.iterdir():
        assert (again.pages / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_table_names_the_page_of_each_concept(done: audited.Audited) -> None:
    named = pd.read_parquet(done.table).drop_duplicates("concept").set_index("concept")["page"]
    assert named["late delivery"] == "late-delivery.html"
    assert all((done.pages / page).is_file() for page in named)
