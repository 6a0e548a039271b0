"""Expert neurons and human concepts: a study from sentences, models and human ratings to figures and a report."""

from snakemake.utils import min_version

min_version("9.25")


configfile: "config/config.yaml"


report: "workflow/report/study.rst"


pathvars:
    logs="results/logs",
    benchmarks="results/benchmarks",


include: "workflow/rules/common.smk"
include: "workflow/rules/families.smk"
include: "workflow/rules/steered.smk"
include: "workflow/rules/choices.smk"
include: "workflow/rules/acquire.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/stimuli.smk"
include: "workflow/rules/responses.smk"
include: "workflow/rules/experts.smk"
include: "workflow/rules/similarity.smk"
include: "workflow/rules/alignment.smk"
include: "workflow/rules/comparisons.smk"
include: "workflow/rules/organisation.smk"
include: "workflow/rules/dictionaries.smk"
include: "workflow/rules/rivals.smk"
include: "workflow/rules/nursery.smk"
include: "workflow/rules/nursery_measures.smk"
include: "workflow/rules/emergence.smk"
include: "workflow/rules/emergence_report.smk"
include: "workflow/rules/steering.smk"
include: "workflow/rules/steering_report.smk"
include: "workflow/rules/stability.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/stability_report.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        "<results>/report.html",
        "<results>/manifest.json",
    localrule: True


rule acquire:
    input:
        collect("<results>/norms/{norm}.parquet", norm=STUDY.config["norms"]),
        [checkpoint_folder(model) for model in STUDY.config["models"] if not MAX_DISK or not from_hub(model)],
    localrule: True
