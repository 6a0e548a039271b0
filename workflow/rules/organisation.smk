"""Organisation: domains and trees of every representation, the experts' hierarchy, polysemy and concept graph."""

ORGANISATION_FIGURES = ["domains", "domain_heatmap", "concept_tree", "concept_graph", "inclusion", "polysemy"]
ORGANISATION_PARTS = {
    name: f"<results>/organisation/{{model}}/{{stimuli}}/{name}.parquet"
    for name in ("organisation", "inclusion", "category_experts", "polysemy")
}


rule measure_organisation:
    input:
        similarity=rules.measure_similarity.output.similarity,
        representations=rules.measure_similarity.output.representations,
        experts=rules.select_experts.output.experts,
        units=rules.extract_responses.output.units,
        ap=rules.score_units.output.ap,
        concepts=rules.build_stimuli.output.concepts,
        sentences=rules.build_stimuli.output.sentences,
        norms=NORM_TABLES,
    output:
        organisation=ORGANISATION_PARTS["organisation"],
        inclusion=ORGANISATION_PARTS["inclusion"],
        category_experts=ORGANISATION_PARTS["category_experts"],
        polysemy=ORGANISATION_PARTS["polysemy"],
        edges="<results>/organisation/{model}/{stimuli}/edges.parquet",
    log:
        "<logs>/measure_organisation/{model}/{stimuli}.log",
    benchmark:
        "<benchmarks>/measure_organisation/{model}/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        thresholds=THRESHOLDS,
        threshold=lookup("figures/threshold", within=STUDY.config),
        permutations=lookup("organisation/permutations", within=STUDY.config),
        draws=lookup("organisation/random_draws", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("organisation"),
    shell:
        "python -m expertneurons --log {log} measure-organisation --similarity {input.similarity}"
        " --representations {input.representations} --experts {input.experts} --units {input.units} --ap {input.ap}"
        " --concept-table {input.concepts} --sentence-table {input.sentences} --norms {input.norms}"
        " --organisation {output.organisation} --inclusions {output.inclusion}"
        " --category-expert-table {output.category_experts} --polysemy-table {output.polysemy} --edges {output.edges}"
        " --thresholds {params.thresholds} --threshold {params.threshold} --permutations {params.permutations}"
        " --draws {params.draws} --model {wildcards.model} --stimuli {wildcards.stimuli} --level {params.level}"
        " --seed {params.seed}"


rule draw_organisation:
    input:
        organisation=lambda wildcards: own_and_controls(rules.measure_organisation.output.organisation, wildcards),
        inclusion=rules.measure_organisation.output.inclusion,
        polysemy=rules.measure_organisation.output.polysemy,
        edges=rules.measure_organisation.output.edges,
        expert_table=rules.select_experts.output.experts,
        concepts=rules.build_stimuli.output.concepts,
        units=rules.extract_responses.output.units,
    output:
        pictures=[
            report(
                f"<results>/figures/{{model}}/{{stimuli}}/organisation/{name}.svg",
                caption=f"../report/{name}.rst",
                category="Figures",
                subcategory="{model}",
                labels={"figure": name.replace("_", " "), "stimuli": "{stimuli}"},
            )
            for name in ORGANISATION_FIGURES
        ],
        previews=[f"<results>/figures/{{model}}/{{stimuli}}/organisation/{name}.png" for name in ORGANISATION_FIGURES],
    log:
        "<logs>/draw_organisation/{model}/{stimuli}.log",
    conda:
        "../../envs/report.yaml"
    params:
        form="screen",
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        threshold=lookup("figures/threshold", within=STUDY.config),
        norm_labels=STUDY.norm_labels,
        seed=SEED,
        code=code_digest("organisation_figures"),
    shell:
        "python -m expertneurons --log {log} draw-organisation --organisation {input.organisation}"
        " --inclusions {input.inclusion} --polysemy {input.polysemy} --edges {input.edges}"
        " --expert-table {input.expert_table} --concept-table {input.concepts} --units {input.units}"
        " --folder {params.folder} --threshold {params.threshold} --model {wildcards.model}"
        " --norm-labels {params.norm_labels:q} --seed {params.seed} --form {params.form}"


rule write_graph_page:
    input:
        edges=rules.measure_organisation.output.edges,
        counts=rules.select_experts.output.counts,
        concepts=rules.build_stimuli.output.concepts,
        template=f"{CAPTIONS}/concept_graph.html.j2",
    output:
        page=report(
            "<results>/figures/{model}/{stimuli}/concept_graph.html",
            caption="../report/concept_graph.rst",
            category="Figures",
            subcategory="{model}",
            labels={"figure": "interactive concept graph", "stimuli": "{stimuli}"},
        ),
    log:
        "<logs>/write_graph_page/{model}/{stimuli}.log",
    conda:
        "../../envs/report.yaml"
    params:
        title=lambda wildcards: f"{STUDY.models[wildcards.model].get('label') or wildcards.model}: concept graph",
        threshold=lookup("figures/threshold", within=STUDY.config),
        seed=SEED,
        code=code_digest("graph_page"),
    shell:
        "python -m expertneurons --log {log} write-graph-page --edges {input.edges} --counts {input.counts}"
        " --concept-table {input.concepts} --template {input.template:q} --output {output.page} --title {params.title:q}"
        " --threshold {params.threshold} --seed {params.seed}"
