"""Nursery plan: which small models are trained, on which corpus, and which concepts are rare in it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from expertneurons import seeds, tables
from expertneurons.errors import StudyError
from expertneurons.nursery_runs import DOSED, FAMILY, parameters, plan
from expertneurons.nursery_text import read_lexicon


def plan_nursery(lexicon: Path, frames: Path, runs: Path, doses: Path, settings: str, seed: int) -> None:
    """Write the training runs, and the dose of every chosen concept in the runs that rarefy some.

    Drawn groups of concepts take the doses in turn, one place further in every run, so that dose and concept are
    crossed (a Latin square) where there are as many runs as doses.

    Args:
        lexicon: Sheet of features.
        frames: Sheet of frames.
        runs: Parquet file: run, family, size, parameters, width, layers, heads, seed, kind, corpus.
        doses: Parquet file: run, concept, dose; concepts of no group keep their frequency and are not listed.
        settings: Of the section `nursery` of the configuration sizes, seeds, vocabulary and interventions, as JSON.
        seed: Of the groups.

    """
    known = json.loads(settings)
    planned = plan(known)
    table = pd.DataFrame([{"run": run, "family": FAMILY, **own} for run, own in planned.items()])
    table["parameters"] = [parameters(own["width"], own["layers"], known["vocabulary"]) for own in planned.values()]
    change = known["interventions"]
    levels, per_dose = change["doses"], change["concepts_per_dose"]
    concepts = list(read_lexicon(lexicon, frames).values)
    if per_dose * len(levels) > len(concepts):
        raise StudyError(
            f"nursery.interventions: {len(levels)} doses of {per_dose} concepts are more than the {len(concepts)} of "
            "the lexicon; set concepts_per_dose lower"
        )
    drawn = seeds.generator(seed, "nursery_doses").permutation(len(concepts))[: per_dose * len(levels)]
    groups = drawn.reshape(len(levels), per_dose)
    dosed = [run for run, own in planned.items() if own["kind"] == DOSED]
    rows = [
        {"run": run, "concept": concepts[member], "dose": float(levels[(group + turn) % len(levels)])}
        for turn, run in enumerate(dosed)
        for group, members in enumerate(groups)
        for member in np.sort(members)
    ]
    tables.write(table, runs, ["run"])
    tables.write(pd.DataFrame(rows), doses, ["run", "concept"])
