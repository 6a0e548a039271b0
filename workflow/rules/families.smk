"""Families of training runs: those that the study trains, those of the models sheet, and their places."""

from expertneurons.nursery_runs import corpus_words, last_step, plan, smallest_units
from expertneurons.suites import describe, training_runs

NURSERY = STUDY.config["nursery"]
RUNS = plan(NURSERY)
LAST_STEP = last_step(NURSERY["budget"])

PARTS = ("concepts", "pairs", "domains", "kept", "organisation")
GROWN = training_runs(STUDY.models, STUDY.config["models"])
STEPS = {model: (run, step) for run in GROWN for step, model in run.models.items()}
SUITES = [
    (family, name) for family in sorted({run.family for run in GROWN}) for name in STUDY.config["stimuli"]["sets"]
]
SUITES += [("nursery", "lexicon")] if NURSERY["run"] else []
EMERGENCE_FIGURES = ["alignment_by_step", "thresholds_by_step", "experts_by_step", "organisation_by_step", "sizes"]
DOSE_FIGURES = ["dose_response", "losses"]
SUITE_STIMULI = "|".join(re.escape(name) for name in ["lexicon", *STUDY.config["stimuli"]["sets"]])


def for_suites(pattern):
    """A path for every family of training runs and its stimuli."""
    return [path for family, name in SUITES for path in collect(pattern, family=family, stimuli=name)]


def of_family(part):
    """Input function for one part of the traces of all checkpoints of a family."""

    def paths(wildcards):
        if wildcards.family == "nursery":
            return of_runs(part)
        models = [model for model, (run, _) in STEPS.items() if run.family == wildcards.family]
        return collect(
            f"<results>/traces/{{model}}/{{stimuli}}/{part}.parquet", model=models, stimuli=wildcards.stimuli
        )

    return paths


def runs_of(wildcards):
    """The table of a family's training runs."""
    return rules.plan_nursery.output.runs if wildcards.family == "nursery" else rules.list_runs.output.runs


def following(model):
    """The next checkpoint of the same run and its step; nothing after the last."""
    run, step = STEPS[model]
    return next(((later, name) for later, name in run.models.items() if later > step), (0, None))


def same_run(model):
    """Step to model of the training run that a model is a checkpoint of; nothing where it is of none."""
    return STEPS[model][0].models if model in STEPS else {}


def smallest(model):
    """The first checkpoint of the smallest model of the same family."""
    family = STEPS[model][0].family
    return next(
        iter(min((run for run in GROWN if run.family == family), key=lambda run: run.parameters).models.values())
    )


def of_runs(part):
    """One part of the measures of every run."""
    return collect(f"<results>/traces/nursery/{{run}}/{part}.parquet", run=RUNS)


def picture(name, family="{family}", stimuli="{stimuli}"):
    """A figure of a family as an item of Snakemake's report."""
    return report(
        f"<results>/figures/emergence/{family}/{stimuli}/{name}.svg",
        caption=f"../report/{name}.rst",
        category="Emergence",
        subcategory=family,
        labels={"figure": name.replace("_", " "), "stimuli": stimuli},
    )


def table_parts(wildcards):
    """The parts of a table: of every model, of every audited one, of every family of training runs, or one."""
    if wildcards.table == "audit":
        return for_models(TABLE_PARTS["audit"], STUDY.reported)
    if wildcards.table in SUITE_PARTS:
        return for_suites(SUITE_PARTS[wildcards.table])
    if wildcards.table in MODEL_PARTS:
        return collect(MODEL_PARTS[wildcards.table], stimuli=COMPARED_STIMULI)
    if wildcards.table == "stability":
        return for_models(STABILITY_PARTS["stability"], STORED_MODELS)
    if wildcards.table in ("set_sizes", "sources", "controls"):
        return for_models(STABILITY_PARTS[wildcards.table], STUDY.reported)
    if wildcards.table in STEERING_PARTS:
        return for_steered(STEERING_PARTS[wildcards.table])
    if wildcards.table in RIVAL_PARTS:
        return for_models(RIVAL_PARTS[wildcards.table], STUDY.reported_and_controls)
    return for_all((TABLE_PARTS | DOSE_PARTS)[wildcards.table])
