"""Similarity: how alike every two concepts are, by their experts, by embeddings, by the sentences alone, by chance."""


rule measure_similarity:
    input:
        ap=rules.score_units.output.ap,
        design=rules.score_units.output.design,
        experts=rules.select_experts.output.experts,
        units=rules.extract_responses.output.units,
        embeddings=rules.extract_responses.output.embeddings,
        concepts=rules.build_stimuli.output.concepts,
        sentences=rules.build_stimuli.output.sentences,
        word_vectors=STUDY.config["sheets"]["word_vectors"],
    output:
        similarity="<results>/similarity/{model}/{stimuli}/similarity.npy",
        representations="<results>/similarity/{model}/{stimuli}/representations.parquet",
    log:
        "<logs>/measure_similarity/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/measure_similarity/{model}/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        thresholds=THRESHOLDS,
        top=TOP,
        random_draws=lookup("similarity/random_draws", within=STUDY.config),
        seed=SEED,
        code=code_digest("representations"),
    shell:
        "python -m expertneurons --log {log} measure-similarity --ap {input.ap} --design {input.design}"
        " --experts {input.experts} --units {input.units} --embeddings {input.embeddings} --concept-table {input.concepts}"
        " --sentence-table {input.sentences} --similarity {output.similarity} --representations {output.representations}"
        " --thresholds {params.thresholds} --top {params.top} --random-draws {params.random_draws} --seed {params.seed}"
        " --word-vectors {input.word_vectors:q}"
