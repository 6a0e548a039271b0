"""Audit: for every concept the units to look at, what drives them, and why one might not trust them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from expertneurons import audit_tables, audit_views, pages, tables
from expertneurons.alignment import rated_pairs
from expertneurons.audit_joins import Files, Measured, join
from expertneurons.audit_views import Texts, View
from expertneurons.audit_warnings import CHECKS, LABELS
from expertneurons.files import replacing
from expertneurons.keys import KEYS
from expertneurons.page_names import page_names
from expertneurons.word_alone import pooled, word_table

ASSETS = ("audit.css", "audit.js")
COLUMNS = [
    *("model", "stimuli", "concept", "rank", "unit", "layer", "site", "index", "ap", "auroc", "chance", "halves"),
    *("held_out_ap", "held_out_ap_low", "held_out_ap_high"),
    *("held_out_auroc", "held_out_auroc_low", "held_out_auroc_high"),
    *("n_named", "peak_share", "since"),
    *(f"{name}_without{end}" for name in ("ap", "auroc") for end in ("", "_low", "_high")),
    *(
        "n_experts",
        "best_ap",
        "main_layer",
        "page",
        "concept_held_out_ap",
        "concept_held_out_ap_low",
        "concept_held_out_ap_high",
    ),
    "warnings",
]


class Place(NamedTuple):
    """What all pages share: their names, how responses were pooled, titles of the norms."""

    pages: list[str]
    pooling: str
    norms: dict[str, str]


def write_audit(
    concept_table: Path,
    sentence_table: Path,
    units: Path,
    experts: Path,
    design: Path,
    distribution: Path,
    held_out_units: Path,
    held_out_concepts: Path,
    registers: Path,
    reads: Path,
    activations: Path,
    tokens: Path,
    templates: Path,
    output: Path,
    folder: Path,
    model: str,
    stimuli: str,
    title: str,
    threshold: float,
    pooling: str,
    draws: int,
    level: float,
    seed: int,
    norms: list[Path],
    norm_labels: list[str],
    checkpoints: list[Path],
    steps: list[int],
    steering: Path | None = None,
) -> None:
    """Write one table and a folder of pages, an index and one page a concept, that need no network.

    Args:
        concept_table: The concepts.
        sentence_table: As `build_stimuli` writes it.
        units: Index of the units.
        experts: As `select_experts` writes them.
        design: Positives, negatives and chance per concept.
        distribution: AP counts of the label-permutation null.
        held_out_units: Units, as `hold_out` writes them.
        held_out_concepts: Concepts, as `hold_out` writes them.
        registers: AP by register, as `hold_out` writes it.
        reads: Sentences that were read, as `hold_out` writes them.
        activations: As `read_tokens` writes them.
        tokens: As `read_tokens` writes them.
        templates: Folder of the pages' templates, style and script.
        output: Parquet file, the `audit` table of this model.
        folder: Folder of pages to write.
        model: Its name.
        stimuli: Their name.
        title: What the pages call the model.
        threshold: AP from which a unit is an expert.
        pooling: How a unit's activations over the tokens became one response.
        draws: Of the bootstrap of the AP without the concept's word.
        level: Coverage of the intervals.
        seed: Of that bootstrap.
        norms: Tidy norms, named by their files; none where nobody rated the concepts.
        norm_labels: Titles of the norms, each as name=title.
        checkpoints: Experts of all checkpoints of the model's training run; none where it is no such checkpoint.
        steps: Their steps, in their order.
        steering: The `steering` table, where units were forced and silenced.

    """
    concepts, sentences = tables.read(concept_table), tables.read(sentence_table).set_index("sentence")
    if "register" not in sentences:
        sentences["register"] = ""
    names, asked, told, answers = concepts["concept"].tolist(), *map(tables.read, (reads, tokens, activations))
    sizes, by_register, rows = (tables.read(path) for path in (design, registers, held_out_units))
    named = sentences["starts"].map(len).to_numpy() > 0
    chance = sizes["chance"].to_numpy(np.float64)
    words = word_table(asked, pooled(answers, told, pooling), named, chance, count=draws, level=level, seed=seed)
    runs = {step: tables.read(path) for step, path in zip(steps, checkpoints, strict=True)}
    counts, since = audit_tables.emergence(runs, rows, len(concepts), threshold)
    listed = audit_tables.listed_units(rows, words, by_register, since)
    rated = {norm.stem: rated_pairs(norm, names, least=0) for norm in norms}
    files = Files(units, experts, distribution, held_out_concepts)
    measured = join(concepts.merge(sizes, on="concept_number"), listed, by_register, counts, files, rated, threshold)
    texts = Texts(
        dict(zip(sentences.index.tolist(), audit_views.records(sentences), strict=True)),
        dict(zip(told["sentence"], zip(told["starts"], told["ends"], strict=True), strict=True)),
        dict(zip(zip(answers["unit"], answers["sentence"], strict=True), answers["values"], strict=True)),
        names,
    )
    steered = None if steering is None else _own(tables.read(steering), model, stimuli)
    labels = dict(own.split("=", 1) for own in norm_labels)
    place = Place(page_names(names), pooling, {norm: labels[norm] for norm in rated})
    tables.write(_table(measured, model, stimuli, place.pages), output, KEYS["audit"])
    views = (_view(measured, number, texts, asked, steered, place) for number in range(len(concepts)))
    shared = {"model": title, "stimuli": stimuli, "threshold": f"{threshold:g}", "level": f"{level:.0%}"}
    _write_pages(views, folder, templates, {**shared, "checks": CHECKS, "labels": LABELS})


def _own(steered: pd.DataFrame, model: str, stimuli: str) -> pd.DataFrame:
    return steered[(steered["model"] == model) & (steered["stimuli"] == stimuli)]


def _table(measured: Measured, model: str, stimuli: str, pages: list[str]) -> pd.DataFrame:
    """Rows of the `audit` table: what holds for a concept stands in the row of each of its units."""
    of_concept = measured.concepts[["concept_number", "concept", "chance", "n_experts", "best_ap"]]
    profiles = dict(tuple(measured.profile.groupby("concept_number")))
    told = of_concept.assign(
        model=model,
        stimuli=stimuli,
        page=pages,
        main_layer=[audit_tables.main_layer(profiles[number]) for number in of_concept["concept_number"]],
        warnings=[", ".join(own.kind for own in warned) for warned in measured.warned],
        **{
            f"concept_held_out_ap{end}": [row[f"held_out_ap{end}"] for row in measured.best]
            for end in ("", "_low", "_high")
        },
    )
    rows = measured.listed.merge(told, on="concept_number")
    return rows[[*COLUMNS, *(name for name in map(str, rows) if name.startswith("ap_") and name not in COLUMNS)]]


def _view(
    measured: Measured, number: int, texts: Texts, reads: pd.DataFrame, steered: pd.DataFrame | None, place: Place
) -> View:
    """Gather what the page of one concept shows."""
    names = place.pages
    concept: Any = measured.concepts.loc[number]
    own = measured.listed[measured.listed["concept_number"] == number]
    kinds = sorted(measured.registers.loc[measured.registers["concept_number"] == number, "register"].unique())
    rows = audit_views.unit_rows(own, kinds)
    warned, best = measured.warned[number], measured.best[number]
    named = sum(len(row["starts"]) > 0 for row in texts.sentences.values() if row["concept_number"] == number)
    about = {name: str(concept.get(name) or "").replace("_", " ") for name in ("domain", "sense")}
    return {
        **about,
        "name": concept["concept"],
        "href": names[number],
        "previous": (texts.concepts[number - 1], names[number - 1]) if number else None,
        "next": (texts.concepts[number + 1], names[number + 1]) if number + 1 < len(names) else None,
        "n_positives": int(concept["n_positives"]),
        "n_negatives": int(concept["n_negatives"]),
        "n_named": named,
        "word_known": bool(own["peak_share"].notna().any()),
        "chance": audit_views.figure(concept["chance"]),
        "chance_at": round(100 * float(concept["chance"]), 1),
        "n_experts": int(concept["n_experts"]),
        "best_ap": audit_views.figure(concept["best_ap"], 3),
        "held_out": audit_views.interval(best, "held_out_ap"),
        "auroc": audit_views.interval(best, "held_out_auroc"),
        "warnings": warned,
        "groups": audit_views.groups(best, warned, texts, number),
        "registers": kinds,
        "units": rows,
        "shown": audit_views.shown_units(rows, own, reads[reads["concept_number"] == number], texts, place.pooling),
        "layers": audit_views.layer_view(measured.profile[measured.profile["concept_number"] == number]),
        "norms": list(place.norms.values()),
        "neighbours": audit_views.neighbour_rows(measured.neighbours[number], texts.concepts, names, list(place.norms)),
        "steps": audit_views.step_rows(measured.counts[measured.counts["concept_number"] == number]),
        "steering": None
        if steered is None
        else audit_views.steering_rows(steered[steered["concept"] == concept["concept"]]),
    }


def _write_pages(views: Iterator[View], folder: Path, templates: Path, shared: dict[str, Any]) -> None:
    page, index = (pages.compiled(templates / f"{name}.html.j2") for name in ("concept", "index"))
    listed = []
    with replacing(folder) as partial:
        partial.mkdir()
        for view in views:
            (partial / view["href"]).write_text(page.render(**shared, own=view), encoding="utf-8")
            listed.append(view)
        (partial / "index.html").write_text(index.render(**shared, concepts=listed), encoding="utf-8")
        for name in ASSETS:
            shutil.copyfile(templates / name, partial / name)
