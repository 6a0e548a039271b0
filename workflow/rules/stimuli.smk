"""Stimuli: concepts and sentences, checked and numbered; which sentences are positives and negatives of a concept."""


rule split_table:
    input:
        table=lambda wildcards: STUDY.stimuli_sheets(wildcards.stimuli)[0],
    output:
        concepts="<results>/stimuli/{stimuli}/table/concepts.tsv",
        sentences="<results>/stimuli/{stimuli}/table/sentences.tsv",
    log:
        "<logs>/split_table/{stimuli}.log",
    conda:
        "../../envs/acquire.yaml"
    params:
        min_sentences=lookup("stimuli/min_sentences", within=STUDY.config),
        code=code_digest("stimuli_table"),
    shell:
        "python -m expertneurons --log {log} split-table --table {input.table:q} --concepts {output.concepts}"
        " --sentences {output.sentences} --min-sentences {params.min_sentences}"


rule build_stimuli:
    input:
        concepts=stimuli_sheet("concepts"),
        sentences=stimuli_sheet("sentences"),
    output:
        concepts="<results>/stimuli/{stimuli}/concepts.parquet",
        sentences="<results>/stimuli/{stimuli}/sentences.parquet",
    log:
        "<logs>/build_stimuli/{stimuli}.log",
    conda:
        "../../envs/acquire.yaml"
    params:
        min_sentences=lookup("stimuli/min_sentences", within=STUDY.config),
        named=lambda wildcards: STUDY.origin(wildcards.get("stimuli", "lexicon")) != "table",  # the nursery has its own
        code=code_digest("stimuli"),
    shell:
        "python -m expertneurons --log {log} build-stimuli --concepts {input.concepts:q} --sentences {input.sentences:q}"
        " --concept-table {output.concepts} --sentence-table {output.sentences} --min-sentences {params.min_sentences}"
        " --named {params.named}"


rule label_sentences:
    input:
        concepts=rules.build_stimuli.output.concepts,
        sentences=rules.build_stimuli.output.sentences,
    output:
        labels="<results>/stimuli/{stimuli}/labels.parquet",
    log:
        "<logs>/label_sentences/{stimuli}.log",
    conda:
        "../../envs/acquire.yaml"
    params:
        negatives=lookup("expertise/negatives", within=STUDY.config),
        sampled_negatives=lookup("expertise/sampled_negatives", within=STUDY.config),
        seed=SEED,
        code=code_digest("stimuli"),
    shell:
        "python -m expertneurons --log {log} label-sentences --concept-table {input.concepts} --sentence-table {input.sentences}"
        " --labels {output.labels} --negatives {params.negatives} --sampled-negatives {params.sampled_negatives}"
        " --seed {params.seed}"
