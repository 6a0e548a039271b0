"""Collect: sentences for sets of stimuli that come with concepts only, from a corpus or from a local model."""

# A function hands them on, since their braces are not wildcards.
PROMPTS = [f"{register}={prompt}" for register, prompt in sorted(STUDY.config["generator"]["prompts"].items())]


rule collect_sentences:
    input:
        concepts=f"{STUDY.config['stimuli']['folder']}/{{stimuli}}/concepts.tsv",
        norms=NORM_TABLES,
        corpus=STUDY.config["corpus"]["path"] or [],
    output:
        concepts="<results>/stimuli/{stimuli}/corpus/concepts.tsv",
        sentences="<results>/stimuli/{stimuli}/corpus/sentences.tsv",
        rejects="<results>/stimuli/{stimuli}/corpus/rejects.tsv",
    log:
        "<logs>/collect_sentences/{stimuli}.log",
    conda:
        "../../envs/acquire.yaml"
    params:
        per_concept=lookup("corpus/sentences_per_concept", within=STUDY.config),
        least=lookup("stimuli/min_sentences", within=STUDY.config),
        seed=SEED,
        code=code_digest("corpus"),
    shell:
        "python -m expertneurons --log {log} collect-sentences --concepts {input.concepts:q} --corpus {input.corpus:q}"
        " --norms {input.norms} --kept {output.concepts} --sentences {output.sentences} --rejects {output.rejects}"
        " --per-concept {params.per_concept} --least {params.least} --seed {params.seed}"


rule generate_sentences:
    input:
        concepts=f"{STUDY.config['stimuli']['folder']}/{{stimuli}}/concepts.tsv",
        norms=NORM_TABLES,
        model=STUDY.config["generator"]["model"] or [],
    output:
        concepts="<results>/stimuli/{stimuli}/generated/concepts.tsv",
        sentences="<results>/stimuli/{stimuli}/generated/sentences.tsv",
    log:
        "<logs>/generate_sentences/{stimuli}.log",
    benchmark:
        "<benchmarks>/generate_sentences/{stimuli}.tsv"
    conda:
        "../../envs/responses.yaml"
    resources:
        mem="8GB",
        runtime="12h",
    params:
        # Not outputs: finished concepts and refused texts stay where they are when the job fails.
        drafts=lambda wildcards: f"resources/drafts/{wildcards.stimuli}",
        prompts=lambda wildcards: PROMPTS,
        per_register=lookup("generator/sentences_per_register", within=STUDY.config),
        least=lookup("stimuli/min_sentences", within=STUDY.config),
        completions=lookup("generator/completions", within=STUDY.config),
        rounds=lookup("generator/rounds", within=STUDY.config),
        temperature=lookup("generator/temperature", within=STUDY.config),
        top_p=lookup("generator/top_p", within=STUDY.config),
        max_new_tokens=lookup("generator/max_new_tokens", within=STUDY.config),
        seed=SEED,
        code=code_digest("generator"),
    shell:
        "python -m expertneurons --log {log} generate-sentences --concepts {input.concepts:q} --model {input.model:q}"
        " --norms {input.norms} --kept {output.concepts} --sentences {output.sentences} --rejects {params.drafts}/rejects.tsv"
        " --drafts {params.drafts} --prompts {params.prompts:q} --per-register {params.per_register}"
        " --least {params.least} --completions {params.completions} --rounds {params.rounds}"
        " --temperature {params.temperature} --top-p {params.top_p} --max-new-tokens {params.max_new_tokens}"
        " --seed {params.seed}"
