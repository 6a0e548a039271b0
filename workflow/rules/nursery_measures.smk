"""Nursery measures: what every checkpoint of the trained runs knows, and how it follows how often concepts occurred."""


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
        concepts="<results>/traces/nursery/{run}/concepts.parquet",
        pairs="<results>/traces/nursery/{run}/pairs.parquet",
        domains="<results>/traces/nursery/{run}/domains.parquet",
        kept="<results>/traces/nursery/{run}/kept.parquet",
        organisation="<results>/traces/nursery/{run}/organisation.parquet",
        similarity="<results>/profiles/{run}/lexicon/similarity.npy",
        parts="<results>/profiles/{run}/lexicon/parts.parquet",
    log:
        "<logs>/measure_run/{run}.log",
    benchmark:
        "<benchmarks>/measure_run/{run}.tsv"
    conda:
        "../../envs/nursery.yaml"
    resources:
        mem="3GB",
        runtime="1h",
    params:
        sites=lookup("responses/sites", within=STUDY.config),
        thresholds=THRESHOLDS,
        top=TOP,
        headline=lookup("figures/threshold", within=STUDY.config),
        smallest=lambda wildcards: smallest_units(NURSERY, STUDY.config["responses"]["sites"]),
        draws=lookup("emergence/draws", within=STUDY.config),
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        permutations=NURSERY["permutations"],
        shuffles=NURSERY["shuffles"],
        seed=SEED,
        code=code_digest("nursery_measures"),
    shell:
        "python -m expertneurons --log {log} measure-run --checkpoints {input.checkpoints} --concept-table {input.concepts}"
        " --sentence-table {input.sentences} --labels {input.labels} --sites-sheet {input.sites} --lexicon {input.lexicon}"
        " --frames {input.frames} --norms {input.norms} --concepts {output.concepts} --pairs {output.pairs}"
        " --domains {output.domains} --kept {output.kept} --run {wildcards.run} --sites-wanted {params.sites}"
        " --thresholds {params.thresholds} --top {params.top} --headline {params.headline} --smallest {params.smallest}"
        " --draws {params.draws} --prevalence {params.prevalence} --permutations {params.permutations}"
        " --organisation {output.organisation} --similarity {output.similarity} --parts {output.parts} --shuffles {params.shuffles} --seed {params.seed} --threads {threads}"


rule measure_doses:
    input:
        runs=rules.plan_nursery.output.runs,
        doses=rules.plan_nursery.output.doses,
        concepts=of_runs("concepts"),
    output:
        responses="<results>/emergence/nursery/lexicon/dose_response.parquet",
        effects="<results>/emergence/nursery/lexicon/dose_effects.parquet",
    log:
        "<logs>/measure_doses.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("doses"),
    shell:
        "python -m expertneurons --log {log} measure-doses --runs {input.runs} --doses {input.doses}"
        " --concepts {input.concepts} --responses {output.responses} --effects {output.effects} --level {params.level}"
        " --seed {params.seed}"
