"""Pages: templates are filled, text is escaped, figures stand inside."""

import base64
from pathlib import Path

import jinja2
import pytest

from expertneurons import pages


def template(folder: Path, text: str) -> Path:
    path = folder / "page.html.j2"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_are_written_and_markup_in_them_is_escaped(tmp_path: Path) -> None:
    path = template(tmp_path, "<ul>\n{% for text in texts %}\n  <li>{{ text }}</li>\n{% endfor %}\n</ul>\n")
    pages.render(path, tmp_path / "page.html", texts=["AP >= 0.5", '<b>"SimLex & co"</b>', "naïve"])
    items = ["AP &gt;= 0.5", "&lt;b&gt;&#34;SimLex &amp; co&#34;&lt;/b&gt;", "naïve"]
    page = "<ul>\n" + "".join(f"  <li>{item}</li>\n" for item in items) + "</ul>"
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page


def test_a_name_that_is_not_given_is_an_error_and_leaves_the_page_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("before", encoding="utf-8")
    with pytest.raises(jinja2.UndefinedError, match="'missing' is undefined"):
        pages.render(template(tmp_path, "{{ given }} {{ missing }}"), tmp_path / "page.html", given=1)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"page.html", "page.html.j2"}


def test_figures_come_in_the_order_of_the_headings_with_their_captions_and_bytes(tmp_path: Path) -> None:
    pictures = {"b": b"<svg>\xc3\xa9</svg>", "a": b"<svg/>", "unused": b""}
    (tmp_path / "figures").mkdir()
    for name, data in pictures.items():
        (tmp_path / f"figures/{name}.svg").write_bytes(data)
        (tmp_path / f"{name}.rst").write_text(f"\nCaption of {name}.\n\n", encoding="utf-8")
    found = pages.embedded(tmp_path / "figures", tmp_path, {"b": "Second?", "a": "First?"}, tmp_path)
    assert [(own["name"], own["heading"], own["caption"]) for own in found] == [
        ("b", "Second?", "Caption of b."),
        ("a", "First?", "Caption of a."),
    ]
    assert [base64.b64decode(own["data"]) for own in found] == [pictures["b"], pictures["a"]]
    assert [own["href"] for own in found] == ["figures/b.svg", "figures/a.svg"]


def test_a_missing_figure_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.rst").write_text("Caption.", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"a\.svg"):
        pages.embedded(tmp_path, tmp_path, {"a": "Heading"}, tmp_path)
