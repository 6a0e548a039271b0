"""Steering: which units are forced to which values, and what a model then says."""


wildcard_constraints:
    grown=re.escape(STEERED_RUN),


rule write_nursery_statements:
    input:
        lexicon=STUDY.config["sheets"]["lexicon"],
        frames=STUDY.config["sheets"]["frames"],
        concepts=rules.build_nursery_stimuli.output.concepts,
    output:
        statements="<results>/nursery/statements.parquet",
        prompts="<results>/nursery/prompts.txt",
    log:
        "<logs>/write_nursery_statements.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        per_concept=STEERING["sentences"],
        seed=SEED,
        code=code_digest("nursery_statements"),
    shell:
        "python -m expertneurons --log {log} write-nursery-statements --lexicon {input.lexicon} --frames {input.frames}"
        " --concept-table {input.concepts} --statements {output.statements} --prompts {output.prompts}"
        " --per-concept {params.per_concept} --seed {params.seed}"


rule score_checkpoint:
    input:
        run="resources/nursery/runs/{grown}",
        concepts=rules.build_nursery_stimuli.output.concepts,
        sentences=rules.build_nursery_stimuli.output.sentences,
        labels=rules.label_nursery_sentences.output.labels,
        sites=STUDY.config["sheets"]["sites"],
    output:
        responses="<results>/nursery/experts/{grown}/responses.npy",
        units="<results>/nursery/experts/{grown}/units.parquet",
        experts="<results>/nursery/experts/{grown}/experts.parquet",
    log:
        "<logs>/score_checkpoint/{grown}.log",
    benchmark:
        "<benchmarks>/score_checkpoint/{grown}.tsv"
    conda:
        "../../envs/nursery.yaml"
    threads: 2
    resources:
        mem="2GB",
        runtime="1h",
    params:
        step=f"step{LAST_STEP}",
        sites=lookup("responses/sites", within=STUDY.config),
        thresholds=THRESHOLDS,
        top=TOP,
        prevalence=lookup("expertise/prevalence", within=STUDY.config),
        seed=SEED,
        code=code_digest("nursery_experts"),
    shell:
        "python -m expertneurons --log {log} score-checkpoint --checkpoint {input.run}/{params.step}"
        " --concept-table {input.concepts} --sentence-table {input.sentences} --labels {input.labels}"
        " --sites-sheet {input.sites} --responses {output.responses} --units {output.units} --experts {output.experts}"
        " --sites-wanted {params.sites} --thresholds {params.thresholds} --top {params.top}"
        " --prevalence {params.prevalence} --seed {params.seed} --model {wildcards.grown} --threads {threads}"


GROWN_FILES = f"<results>/nursery/experts/{STEERED_RUN}"


rule choose_units:
    input:
        responses=of_steered(rules.score_units.input.responses, f"{GROWN_FILES}/responses.npy"),
        units=of_steered(rules.extract_responses.output.units, f"{GROWN_FILES}/units.parquet"),
        experts=of_steered(rules.select_experts.output.experts, f"{GROWN_FILES}/experts.parquet"),
        concepts=of_steered(rules.build_stimuli.output.concepts, rules.build_nursery_stimuli.output.concepts),
        labels=of_steered(rules.label_sentences.output.labels, rules.label_nursery_sentences.output.labels),
    output:
        chosen="<results>/steering/{model}/{stimuli}/units.parquet",
    log:
        "<logs>/choose_units/{model}/{stimuli}.log",
    wildcard_constraints:
        model=STEERED_MODELS,
        stimuli=STEERED_STIMULI,
    conda:
        "../../envs/analysis.yaml"
    params:
        most=max(STEERING["ks"]),
        draws=STEERING["draws"],
        concepts=STEERING["concepts"] or 0,
        seed=SEED,
        code=code_digest("steering_units"),
    shell:
        "python -m expertneurons --log {log} choose-units --responses {input.responses} --units {input.units}"
        " --experts {input.experts} --concept-table {input.concepts} --labels {input.labels} --chosen {output.chosen}"
        " --most {params.most} --draws {params.draws} --seed {params.seed} --concepts {params.concepts}"


rule steer:
    input:
        checkpoint=steered_folder,
        files=steered_files,
        chosen=rules.choose_units.output.chosen,
        units=rules.choose_units.input.units,
        concepts=rules.choose_units.input.concepts,
        sentences=of_steered(rules.build_stimuli.output.sentences, rules.write_nursery_statements.output.statements),
        prompts=of_steered([], rules.write_nursery_statements.output.prompts),
        sites=STUDY.config["sheets"]["sites"],
    output:
        table=STEERING_PARTS["steering"],
    log:
        "<logs>/steer/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/steer/{model}/{stimuli}.tsv"
    wildcard_constraints:
        model=STEERED_MODELS,
        stimuli=STEERED_STIMULI,
    conda:
        "../../envs/responses.yaml"
    threads: 2
    resources:
        mem=lambda wildcards: "2GB" if wildcards.model == GROWN_MODEL else memory(wildcards.model),
        runtime="12h",
    params:
        inside=lambda wildcards: f"step{LAST_STEP}" if wildcards.model == GROWN_MODEL else ".",
        prompts=lambda wildcards, input: (
            "--prompt-file" if input.prompts else shlex.join(["--prompts", *STEERING["prompts"]])
        ),
        weights=lambda wildcards: steered_row(wildcards)["weights"],
        weights_seed=lambda wildcards: steered_row(wildcards)["seed"],
        precision=lambda wildcards: steered_row(wildcards).get("dtype") or "float32",
        sites=lookup("responses/sites", within=STUDY.config),
        ks=STEERING["ks"],
        settings=f"--sentences {STEERING['sentences']} --generations {STEERING['generations']} --max-new-tokens {STEERING['max_new_tokens']}",
        tokens_per_batch=lookup("responses/tokens_per_batch", within=STUDY.config),
        seed=SEED,
        code=code_digest("steering"),
    shell:
        "python -m expertneurons --log {log} steer --checkpoint {input.checkpoint:q}/{params.inside} --chosen {input.chosen}"
        " --units {input.units} --concept-table {input.concepts} --sentence-table {input.sentences}"
        " --sites-sheet {input.sites:q} --output {output.table} --sites-wanted {params.sites} --ks {params.ks}"
        " {params.settings} --model {wildcards.model} --stimuli {wildcards.stimuli} --seed {params.seed}"
        " {params.prompts} {input.prompts} --weights {params.weights} --weights-seed {params.weights_seed}"
        " --precision {params.precision} --tokens-per-batch {params.tokens_per_batch} --threads {threads}"
