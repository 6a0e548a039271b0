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
    wildcard_constraints:
        model=STORED,
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


rule stream_expertise:
    input:
        checkpoint=rules.extract_responses.input.checkpoint,
        files=rules.extract_responses.input.files,
        sentences=rules.build_stimuli.output.sentences,
        sites=STUDY.config["sheets"]["sites"],
        concepts=rules.build_stimuli.output.concepts,
        labels=rules.label_sentences.output.labels,
    output:
        units=rules.extract_responses.output.units,
        embeddings=rules.extract_responses.output.embeddings,
        ap=rules.score_units.output.ap,
        auroc=rules.score_units.output.auroc,
        design=rules.score_units.output.design,
        distribution=rules.score_units.output.distribution,
    log:
        "<logs>/stream_expertise/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/stream_expertise/{model}/{stimuli}.tsv"
    wildcard_constraints:
        model=STREAMED,
    conda:
        "../../envs/responses.yaml"
    threads: 2
    resources:
        mem=lambda wildcards: memory(wildcards.model),
        runtime="12h",
    params:
        weights=rules.extract_responses.params.weights,
        weights_seed=rules.extract_responses.params.seed,
        precision=rules.extract_responses.params.precision,
        sites=rules.extract_responses.params.sites,
        include_special=rules.extract_responses.params.include_special,
        include_padding=rules.extract_responses.params.include_padding,
        dtype=rules.extract_responses.params.dtype,
        tokens_per_batch=rules.extract_responses.params.tokens_per_batch,
        pooling=POOLING,
        prevalence=rules.score_units.params.prevalence,
        permutations=rules.score_units.params.permutations,
        seed=SEED,
        code=code_digest("streaming"),
    shell:
        "python -m expertneurons --log {log} stream-expertise --checkpoint {input.checkpoint:q}"
        " --sentence-table {input.sentences} --sites-sheet {input.sites:q} --concept-table {input.concepts}"
        " --labels {input.labels} --units {output.units} --embeddings {output.embeddings} --ap {output.ap}"
        " --auroc {output.auroc} --design {output.design} --distribution {output.distribution}"
        " --sites-wanted {params.sites} --pooling {params.pooling} --prevalence {params.prevalence}"
        " --permutations {params.permutations} --seed {params.seed} --model {wildcards.model}"
        " --weights {params.weights} --weights-seed {params.weights_seed} --include-special {params.include_special}"
        " --include-padding {params.include_padding} --precision {params.precision} --dtype {params.dtype}"
        " --tokens-per-batch {params.tokens_per_batch} --threads {threads}"


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
