"""The key columns of every table of the study, which sort it and are unique in it."""

KEYS = {
    "agreement": ["norm", "measure", "source"],
    "alignment": ["model", "stimuli", "norm", "representation", "threshold"],
    "audit": ["model", "stimuli", "concept", "rank"],
    "category_experts": ["model", "stimuli", "superordinate", "threshold", "layer", "site"],
    "comparisons": ["model", "against", "stimuli", "norm", "a", "b"],
    "dose_effects": ["family", "step", "threshold", "measure", "dose", "kind"],
    "dose_response": ["family", "size", "concept", "dose", "seed", "run", "step", "threshold"],
    "emergence": ["family", "stimuli", "size", "seed", "run", "step", "norm", "representation", "threshold"],
    "experts": ["model", "stimuli", "concept", "threshold"],
    "half_rise": ["family", "stimuli", "size", "seed", "norm", "representation", "threshold"],
    "inclusion": ["model", "stimuli", "member", "superordinate", "threshold"],
    "layers": ["model", "stimuli", "layer", "site", "threshold"],
    "mixed_models": ["model", "against", "stimuli", "norm", "name", "condition", "term"],
    "organisation": ["model", "stimuli", "representation", "threshold", "measure", "norm", "domain", "null"],
    "organisation_by_step": [
        *("family", "stimuli", "size", "seed", "run", "step"),
        *("measure", "norm", "domain", "null"),
    ],
    "partial": ["model", "stimuli", "norm", "representation", "given"],
    "polysemy": ["model", "stimuli", "threshold", "concepts"],
    "sizes": ["family", "stimuli", "norm", "representation", "threshold", "smaller", "larger"],
    "validation": ["design", "target", "method", "quantity"],
}
