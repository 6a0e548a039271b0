"""Emergence: what every checkpoint of a training run knows, when it came about, and whether size makes a difference."""


wildcard_constraints:
    family="|".join(re.escape(family) for family in {"nursery", *(run.family for run in GROWN)}),


rule trace_checkpoint:
    input:
        experts=rules.select_experts.output.experts,
        units=rules.extract_responses.output.units,
        embeddings=rules.extract_responses.output.embeddings,
        counts=rules.select_experts.output.counts,
        organised=rules.measure_organisation.output.organisation,
        concepts=rules.build_stimuli.output.concepts,
        norms=NORM_TABLES,
        smallest=lambda wildcards: f"<results>/responses/{smallest(wildcards.model)}/{wildcards.stimuli}/units.parquet",
        following=lambda wildcards: collect(
            rules.select_experts.output.experts, model=following(wildcards.model)[1] or [], stimuli=wildcards.stimuli
        ),
    output:
        **{part: f"<results>/traces/{{model}}/{{stimuli}}/{part}.parquet" for part in PARTS},
    log:
        "<logs>/trace_checkpoint/{model}/{stimuli}.log",
    wildcard_constraints:
        model="|".join(map(re.escape, STEPS)) or "(?!)",
    conda:
        "../../envs/analysis.yaml"
    params:
        run=lambda wildcards: STEPS[wildcards.model][0].name,
        step=lambda wildcards: STEPS[wildcards.model][1],
        following=lambda wildcards, input: option("next-experts", input.following),
        next_step=lambda wildcards: following(wildcards.model)[0],
        thresholds=THRESHOLDS,
        top=TOP,
        headline=lookup("figures/threshold", within=STUDY.config),
        draws=lookup("emergence/draws", within=STUDY.config),
        seed=SEED,
        code=code_digest("traces"),
    shell:
        "python -m expertneurons --log {log} trace-checkpoint --experts {input.experts} --units {input.units}"
        " --embeddings {input.embeddings} --counts {input.counts} --organised {input.organised}"
        " --concept-table {input.concepts} --norms {input.norms}"
        " --concepts {output.concepts} --pairs {output.pairs} --domains {output.domains} --kept {output.kept}"
        " --organisation {output.organisation} --run {params.run} --step {params.step} --thresholds {params.thresholds} --top {params.top}"
        " --headline {params.headline} --smallest {input.smallest} --draws {params.draws} --seed {params.seed}"
        " {params.following} --next-step {params.next_step}"


rule list_runs:
    output:
        runs="<results>/emergence/{family}/runs.parquet",
    log:
        "<logs>/list_runs/{family}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        rows=lambda wildcards: json.dumps(describe([run for run in GROWN if run.family == wildcards.family])),
        code=code_digest("emergence_tables"),
    shell:
        "python -m expertneurons --log {log} list-runs --rows {params.rows:q} --output {output.runs}"


rule measure_emergence:
    input:
        runs=runs_of,
        concepts=of_family("concepts"),
        pairs=of_family("pairs"),
        domains=of_family("domains"),
        kept=of_family("kept"),
        organisation=of_family("organisation"),
    output:
        emergence="<results>/emergence/{family}/{stimuli}/emergence.parquet",
        half_rise="<results>/emergence/{family}/{stimuli}/half_rise.parquet",
        sizes="<results>/emergence/{family}/{stimuli}/sizes.parquet",
        organised="<results>/emergence/{family}/{stimuli}/organisation_by_step.parquet",
    log:
        "<logs>/measure_emergence/{family}/{stimuli}.log",
    benchmark:
        "<benchmarks>/measure_emergence/{family}/{stimuli}.tsv"
    wildcard_constraints:
        stimuli=SUITE_STIMULI,
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
        " --half-rises {output.half_rise} --sizes {output.sizes} --organisation {input.organisation} --organised {output.organised} --stimuli {wildcards.stimuli} --bound {params.bound}"
        " --level {params.level} --seed {params.seed}"
