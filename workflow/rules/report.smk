"""Report: the page that answers the study's questions, and its figures and tables for a paper."""

STUDY_TABLES = collect("<results>/tables/{table}.parquet", table=TABLES)
PAGE = [f"{CAPTIONS}/{name}" for name in ("report.html.j2", "report.css", "audit/audit.css", "audit/audit.js")]


rule write_report:
    input:
        template=PAGE,
        tables=STUDY_TABLES,
        figures=figure_files("<results>/figures", "svg"),
        captions=sorted(str(path) for path in CAPTIONS.glob("*.rst")),
        pages=[*AUDITED, *EXPLORERS, *for_models(rules.write_graph_page.output.page, STUDY.reported)],
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
        norm_labels=NORM_LABELS,
        model_labels=MODEL_LABELS,
        control_of=STUDY.control_pairs,
        settings=lambda wildcards: settings(),
        code=code_digest("report"),
    shell:
        "python -m expertneurons --log {log} write-report --template {input.template[0]:q} --captions {params.captions:q}"
        " --tables {input.tables} --figures {params.figures} --output {output.page} --title {params.title:q}"
        " --threshold {params.threshold} --reported {params.reported} --stimuli {params.stimuli}"
        " --norm-labels {params.norm_labels:q} --model-labels {params.model_labels:q} --control-of {params.control_of:q}"
        " --settings {params.settings:q}"


rule write_paper_tables:
    input:
        tables=STUDY_TABLES,
    output:
        folder=directory("<results>/paper/tables"),
    log:
        "<logs>/write_paper_tables.log",
    conda:
        "../../envs/report.yaml"
    params:
        threshold=lookup("figures/threshold", within=STUDY.config),
        reported=STUDY.reported,
        stimuli=lookup("stimuli/sets", within=STUDY.config),
        norm_labels=NORM_LABELS,
        model_labels=MODEL_LABELS,
        control_of=STUDY.control_pairs,
        code=code_digest("paper"),
    shell:
        "python -m expertneurons --log {log} write-paper-tables --tables {input.tables} --folder {output.folder}"
        " --threshold {params.threshold} --reported {params.reported} --stimuli {params.stimuli}"
        " --norm-labels {params.norm_labels:q} --model-labels {params.model_labels:q} --control-of {params.control_of:q}"
