"""Rivals: probes, features and random units, as many for a concept as it has experts, held against people."""


rule fit_probes:
    input:
        responses=[rules.score_units.input.responses, rules.encode_sentences.output.responses],
        units=[rules.extract_responses.output.units, rules.encode_sentences.output.units],
        ap=[rules.score_units.output.ap, rules.score_features.output.ap],
        auroc=[rules.score_units.output.auroc, rules.score_features.output.auroc],
        concepts=rules.build_stimuli.output.concepts,
        labels=rules.label_sentences.output.labels,
    output:
        sets=f"{RIVAL_FOLDER}/sets.parquet",
        held_out=f"{RIVAL_FOLDER}/held_out.parquet",
    log:
        "<logs>/fit_probes/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/fit_probes/{model}/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    params:
        sizes=lookup("rivals/sizes", within=STUDY.config),
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        seed=SEED,
        code=code_digest("probes"),
    shell:
        "python -m expertneurons --log {log} fit-probes --responses {input.responses} --units {input.units}"
        " --ap {input.ap} --auroc {input.auroc} --concept-table {input.concepts} --labels {input.labels}"
        " --sets {output.sets} --held-out {output.held_out} --spaces units features --sizes {params.sizes}"
        " --prevalence {params.prevalence} --seed {params.seed} --model {wildcards.model} --threads {threads}"


rule align_rivals:
    input:
        sets=rules.fit_probes.output.sets,
        held_out=rules.fit_probes.output.held_out,
        units=rules.extract_responses.output.units,
        concepts=rules.build_stimuli.output.concepts,
        norms=NORM_TABLES,
    output:
        table=f"{RIVAL_FOLDER}/rivals.parquet",
    log:
        "<logs>/align_rivals/{model}/{stimuli}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        random_draws=lookup("similarity/random_draws", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("rivals"),
    shell:
        "python -m expertneurons --log {log} align-rivals --sets {input.sets} --held-out {input.held_out}"
        " --units {input.units} --concept-table {input.concepts} --norms {input.norms} --output {output.table}"
        " --model {wildcards.model} --stimuli {wildcards.stimuli} --random-draws {params.random_draws}"
        " --level {params.level} --seed {params.seed}"


RIVAL_PARTS = {"rivals": rules.align_rivals.output.table}
