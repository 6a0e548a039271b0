"""Stability report: controls beside the alignment, figures, and what they say."""

STABILITY_FIGURES = ["specification_curve", "set_sizes", "controls"]


rule measure_controls:
    input:
        alignment=lambda wildcards: own_and_controls(rules.align_representations.output.table, wildcards),
        partial="<results>/comparisons/{stimuli}/partial.parquet",
        stability=rules.join_parts.output.table,
    output:
        table=STABILITY_PARTS["controls"],
    log:
        "<logs>/measure_controls/{model}/{stimuli}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        threshold=lookup("figures/threshold", within=STUDY.config),
        code=code_digest("stability_controls"),
    shell:
        "python -m expertneurons --log {log} measure-controls --alignment {input.alignment} --partial {input.partial}"
        " --stability {input.stability} --output {output.table} --threshold {params.threshold}"
        " --model {wildcards.model} --stimuli {wildcards.stimuli}"


rule draw_stability:
    input:
        stability=lambda wildcards: own_and_controls(rules.join_parts.output.table, wildcards),
        sizes=rules.measure_set_sizes.output.table,
        controls=rules.measure_controls.output.table,
    output:
        pictures=[
            report(
                f"<results>/figures/{{model}}/{{stimuli}}/stability/{name}.svg",
                caption=f"../report/{name}.rst",
                category="Stability",
                subcategory="{model}",
                labels={"figure": name.replace("_", " "), "stimuli": "{stimuli}"},
            )
            for name in STABILITY_FIGURES
        ],
    log:
        "<logs>/draw_stability/{model}/{stimuli}.log",
    conda:
        "../../envs/report.yaml"
    params:
        form="screen",
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        threshold=lookup("figures/threshold", within=STUDY.config),
        norm_labels=STUDY.norm_labels,
        code=code_digest("stability_figures"),
    shell:
        "python -m expertneurons --log {log} draw-stability --stability {input.stability} --sizes {input.sizes}"
        " --control-table {input.controls} --folder {params.folder} --model {wildcards.model}"
        " --threshold {params.threshold} --norm-labels {params.norm_labels:q} --form {params.form}"
