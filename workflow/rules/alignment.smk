"""Alignment: hold every representation, and the experts of every layer, against human ratings of the same pairs."""


rule measure_agreement:
    input:
        table=rules.tidy_norm.output.table,
        stated=STUDY.config["sheets"]["norm_agreement"],
        raters=STUDY.config["sheets"]["norm_raters"],
        files=lambda wildcards: [f"resources/norms/{file}" for file in STUDY.rater_files(wildcards.norm)],
    output:
        table="<results>/agreement/{norm}.parquet",
    log:
        "<logs>/measure_agreement/{norm}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        judgements=lambda wildcards: option("judgements", STUDY.norms[wildcards.norm].get("judgements")),
        reason=lambda wildcards: option("reason", STUDY.norms[wildcards.norm].get("unreliable")),
        splits=lookup("ceilings/splits", within=STUDY.config),
        seed=SEED,
        code=code_digest("ceilings"),
    shell:
        "python -m expertneurons --log {log} measure-agreement --table {input.table} --output {output.table}"
        " --norm {wildcards.norm} --stated {input.stated} --raters {input.raters} --files {input.files}"
        " {params.judgements} {params.reason} --splits {params.splits} --seed {params.seed}"


rule align_representations:
    input:
        similarity=rules.measure_similarity.output.similarity,
        representations=rules.measure_similarity.output.representations,
        concepts=rules.build_stimuli.output.concepts,
        norms=NORM_TABLES,
        agreement=AGREEMENT,
    output:
        table="<results>/alignment/{model}/{stimuli}/representations.parquet",
    log:
        "<logs>/align_representations/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/align_representations/{model}/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        permutations=lookup("alignment/permutations", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        max_undefined=lookup("alignment/max_undefined", within=STUDY.config),
        seed=SEED,
        code=code_digest("alignment"),
    shell:
        "python -m expertneurons --log {log} align-representations --similarity {input.similarity}"
        " --representations {input.representations} --concept-table {input.concepts} --norms {input.norms}"
        " --agreement {input.agreement} --output {output.table} --model {wildcards.model} --stimuli {wildcards.stimuli}"
        " --permutations {params.permutations} --level {params.level} --max-undefined {params.max_undefined}"
        " --seed {params.seed}"


rule align_layers:
    input:
        experts=rules.select_experts.output.experts,
        units=rules.extract_responses.output.units,
        concepts=rules.build_stimuli.output.concepts,
        design=rules.score_units.output.design,
        distribution=rules.score_units.output.distribution,
        norms=NORM_TABLES,
    output:
        table="<results>/alignment/{model}/{stimuli}/layers.parquet",
    log:
        "<logs>/align_layers/{model}/{stimuli}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        thresholds=THRESHOLDS,
        level=lookup("alignment/level", within=STUDY.config),
        code=code_digest("layers"),
    shell:
        "python -m expertneurons --log {log} align-layers --experts {input.experts} --units {input.units}"
        " --concept-table {input.concepts} --design {input.design} --distribution {input.distribution}"
        " --norms {input.norms} --output {output.table} --thresholds {params.thresholds} --model {wildcards.model}"
        " --stimuli {wildcards.stimuli} --level {params.level}"
