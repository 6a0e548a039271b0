"""Questions: the nine of the study, what to set where one was not measured, and which rules and settings answer it."""

from typing import NamedTuple


class Question(NamedTuple):
    """A question of the study."""

    key: str
    short: str
    heading: str
    rules: tuple[str, ...]
    settings: tuple[str, ...]
    switch: str  # what to set where it was not measured

    @property
    def number(self) -> str:
        """Its number, as headings have it."""
        return self.key.upper()


QUESTIONS = (
    Question(
        "q1",
        "People",
        "Do experts align with people?",
        ("score_units", "select_experts", "align_representations", "draw_figures"),
        ("figures.threshold", "expertise.prevalence", "alignment.level", "alignment.permutations"),
        "set `norms`",
    ),
    Question(
        "q2",
        "Embeddings",
        "Better than embeddings?",
        ("compare_representations", "fit_mixed_models", "draw_answers"),
        ("sheets.contrasts", "sheets.mixed_models", "comparisons.smallest_effect"),
        "name contrasts with embeddings in `sheets.contrasts`",
    ),
    Question(
        "q3",
        "Where",
        "Where?",
        ("align_layers", "draw_figures"),
        ("responses.sites", "figures.threshold"),
        "set `norms`",
    ),
    Question(
        "q4",
        "When",
        "When?",
        ("trace_checkpoint", "measure_run", "measure_emergence", "measure_doses", "draw_emergence", "draw_nursery"),
        ("nursery.run", "emergence.draws", "figures.threshold"),
        "set `nursery.run`, or name checkpoints with a `step` in `models`",
    ),
    Question(
        "q5",
        "Size",
        "How large?",
        ("measure_emergence", "draw_emergence"),
        ("nursery.run", "comparisons.smallest_effect"),
        "set `nursery.run`, or name checkpoints of several sizes in `models`",
    ),
    Question(
        "q6",
        "Organised",
        "Organised as people organise?",
        ("measure_organisation", "draw_organisation", "write_graph_page"),
        ("organisation.permutations", "organisation.random_draws", "figures.threshold"),
        "set `norms`",
    ),
    Question(
        "q7",
        "Stable",
        "Stable?",
        (
            "measure_choice",
            "measure_set_sizes",
            "measure_sources",
            "measure_controls",
            "compare_models",
            "align_rivals",
        ),
        ("stability.run", "rivals.run", "sheets.choices"),
        "set `stability.run`",
    ),
    Question(
        "q8",
        "Causal",
        "Causal?",
        ("choose_units", "steer", "measure_effects", "draw_steering"),
        ("steering.run", "steering.models", "comparisons.bootstrap"),
        "set `steering.run`, with `steering.models` or `nursery.run`",
    ),
    Question(
        "q9",
        "Which unit",
        "Which unit do I look at?",
        ("hold_out", "read_tokens", "write_audit", "draw_answers"),
        ("audit.experts", "audit.units", "audit.bootstrap"),
        "ask for the target `audit`",
    ),
)
SETTINGS = tuple(dict.fromkeys(name for question in QUESTIONS for name in question.settings))
