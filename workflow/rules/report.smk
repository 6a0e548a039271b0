"""Report: tables over all models, figures of each, the page that tells the findings, the manifest."""

FIGURES = ["alignment_by_threshold", "expert_counts", "layers", "similarity_matrix", "ap_distribution"]
TABLE_PARTS = {
    "agreement": "<results>/agreement/{norm}.parquet",
    "audit": "<results>/audit/{model}/{stimuli}.parquet",
    "alignment": "<results>/alignment/{model}/{stimuli}/representations.parquet",
    "comparisons": "<results>/comparisons/{stimuli}/comparisons.parquet",
    "experts": "<results>/experts/{model}/{stimuli}/counts.parquet",
    "layers": "<results>/alignment/{model}/{stimuli}/layers.parquet",
    "mixed_models": "<results>/mixed_models/{stimuli}/mixed_models.parquet",
    "partial": "<results>/comparisons/{stimuli}/partial.parquet",
    "validation": "<results>/validation/validation.parquet",
    **ORGANISATION_PARTS,
    **STABILITY_PARTS,
    **MODEL_PARTS,
    **STEERING_PARTS,
}
SUITE_PARTS = {
    name: f"<results>/emergence/{{family}}/{{stimuli}}/{name}.parquet"
    for name in ("emergence", "half_rise", "sizes", "organisation_by_step")
}
DOSE_PARTS = {name: f"<results>/emergence/nursery/lexicon/{name}.parquet" for name in ("dose_response", "dose_effects")}
OPTIONAL = ["validation", *STABILITY_PARTS, *MODEL_PARTS, *STEERING_PARTS]
TABLES = [
    *(name for name in TABLE_PARTS if name not in OPTIONAL or (name == "validation" and STUDY.config[name]["run"])),
    *([*STABILITY_PARTS, *(MODEL_PARTS if COMPARED_STIMULI else [])] if STABILITY["run"] else []),
    *(SUITE_PARTS if SUITES else []),
    *(STEERING_PARTS if STEERED else []),
    *(RIVAL_PARTS if STUDY.config["rivals"]["run"] else []),
    *(DOSE_PARTS if NURSERY["run"] else []),
]


rule collect_tables:
    input:
        parts=table_parts,
    output:
        table="<results>/tables/{table}.parquet",
        csv=report("<results>/tables/{table}.csv", category="Tables", labels={"table": "{table}"}),
    log:
        "<logs>/collect_tables/{table}.log",
    wildcard_constraints:
        table="|".join(TABLE_PARTS | SUITE_PARTS | RIVAL_PARTS | DOSE_PARTS),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_digest("collection"),
    shell:
        "python -m expertneurons --log {log} collect-tables --name {wildcards.table} --parts {input.parts}"
        " --table {output.table} --csv {output.csv}"


rule draw_figures:
    input:
        alignment=lambda wildcards: own_and_controls(TABLE_PARTS["alignment"], wildcards),
        experts=lambda wildcards: own_and_controls(TABLE_PARTS["experts"], wildcards),
        layers=rules.align_layers.output.table,
        distribution=rules.score_units.output.distribution,
        expert_table=rules.select_experts.output.experts,
        concepts=rules.build_stimuli.output.concepts,
        units=rules.extract_responses.output.units,
    output:
        pictures=[
            report(
                f"<results>/figures/{{model}}/{{stimuli}}/{name}.svg",
                caption=f"../report/{name}.rst",
                category="Figures",
                subcategory="{model}",
                labels={"figure": name.replace("_", " "), "stimuli": "{stimuli}"},
            )
            for name in FIGURES
        ],
        previews=[f"<results>/figures/{{model}}/{{stimuli}}/{name}.png" for name in FIGURES],
    log:
        "<logs>/draw_figures/{model}/{stimuli}.log",
    conda:
        "../../envs/report.yaml"
    params:
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        threshold=lookup("figures/threshold", within=STUDY.config),
        controls=lambda wildcards: STUDY.controls(wildcards.model),
        norm_labels=STUDY.norm_labels,
        code=code_digest("figures"),
    shell:
        "python -m expertneurons --log {log} draw-figures --alignment {input.alignment} --experts {input.experts}"
        " --layers {input.layers} --distribution {input.distribution} --expert-table {input.expert_table}"
        " --concept-table {input.concepts} --units {input.units} --folder {params.folder} --threshold {params.threshold}"
        " --model {wildcards.model} --controls {params.controls} --norm-labels {params.norm_labels:q}"


rule write_report:
    input:
        template=f"{CAPTIONS}/report.html.j2",
        alignment="<results>/tables/alignment.parquet",
        experts="<results>/tables/experts.parquet",
        layers="<results>/tables/layers.parquet",
        comparisons="<results>/tables/comparisons.parquet",
        mixed_models="<results>/tables/mixed_models.parquet",
        agreement="<results>/tables/agreement.parquet",
        validation="<results>/tables/validation.parquet" if "validation" in TABLES else [],
        figures=for_models(f"<results>/figures/{{model}}/{{stimuli}}/{FIGURES[0]}.svg", STUDY.reported),
        captions=[f"{CAPTIONS}/{name}.rst" for name in FIGURES],
        stages=[*ORGANISATION_PAGES, *for_suites(rules.tell_emergence.output.page), *STABILITY_PAGES, *STEERING_PAGES],
    output:
        page="<results>/report.html",
    log:
        "<logs>/write_report.log",
    conda:
        "../../envs/report.yaml"
    params:
        figures=lambda wildcards, input: str(Path(input.figures[0]).parents[2]),
        captions=lambda wildcards, input: str(Path(input.captions[0]).parent),
        title=lookup("study/title", within=STUDY.config),
        threshold=lookup("figures/threshold", within=STUDY.config),
        reported=STUDY.reported,
        stimuli=lookup("stimuli/sets", within=STUDY.config),
        norm_labels=STUDY.norm_labels,
        model_labels=STUDY.model_labels,
        control_of=STUDY.control_pairs,
        validation=lambda wildcards, input: option("validation", input.validation),
        stages=lambda wildcards, input: f"--stages {input.stages}" if input.stages else "",
        code=code_digest("report"),
    shell:
        "python -m expertneurons --log {log} write-report --template {input.template:q} --captions {params.captions:q}"
        " --alignment {input.alignment} --experts {input.experts} --figures {params.figures} --output {output.page}"
        " --title {params.title:q} --threshold {params.threshold} --reported {params.reported} --stimuli {params.stimuli}"
        " --norm-labels {params.norm_labels:q} --model-labels {params.model_labels:q} --control-of {params.control_of:q}"
        " --comparisons {input.comparisons} --mixed-models {input.mixed_models} --agreement {input.agreement}"
        " {params.validation} {params.stages}"


rule write_manifest:
    input:
        sheets=sorted(STUDY.config["sheets"].values()),
        stimuli=[sheet for name in STUDY.config["stimuli"]["sets"] for sheet in STUDY.stimuli_sheets(name)],
        norms=[f"resources/norms/{STUDY.norms[norm]['file']}" for norm in STUDY.config["norms"]],
        tables=collect("<results>/tables/{table}.parquet", table=TABLES),
    output:
        manifest="<results>/manifest.json",
    log:
        "<logs>/write_manifest.log",
    conda:
        "../../envs/report.yaml"
    params:
        config=lambda wildcards: json.dumps(STUDY.config, sort_keys=True),
        code=code_digest("provenance"),
    shell:
        "python -m expertneurons --log {log} write-manifest --config {params.config:q}"
        " --inputs {input.sheets} {input.stimuli} {input.norms} --results {input.tables} --output {output.manifest}"
