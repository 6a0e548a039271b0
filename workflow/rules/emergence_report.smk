"""Emergence report: figures of each family of training runs, and what they say."""

NORM_LABELS = [*STUDY.norm_labels, "lexicon=features of the lexicon"]


rule draw_emergence:
    input:
        emergence=rules.measure_emergence.output.emergence,
        half_rise=rules.measure_emergence.output.half_rise,
        sizes=rules.measure_emergence.output.sizes,
        organised=rules.measure_emergence.output.organised,
    output:
        pictures=[picture(name) for name in EMERGENCE_FIGURES],
        previews=[f"<results>/figures/emergence/{{family}}/{{stimuli}}/{name}.png" for name in EMERGENCE_FIGURES],
    log:
        "<logs>/draw_emergence/{family}/{stimuli}.log",
    wildcard_constraints:
        stimuli=SUITE_STIMULI,
    conda:
        "../../envs/report.yaml"
    params:
        form="screen",
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        threshold=lookup("figures/threshold", within=STUDY.config),
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        norm_labels=NORM_LABELS,
        code=code_digest("emergence_figures"),
    shell:
        "python -m expertneurons --log {log} draw-emergence --emergence {input.emergence} --half-rises {input.half_rise}"
        " --sizes {input.sizes} --organised {input.organised} --folder {params.folder} --threshold {params.threshold} --prevalence {params.prevalence}"
        " --norm-labels {params.norm_labels:q} --form {params.form}"


rule draw_nursery:
    input:
        effects=rules.measure_doses.output.effects,
        losses=collect(rules.train_nursery.output.losses, run=RUNS),
    output:
        pictures=[picture(name, "nursery", "lexicon") for name in DOSE_FIGURES],
        previews=[f"<results>/figures/emergence/nursery/lexicon/{name}.png" for name in DOSE_FIGURES],
    log:
        "<logs>/draw_nursery.log",
    conda:
        "../../envs/report.yaml"
    params:
        form="screen",
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        threshold=lookup("figures/threshold", within=STUDY.config),
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        code=code_digest("nursery_figures"),
    shell:
        "python -m expertneurons --log {log} draw-nursery --effects {input.effects} --losses {input.losses}"
        " --folder {params.folder} --threshold {params.threshold} --prevalence {params.prevalence} --form {params.form}"
