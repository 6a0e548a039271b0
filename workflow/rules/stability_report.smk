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
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        threshold=lookup("figures/threshold", within=STUDY.config),
        norm_labels=STUDY.norm_labels,
        code=code_digest("stability_figures"),
    shell:
        "python -m expertneurons --log {log} draw-stability --stability {input.stability} --sizes {input.sizes}"
        " --control-table {input.controls} --folder {params.folder} --model {wildcards.model}"
        " --threshold {params.threshold} --norm-labels {params.norm_labels:q}"


rule tell_stability:
    input:
        template=f"{CAPTIONS}/stability.html.j2",
        stability=rules.draw_stability.input.stability,
        sizes=rules.measure_set_sizes.output.table,
        sources=rules.measure_sources.output.table,
        controls=rules.measure_controls.output.table,
        models=collect(MODEL_PARTS["models"], stimuli=COMPARED_STIMULI),
        rivals=rules.align_rivals.output.table if STUDY.config["rivals"]["run"] else [],
        pictures=collect(rules.draw_models.output.picture, stimuli=COMPARED_STIMULI),
        figures=rules.draw_stability.output.pictures,
        captions=[f"{CAPTIONS}/{name}.rst" for name in [*STABILITY_FIGURES, "models"]],
    output:
        page="<results>/stages/stability/{model}/{stimuli}.html",
    log:
        "<logs>/tell_stability/{model}/{stimuli}.log",
    conda:
        "../../envs/report.yaml"
    params:
        captions=lambda wildcards, input: str(Path(input.captions[0]).parent),
        folder=lambda wildcards, input: str(Path(input.figures[0]).parent),
        threshold=lookup("figures/threshold", within=STUDY.config),
        title=lambda wildcards: STUDY.models[wildcards.model].get("label") or wildcards.model,
        norm_labels=STUDY.norm_labels,
        models=lambda wildcards, input: f"--models {input.models} --pictures {input.pictures}" if input.models else "",
        rivals=lambda wildcards, input: option("rivals", input.rivals),
        code=code_digest("stability_report"),
    shell:
        "python -m expertneurons --log {log} tell-stability --template {input.template:q} --captions {params.captions:q}"
        " --stability {input.stability} --sizes {input.sizes} --sources {input.sources} --controls {input.controls}"
        " {params.models} {params.rivals} --figures {params.folder} --output {output.page} --model {wildcards.model}"
        " --title {params.title:q} --stimuli {wildcards.stimuli} --threshold {params.threshold} --norm-labels {params.norm_labels:q}"


STABILITY_PAGES = for_models(rules.tell_stability.output.page, STUDY.reported) if STABILITY["run"] else []
