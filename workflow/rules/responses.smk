"""Responses: one forward pass over every sentence; what all units answer, and the embeddings, from the same pass."""

POOLED = collect("<results>/responses/{{model}}/{{stimuli}}/{pooling}.npy", pooling=POOLINGS)


rule extract_responses:
    input:
        checkpoint=lambda wildcards: checkpoint_folder(wildcards.model),
        files=lambda wildcards: checkpoint_files(wildcards.model),
        sentences=rules.build_stimuli.output.sentences,
        sites=STUDY.config["sheets"]["sites"],
    output:
        responses=temp(POOLED) if MAX_DISK else POOLED,  # larger than the checkpoint
        units="<results>/responses/{model}/{stimuli}/units.parquet",
        embeddings="<results>/responses/{model}/{stimuli}/embeddings.npy",
        activated="<results>/responses/{model}/{stimuli}/units_activated.parquet" if "activated" in POOLINGS else [],
    log:
        "<logs>/extract_responses/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/extract_responses/{model}/{stimuli}.tsv"
    wildcard_constraints:
        model=STORED,
    conda:
        "../../envs/responses.yaml"
    threads: 2
    resources:
        mem=lambda wildcards: memory(wildcards.model),
        runtime="2h",
    params:
        weights=lookup("{model}/weights", within=STUDY.models),
        precision=lambda wildcards: STUDY.models[wildcards.model].get("dtype") or "float32",
        seed=lookup("{model}/seed", within=STUDY.models),
        sites=lookup("responses/sites", within=STUDY.config),
        poolings=POOLINGS,
        variant="plain",
        activated=lambda wildcards, output: option("activated-units", output.get("activated")),
        include_special=lookup("responses/include_special", within=STUDY.config),
        include_padding=lookup("responses/include_padding", within=STUDY.config),
        dtype=lookup("responses/dtype", within=STUDY.config),
        tokens_per_batch=lookup("responses/tokens_per_batch", within=STUDY.config),
        code=code_digest("extraction"),
    shell:
        "python -m expertneurons --log {log} extract-responses --checkpoint {input.checkpoint:q}"
        " --sentence-table {input.sentences} --sites-sheet {input.sites:q} --responses {output.responses}"
        " --units {output.units} --embeddings {output.embeddings} --sites-wanted {params.sites}"
        " --poolings {params.poolings} --model {wildcards.model} --weights {params.weights} --seed {params.seed}"
        " --include-special {params.include_special} --include-padding {params.include_padding} --dtype {params.dtype}"
        " --precision {params.precision}"
        " --tokens-per-batch {params.tokens_per_batch} --threads {threads} --variant {params.variant} {params.activated}"


use rule extract_responses as extract_variant with:
    output:
        responses="<results>/responses/{model}/{stimuli}/{variant}/max.npy",
        units="<results>/responses/{model}/{stimuli}/{variant}/units.parquet",
        embeddings="<results>/responses/{model}/{stimuli}/{variant}/embeddings.npy",
    log:
        "<logs>/extract_variant/{model}/{stimuli}/{variant}.log",
    benchmark:
        "<benchmarks>/extract_variant/{model}/{stimuli}/{variant}.tsv"
    params:
        poolings=["max"],
        variant=lambda wildcards: wildcards.variant,
