"""Paper: the report's tables as LaTeX and CSV."""

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
    """Write a table for the packages booktabs and longtable, which goes on over pages."""
    named = frame.set_axis([escaped(name) for name in frame.columns], axis="columns").map(escaped)
    columns = "".join("r" if number else "l" for _, number in table.heads)
    return named.style.hide(axis="index").to_latex(
        hrules=True,
        column_format=columns,
        caption=escaped(caption),
        label=f"tab:{label}",
        environment="longtable",
    )


SPECIAL = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
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
