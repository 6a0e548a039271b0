"""Cost: what has run took how much, and what is still to come will take."""

BENCHMARKS = Path("results/benchmarks")
WIDTHS = {"float32": 4, "": 4}


rule cost:
    input:
        "<results>/cost.csv",
    localrule: True


# What has run is no input, or it would run for the sake of this table; its state is a parameter.
rule tell_cost:
    output:
        table="<results>/cost.csv",
    log:
        "<logs>/tell_cost.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        root=str(BENCHMARKS),
        state=max((path.stat().st_mtime_ns for path in BENCHMARKS.rglob("*.tsv")), default=0),
        results=subpath(output.table, parent=True),
        stimuli=STUDY.config["stimuli"]["sets"],
        stored=[model for model in STUDY.config["models"] if model not in STUDY.config["responses"]["stream"]],
        streamed=STUDY.config["responses"]["stream"],
        reported=STUDY.reported,
        steered=[model for model in STUDY.steered if model in STUDY.models],
        sizes=[
            f"{name}={STUDY.models[name].get('size') or 0}={WIDTHS.get(STUDY.models[name].get('dtype', ''), 2)}"
            for name in STUDY.config["models"]
        ],
        code=code_digest("cost"),
    shell:
        "python -m expertneurons --log {log} tell-cost --root {params.root}"
        " --results {params.results} --output {output.table} --stimuli {params.stimuli} --stored {params.stored}"
        " --streamed {params.streamed} --reported {params.reported} --steered {params.steered} --sizes {params.sizes}"
