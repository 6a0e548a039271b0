"""Drawing: one drawing in two forms, each as its readers need it."""

import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from expertneurons import drawing
from expertneurons.lean import lean

FORMS: tuple[drawing.Form, drawing.Form] = ("screen", "print")


class Elements(HTMLParser):
    """Elements of a picture with their attributes, without its styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "style":
            self.found.append((tag, {name: value or "" for name, value in attrs}))


def drawn(width: float, labels: int = 4) -> Figure:
    """Draw a figure with a long legend below it."""
    with mpl.rc_context(drawing.STYLE):
        figure = Figure(figsize=(width, 4.0))
        panel = figure.subplots()
        for number in range(labels):
            panel.plot([0, 1, 2], [number, number + 1, number], label=f"a long label of line {number}")
        panel.set(xlabel="AP", ylabel="rho", title="A title")
        figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=7)
    return figure


@pytest.mark.parametrize(("width", "column"), [(4.2, 89), (5.2, 89), (8.4, 183), (12.6, 183)])
def test_print_has_the_width_of_a_column_and_text_that_can_be_read(width: float, column: float) -> None:
    figure = drawn(width)
    with mpl.rc_context(drawing.STYLE):
        drawing.fit(figure)
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(column)
    assert figure.get_size_inches()[1] <= drawing.TALLEST
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]
    assert len(texts) > 8
    assert min(float(text.get_fontsize()) for text in texts) >= 6
    (legend,) = figure.legends
    assert legend.get_window_extent().width <= figure.bbox.width
    assert [text.get_text() for text in legend.get_texts()] == [f"a long label of line {n}" for n in range(4)]


def test_a_figure_is_written_as_svg_and_png_or_as_pdf_with_its_fonts(tmp_path: Path) -> None:
    drawing.draw_all({"one": lambda: drawn(4.2)}, tmp_path, "screen")
    drawing.draw_all({"one": lambda: drawn(4.2)}, tmp_path, "print")
    assert {path.name for path in tmp_path.iterdir()} == {"one.svg", "one.png", "one.pdf"}
    pdf = (tmp_path / "one.pdf").read_bytes()
    assert b"/Subtype /CIDFontType2" in pdf or b"/Subtype /TrueType" in pdf
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    box = [float(part) for part in re.findall(rb"/MediaBox \[([^\]]*)\]", pdf)[0].split()]
    assert box[2] / 72 * 25.4 == pytest.approx(89, abs=0.1)
    assert "<text" not in (tmp_path / "one.svg").read_text(encoding="utf-8")


def test_the_same_drawing_gives_the_same_bytes_in_both_forms(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for form in FORMS:
            drawing.draw_all({"one": lambda: drawn(8.4)}, tmp_path / name, form)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_colours_of_representations_and_others_are_all_different() -> None:
    own = (drawing.EXPERTS, drawing.UNTRAINED, drawing.RANDOM, drawing.STATIC, drawing.CONTEXTUAL, drawing.TEXT)
    assert len({*own, *drawing.OTHERS}) == len(own) + len(drawing.OTHERS)


def test_a_lean_picture_has_the_same_elements_at_the_same_places(tmp_path: Path) -> None:
    figure = drawn(8.4, labels=6)
    figure.savefig(tmp_path / "whole.svg", format="svg")
    whole = (tmp_path / "whole.svg").read_text(encoding="utf-8")
    short = lean(whole)
    assert len(short) < len(whole)
    before, after = (Elements(text).found for text in (whole, short))
    assert [tag for tag, _ in before] == [tag for tag, _ in after]
    rules = dict(re.findall(r"\.(s\d+)\{([^}]*)\}", short))
    assert rules
    for (tag, old), (_, new) in zip(before, after, strict=True):
        look = new.get("style") or rules.get(new.get("class", ""), "")
        assert old.get("style", "") in look
        assert old.get("clip-path", "") in look + new.get("clip-path", "")
        if tag == "path":
            whole_path, short_path = (np.array(re.findall(r"-?[\d.]+", one.get("d", "")), float) for one in (old, new))
            np.testing.assert_allclose(whole_path, short_path, atol=0.0051)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", ["log", "symlog"])
def test_ticks_of_logarithmic_axes_are_plain_text(scale: str, form: drawing.Form, tmp_path: Path) -> None:
    with mpl.rc_context(drawing.STYLE):
        figure = Figure()
        panel = figure.subplots()
        panel.plot([0, 1, 2], [0.001, 30, 40_000])
        panel.set_yscale(scale)
        drawing.save(figure, tmp_path / "figure", form)
        labels = [label.get_text() for label in panel.get_yticklabels()]
    assert "10⁴" in labels
    assert not [label for label in labels if "$" in label]


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0"), (1, "1"), (100, "100"), (10_000, "10⁴"), (0.01, "0.01"), (1e-12, "10⁻¹²"), (-1e3, "-10³")],
)
def test_powers(value: float, told: str) -> None:
    assert drawing.power(value, 0) == told
