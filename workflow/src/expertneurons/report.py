"""Report: one self-contained page that answers the nine questions of the study, each from its numbers."""

from pathlib import Path
from typing import Any

import numpy as np

from expertneurons import control_alerts, pages, statements
from expertneurons.aspects import ASPECTS, Aspect, Subject
from expertneurons.grids import Cell, Grid
from expertneurons.layers import ALL
from expertneurons.questions import QUESTIONS, Question
from expertneurons.studied import Studied, gather

Row = dict[str, Any]

# What the figures of a page may take together, as they stand in it, so that the page can be mailed: below 10 MB in all.
FIGURE_BYTES = 7_500_000


def write_report(
    template: Path,
    captions: Path,
    tables: list[Path],
    figures: Path,
    output: Path,
    title: str,
    threshold: float,
    reported: list[str],
    stimuli: list[str],
    norm_labels: list[str],
    model_labels: list[str],
    control_of: list[str],
    settings: list[str],
) -> None:
    """Write the report as one HTML file that needs no network.

    Args:
        template: Jinja template of the page; its style and script lie beside it.
        captions: Folder of captions, one text file per figure.
        tables: The tables of the study, each named by its file; what was not measured has none.
        figures: Folder of the figures, by model and stimuli.
        output: HTML file to write.
        title: Heads the page.
        threshold: AP threshold of the headline.
        reported: Models to report.
        stimuli: Sets of stimuli.
        norm_labels: Titles of the norms, each as name=title.
        model_labels: Titles of the models, each as name=title.
        control_of: Untrained controls, each as control=model.
        settings: Config keys with their values as JSON, each as key=value.

    """
    study = gather(tables, threshold, reported, stimuli, norm_labels, model_labels, control_of)
    given = dict(pair.split("=", 1) for pair in settings)
    agreed = study.of("agreement")
    sections = [section(study, question, given, figures, captions, output.parent) for question in QUESTIONS]
    lighten(sections)
    pages.render(
        template,
        output,
        title=title,
        threshold=threshold,
        facts=facts(study),
        alerts=control_alerts.failed(study),
        notes=control_alerts.above_chance(study),
        checked=control_alerts.checked(study) if study.controls else "",
        sections=sections,
        ceilings=statements.ceilings(agreed, study.norms_of(agreed)),
        calibration=calibration(study),
    )


def section(
    study: Studied, question: Question, settings: dict[str, str], figures: Path, captions: Path, root: Path
) -> Row:
    """Gather what the page says of a question: for each subject the answer, its figures, tables and all sentences."""
    parts = [
        part
        for aspect in ASPECTS
        if aspect.question == question.key
        for subject in aspect.subjects(study)
        if (part := told(study, aspect, subject, figures, captions, root))
    ]
    return {
        "question": question,
        "parts": [part | {"id": f"{question.key}-{number}"} for number, part in enumerate(parts, 1)],
        "settings": {key: settings[key] for key in question.settings if key in settings},
    }


def told(study: Studied, aspect: Aspect, subject: Subject, figures: Path, captions: Path, root: Path) -> Row | None:
    """Gather one answer with what it rests on; nothing where it was not measured."""
    verdict = aspect.verdict(study, *subject)
    if verdict is None:
        return None
    return {
        "title": ", ".join(filter(None, [study.title(subject.who) or "All models", subject.stimuli, aspect.label])),
        "verdict": verdict,
        "figures": [
            figure
            for folder, headings in aspect.figures.items()
            for figure in pages.embedded(
                figures / folder.format(who=subject.who, stimuli=subject.stimuli), captions, headings, root
            )
        ],
        "tables": aspect.grids(study, *subject),
        "account": {heading: texts for heading, texts in aspect.account(study, *subject).items() if texts},
        "links": links(aspect, subject),
    }


def lighten(sections: list[Row]) -> None:
    """Leave the heaviest figures to their files until the others have room, the first of an answer last of all."""
    figures = [
        (place == 0, -len(figure["data"]), figure)
        for section in sections
        for part in section["parts"]
        for place, figure in enumerate(part["figures"])
    ]
    taken = -sum(size for _, size, _ in figures)
    for _, size, figure in sorted(figures, key=lambda known: known[:2]):
        if taken <= FIGURE_BYTES:
            return
        figure["data"] = ""
        taken += size


def links(aspect: Aspect, subject: Subject) -> dict[str, str]:
    """Name the pages beside this one that tell more."""
    graph = f"figures/{subject.who}/{subject.stimuli}/concept_graph.html"
    audit = f"audit/{subject.who}/{subject.stimuli}/index.html"
    explorer = f"explorer/{subject.who}/{subject.stimuli}.html"
    beside = {
        "q1": {"Pick two concepts and move the threshold": explorer},
        "q6": {"The concept graph to explore": graph},
        "q9": {"All concepts, with a checklist to sign": audit},
    }
    return beside.get(aspect.question, {})


def facts(study: Studied) -> list[tuple[str, str, str]]:
    """List what was run on which inputs: a name, a number or word, and what belongs to it."""
    found = []
    for model in study.reported:
        layers = study.of("layers", model=model, site=ALL)
        one = layers[np.isclose(layers["threshold"].astype(float), study.threshold)].drop_duplicates("layer")
        controls = [study.title(control) for control in study.controls_of(model)]
        units = f"{one['n_units'].sum():,.0f} units in {len(one)} layers"
        found.append(("Model", study.title(model), f"{units}; {', '.join(controls) or 'no untrained control'}"))
    for stimuli in study.stimuli:
        counts = study.of("experts", stimuli=stimuli).drop_duplicates("concept")
        found.append(
            ("Stimuli", stimuli, f"{len(counts)} concepts, {counts['n_positives'].median():.0f} sentences each")
        )
    aligned = study.of("alignment")
    for norm, title in study.norms_of(aligned).items():
        found.append(("Norm", title, f"{aligned.loc[aligned['norm'] == norm, 'n_pairs'].max():.0f} rated pairs"))
    grown = study.of("emergence")
    for family, runs in grown.groupby("family") if len(grown) else []:
        sizes = ", ".join(runs.sort_values("parameters")["size"].unique())
        span = f"{runs['run'].nunique()} runs of size {sizes}, {runs['step'].nunique()} checkpoints"
        found.append(("Training runs", str(family), span))
    return found


def calibration(study: Studied) -> Grid | None:
    """Return coverage and false positives of the methods on simulated pairs; nothing where they were not run."""
    rows = study.of("validation")
    if rows.empty:
        return None
    designs, shares = statements.calibration(rows)
    heads = [
        ("what", False),
        ("of", False),
        ("method", False),
        ("should be", True),
        *((name, True) for name in designs),
    ]
    cells = [
        [
            *(Cell(row[name]) for name in ("quantity", "target", "method")),
            Cell(row["nominal"], float(row["nominal"])),
            *(
                Cell(share, float(share)) if (share := row["shares"].get(name)) else Cell("", float("-inf"))
                for name in designs
            ),
        ]
        for row in shares
    ]
    caption = (
        "Simulated pairs with concept hubs and, for coverage, concepts that differ in alignment; percent of data sets."
    )
    return Grid("validation", caption, heads, cells)
