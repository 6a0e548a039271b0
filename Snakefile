"""Expert neurons and human concepts: a study from sentences, models and human ratings to figures and a report."""

from snakemake.utils import min_version

min_version("9.25")


configfile: "config/config.yaml"


report: "workflow/report/study.rst"


pathvars:
    logs="results/logs",
    benchmarks="results/benchmarks",


for stage in (
    *("common", "targets", "families", "steered", "choices", "acquire", "collect"),
    *("stimuli", "responses", "experts", "similarity", "alignment", "comparisons"),
    *("organisation", "dictionaries", "rivals", "nursery", "nursery_measures", "emergence"),
    *("emergence_report", "steering", "steering_report", "stability", "models", "stability_report"),
    *("audit", "explorer", "tables", "figures", "report", "paper", "cost"),
):

    include: f"workflow/rules/{stage}.smk"


# Jobs of a second: on a cluster they stay with Snakemake, for one in a queue costs more than they do.
localrules:
    collect_tables,
    join_parts,
    list_runs,


rule all:
    default_target: True
    input:
        all_results(["<results>/report.html", "<results>/manifest.json", *AUDITED, *EXPLORERS]),
    localrule: True
    message:
        "Done. Open {input[0]} in a browser."


rule audit:
    input:
        AUDITED,
    localrule: True
    message:
        "Done. Open index.html in {input} in a browser."


rule acquire:
    input:
        collect("<results>/norms/{norm}.parquet", norm=STUDY.config["norms"]),
        [checkpoint_folder(model) for model in STUDY.config["models"] if not MAX_DISK or not from_hub(model)],
    localrule: True
