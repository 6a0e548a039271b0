"""Aspects: what the report shows of each question, on whom, with which figures, tables and sentences."""

from collections.abc import Callable
from typing import NamedTuple

from expertneurons import accounts, further_tables, further_verdicts, growth_verdicts, report_tables, verdicts
from expertneurons.accounts import Told
from expertneurons.grids import Grid
from expertneurons.studied import Studied
from expertneurons.verdicts import Verdict

Figures = dict[str, dict[str, str]]  # headings by name, by folder of the figures


class Subject(NamedTuple):
    """Whom an answer is about: a model or a family of training runs, on a set of stimuli; no one: all models."""

    who: str
    stimuli: str


class Aspect(NamedTuple):
    """One way to answer a question."""

    question: str
    subjects: Callable[[Studied], list[Subject]]
    verdict: Callable[[Studied, str, str], Verdict | None]
    grids: Callable[[Studied, str, str], list[Grid]]
    account: Callable[[Studied, str, str], Told]
    figures: Figures
    label: str = ""  # where a question has several answers about one subject


def reported(study: Studied) -> list[Subject]:
    """Every reported model on every set of stimuli."""
    return [Subject(model, stimuli) for model in study.reported for stimuli in study.stimuli]


def among(table: str, who: str) -> Callable[[Studied], list[Subject]]:
    """Return a function that finds the subjects of a table in the order of their names."""

    def found(study: Studied) -> list[Subject]:
        rows = study.of(table)
        names = rows[[who, "stimuli"]].drop_duplicates().sort_values([who, "stimuli"]) if len(rows) else rows
        return [Subject(row[who], row["stimuli"]) for row in names.to_dict("records")]

    return found


def compared(study: Studied) -> list[Subject]:
    """All models together, on every set of stimuli that they share."""
    rows = study.of("models")
    return [Subject("", stimuli) for stimuli in (sorted(set(rows["stimuli"])) if len(rows) else [])]


def dosed(study: Studied) -> list[Subject]:
    """Families of training runs in which concepts were made rare."""
    rows = study.of("dose_effects")
    return [Subject(family, "lexicon") for family in (sorted(set(rows["family"])) if len(rows) else [])]


ASPECTS = (
    Aspect(
        "q1",
        reported,
        verdicts.alignment,
        report_tables.alignment,
        accounts.alignment,
        {
            "{who}/{stimuli}": {
                "alignment_by_threshold": "Alignment with people by AP threshold",
                "expert_counts": "How many experts does a concept have?",
                "ap_distribution": "Could chance make these experts?",
            }
        },
    ),
    Aspect(
        "q2",
        reported,
        verdicts.comparison,
        report_tables.comparison,
        accounts.comparison,
        {"{who}/{stimuli}/answers": {"contrasts": "Experts against other similarities"}},
    ),
    Aspect(
        "q3",
        reported,
        verdicts.places,
        report_tables.places,
        accounts.nothing,
        {"{who}/{stimuli}": {"layers": "Experts and alignment by layer"}},
    ),
    Aspect(
        "q4",
        among("emergence", "family"),
        growth_verdicts.growth,
        further_tables.growth,
        accounts.growth,
        {
            "emergence/{who}/{stimuli}": {
                "alignment_by_step": "When does alignment emerge?",
                "experts_by_step": "Do concepts gain experts, and keep them?",
                "organisation_by_step": "When are concepts organised?",
                "thresholds_by_step": "Does the threshold matter?",
            }
        },
    ),
    Aspect(
        "q4",
        dosed,
        growth_verdicts.doses,
        further_tables.doses,
        accounts.doses,
        {
            "emergence/{who}/{stimuli}": {
                "dose_response": "What if a concept is rare?",
                "losses": "Did the models learn?",
            }
        },
        "rare concepts",
    ),
    Aspect(
        "q5",
        among("sizes", "family"),
        growth_verdicts.sizes,
        further_tables.sizes,
        accounts.sizes,
        {"emergence/{who}/{stimuli}": {"sizes": "Does size make a difference?"}},
    ),
    Aspect(
        "q6",
        reported,
        verdicts.organised_as_people,
        report_tables.organisation,
        accounts.organisation,
        {
            "{who}/{stimuli}/organisation": {
                "concept_graph": "Which concepts share more experts than chance?",
                "domains": "Do concepts of one domain share experts?",
                "domain_heatmap": "Which domains share experts?",
                "concept_tree": "Which tree do experts make?",
                "inclusion": "Do experts know that a dog is an animal?",
                "polysemy": "How many concepts does a unit serve?",
            },
            "{who}/{stimuli}": {"similarity_matrix": "Which concepts share experts?"},
        },
    ),
    Aspect(
        "q7",
        reported,
        further_verdicts.stability,
        further_tables.stability,
        accounts.stability,
        {
            "{who}/{stimuli}/stability": {
                "specification_curve": "Does the alignment hang on a choice?",
                "controls": "What do controls already reach?",
                "set_sizes": "How many sentences does it take?",
            }
        },
    ),
    Aspect(
        "q7",
        reported,
        further_verdicts.rivals,
        further_tables.rivals,
        accounts.rivals,
        {"{who}/{stimuli}/rivals": {"rivals": "Would other units do as well?"}},
        "beside other units",
    ),
    Aspect(
        "q7",
        compared,
        further_verdicts.agreement,
        further_tables.agreement,
        accounts.models,
        {"stability/{stimuli}": {"models": "Do models find the same concepts alike?"}},
    ),
    Aspect(
        "q8",
        among("steering_effects", "model"),
        further_verdicts.causes,
        further_tables.causes,
        accounts.causes,
        {
            "{who}/{stimuli}/steering": {
                "steering": "Does the model speak of a concept when its experts are forced?",
                "knock_out": "Does it lose the concept's word without them?",
            }
        },
    ),
    Aspect(
        "q9",
        reported,
        verdicts.which_unit,
        report_tables.units,
        accounts.nothing,
        {"{who}/{stimuli}/answers": {"held_out": "What is the best unit of a concept worth?"}},
    ),
)
