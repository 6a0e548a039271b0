"""Nursery: texts from a lexicon, small models trained on them from scratch, and what each of their checkpoints knows."""


rule write_nursery_probes:
    input:
        lexicon=STUDY.config["sheets"]["lexicon"],
        frames=STUDY.config["sheets"]["frames"],
        listed=f"{STUDY.config['stimuli']['folder']}/{NURSERY['concepts']}/concepts.tsv",
    output:
        concepts="<results>/nursery/concepts.tsv",
        sentences="<results>/nursery/sentences.tsv",
        norm="<results>/nursery/lexicon.parquet",
    log:
        "<logs>/write_nursery_probes.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=NURSERY["norm_pairs"],
        seed=SEED,
        code=code_digest("nursery_text"),
    shell:
        "python -m expertneurons --log {log} write-nursery-probes --lexicon {input.lexicon} --frames {input.frames}"
        " --listed {input.listed} --concepts {output.concepts} --sentences {output.sentences} --norm {output.norm}"
        " --pairs {params.pairs} --seed {params.seed}"


use rule build_stimuli as build_nursery_stimuli with:
    input:
        concepts=rules.write_nursery_probes.output.concepts,
        sentences=rules.write_nursery_probes.output.sentences,
    output:
        concepts="<results>/nursery/concepts.parquet",
        sentences="<results>/nursery/sentences.parquet",
    log:
        "<logs>/build_nursery_stimuli.log",


use rule label_sentences as label_nursery_sentences with:
    input:
        concepts=rules.build_nursery_stimuli.output.concepts,
        sentences=rules.build_nursery_stimuli.output.sentences,
    output:
        labels="<results>/nursery/labels.parquet",
    log:
        "<logs>/label_nursery_sentences.log",


rule plan_nursery:
    input:
        lexicon=STUDY.config["sheets"]["lexicon"],
        frames=STUDY.config["sheets"]["frames"],
    output:
        runs="<results>/nursery/runs.parquet",
        doses="<results>/nursery/doses.parquet",
    log:
        "<logs>/plan_nursery.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=json.dumps(
            {key: NURSERY[key] for key in ("sizes", "seeds", "vocabulary", "interventions")}, sort_keys=True
        ),
        seed=SEED,
        code=code_digest("nursery_plan"),
    shell:
        "python -m expertneurons --log {log} plan-nursery --lexicon {input.lexicon} --frames {input.frames}"
        " --runs {output.runs} --doses {output.doses} --settings {params.settings:q} --seed {params.seed}"


rule write_nursery_corpus:
    input:
        lexicon=STUDY.config["sheets"]["lexicon"],
        frames=STUDY.config["sheets"]["frames"],
        doses=rules.plan_nursery.output.doses,
    output:
        corpus="<results>/nursery/corpora/{corpus}.txt",
    log:
        "<logs>/write_nursery_corpus/{corpus}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        words=corpus_words(LAST_STEP),
        exponent=NURSERY["zipf_exponent"],
        seed=SEED,
        code=code_digest("nursery_text"),
    shell:
        "python -m expertneurons --log {log} write-nursery-corpus --lexicon {input.lexicon} --frames {input.frames}"
        " --output {output.corpus} --words {params.words} --exponent {params.exponent} --seed {params.seed}"
        " --doses {input.doses} --run {wildcards.corpus}"


rule train_tokenizer:
    input:
        corpus=f"<results>/nursery/corpora/seed{NURSERY['seeds'][0]}.txt",
    output:
        folder=directory("resources/nursery/tokenizer"),
    log:
        "<logs>/train_tokenizer.log",
    conda:
        "../../envs/nursery.yaml"
    params:
        vocabulary=NURSERY["vocabulary"],
        code=code_digest("nursery_training"),
    shell:
        "python -m expertneurons --log {log} train-tokenizer --corpus {input.corpus} --output {output.folder}"
        " --vocabulary {params.vocabulary}"


rule train_nursery:
    input:
        corpus=lambda wildcards: f"<results>/nursery/corpora/{RUNS[wildcards.run]['corpus']}.txt",
        tokenizer=rules.train_tokenizer.output.folder,
    output:
        folder=directory("resources/nursery/runs/{run}"),
        losses="<results>/nursery/losses/{run}.parquet",
    log:
        "<logs>/train_nursery/{run}.log",
    benchmark:
        "<benchmarks>/train_nursery/{run}.tsv"
    conda:
        "../../envs/nursery.yaml"
    resources:
        gpu=0,
        mem="2GB",
        runtime="1h",
    params:
        shape=lambda wildcards: "--width {width} --layers {layers} --heads {heads}".format(**RUNS[wildcards.run]),
        steps=LAST_STEP,
        learning_rate=NURSERY["learning_rate"],
        seed=lambda wildcards: RUNS[wildcards.run]["seed"],
        code=code_digest("nursery_training"),
    shell:
        "python -m expertneurons --log {log} train-nursery --corpus {input.corpus} --tokenizer {input.tokenizer}"
        " --output {output.folder} --losses {output.losses} {params.shape} --steps {params.steps}"
        " --learning-rate {params.learning_rate} --seed {params.seed} --run {wildcards.run}"
