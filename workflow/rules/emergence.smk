"""Emergence: what every checkpoint of the trained runs knows, when it came about, and how it follows exposure."""

MEASURES = {
    part: collect(f"<results>/nursery/measures/{{run}}/{part}.parquet", run=RUNS)
    for part in ("concepts", "pairs", "domains", "kept")
}


rule measure_run:
    input:
        checkpoints=rules.train_nursery.output.folder,
        concepts=rules.build_nursery_stimuli.output.concepts,
        sentences=rules.build_nursery_stimuli.output.sentences,
        labels=rules.label_nursery_sentences.output.labels,
        sites=STUDY.config["sheets"]["sites"],
        lexicon=STUDY.config["sheets"]["lexicon"],
        frames=STUDY.config["sheets"]["frames"],
        norms=[rules.write_nursery_probes.output.norm, *NORM_TABLES],
    output:
        concepts="<results>/nursery/measures/{run}/concepts.parquet",
        pairs="<results>/nursery/measures/{run}/pairs.parquet",
        domains="<results>/nursery/measures/{run}/domains.parquet",
        kept="<results>/nursery/measures/{run}/kept.parquet",
    log:
        "<logs>/measure_run/{run}.log",
    benchmark:
        "<benchmarks>/measure_run/{run}.tsv"
    conda:
        "../../envs/responses.yaml"
    resources:
        mem="3GB",
        runtime="1h",
    params:
        sites=lookup("responses/sites", within=STUDY.config),
        thresholds=THRESHOLDS,
        top=TOP,
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        permutations=NURSERY["permutations"],
        seed=SEED,
        code=code_digest("nursery_measures"),
    shell:
        "python -m expertneurons --log {log} measure-run --checkpoints {input.checkpoints} --concept-table {input.concepts}"
        " --sentence-table {input.sentences} --labels {input.labels} --sites-sheet {input.sites} --lexicon {input.lexicon}"
        " --frames {input.frames} --norms {input.norms} --concepts {output.concepts} --pairs {output.pairs}"
        " --domains {output.domains} --kept {output.kept} --run {wildcards.run} --sites-wanted {params.sites}"
        " --thresholds {params.thresholds} --top {params.top} --prevalence {params.prevalence}"
        " --permutations {params.permutations} --seed {params.seed} --threads {threads}"


rule measure_emergence:
    input:
        **MEASURES,
        runs=rules.plan_nursery.output.runs,
    output:
        emergence="<results>/emergence/emergence.parquet",
        half_rise="<results>/emergence/half_rise.parquet",
        sizes="<results>/emergence/sizes.parquet",
    log:
        "<logs>/measure_emergence.log",
    benchmark:
        "<benchmarks>/measure_emergence.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        bound=lookup("comparisons/smallest_effect", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("emergence_tables"),
    shell:
        "python -m expertneurons --log {log} measure-emergence --runs {input.runs} --concepts {input.concepts}"
        " --pairs {input.pairs} --domains {input.domains} --kept {input.kept} --emergence {output.emergence}"
        " --half-rises {output.half_rise} --sizes {output.sizes} --bound {params.bound} --level {params.level}"
        " --seed {params.seed}"


rule measure_doses:
    input:
        runs=rules.plan_nursery.output.runs,
        doses=rules.plan_nursery.output.doses,
        concepts=MEASURES["concepts"],
    output:
        responses="<results>/emergence/dose_response.parquet",
        effects="<results>/emergence/dose_effects.parquet",
    log:
        "<logs>/measure_doses.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("emergence_tables"),
    shell:
        "python -m expertneurons --log {log} measure-doses --runs {input.runs} --doses {input.doses}"
        " --concepts {input.concepts} --responses {output.responses} --effects {output.effects} --level {params.level}"
        " --seed {params.seed}"
