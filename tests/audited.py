"""A small audit from sentences to pages: a random model, concepts with awkward names, one that no sentence names."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import tiny
from expertneurons import tables
from expertneurons.audit import write_audit
from expertneurons.extraction import extract_responses
from expertneurons.held_out import hold_out
from expertneurons.scoring import score_units
from expertneurons.selection import select_experts
from expertneurons.stimuli import build_stimuli, label_sentences
from expertneurons.stimuli_table import split_table
from expertneurons.tokens import read_tokens

SITES = ["attn.qkv", "mlp.up"]
SHEET = tiny.ROOT / "config/sites.tsv"
STEPS = [0, 8]
SUBJECTS = {
    "cat": "The cat sat on the {} while it rained.",
    "ice cream": "We ate ice cream & cake beside the {} at noon.",
    "dog's dinner": "What a dog's dinner <script>alert(1)</script> made of the {} again.",
    "late delivery": "Nobody has seen the <img src=x onerror=alert(2)> {} that was due.",
}
PLACES = ["mat", "roof", "table", "lawn", "chair", "wall", "floor", "stone", "bench", "path"]


class Audited(NamedTuple):
    """Folder of the files, and what the audit wrote: its table and its pages."""

    folder: Path
    table: Path
    pages: Path


def sentences() -> dict[str, list[str]]:
    return {concept: [text.format(place) for place in PLACES] for concept, text in SUBJECTS.items()}


def write(folder: Path) -> Audited:
    """Run every step from sentences to pages."""
    at = partial(Path, folder)
    rows = [
        f"{concept}\t{text}\t{('fact', 'story')[number % 2]}\n"
        for concept, texts in sentences().items()
        for number, text in enumerate(texts)
    ]
    at("table.tsv").write_text("concept\tsentence\tregister\n" + "".join(rows), encoding="utf-8")
    sheets = at("concepts.tsv"), at("sentences.tsv")
    split_table(at("table.tsv"), *sheets)
    model = tiny.write_model(folder / "model", "bert", rows)
    stimuli = at("concepts.parquet"), at("sentences.parquet")
    build_stimuli(*sheets, *stimuli, named=False)
    label_sentences(*stimuli, at("labels.parquet"))
    extract_responses(
        model, stimuli[1], SHEET, [at("max.npy")], at("units.parquet"), at("embeddings.npy"), SITES, ["max"], "tiny"
    )
    arrays: dict[str, Any] = {"ap": at("ap.npy"), "auroc": at("auroc.npy")}
    null: dict[str, Any] = {"design": at("design.parquet"), "distribution": at("distribution.parquet")}
    index: dict[str, Any] = {"units": at("units.parquet"), "concept_table": stimuli[0]}
    score_units(
        at("max.npy"),
        labels=at("labels.parquet"),
        prevalence=0.25,
        permutations=5,
        seed=1,
        model="tiny",
        **{**arrays, **null, **index},
    )
    chosen = at("experts.parquet"), at("counts.parquet")
    select_experts(
        experts=chosen[0],
        counts=chosen[1],
        thresholds=[0.4, 0.5],
        top=[10],
        model="tiny",
        stimuli="set",
        **{**arrays, **null, **index},
    )
    held = {name: at(f"held_{name}.parquet") for name in ("units", "concepts", "registers", "reads")}
    inputs: dict[str, Any] = {"sentence_table": stimuli[1], "concept_table": stimuli[0]}
    drawn: dict[str, Any] = {"draws": 100, "level": 0.95, "seed": 1}
    hold_out(
        **{**inputs, **held, **drawn, "responses": at("max.npy"), "labels": at("labels.parquet")},
        index=at("units.parquet"),
        prevalence=0.25,
        listed=6,
        shown=2,
        sentences=2,
        others=12,
        model="tiny",
    )
    read: dict[str, Any] = {"activations": at("activations.parquet"), "tokens": at("tokens.parquet")}
    read_tokens(model, stimuli[1], SHEET, at("units.parquet"), held["reads"], **read, sites_wanted=SITES, model="tiny")
    _write_others(folder)
    result = Audited(folder, at("audit.parquet"), at("pages"))
    write_audit(
        **{**inputs, **drawn, **read, **null},
        units=at("units.parquet"),
        experts=chosen[0],
        held_out_units=held["units"],
        held_out_concepts=held["concepts"],
        registers=held["registers"],
        reads=held["reads"],
        templates=tiny.ROOT / "workflow/report/audit",
        output=result.table,
        folder=result.pages,
        model="tiny",
        stimuli="set",
        title="Tiny & <u>co",
        threshold=0.5,
        pooling="max",
        norms=[at("toy.parquet")],
        norm_labels=["toy=Toy <u>norm"],
        checkpoints=[at("early.parquet"), chosen[0]],
        steps=STEPS,
        steering=at("steering.parquet"),
    )
    return result


def _write_others(folder: Path) -> None:
    """Write a norm, an earlier checkpoint without experts, and a steering table."""
    rating = {"word1": ["cat"], "word2": ["ice cream"], "rating": [1.5], "scale_low": [0.0], "scale_high": [10.0]}
    tables.write(pd.DataFrame(rating), folder / "toy.parquet")
    early = tables.read(folder / "experts.parquet").assign(ap=np.float32(0.3))
    tables.write(early, folder / "early.parquet")
    effect = {"model": "tiny", "stimuli": "set", "concept": "cat", "k": 5, "condition": ["forced", "silenced"]}
    values = {"delta_logprob": [1.25, -0.5], "mention_share": [0.4, np.nan], "perplexity": [12.0, 11.5]}
    tables.write(pd.DataFrame({**effect, **values}), folder / "steering.parquet")
