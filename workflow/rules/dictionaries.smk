"""Dictionaries: sparse autoencoders, trained here or the user's, and their features scored as units are."""

DICTIONARY = STUDY.config["rivals"]["dictionary"]
RIVAL_FOLDER = "<results>/rivals/{model}/{stimuli}"


rule train_dictionary:
    input:
        checkpoint=lambda wildcards: checkpoint_folder(wildcards.model),
        files=lambda wildcards: checkpoint_files(wildcards.model),
        sentences=rules.build_stimuli.output.sentences,
        sites=STUDY.config["sheets"]["sites"],
    output:
        dictionary=f"{RIVAL_FOLDER}/dictionary.safetensors",
        measures=f"{RIVAL_FOLDER}/dictionary.parquet",
    log:
        "<logs>/train_dictionary/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/train_dictionary/{model}/{stimuli}.tsv"
    conda:
        "../../envs/responses.yaml"
    resources:
        mem=lambda wildcards: memory(wildcards.model),
        runtime="1h",
    params:
        site=lookup("site", within=DICTIONARY),
        layer=lambda wildcards: "" if DICTIONARY["layer"] is None else f"--layer {DICTIONARY['layer']}",
        features=lookup("features_per_dimension", within=DICTIONARY),
        active=lookup("active_features", within=DICTIONARY),
        steps=lookup("steps", within=DICTIONARY),
        weights=lookup("{model}/weights", within=STUDY.models),
        weights_seed=lookup("{model}/seed", within=STUDY.models),
        precision=lambda wildcards: STUDY.models[wildcards.model].get("dtype") or "float32",
        include_special=lookup("responses/include_special", within=STUDY.config),
        tokens_per_batch=lookup("responses/tokens_per_batch", within=STUDY.config),
        seed=SEED,
        code=code_digest("dictionary_training"),
    shell:
        "python -m expertneurons --log {log} train-dictionary --checkpoint {input.checkpoint:q}"
        " --sentence-table {input.sentences} --sites-sheet {input.sites:q} --output {output.dictionary}"
        " --measures {output.measures} --site {params.site} {params.layer} --features-per-dimension {params.features}"
        " --active {params.active} --steps {params.steps} --model {wildcards.model} --seed {params.seed}"
        " --weights {params.weights} --weights-seed {params.weights_seed} --precision {params.precision}"
        " --include-special {params.include_special} --tokens-per-batch {params.tokens_per_batch}"


rule encode_sentences:
    input:
        checkpoint=lambda wildcards: checkpoint_folder(wildcards.model),
        files=lambda wildcards: checkpoint_files(wildcards.model),
        dictionary=lambda wildcards: DICTIONARY["files"].get(wildcards.model, rules.train_dictionary.output.dictionary),
        sentences=rules.build_stimuli.output.sentences,
        sites=STUDY.config["sheets"]["sites"],
    output:
        responses=f"{RIVAL_FOLDER}/features.npy",
        units=f"{RIVAL_FOLDER}/features.parquet",
    log:
        "<logs>/encode_sentences/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/encode_sentences/{model}/{stimuli}.tsv"
    conda:
        "../../envs/responses.yaml"
    threads: 2
    resources:
        mem=lambda wildcards: memory(wildcards.model),
        runtime="2h",
    params:
        pooling=POOLING,
        weights=lookup("{model}/weights", within=STUDY.models),
        precision=lambda wildcards: STUDY.models[wildcards.model].get("dtype") or "float32",
        seed=lookup("{model}/seed", within=STUDY.models),
        include_special=lookup("responses/include_special", within=STUDY.config),
        include_padding=lookup("responses/include_padding", within=STUDY.config),
        dtype=lookup("responses/dtype", within=STUDY.config),
        tokens_per_batch=lookup("responses/tokens_per_batch", within=STUDY.config),
        code=code_digest("encoding"),
    shell:
        "python -m expertneurons --log {log} encode-sentences --checkpoint {input.checkpoint:q}"
        " --dictionary {input.dictionary:q} --sentence-table {input.sentences} --sites-sheet {input.sites:q}"
        " --responses {output.responses} --units {output.units} --pooling {params.pooling} --model {wildcards.model}"
        " --weights {params.weights} --seed {params.seed} --include-special {params.include_special}"
        " --include-padding {params.include_padding} --precision {params.precision} --dtype {params.dtype}"
        " --tokens-per-batch {params.tokens_per_batch} --threads {threads}"


use rule score_units as score_features with:
    input:
        responses=rules.encode_sentences.output.responses,
        units=rules.encode_sentences.output.units,
        concepts=rules.build_stimuli.output.concepts,
        labels=rules.label_sentences.output.labels,
    output:
        ap=f"{RIVAL_FOLDER}/ap.npy",
        auroc=f"{RIVAL_FOLDER}/auroc.npy",
        design=f"{RIVAL_FOLDER}/design.parquet",
        distribution=f"{RIVAL_FOLDER}/distribution.parquet",
    log:
        "<logs>/score_features/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/score_features/{model}/{stimuli}.tsv"
