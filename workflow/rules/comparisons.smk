"""Comparisons: whose similarity is closer to people, by dependent correlations and by mixed models; do the tests hold."""


rule compare_representations:
    input:
        similarity=collect(rules.measure_similarity.output.similarity, model=STUDY.config["models"], allow_missing=True),
        representations=collect(
            rules.measure_similarity.output.representations, model=STUDY.config["models"], allow_missing=True
        ),
        concepts=rules.build_stimuli.output.concepts,
        norms=NORM_TABLES,
        contrasts=STUDY.config["sheets"]["contrasts"],
    output:
        comparisons="<results>/comparisons/{stimuli}/comparisons.parquet",
        partial="<results>/comparisons/{stimuli}/partial.parquet",
    log:
        "<logs>/compare_representations/{stimuli}.log",
    benchmark:
        "<benchmarks>/compare_representations/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        sides=COMPARED,
        relatedness=STUDY.relatedness_norms,
        bound=lookup("comparisons/smallest_effect", within=STUDY.config),
        draws=lookup("comparisons/bootstrap", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("comparisons"),
    shell:
        "python -m expertneurons --log {log} compare-representations --similarity {input.similarity}"
        " --representations {input.representations} --concept-table {input.concepts} --norms {input.norms}"
        " --contrasts {input.contrasts} --comparisons {output.comparisons} --partial {output.partial}"
        " --stimuli {wildcards.stimuli} {params.sides} --relatedness {params.relatedness} --bound {params.bound}"
        " --level {params.level} --draws {params.draws} --seed {params.seed}"


rule fit_mixed_models:
    input:
        similarity=rules.compare_representations.input.similarity,
        representations=rules.compare_representations.input.representations,
        concepts=rules.build_stimuli.output.concepts,
        norms=NORM_TABLES,
        contrasts=STUDY.config["sheets"]["contrasts"],
        formulas=STUDY.config["sheets"]["mixed_models"],
    output:
        table="<results>/mixed_models/{stimuli}/mixed_models.parquet",
        influence="<results>/mixed_models/{stimuli}/influence.parquet",
        residuals="<results>/mixed_models/{stimuli}/residuals.parquet",
    log:
        "<logs>/fit_mixed_models/{stimuli}.log",
    benchmark:
        "<benchmarks>/fit_mixed_models/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem="4GB",
        runtime="1h",
    params:
        sides=COMPARED,
        level=lookup("alignment/level", within=STUDY.config),
        code=code_digest("mixed_tables"),
    shell:
        "python -m expertneurons --log {log} fit-mixed-models --similarity {input.similarity}"
        " --representations {input.representations} --concept-table {input.concepts} --norms {input.norms}"
        " --contrasts {input.contrasts} --formulas {input.formulas} --table {output.table}"
        " --influence {output.influence} --residuals {output.residuals} --stimuli {wildcards.stimuli} {params.sides}"
        " --level {params.level} --threads {threads}"


rule validate_statistics:
    output:
        table="<results>/validation/validation.parquet",
    log:
        "<logs>/validate_statistics.log",
    benchmark:
        "<benchmarks>/validate_statistics.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem="4GB",
        runtime="4h",
    params:
        repeats=lookup("validation/repeats", within=STUDY.config),
        bound=lookup("comparisons/smallest_effect", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("validation"),
    shell:
        "python -m expertneurons --log {log} validate-statistics --output {output.table} --repeats {params.repeats}"
        " --bound {params.bound} --level {params.level} --seed {params.seed} --threads {threads}"
