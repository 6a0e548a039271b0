"""Steered: whose units are forced, models of the sheet and the nursery's largest, and where their files lie."""

STEERING = STUDY.config["steering"]
STEERED_RUN = f"{list(NURSERY['sizes'])[-1]}-{NURSERY['seeds'][0]}"
GROWN_MODEL = f"nursery-{STEERED_RUN}"
STEERED = [(model, name) for model in STUDY.steered for name in STUDY.config["stimuli"]["sets"]]
STEERED += [(GROWN_MODEL, "lexicon")] if STEERING["run"] and NURSERY["run"] else []
STEERED_MODELS = "|".join(re.escape(name) for name in [*STUDY.models, GROWN_MODEL])
STEERED_STIMULI = "|".join(re.escape(name) for name in [*STUDY.config["stimuli"]["sets"], "lexicon"])
STEERING_PARTS = {
    name: f"<results>/steering/{{model}}/{{stimuli}}/{name}.parquet" for name in ("steering", "steering_effects")
}
STEERING_FIGURES = ["steering", "knock_out"]
MODEL_LABELS = [*STUDY.model_labels, f"{GROWN_MODEL}=nursery, {STEERED_RUN}"]


def for_steered(pattern):
    """A path for every steered model and its stimuli."""
    return [path for model, name in STEERED for path in collect(pattern, model=model, stimuli=name)]


def of_steered(sheet, grown):
    """Input function for a file of a steered model: as for any model, or the nursery's own."""

    def path(wildcards):
        own = grown if wildcards.model == GROWN_MODEL else sheet
        return collect(own, model=wildcards.model, stimuli=wildcards.stimuli)

    return path


def steered_folder(wildcards):
    """The folder that holds a steered model, or the training run that it is the last checkpoint of."""
    if wildcards.model == GROWN_MODEL:
        return f"resources/nursery/runs/{STEERED_RUN}"
    return checkpoint_folder(wildcards.model)


def steered_files(wildcards):
    """The files of a user's own model folder."""
    return [] if wildcards.model == GROWN_MODEL else checkpoint_files(wildcards.model)


def steered_row(wildcards):
    """The row of the models sheet, or what stands for it."""
    return STUDY.models.get(wildcards.model, {"weights": "trained", "seed": "0"})


def steering_picture(name):
    """A figure of steering as an item of Snakemake's report."""
    return report(
        f"<results>/figures/{{model}}/{{stimuli}}/steering/{name}.svg",
        caption=f"../report/{name}.rst",
        category="Steering",
        subcategory="{model}",
        labels={"figure": name.replace("_", " "), "stimuli": "{stimuli}"},
    )
