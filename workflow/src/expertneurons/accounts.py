"""Accounts: below the one sentence that answers a question, all that its tables say, under headings."""

import pandas as pd

from expertneurons import alignment_statements as aligned
from expertneurons import emergence_report, stability_report, statements, steering_report
from expertneurons import organisation_statements as organised
from expertneurons.studied import Studied

Told = dict[str, list[str]]


def alignment(study: Studied, model: str, stimuli: str) -> Told:
    """Tell every norm, domains and numbers of experts."""
    rows, counts = study.of("alignment", stimuli=stimuli), study.of("experts", stimuli=stimuli)
    norms = study.norms_of(rows)
    return {
        "People": aligned.answers(rows, model, study.controls_of(model), study.threshold, norms),
        "Is it more than telling domains apart?": aligned.domains(rows, model, study.threshold, norms),
        "How many experts?": [aligned.summary(counts, model, study.controls_of(model), study.threshold)],
    }


def comparison(study: Studied, model: str, stimuli: str) -> Told:
    """Tell every declared contrast."""
    return {"Contrasts": statements.differences(study.of("comparisons", model=model, stimuli=stimuli), study.norms)}


def organisation(study: Studied, model: str, stimuli: str) -> Told:
    """Tell domains, people's triplets, hierarchy and polysemy."""
    rows = study.of("organisation", stimuli=stimuli)
    own = rows[rows["model"] == model]
    norms = study.norms_of(study.of("alignment", stimuli=stimuli))
    claims = organised.claims(own, study.threshold)
    return {
        "What the tests of hierarchy allow to claim": [claim[0].upper() + claim[1:] for claim in claims],
        "Domains": organised.domain_statements(rows, model, study.controls_of(model), study.threshold),
        "People": organised.people_statements(own, study.threshold, norms),
        "Hierarchy": organised.hierarchy_statements(own, study.threshold),
        "Polysemy": organised.polysemy_statements(own, study.threshold, norms),
    }


def growth(study: Studied, family: str, stimuli: str) -> Told:
    """Tell the positive control, curves, experts and organisation."""
    grown = emergence_report.headline(study.of("emergence", family=family, stimuli=stimuli), study.threshold)
    halves = emergence_report.headline(study.of("half_rise", family=family, stimuli=stimuli), study.threshold)
    norms = study.norms_of(grown)
    notes = grown["note"].dropna() if "note" in grown else pd.Series(dtype=str)
    return {
        "Positive control": [
            text
            for norm in norms
            if norm == stimuli  # the sentences were written from these features
            for text in emergence_report.control(grown[grown["norm"] == norm], norms[norm])
        ],
        "Alignment": emergence_report.curves(grown, halves, norms),
        "Experts": emergence_report.experts(grown, study.threshold),
        "Organisation": emergence_report.organisation(
            study.of("organisation_by_step", family=family, stimuli=stimuli), norms
        ),
        "Notes": sorted({note for note in notes if note}),
    }


def doses(study: Studied, family: str, _: str) -> Told:
    """Tell what a concept lacks that the training text seldom names."""
    return {"Rare concepts": emergence_report.doses(study.of("dose_effects", family=family), study.threshold)}


def nothing(_: Studied, __: str, ___: str) -> Told:
    """Tell nothing beyond the answer and its tables."""
    return {}


def sizes(study: Studied, family: str, stimuli: str) -> Told:
    """Tell every two neighbouring sizes."""
    rows = study.of("sizes", family=family, stimuli=stimuli)
    return {"Sizes": emergence_report.compared(rows, study.threshold, study.norms)}


def stability(study: Studied, model: str, stimuli: str) -> Told:
    """Tell choices, controls and other sentences."""
    rows = study.of("stability", stimuli=stimuli)
    norms = study.norms_of(rows)
    return {
        "Choices": [
            text
            for norm, title in norms.items()
            for text in stability_report.choice_statements(rows, model, norm, title)
        ],
        "Controls": stability_report.control_statements(study.of("controls", model=model, stimuli=stimuli), norms),
        "Sentences": [
            *stability_report.source_statements(
                study.of("sources", model=model, stimuli=stimuli), norms, study.threshold
            ),
            *stability_report.size_statements(study.of("set_sizes", model=model, stimuli=stimuli), study.threshold),
        ],
    }


def rivals(study: Studied, model: str, stimuli: str) -> Told:
    """Tell experts beside rivals with as many units."""
    rows = study.of("rivals", model=model, stimuli=stimuli)
    return {"Rivals with as many units": stability_report.rival_statements(rows, study.norms_of(rows))}


def models(study: Studied, _: str, stimuli: str) -> Told:
    """Tell how far every two models agree."""
    return {"Models": stability_report.model_statements(study.of("models", stimuli=stimuli))}


def causes(study: Studied, model: str, stimuli: str) -> Told:
    """Tell what forcing and silencing experts does."""
    rows = study.of("steering_effects", model=model, stimuli=stimuli)
    return {
        "Forced experts": steering_report.forced(rows),
        "What the model writes": steering_report.written(rows),
        "Silenced experts": steering_report.silenced(rows),
        "What the numbers rest on": steering_report.basis(rows, study.of("steering", model=model, stimuli=stimuli)),
    }
