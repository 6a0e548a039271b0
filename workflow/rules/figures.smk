"""Figures: what the tables of one model show of alignment, contrasts, best units and rivals."""

FIGURES = ["alignment_by_threshold", "expert_counts", "layers", "similarity_matrix", "ap_distribution"]
ANSWER_FIGURES = ["contrasts", "held_out"]


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
        form="screen",
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
        " --form {params.form}"


rule draw_answers:
    input:
        comparisons=rules.compare_representations.output.comparisons,
        audit=rules.write_audit.output.table,
    output:
        pictures=[
            report(
                f"<results>/figures/{{model}}/{{stimuli}}/answers/{name}.svg",
                caption=f"../report/{name}.rst",
                category="Figures",
                subcategory="{model}",
                labels={"figure": name.replace("_", " "), "stimuli": "{stimuli}"},
            )
            for name in ANSWER_FIGURES
        ],
        previews=[f"<results>/figures/{{model}}/{{stimuli}}/answers/{name}.png" for name in ANSWER_FIGURES],
    log:
        "<logs>/draw_answers/{model}/{stimuli}.log",
    conda:
        "../../envs/report.yaml"
    params:
        form="screen",
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        norm_labels=STUDY.norm_labels,
        code=code_digest("answer_figures"),
    shell:
        "python -m expertneurons --log {log} draw-answers --comparisons {input.comparisons} --audit {input.audit}"
        " --folder {params.folder} --model {wildcards.model} --norm-labels {params.norm_labels:q} --form {params.form}"


rule draw_rivals:
    input:
        rivals=lambda wildcards: own_and_controls(rules.align_rivals.output.table, wildcards),
    output:
        pictures=[
            report(
                "<results>/figures/{model}/{stimuli}/rivals/rivals.svg",
                caption="../report/rivals.rst",
                category="Stability",
                subcategory="{model}",
                labels={"figure": "rivals", "stimuli": "{stimuli}"},
            )
        ],
        previews=["<results>/figures/{model}/{stimuli}/rivals/rivals.png"],
    log:
        "<logs>/draw_rivals/{model}/{stimuli}.log",
    conda:
        "../../envs/report.yaml"
    params:
        form="screen",
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        norm_labels=STUDY.norm_labels,
        code=code_digest("rival_figures"),
    shell:
        "python -m expertneurons --log {log} draw-rivals --rivals {input.rivals} --folder {params.folder}"
        " --model {wildcards.model} --norm-labels {params.norm_labels:q} --form {params.form}"
