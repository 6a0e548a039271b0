"""Tables of a small study whose numbers are planted, and the files that its report shows and links to."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from expertneurons import organisation_names as names
from expertneurons import stability_names, tables
from expertneurons.aspects import ASPECTS
from expertneurons.ceilings import RELIABILITY
from expertneurons.report import write_report
from tiny import ROOT

TEMPLATES = ROOT / "workflow/report"
NORMS = {"simlex": "SimLex", "wordsim": "WordSim & co"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="200"><title>{}</title><path d="M0 0L400 200"/></svg>'
PLACE = {"model": "a-model", "stimuli": "everyday"}


def aligned(low: float = 0.1, control_low: float = -0.1, rho: float = 0.3) -> pd.DataFrame:
    """Alignment of a model and its control; experts at AP 0.7 are too few."""
    rows = []
    for model, edge in (("a-model", low), ("control", control_low)):
        for norm in NORMS:
            for name, limit in (("experts.jaccard", 0.5), ("experts.jaccard", 0.7), ("text.tfidf", np.nan)):
                few = limit == 0.7
                ends: dict[str, Any] = {"rho": rho, "low": edge, "high": 0.6}
                place = {
                    "model": model,
                    "stimuli": "everyday",
                    "norm": norm,
                    "representation": name,
                    "threshold": limit,
                }
                chance: dict[str, Any] = {"p": 0.0005, "null_low": -0.2, "null_high": 0.2, "share_of_ceiling": np.nan}
                for part in ("within", "between", "unnamed"):
                    chance |= {f"rho_{part}": 0.2, f"low_{part}": 0.1, f"high_{part}": 0.3, f"n_pairs_{part}": 20}
                sizes = {"n_pairs": 40, "n_concepts": 12, "identical_pairs": not few}
                rows.append({**place, **(dict.fromkeys(ends, np.nan) if few else ends), **chance, **sizes})
    return pd.DataFrame(rows)


def counted(concept: str = "ant") -> pd.DataFrame:
    """Experts of three concepts."""
    rows = [
        {**PLACE, "concept": name, "threshold": t, "n_experts": n}
        for t in (0.5, 0.7)
        for name, n in ((concept, 0), ("bee", 4), ("cat", 11))
    ]
    scores = {"n_expected_by_chance": 0.25, "best_ap": 0.8, "best_auroc": 0.9, "chance": 2 / 7, "n_positives": 24}
    return pd.DataFrame(rows).assign(**scores)


def compared(**changed: Any) -> pd.DataFrame:
    """Contrasts with an embedding and with the text."""
    numbers = {"rho_a": 0.3, "rho_b": 0.4, "difference": -0.1, "low": -0.2, "high": 0.01, "bound": 0.05}
    tests = {"p": 0.07, "p_family": 0.21, "equivalent": False, "n_pairs": 40, "n_concepts": 12, "detectable": 0.15}
    shared = {**PLACE, "against": "a-model", "note": "", **numbers, **tests}
    others = {"experts - text": "text.tfidf", "experts - contextual embedding": "embedding.layer1.concept"}
    rows = [{"contrast": name, "b": b, "norm": norm, **shared} for name, b in others.items() for norm in NORMS]
    return pd.DataFrame(rows).assign(**changed)


def fitted() -> pd.DataFrame:
    """Slopes of mixed models."""
    numbers = {"estimate": 0.25, "se": 0.1, "df": 10.0, "p": 0.03, "low": 0.03, "high": 0.47, "note": ""}
    place = {**PLACE, "name": "alignment", "condition": "experts", "term": "rating", "against": ""}
    return pd.DataFrame([{**place, "norm": norm, **numbers, "n_pairs": 40, "n_concepts": 12} for norm in NORMS]).assign(
        converged=True
    )


def agreed() -> pd.DataFrame:
    """Reliability that is not estimable."""
    rows = [(norm, RELIABILITY, np.nan, 40, "not estimable: no raters") for norm in NORMS]
    return pd.DataFrame(rows, columns=["norm", "measure", "value", "n_pairs", "note"])


def layered() -> pd.DataFrame:
    """Two layers, of which the second has three times the experts."""
    row: dict[str, Any] = {"threshold": 0.5, "n_units": 40, "n_pairs_expected_by_chance": 2.0}
    row |= {
        f"{name}_{norm}": value for norm in NORMS for name, value in (("low", -0.1), ("high", 0.4), ("n_pairs", 40))
    }
    rows = []
    for model in ("a-model", "control"):
        for layer, pairs in ((0, 10), (1, 30)):
            own: dict[str, Any] = {
                "model": model,
                "stimuli": "everyday",
                "layer": layer,
                "n_expert_concept_pairs": pairs,
            }
            own |= {f"rho_{norm}": 0.1 * layer for norm in NORMS}
            rows += [{**row, **own, "site": site} for site in ("all", "mlp.up")]
    return pd.DataFrame(rows)


def organised(p: float = 0.001) -> pd.DataFrame:
    """Domains, and a hierarchy that is claimed where p is small."""
    ends = {"null_mean": 0.5, "p": p, "low": 0.7, "high": 0.9, "value": 0.8, "null": names.LABELS}
    place = {"stimuli": "everyday", "domain": "", "norm": "", "threshold": 0.5, "n": 9, "note": ""}
    rows = [
        {**place, **ends, "model": model, "measure": measure, "representation": representation}
        for model in ("a-model", "control")
        for measure, representation in ((names.AUC, names.HEADLINE), (names.TRIPLETS, names.HEADLINE))
    ]
    rows += [
        {**place, **ends, "model": "a-model", "measure": measure, "representation": names.EXPERTS}
        for measure in (names.COVERAGE, names.LIFT)
    ]
    return pd.DataFrame(rows)


def audited(concept: str = "ant") -> pd.DataFrame:
    """The best unit of three concepts, one of them with a warning."""
    numbers = {"rank": 1, "layer": 1, "site": "mlp.up", "index": 7, "ap": 0.9, "chance": 2 / 7, "best_ap": 0.9}
    ends = {
        f"{name}_{end}": value
        for name in ("held_out_ap", "concept_held_out_ap")
        for end, value in (("low", 0.6), ("high", 0.9))
    }
    rows = [
        {**PLACE, **numbers, **ends, "concept": name, "page": f"{page}.html", "n_experts": 4, "warnings": warned}
        | {"held_out_ap": held, "concept_held_out_ap": held}
        for name, page, held, warned in (
            (concept, "ant", 0.7, ""),
            ("bee", "bee", 0.8, "word"),
            ("cat", "cat", 0.85, ""),
        )
    ]
    return pd.DataFrame(rows)


def rivalled() -> pd.DataFrame:
    """Experts and random units, as many."""
    rows = [
        {
            **PLACE,
            "norm": norm,
            "method": method,
            "k": k,
            "rho": rho,
            "low": rho - 0.1,
            "high": rho + 0.1,
            "n_pairs": 40,
        }
        | {"ap": ap, "ap_low": 0.6, "ap_high": 0.9}
        for norm in NORMS
        for method, rho, ap in (("experts", 0.4, 0.8), ("random", 0.05, np.nan))
        for k in (1, 4)
    ]
    return pd.DataFrame(rows)


def agreeing() -> pd.DataFrame:
    """Two models that agree."""
    row = {"a": "a-model", "b": "control", "layer_a": -1, "layer_b": -1, "rho": 0.2, "low": 0.1, "high": 0.3}
    more = {"n_pairs": 66, "corrected": 0.4, "reliability_a": 0.7, "reliability_b": 0.5, "stimuli": "everyday"}
    assert row["layer_a"] == stability_names.NO_LAYER
    return pd.DataFrame([{**row, **more}])


def all_tables(concept: str = "ant") -> dict[str, pd.DataFrame]:
    """Every table of a study without training runs, steering and other choices."""
    return {
        "alignment": aligned(),
        "experts": counted(concept),
        "comparisons": compared(),
        "mixed_models": fitted(),
        "agreement": agreed(),
        "layers": layered(),
        "organisation": organised(),
        "audit": audited(concept),
        "rivals": rivalled(),
        "models": agreeing(),
    }


def arguments(folder: Path, written: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Write tables, figures and linked pages below a folder; returns the arguments of `write_report`."""
    for name, table in written.items():
        tables.write(table, folder / "tables" / f"{name}.parquet")
        (folder / "tables" / f"{name}.csv").write_text("a table", encoding="utf-8")
    for aspect in ASPECTS:
        for pattern, headings in aspect.figures.items():
            own = folder / "figures" / pattern.format(who="a-model", stimuli="everyday")
            own.mkdir(parents=True, exist_ok=True)
            for name in headings:
                (own / f"{name}.svg").write_text(SVG.format(name), encoding="utf-8")
    pages = [*(f"audit/a-model/everyday/{name}.html" for name in ("index", "ant", "bee", "cat")), "manifest.json"]
    for page in [*pages, "explorer/a-model/everyday.html", "figures/a-model/everyday/concept_graph.html"]:
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text("<!doctype html><title>A page</title>", encoding="utf-8")
    return {
        "template": TEMPLATES / "report.html.j2",
        "captions": TEMPLATES,
        "tables": [folder / "tables" / f"{name}.parquet" for name in written],
        "figures": folder / "figures",
        "output": folder / "report.html",
        "title": "A study",
        "threshold": 0.5,
        "reported": ["a-model"],
        "stimuli": ["everyday"],
        "norm_labels": [f"{name}={title}" for name, title in NORMS.items()],
        "model_labels": ["a-model=A model", "control=Its control"],
        "control_of": ["control=a-model"],
        "settings": ["figures.threshold=0.5", 'steering.models=["a-model"]'],
    }


def page(folder: Path, changed: dict[str, pd.DataFrame] | None = None, concept: str = "ant", **options: Any) -> str:
    """Write a report and return it; a table of `changed` without rows is left out."""
    written = {name: table for name, table in (all_tables(concept) | (changed or {})).items() if len(table)}
    write_report(**(arguments(folder, written) | options))
    return (folder / "report.html").read_text(encoding="utf-8")
