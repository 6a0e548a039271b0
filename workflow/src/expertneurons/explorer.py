"""Explorer: one page a model on which two concepts are picked and the threshold is moved; it needs no network."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from expertneurons import explorer_data, pages, tables
from expertneurons.alignment import rated_pairs
from expertneurons.explorer_data import Lists, packed
from expertneurons.files import open_array
from expertneurons.palette import domain_of

OWN, RANDOM = "experts.jaccard", "random_units.jaccard"
MEASURED = [
    *("rho", "low", "high", "n_pairs", "n_concepts", "p", "null_low", "null_high"),
    *("ceiling", "rho_within", "low_within", "high_within", "n_pairs_within"),
]
NUMBER_BYTES = 4


class Inputs(NamedTuple):
    """Tables of one model: its concepts, the index of its units, its experts, and the number of concepts and units."""

    concepts: pd.DataFrame
    units: pd.DataFrame
    experts: pd.DataFrame

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of concepts and of units."""
        return len(self.concepts), len(self.units)


def write_explorer(
    concept_table: Path,
    sentence_table: Path,
    units: Path,
    experts: Path,
    counts: Path,
    driving: Path,
    alignment: list[Path],
    norms: list[Path],
    norm_labels: list[str],
    model_labels: list[str],
    template: Path,
    script: Path,
    output: Path,
    model: str,
    stimuli: str,
    thresholds: list[float],
    threshold: float,
    level: float = 0.95,
) -> None:
    """Write the page on which concepts and thresholds are explored.

    Between the measured thresholds others stand, at which the page has counts, overlaps and the correlation but no
    interval.

    Args:
        concept_table: The concepts.
        sentence_table: Their sentences.
        units: Index of the units.
        experts: As `select_experts` writes them.
        counts: The `experts` table of the model.
        driving: As `rank_sentences` writes them.
        alignment: `alignment` tables of the model and then of its untrained controls.
        norms: Tidy norms, named by their files.
        norm_labels: Titles of the norms, each as name=title.
        model_labels: Titles of the models, each as name=title.
        template: Jinja template of the page.
        script: JavaScript that draws it.
        output: HTML file to write.
        model: Its name.
        stimuli: Their name.
        thresholds: AP thresholds of the study.
        threshold: The one that the page opens with.
        level: Coverage of the intervals of the tables.

    """
    own = Inputs(tables.read(concept_table), tables.read(units), tables.read(experts))
    limits = explorer_data.grid(thresholds, len(own.concepts))
    rows, whole = explorer_data.texts(tables.read(sentence_table))
    driven = open_array(driving)[:, : None if whole else 0]
    titles = dict(label.split("=", 1) for label in norm_labels)
    lists = explorer_data.expert_lists(own.experts, len(own.concepts), limits, NUMBER_BYTES * (driven.shape[1] + 2))
    models = dict(label.split("=", 1) for label in model_labels)
    told = pd.concat([tables.read(path) for path in alignment], ignore_index=True)
    data = {
        "start": threshold,
        "level": level,
        "measured": sorted(round(limit, 6) for limit in thresholds),
        "concepts": _concepts(own.concepts),
        "grid": _grid(own, limits, tables.read(counts)),
        **_listed(lists, own.units, driven),
        "sentences": _sentences(rows),
        "norms": [_norm(norm, titles[norm.stem], own, limits, told, (model, models)) for norm in norms],
    }
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    heading = {"title": models.get(model, model), "model": model, "stimuli": stimuli}
    sizes = {"n_concepts": own.shape[0], "n_units": own.shape[1]}
    pages.render(template, output, **heading, **sizes, data=text, script=script.read_text(encoding="utf-8"))


def _grid(own: Inputs, limits: list[float], counts: pd.DataFrame) -> list[dict[str, Any]]:
    """Experts and shared experts at every threshold, and where they were measured the experts that chance gives."""
    chance = {
        round(limit, 6): counts[counts["threshold"] == limit].set_index("concept")["n_expected_by_chance"]
        for limit in counts["threshold"].unique().tolist()
    }
    points = explorer_data.shared_counts(own.experts, *own.shape, limits)
    for limit, point in zip(limits, points, strict=True):
        if limit in chance:
            point["expected"] = chance[limit].loc[own.concepts["concept"]].round(2).tolist()
    return points


def _concepts(concepts: pd.DataFrame) -> list[dict[str, str]]:
    domains = domain_of(concepts)
    return [{"name": name, "domain": domains[name].replace("_", " ")} for name in concepts["concept"]]


def _listed(lists: Lists, units: pd.DataFrame, driven: Any) -> dict[str, Any]:
    """Experts by concept, and of every listed unit its place and the sentences that drive it."""
    places = units.groupby(["layer", "site"], sort=False).ngroup().to_numpy()
    groups = (
        units.assign(place=places)
        .groupby("place")
        .agg(layer=("layer", "first"), site=("site", "first"), units=("unit", "size"))
    )
    index = units.set_index("unit")["index"].to_numpy()
    return {
        "floor": lists.floor,
        "listed": lists.sizes.astype(int).tolist(),
        "members": packed(lists.members),
        "ap": packed(np.round(lists.ap.astype(np.float64) * explorer_data.AP_SCALE).astype(np.int64)),
        "places": groups.to_dict("records"),
        "unit_place": packed(places[lists.units]),
        "unit_index": packed(index[lists.units]),
        "driving": packed(driven[lists.units].astype(np.int64).ravel()),
        "driving_count": driven.shape[1],
    }


def _sentences(sentences: pd.DataFrame) -> list[list[Any]]:
    """Concept, text and where the concept is named, sentence by sentence."""
    named = [
        list(map(list, zip(map(int, a), map(int, b), strict=True)))
        for a, b in zip(sentences["starts"], sentences["ends"], strict=True)
    ]
    return [
        list(row)
        for row in zip(sentences["concept_number"].astype(int).tolist(), sentences["text"], named, strict=True)
    ]


def _norm(
    path: Path, title: str, own: Inputs, limits: list[float], told: pd.DataFrame, models: tuple[str, dict[str, str]]
) -> dict[str, Any]:
    """Ratings of a norm and, at every threshold, how the experts align with them."""
    model, labels = models
    pairs, ratings = rated_pairs(path, own.concepts["concept"].tolist())
    scale = tables.read(path).iloc[0]
    curve = explorer_data.alignment_curve(own.experts, own.shape, limits, pairs, ratings)
    ours = explorer_data.measured(told[told["model"] == model], path.stem, OWN, MEASURED)
    chance = explorer_data.measured(told[told["model"] == model], path.stem, RANDOM, ["rho"])
    controls = {
        labels.get(str(name), str(name)): explorer_data.measured(rows, path.stem, OWN, ["rho", "low", "high"])
        for name, rows in told[told["model"] != model].groupby("model")
    }
    for limit, point in zip(limits, curve, strict=True):
        if limit in ours:
            untrained = {name: rows[limit] for name, rows in controls.items() if limit in rows}
            random = chance.get(limit, {}).get("rho")
            point |= {**ours[limit], "measured": True, "random": random, "controls": untrained}
    return {
        "name": path.stem,
        "label": title,
        "scale": [float(scale["scale_low"]), float(scale["scale_high"])],
        "pairs": [[int(a), int(b), round(float(value), 4)] for (a, b), value in zip(pairs, ratings, strict=True)],
        "alignment": curve,
    }
