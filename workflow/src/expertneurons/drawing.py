"""Drawing: the house style of all figures, and how one drawing is written for screens and for a journal's column."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogFormatterMathtext

from expertneurons.files import replacing
from expertneurons.lean import lean

Form = Literal["screen", "print"]

# Okabe and Ito's colour-blind safe palette: each of these is the same representation in every figure, and nothing else.
EXPERTS, UNTRAINED, RANDOM, STATIC, CONTEXTUAL, TEXT = "#0072B2", "#D55E00", "#999999", "#009E73", "#CC79A7", "#E69F00"
# Tol's scheme "muted", for what is no representation: norms, rules, conditions.
OTHERS = ("#332288", "#117733", "#882255", "#999933", "#44AA99", "#CC6677")

STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "svg.hashsalt": "expertneurons",
    "svg.fonttype": "path",  # a page shows figures as images, which find no fonts
    "pdf.fonttype": 42,  # TrueType, which journals ask for
    "figure.constrained_layout.use": True,
    "text.parse_math": False,  # labels are the user's, and a $ in them is a $
}
SINGLE, DOUBLE = 89 / 25.4, 183 / 25.4  # widths of journals' columns, in inches
NARROW = 5.3  # what is drawn up to this width goes into one column
SMALLEST = 6.0  # points, the least that journals print
PLAIN = 2  # powers of ten up to this one, and down to it, are written out
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
TALLEST = 9.2  # inches of a page, with room for a caption


def draw_all(drawings: Mapping[str, Callable[[], Figure]], folder: Path, form: Form) -> None:
    """Draw figures in the house style, each under its name."""
    for name, draw in drawings.items():
        with mpl.rc_context(STYLE):
            save(draw(), folder / name, form)


def save(figure: Figure, stem: Path, form: Form) -> None:
    """Write a figure without a date, so that the same data give the same bytes: SVG and PNG, or PDF for print."""
    _write_powers(figure)
    if form == "print":
        fit(figure)
        with replacing(stem.with_suffix(".pdf")) as partial:
            figure.savefig(partial, format="pdf", metadata={"CreationDate": None})
        return
    for ending, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        with replacing(stem.with_suffix(f".{ending}")) as partial:
            figure.savefig(partial, format=ending, dpi=200, metadata=metadata)
            if ending == "svg":
                partial.write_text(lean(partial.read_text(encoding="utf-8")), encoding="utf-8")


def legend_below(figure: Figure, columns: int, *panels: Axes, fontsize: float = 8) -> None:
    """Put one legend below all panels, where it hides no data; what several panels name stands there once."""
    pairs = [pair for panel in panels for pair in zip(*panel.get_legend_handles_labels(), strict=True)]
    labelled = {label: handle for handle, label in pairs}
    figure.legend(list(labelled.values()), list(labelled), loc="outside lower center", ncols=columns, fontsize=fontsize)


def _write_powers(figure: Figure) -> None:
    """Write the ticks of logarithmic axes as plain text: as mathematics, which labels are not, they would be raw."""
    for panel in figure.axes:
        for axis in _axes(panel):
            if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
                axis.set_major_formatter(FuncFormatter(power))
            if isinstance(axis.get_minor_formatter(), LogFormatterMathtext):
                axis.set_minor_formatter(FuncFormatter(lambda _value, _place: ""))


def power(value: float, _place: int) -> str:
    """Write 100 as it is and 10000 as 10 with a raised 4."""
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    if mantissa not in ("1", "-1") or abs(int(exponent)) <= PLAIN:
        return f"{value:g}"
    return f"{mantissa.replace('1', '10')}{str(int(exponent)).translate(RAISED)}"


def fit(figure: Figure) -> None:
    """Bring a figure to the width of one or two columns, with text that can be read there."""
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    column = SINGLE if width <= NARROW else DOUBLE
    scale = column / width
    grown = _set_texts(figure, scale)
    for line in figure.findobj(Line2D):
        if isinstance(line, Line2D):
            line.set_linewidth(line.get_linewidth() * scale)
            line.set_markersize(line.get_markersize() * scale)
    figure.set_size_inches(column, min(height * scale * grown, TALLEST))
    figure.draw_without_rendering()
    for legend in list(figure.legends):
        _narrow(figure, legend)
    figure.draw_without_rendering()  # the layout settles at the second drawing


def _set_texts(figure: Figure, scale: float) -> float:
    """Scale all texts, none below the smallest; return the most by which one exceeds its scale for that."""
    grown = 1.0

    def size(text: Text) -> float:
        nonlocal grown
        own = max(SMALLEST, float(text.get_fontsize()) * scale)
        grown = max(grown, own / (float(text.get_fontsize()) * scale))
        return own

    for panel in figure.axes:
        for axis in (panel.xaxis, panel.yaxis):  # ticks come and go with the size, so that their axis has to know
            sizes = [size(label) for label in axis.get_ticklabels()]
            if sizes:
                axis.set_tick_params(labelsize=min(sizes))
    ticks = {id(label) for panel in figure.axes for axis in _axes(panel) for label in axis.get_ticklabels()}
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_text() and id(text) not in ticks:
            text.set_fontsize(size(text))
    return grown


def _axes(panel: Axes) -> tuple[Any, Any]:
    return panel.xaxis, panel.yaxis


def _narrow(figure: Figure, legend: Any) -> None:
    """Give a legend below the panels as many columns as fit."""
    handles, labels = legend.legend_handles, [text.get_text() for text in legend.get_texts()]
    fontsize = legend.get_texts()[0].get_fontsize()
    columns = min(len(labels), legend._ncols)
    while columns > 1 and legend.get_window_extent().width > figure.bbox.width:
        legend.remove()
        columns -= 1
        legend = figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=fontsize)
        figure.draw_without_rendering()
