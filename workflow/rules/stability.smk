"""Stability: the same experts under other choices, sizes of sets, registers, controls and models."""


rule measure_choice:
    input:
        responses=choice_responses,
        units=choice_units,
        concepts=rules.build_stimuli.output.concepts,
        labels=rules.label_sentences.output.labels,
        experts=rules.select_experts.output.experts,
        norms=NORM_TABLES,
    output:
        table=CHOICE,
    log:
        f"<logs>/measure_choice/{{model}}/{{stimuli}}/{CHOICES.wildcard_pattern}.log",
    benchmark:
        f"<benchmarks>/measure_choice/{{model}}/{{stimuli}}/{CHOICES.wildcard_pattern}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem="2GB",
        runtime="1h",
    params:
        thresholds=THRESHOLDS,
        aurocs=STABILITY["aurocs"],
        top=TOP,
        headline=lookup("figures/threshold", within=STUDY.config),
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("choices"),
    shell:
        "python -m expertneurons --log {log} measure-choice --responses {input.responses} --units {input.units}"
        " --concept-table {input.concepts} --labels {input.labels} --experts {input.experts} --norms {input.norms}"
        " --output {output.table} --pooling {wildcards.responses} --precision {wildcards.precision}"
        " --sentences {wildcards.sentences} --thresholds {params.thresholds} --aurocs {params.aurocs}"
        " --top {params.top} --headline {params.headline} --prevalence {params.prevalence} --model {wildcards.model}"
        " --stimuli {wildcards.stimuli} --level {params.level} --seed {params.seed} --threads {threads}"


rule join_parts:
    input:
        parts=choices_of,
    output:
        table=STABILITY_PARTS["stability"],
    log:
        "<logs>/join_parts/{model}/{stimuli}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_digest("collection"),
    shell:
        "python -m expertneurons --log {log} join-parts --name stability --parts {input.parts} --table {output.table}"


rule measure_set_sizes:
    input:
        responses=f"<results>/responses/{{model}}/{{stimuli}}/{POOLING}.npy",
        concepts=rules.build_stimuli.output.concepts,
        sentences=rules.build_stimuli.output.sentences,
        labels=rules.label_sentences.output.labels,
        norms=NORM_TABLES,
    output:
        table=STABILITY_PARTS["set_sizes"],
    log:
        "<logs>/measure_set_sizes/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/measure_set_sizes/{model}/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem="3GB",
        runtime="2h",
    params:
        positives=STABILITY["positives"],
        negatives=STABILITY["negatives"],
        draws=STABILITY["draws"],
        threshold=lookup("figures/threshold", within=STUDY.config),
        auroc=sorted(STABILITY["aurocs"])[len(STABILITY["aurocs"]) // 2],
        top=sorted(TOP)[len(TOP) // 2] if TOP else 100,
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("set_sizes"),
    shell:
        "python -m expertneurons --log {log} measure-set-sizes --responses {input.responses}"
        " --concept-table {input.concepts} --sentence-table {input.sentences} --labels {input.labels}"
        " --norms {input.norms} --output {output.table} --positives {params.positives} --negatives {params.negatives}"
        " --draws {params.draws} --threshold {params.threshold} --auroc {params.auroc} --top {params.top}"
        " --prevalence {params.prevalence} --model {wildcards.model} --stimuli {wildcards.stimuli}"
        " --level {params.level} --seed {params.seed} --threads {threads}"


rule measure_sources:
    input:
        responses=of_sources(f"<results>/responses/{{model}}/{{stimuli}}/{POOLING}.npy"),
        concepts=of_sources(rules.build_stimuli.output.concepts),
        sentences=of_sources(rules.build_stimuli.output.sentences),
        labels=of_sources(rules.label_sentences.output.labels),
        norms=NORM_TABLES,
    output:
        table=STABILITY_PARTS["sources"],
    log:
        "<logs>/measure_sources/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/measure_sources/{model}/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem="2GB",
        runtime="1h",
    params:
        names=other_stimuli,
        splits=STABILITY["splits"],
        threshold=lookup("figures/threshold", within=STUDY.config),
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("registers"),
    shell:
        "python -m expertneurons --log {log} measure-sources --responses {input.responses}"
        " --concept-tables {input.concepts} --sentence-tables {input.sentences} --labels {input.labels}"
        " --norms {input.norms} --output {output.table} --names {params.names} --splits {params.splits}"
        " --threshold {params.threshold} --prevalence {params.prevalence} --model {wildcards.model}"
        " --level {params.level} --seed {params.seed} --threads {threads}"
