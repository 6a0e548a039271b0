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
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        threshold=lookup("figures/threshold", within=STUDY.config),
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        norm_labels=NORM_LABELS,
        code=code_digest("emergence_figures"),
    shell:
        "python -m expertneurons --log {log} draw-emergence --emergence {input.emergence} --half-rises {input.half_rise}"
        " --sizes {input.sizes} --organised {input.organised} --folder {params.folder} --threshold {params.threshold} --prevalence {params.prevalence}"
        " --norm-labels {params.norm_labels:q}"


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
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        threshold=lookup("figures/threshold", within=STUDY.config),
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        code=code_digest("nursery_figures"),
    shell:
        "python -m expertneurons --log {log} draw-nursery --effects {input.effects} --losses {input.losses}"
        " --folder {params.folder} --threshold {params.threshold} --prevalence {params.prevalence}"


rule tell_emergence:
    input:
        template=f"{CAPTIONS}/emergence.html.j2",
        emergence=rules.measure_emergence.output.emergence,
        half_rise=rules.measure_emergence.output.half_rise,
        sizes=rules.measure_emergence.output.sizes,
        organised=rules.measure_emergence.output.organised,
        figures=rules.draw_emergence.output.pictures,
        captions=[f"{CAPTIONS}/{name}.rst" for name in [*EMERGENCE_FIGURES, *DOSE_FIGURES]],
        nursery=lambda wildcards: rules.draw_nursery.output.pictures if wildcards.family == "nursery" else [],
        effects=lambda wildcards: rules.measure_doses.output.effects if wildcards.family == "nursery" else [],
    output:
        page="<results>/stages/emergence/{family}/{stimuli}.html",
    log:
        "<logs>/tell_emergence/{family}/{stimuli}.log",
    wildcard_constraints:
        stimuli=SUITE_STIMULI,
    conda:
        "../../envs/report.yaml"
    params:
        captions=lambda wildcards, input: str(Path(input.captions[0]).parent),
        folder=lambda wildcards, input: str(Path(input.figures[0]).parent),
        threshold=lookup("figures/threshold", within=STUDY.config),
        norm_labels=NORM_LABELS,
        nursery=lambda wildcards, input: f"--effects {input.effects} --truth lexicon" if input.effects else "",
        code=code_digest("emergence_report"),
    shell:
        "python -m expertneurons --log {log} tell-emergence --template {input.template:q} --captions {params.captions:q}"
        " --emergence {input.emergence} --half-rises {input.half_rise} --sizes {input.sizes} --organised {input.organised} --figures {params.folder}"
        " --output {output.page} --threshold {params.threshold} --title {wildcards.family:q}"
        " --norm-labels {params.norm_labels:q} {params.nursery}"
