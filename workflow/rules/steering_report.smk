"""Steering report: means and differences over concepts, dose curves, and what they say."""


rule measure_effects:
    input:
        steering=rules.steer.output.table,
    output:
        effects=STEERING_PARTS["steering_effects"],
    log:
        "<logs>/measure_effects/{model}/{stimuli}.log",
    wildcard_constraints:
        model=STEERED_MODELS,
        stimuli=STEERED_STIMULI,
    conda:
        "../../envs/analysis.yaml"
    params:
        bootstrap=lookup("comparisons/bootstrap", within=STUDY.config),
        level=lookup("alignment/level", within=STUDY.config),
        seed=SEED,
        code=code_digest("steering_effects"),
    shell:
        "python -m expertneurons --log {log} measure-effects --steering {input.steering} --output {output.effects}"
        " --bootstrap {params.bootstrap} --level {params.level} --seed {params.seed}"


rule draw_steering:
    input:
        effects=rules.measure_effects.output.effects,
    output:
        pictures=[steering_picture(name) for name in STEERING_FIGURES],
        previews=[f"<results>/figures/{{model}}/{{stimuli}}/steering/{name}.png" for name in STEERING_FIGURES],
    log:
        "<logs>/draw_steering/{model}/{stimuli}.log",
    wildcard_constraints:
        model=STEERED_MODELS,
        stimuli=STEERED_STIMULI,
    conda:
        "../../envs/report.yaml"
    params:
        form="screen",
        folder=lambda wildcards, output: str(Path(output.pictures[0]).parent),
        code=code_digest("steering_figures"),
    shell:
        "python -m expertneurons --log {log} draw-steering --effects {input.effects} --folder {params.folder} --form {params.form}"
