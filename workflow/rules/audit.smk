"""Audit: what the experts of each concept are worth, what drives them, and a page on each of them to check it by."""

AUDITED = for_models("<results>/audit/{model}/{stimuli}", STUDY.reported)
AUDIT_FILES = [f"{CAPTIONS}/audit/{name}" for name in ("index.html.j2", "concept.html.j2", "audit.css", "audit.js")]


rule hold_out:
    input:
        responses=rules.score_units.input.responses,
        sentences=rules.build_stimuli.output.sentences,
        concepts=rules.build_stimuli.output.concepts,
        labels=rules.label_sentences.output.labels,
        index=rules.extract_responses.output.units,
    output:
        units="<results>/held_out/{model}/{stimuli}/units.parquet",
        concepts="<results>/held_out/{model}/{stimuli}/concepts.parquet",
        registers="<results>/held_out/{model}/{stimuli}/registers.parquet",
        reads="<results>/held_out/{model}/{stimuli}/reads.parquet",
    log:
        "<logs>/hold_out/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/hold_out/{model}/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem="2GB",
        runtime="1h",
    params:
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        listed=lookup("audit/experts", within=STUDY.config),
        shown=lookup("audit/units", within=STUDY.config),
        sentences=lookup("audit/sentences", within=STUDY.config),
        others=lookup("audit/negatives", within=STUDY.config),
        draws=lookup("audit/bootstrap", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("held_out"),
    shell:
        "python -m expertneurons --log {log} hold-out --responses {input.responses} --sentence-table {input.sentences}"
        " --concept-table {input.concepts} --labels {input.labels} --index {input.index} --units {output.units}"
        " --concepts {output.concepts} --registers {output.registers} --reads {output.reads}"
        " --prevalence {params.prevalence} --listed {params.listed} --shown {params.shown} --sentences {params.sentences}"
        " --others {params.others} --draws {params.draws} --level {params.level} --seed {params.seed}"
        " --model {wildcards.model} --threads {threads}"


rule read_tokens:
    input:
        checkpoint=lambda wildcards: checkpoint_folder(wildcards.model),
        files=lambda wildcards: checkpoint_files(wildcards.model),
        sentences=rules.build_stimuli.output.sentences,
        sites=STUDY.config["sheets"]["sites"],
        units=rules.extract_responses.output.units,
        reads=rules.hold_out.output.reads,
    output:
        activations="<results>/tokens/{model}/{stimuli}/activations.parquet",
        tokens="<results>/tokens/{model}/{stimuli}/tokens.parquet",
    log:
        "<logs>/read_tokens/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/read_tokens/{model}/{stimuli}.tsv"
    conda:
        "../../envs/responses.yaml"
    resources:
        mem=lambda wildcards: memory(wildcards.model),
        runtime="2h",
    params:
        weights=rules.extract_responses.params.weights,
        precision=rules.extract_responses.params.precision,
        seed=rules.extract_responses.params.seed,
        sites=lookup("responses/sites", within=STUDY.config),
        include_special=lookup("responses/include_special", within=STUDY.config),
        tokens_per_batch=lookup("responses/tokens_per_batch", within=STUDY.config),
        code=code_digest("tokens"),
    shell:
        "python -m expertneurons --log {log} read-tokens --checkpoint {input.checkpoint:q}"
        " --sentence-table {input.sentences} --sites-sheet {input.sites:q} --units {input.units} --reads {input.reads}"
        " --activations {output.activations} --tokens {output.tokens} --sites-wanted {params.sites}"
        " --model {wildcards.model} --weights {params.weights} --seed {params.seed} --precision {params.precision}"
        " --include-special {params.include_special} --tokens-per-batch {params.tokens_per_batch}"


rule write_audit:
    input:
        concepts=rules.build_stimuli.output.concepts,
        sentences=rules.build_stimuli.output.sentences,
        units=rules.extract_responses.output.units,
        experts=rules.select_experts.output.experts,
        design=rules.score_units.output.design,
        distribution=rules.score_units.output.distribution,
        held_out_units=rules.hold_out.output.units,
        held_out_concepts=rules.hold_out.output.concepts,
        registers=rules.hold_out.output.registers,
        reads=rules.hold_out.output.reads,
        activations=rules.read_tokens.output.activations,
        tokens=rules.read_tokens.output.tokens,
        norms=NORM_TABLES,
        checkpoints=lambda wildcards: collect(
            rules.select_experts.output.experts, model=same_run(wildcards.model).values(), stimuli=wildcards.stimuli
        ),
        steering=lambda wildcards: (
            collect(STEERING_PARTS["steering"], model=wildcards.model, stimuli=wildcards.stimuli)
            if wildcards.model in STUDY.steered
            else []
        ),
        templates=AUDIT_FILES,
    output:
        table="<results>/audit/{model}/{stimuli}.parquet",
        pages=directory("<results>/audit/{model}/{stimuli}"),
    log:
        "<logs>/write_audit/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/write_audit/{model}/{stimuli}.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        templates=lambda wildcards, input: str(Path(input.templates[0]).parent),
        title=lambda wildcards: STUDY.models[wildcards.model].get("label") or wildcards.model,
        threshold=lookup("figures/threshold", within=STUDY.config),
        pooling=POOLING,
        draws=lookup("audit/bootstrap", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        norm_labels=STUDY.norm_labels,
        steps=lambda wildcards: list(same_run(wildcards.model)),
        steering=lambda wildcards, input: option("steering", input.steering),
        code=code_digest("audit"),
    shell:
        "python -m expertneurons --log {log} write-audit --concept-table {input.concepts} --sentence-table {input.sentences}"
        " --units {input.units} --experts {input.experts} --design {input.design} --distribution {input.distribution}"
        " --held-out-units {input.held_out_units} --held-out-concepts {input.held_out_concepts}"
        " --registers {input.registers} --reads {input.reads} --activations {input.activations} --tokens {input.tokens}"
        " --templates {params.templates:q} --output {output.table} --folder {output.pages} --model {wildcards.model}"
        " --stimuli {wildcards.stimuli} --title {params.title:q} --threshold {params.threshold}"
        " --pooling {params.pooling} --draws {params.draws} --level {params.level} --seed {params.seed}"
        " --norms {input.norms} --norm-labels {params.norm_labels:q} --checkpoints {input.checkpoints}"
        " --steps {params.steps} {params.steering}"
