"""Models: how far models, and training runs, find the same concepts alike on the same stimuli."""


rule profile_model:
    input:
        responses=f"<results>/responses/{{model}}/{{stimuli}}/{POOLING}.npy",
        units=rules.extract_responses.output.units,
        concepts=rules.build_stimuli.output.concepts,
        sentences=rules.build_stimuli.output.sentences,
        labels=rules.label_sentences.output.labels,
    output:
        similarity="<results>/profiles/{model}/{stimuli}/similarity.npy",
        parts="<results>/profiles/{model}/{stimuli}/parts.parquet",
    log:
        "<logs>/profile_model/{model}/{stimuli}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    params:
        threshold=lookup("figures/threshold", within=STUDY.config),
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        seed=SEED,
        code=code_digest("profiles"),
    shell:
        "python -m expertneurons --log {log} profile-model --responses {input.responses} --units {input.units}"
        " --concept-table {input.concepts} --sentence-table {input.sentences} --labels {input.labels}"
        " --similarity {output.similarity} --parts {output.parts} --threshold {params.threshold}"
        " --prevalence {params.prevalence} --seed {params.seed} --threads {threads}"


rule compare_models:
    input:
        similarities=of_compared("<results>/profiles/{model}/{stimuli}/similarity.npy"),
        parts=of_compared("<results>/profiles/{model}/{stimuli}/parts.parquet"),
    output:
        table=MODEL_PARTS["models"],
    log:
        "<logs>/compare_models/{stimuli}.log",
    wildcard_constraints:
        stimuli=SUITE_STIMULI,
    conda:
        "../../envs/analysis.yaml"
    params:
        names=lambda wildcards: compared_models(wildcards.stimuli),
        level=lookup("alignment/level", within=STUDY.config),
        code=code_digest("across_models"),
    shell:
        "python -m expertneurons --log {log} compare-models --similarities {input.similarities} --parts {input.parts}"
        " --output {output.table} --names {params.names} --stimuli {wildcards.stimuli}"
        " --level {params.level}"


rule draw_models:
    input:
        models=rules.compare_models.output.table,
    output:
        picture=report(
            "<results>/figures/stability/{stimuli}/models.svg",
            caption="../report/models.rst",
            category="Stability",
            labels={"figure": "models", "stimuli": "{stimuli}"},
        ),
    log:
        "<logs>/draw_models/{stimuli}.log",
    wildcard_constraints:
        stimuli=SUITE_STIMULI,
    conda:
        "../../envs/report.yaml"
    params:
        form="screen",
        code=code_digest("stability_figures"),
    shell:
        "python -m expertneurons --log {log} draw-models --models {input.models} --picture {output.picture} --form {params.form}"
