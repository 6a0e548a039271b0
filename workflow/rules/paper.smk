"""Paper: the figures of the report again, as PDF at the widths of a journal's columns."""


rule paper_figures:
    input:
        figure_files("<results>/paper/figures", "pdf"),
        "<results>/paper/tables",
    localrule: True


use rule draw_figures as draw_figures_on_paper with:
    output:
        pictures=[f"<results>/paper/figures/{{model}}/{{stimuli}}/{name}.pdf" for name in FIGURES],
    log:
        "<logs>/draw_figures_on_paper/{model}/{stimuli}.log",
    params:
        form="print",


use rule draw_answers as draw_answers_on_paper with:
    output:
        pictures=[f"<results>/paper/figures/{{model}}/{{stimuli}}/answers/{name}.pdf" for name in ANSWER_FIGURES],
    log:
        "<logs>/draw_answers_on_paper/{model}/{stimuli}.log",
    params:
        form="print",


use rule draw_rivals as draw_rivals_on_paper with:
    output:
        pictures=["<results>/paper/figures/{model}/{stimuli}/rivals/rivals.pdf"],
    log:
        "<logs>/draw_rivals_on_paper/{model}/{stimuli}.log",
    params:
        form="print",


use rule draw_organisation as draw_organisation_on_paper with:
    output:
        pictures=[
            f"<results>/paper/figures/{{model}}/{{stimuli}}/organisation/{name}.pdf" for name in ORGANISATION_FIGURES
        ],
    log:
        "<logs>/draw_organisation_on_paper/{model}/{stimuli}.log",
    params:
        form="print",


use rule draw_stability as draw_stability_on_paper with:
    output:
        pictures=[f"<results>/paper/figures/{{model}}/{{stimuli}}/stability/{name}.pdf" for name in STABILITY_FIGURES],
    log:
        "<logs>/draw_stability_on_paper/{model}/{stimuli}.log",
    params:
        form="print",


use rule draw_models as draw_models_on_paper with:
    output:
        picture="<results>/paper/figures/stability/{stimuli}/models.pdf",
    log:
        "<logs>/draw_models_on_paper/{stimuli}.log",
    params:
        form="print",


use rule draw_steering as draw_steering_on_paper with:
    output:
        pictures=[f"<results>/paper/figures/{{model}}/{{stimuli}}/steering/{name}.pdf" for name in STEERING_FIGURES],
    log:
        "<logs>/draw_steering_on_paper/{model}/{stimuli}.log",
    params:
        form="print",


use rule draw_emergence as draw_emergence_on_paper with:
    output:
        pictures=[f"<results>/paper/figures/emergence/{{family}}/{{stimuli}}/{name}.pdf" for name in EMERGENCE_FIGURES],
    log:
        "<logs>/draw_emergence_on_paper/{family}/{stimuli}.log",
    params:
        form="print",


use rule draw_nursery as draw_nursery_on_paper with:
    output:
        pictures=[f"<results>/paper/figures/emergence/nursery/lexicon/{name}.pdf" for name in DOSE_FIGURES],
    log:
        "<logs>/draw_nursery_on_paper.log",
    params:
        form="print",
