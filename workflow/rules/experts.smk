"""Experts: score every unit for every concept, then keep the units that pass."""


rule score_units:
    input:
        responses=f"<results>/responses/{{model}}/{{stimuli}}/{POOLING}.npy",
        units=rules.extract_responses.output.units,
        concepts=rules.build_stimuli.output.concepts,
        labels=rules.label_sentences.output.labels,
    output:
        ap="<results>/expertise/{model}/{stimuli}/ap.npy",
        auroc="<results>/expertise/{model}/{stimuli}/auroc.npy",
        design="<results>/expertise/{model}/{stimuli}/design.parquet",
        distribution="<results>/expertise/{model}/{stimuli}/distribution.parquet",
    log:
        "<logs>/score_units/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/score_units/{model}/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem="2GB",
        runtime="1h",
    params:
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        permutations=lookup("expertise/permutations", within=STUDY.config),
        seed=SEED,
        code=code_digest("scoring"),
    shell:
        "python -m expertneurons --log {log} score-units --responses {input.responses} --units {input.units}"
        " --concept-table {input.concepts} --labels {input.labels} --ap {output.ap} --auroc {output.auroc}"
        " --design {output.design} --distribution {output.distribution} --prevalence {params.prevalence}"
        " --permutations {params.permutations} --seed {params.seed} --model {wildcards.model} --threads {threads}"


rule select_experts:
    input:
        ap=rules.score_units.output.ap,
        auroc=rules.score_units.output.auroc,
        units=rules.extract_responses.output.units,
        concepts=rules.build_stimuli.output.concepts,
        design=rules.score_units.output.design,
        distribution=rules.score_units.output.distribution,
    output:
        experts="<results>/experts/{model}/{stimuli}/experts.parquet",
        counts="<results>/experts/{model}/{stimuli}/counts.parquet",
    log:
        "<logs>/select_experts/{model}/{stimuli}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        thresholds=THRESHOLDS,
        top=TOP,
        code=code_digest("selection"),
    shell:
        "python -m expertneurons --log {log} select-experts --ap {input.ap} --auroc {input.auroc} --units {input.units}"
        " --concept-table {input.concepts} --design {input.design} --distribution {input.distribution}"
        " --experts {output.experts} --counts {output.counts} --thresholds {params.thresholds} --top {params.top}"
        " --model {wildcards.model} --stimuli {wildcards.stimuli}"
