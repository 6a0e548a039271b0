"""Explorer: a page a model on which two concepts are picked and the threshold is moved."""

EXPLORERS = for_models("<results>/explorer/{model}/{stimuli}.html", STUDY.reported)


rule rank_sentences:
    input:
        responses=rules.score_units.input.responses,
    output:
        sentences="<results>/driving/{model}/{stimuli}.npy",
    log:
        "<logs>/rank_sentences/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/rank_sentences/{model}/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem="2GB",
        runtime="1h",
    params:
        code=code_digest("driving"),
    shell:
        "python -m expertneurons --log {log} rank-sentences --responses {input.responses} --output {output.sentences}"
        " --model {wildcards.model}"


rule write_explorer:
    input:
        concepts=rules.build_stimuli.output.concepts,
        sentences=rules.build_stimuli.output.sentences,
        units=rules.extract_responses.output.units,
        experts=rules.select_experts.output.experts,
        counts=rules.select_experts.output.counts,
        driving=rules.rank_sentences.output.sentences,
        alignment=lambda wildcards: own_and_controls(rules.align_representations.output.table, wildcards),
        norms=NORM_TABLES,
        template=f"{CAPTIONS}/explorer.html.j2",
        script=f"{CAPTIONS}/explorer.js",
    output:
        page="<results>/explorer/{model}/{stimuli}.html",
    log:
        "<logs>/write_explorer/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/write_explorer/{model}/{stimuli}.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        norm_labels=STUDY.norm_labels,
        model_labels=STUDY.model_labels,
        thresholds=THRESHOLDS,
        threshold=lookup("figures/threshold", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        code=code_digest("explorer"),
    shell:
        "python -m expertneurons --log {log} write-explorer --concept-table {input.concepts}"
        " --sentence-table {input.sentences} --units {input.units} --experts {input.experts} --counts {input.counts}"
        " --driving {input.driving} --alignment {input.alignment} --norms {input.norms} --norm-labels {params.norm_labels:q}"
        " --model-labels {params.model_labels:q} --template {input.template} --script {input.script}"
        " --output {output.page} --model {wildcards.model} --stimuli {wildcards.stimuli} --thresholds {params.thresholds}"
        " --threshold {params.threshold} --level {params.level}"
