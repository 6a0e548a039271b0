"""Choices: the grid that the stability of the alignment is tried on, and where each of its responses lie."""

import pandas as pd
from snakemake.utils import Paramspace

STABILITY = STUDY.config["stability"]
CHOICES = Paramspace(pd.DataFrame(STUDY.choices)[["responses", "precision", "sentences"]])
# Other inputs to the model, each a pass of its own; all other choices come out of the one pass of the study.
VARIANTS = ("masked", "padded")
POOLINGS = STUDY.config["responses"]["poolings"] + [
    name
    for name in dict.fromkeys(row["responses"] for row in STUDY.choices)
    if STABILITY["run"] and name not in (*VARIANTS, *STUDY.config["responses"]["poolings"])
]
CHOICE = f"<results>/stability/{{model}}/{{stimuli}}/{CHOICES.wildcard_pattern}.parquet"
STABILITY_PARTS = {
    "stability": "<results>/stability/{model}/{stimuli}/stability.parquet",
    "set_sizes": "<results>/stability/{model}/{stimuli}/set_sizes.parquet",
    "sources": "<results>/stability/{model}/{stimuli}/sources.parquet",
    "controls": "<results>/stability/{model}/{stimuli}/controls.parquet",
}
MODEL_PARTS = {"models": "<results>/stability/{stimuli}/models.parquet"}
# The sets of stimuli on which models are compared: the study's own, and the nursery's for the runs trained here.
STORED_MODELS = [model for model in STUDY.config["models"] if model not in STUDY.config["responses"]["stream"]]
COMPARED_STIMULI = [name for name in STUDY.config["stimuli"]["sets"] if len(STORED_MODELS) > 1]
COMPARED_STIMULI += ["lexicon"] if NURSERY["run"] else []


def choice_responses(wildcards):
    """The responses that a choice scores."""
    folder = f"<results>/responses/{wildcards.model}/{wildcards.stimuli}"
    name = wildcards.responses
    return f"{folder}/{name}/max.npy" if name in VARIANTS else f"{folder}/{name}.npy"


def choice_units(wildcards):
    """The index of their units."""
    folder = f"<results>/responses/{wildcards.model}/{wildcards.stimuli}"
    return f"{folder}/units_activated.parquet" if wildcards.responses == "activated" else f"{folder}/units.parquet"


def choices_of(wildcards):
    """The results of every choice; a control is spared the passes over other inputs."""
    rows = CHOICES.dataframe
    if wildcards.model not in STUDY.reported:
        rows = rows[~rows["responses"].isin(VARIANTS)]
    return [CHOICE.replace(CHOICES.wildcard_pattern, path) for path in Paramspace(rows).instance_patterns]


def other_stimuli(wildcards):
    """The set of stimuli in question and all others of the study."""
    sets = STUDY.config["stimuli"]["sets"]
    return [wildcards.stimuli, *(name for name in sets if name != wildcards.stimuli)]


def of_sources(pattern):
    """Input function for a file of each set of stimuli."""
    return lambda wildcards: collect(pattern, model=wildcards.model, stimuli=other_stimuli(wildcards))


def compared_models(stimuli):
    """The models that are compared on a set of stimuli; streamed ones have no stored responses to halve."""
    if stimuli == "lexicon":
        return [name for name, run in RUNS.items() if run["kind"] == "full"]
    return STORED_MODELS


def of_compared(pattern):
    """Input function for a file of each model that is compared."""
    return lambda wildcards: collect(pattern, model=compared_models(wildcards.stimuli), stimuli=wildcards.stimuli)
