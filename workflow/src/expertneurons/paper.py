"""Paper: the report's tables as LaTeX and CSV."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from expertneurons.aspects import ASPECTS
from expertneurons.files import replacing
from expertneurons.grids import Grid
from expertneurons.studied import gather


def write_paper_tables(
    tables: list[Path],
    folder: Path,
    threshold: float,
    reported: list[str],
    stimuli: list[str],
    norm_labels: list[str],
    model_labels: list[str],
    control_of: list[str],
) -> None:
    """Write every table that the report shows, as LaTeX (booktabs) and CSV.

    Args:
        tables: The tables of the study, each named by its file; what was not measured has none.
        folder: Where they go.
        threshold: AP threshold of the headline.
        reported: Models to report.
        stimuli: Sets of stimuli.
        norm_labels: Titles of the norms, each as name=title.
        model_labels: Titles of the models, each as name=title.
        control_of: Untrained controls, each as control=model.

    """
    study = gather(tables, threshold, reported, stimuli, norm_labels, model_labels, control_of)
    folder.mkdir(parents=True, exist_ok=True)
    for aspect in ASPECTS:
        for subject in aspect.subjects(study):
            verdict = aspect.verdict(study, *subject)
            if verdict is None:
                continue
            for table in aspect.grids(study, *subject):
                name = "_".join(filter(None, [aspect.question, table.name, subject.who, subject.stimuli]))
                about = ", ".join(filter(None, [study.title(subject.who), subject.stimuli]))
                _write(table, folder / name, f"{table.caption} {about}. Chance: {verdict.chance}")


def _write(table: Grid, stem: Path, caption: str) -> None:
    frame = table.frame()
    with replacing(Path(f"{stem}.csv")) as partial:
        frame.to_csv(partial, index=False)
    with replacing(Path(f"{stem}.tex")) as partial:
        partial.write_text(latex(table, frame, caption, stem.name), encoding="utf-8")


def latex(table: Grid, frame: pd.DataFrame, caption: str, label: str) -> str:
    """Write a table that fills the page's width, wraps its texts and goes on over pages, in one column or of two."""
    named = frame.set_axis([HYPHENS + broken(name) for name in frame.columns], axis="columns")
    numbers = [number for _, number in table.heads]
    cells = [named.iloc[:, place].map(whole if number else broken) for place, number in enumerate(numbers)]
    written = pd.concat(cells, axis="columns") if cells else named
    size, shares = column_shares(frame, numbers)
    longtable = written.style.hide(axis="index").to_latex(
        hrules=True,
        column_format="".join(_column(*own) for own in zip(shares, numbers, strict=True)),
        caption=escaped(caption),
        label=f"tab:{label}",
        environment="longtable",
    )
    return HEAD.format(size=size, separation=SEPARATION) + longtable + FOOT


def _column(share: float, number: bool) -> str:
    side = "left" if number else "right"
    width = f"\\dimexpr{share:.3f}\\linewidth-2\\tabcolsep\\relax"
    return f">{{\\ragged{side}\\arraybackslash{'' if number else HYPHENS}}}p{{{width}}}"


def column_shares(frame: pd.DataFrame, numbers: Sequence[bool]) -> tuple[str, list[float]]:
    """Choose the larger size in which the words fit their columns well, and each column's share of the line."""
    least, full = [], []
    for (name, texts), number in zip(frame.items(), numbers, strict=True):
        words = {word for text in (str(name), *([] if number else texts)) for word in BREAKS.split(text)}
        cut = [_width(word) * (HYPHENATED if len(word) > SHORT and word[-1] != "-" else 1.0) for word in words]
        least.append(max([*cut, *(_width(text) for text in texts if number)]))
        full.append(max(least[-1], min(WIDEST, max(map(_width, [str(name), *texts])))))
    rooms = {size: (LINE - len(least) * 2 * SEPARATION) / points for size, points in SIZES.items()}  # ems
    size = next((size for size, room in rooms.items() if SPARE * sum(least) <= room), list(SIZES)[-1])
    room, points = rooms[size], SIZES[size]
    wanted = sum(full) - sum(least)
    growth = min(1.0, max(0.0, room - sum(least)) / wanted) if wanted else 0.0
    own = [low + growth * (high - low) for low, high in zip(least, full, strict=True)]
    shares = [(width * points + 2 * SEPARATION) / LINE for width in own]
    return size, [share / max(1.0, sum(shares)) for share in shares]


def _width(text: str) -> float:
    """Width of a text in small Computer Modern, roughly, in its size."""
    return sum(NARROW if letter in SLIM else WIDE if letter in BROAD or letter.isupper() else MIDDLE for letter in text)


LINE = 345.0  # points: the narrowest line of a common class, article in ten points
SIZES = {"footnotesize": 8.0, "scriptsize": 7.0}  # points
SEPARATION = 2.0  # points, at either side of a column
SPARE = 1.2  # least room for texts, as a multiple of their longest words, for the larger letters
WIDEST = 25.0  # ems; longer texts are wrapped
SHORT, HYPHENATED = 7, 0.6  # letters that are not hyphenated, and what is left of the width of a longer word
SLIM, BROAD = "ijlft.,:;|!'()[]/- I", "mw%@"
NARROW, MIDDLE, WIDE = 0.34, 0.58, 0.95  # ems
BREAKS = re.compile(r" |(?<=[a-z0-9)][./_~:])(?=[a-z])|(?<=[a-z]-)(?=[a-z0-9])|(?<=[a-z])(?=[@(])")
HYPHENS = r"\nobreak\hspace{0pt}"  # after which a first word may be hyphenated
HEAD = r"""% Packages: array, booktabs, longtable. Where a page has two columns, the table gets pages of one.
% Letters beyond Latin need LuaLaTeX or XeLaTeX and a font that has them.
\makeatletter\let\columnsafter\relax
\if@twocolumn\let\columnsafter\twocolumn\onecolumn\fi\makeatother
\begingroup\{size}\setlength{{\tabcolsep}}{{{separation}pt}}\setlength{{\LTcapwidth}}{{\linewidth}}
\renewcommand{{\arraystretch}}{{1.2}}
"""
FOOT = "\\endgroup\\columnsafter\n"
# A bracket or a star at the start of a row would belong to the line break before it.
SPECIAL = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        **{letter: f"{{{letter}}}" for letter in "[*"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)


def escaped(text: str) -> str:
    """Write a text so that LaTeX sets it as it is."""
    return text.translate(SPECIAL)


def whole(text: str) -> str:
    """Write a number, or two of an interval, like `escaped` and on one line."""
    return rf"\mbox{{{escaped(text)}}}" if set(text) & set(" -") else escaped(text)


def broken(text: str) -> str:
    """Write a text like `escaped`, and let its long names break after their dots, slashes and underscores."""
    parts = [BREAKS.split(word) for word in text.split(" ")]
    return " ".join(r"\allowbreak{}".join(map(escaped, part)) for part in parts)
