"""Tables: every table over all models and stimuli, as parquet and CSV, and the manifest of what made them."""

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
