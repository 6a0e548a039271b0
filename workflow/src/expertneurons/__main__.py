"""Run one step of the study: `python -m expertneurons [--log FILE] COMMAND --help`."""

import ast
import importlib
import sys
from pathlib import Path

import tyro

from expertneurons import steps
from expertneurons.errors import StudyError

COMMANDS = {
    "fetch-norm": "sources:fetch_norm",
    "fetch-checkpoint": "checkpoints:fetch_checkpoint",
    "fetch-snapshot": "hub:fetch_snapshot",
    "tidy-norm": "norms:tidy_norm",
    "measure-agreement": "ceilings:measure_agreement",
    "collect-sentences": "corpus:collect_sentences",
    "generate-sentences": "generator:generate_sentences",
    "split-table": "stimuli_table:split_table",
    "build-stimuli": "stimuli:build_stimuli",
    "label-sentences": "stimuli:label_sentences",
    "extract-responses": "extraction:extract_responses",
    "score-units": "scoring:score_units",
    "stream-expertise": "streaming:stream_expertise",
    "select-experts": "selection:select_experts",
    "measure-similarity": "representations:measure_similarity",
    "align-representations": "alignment:align_representations",
    "train-dictionary": "dictionary_training:train_dictionary",
    "encode-sentences": "encoding:encode_sentences",
    "fit-probes": "probes:fit_probes",
    "align-rivals": "rivals:align_rivals",
    "align-layers": "layers:align_layers",
    "compare-representations": "comparisons:compare_representations",
    "fit-mixed-models": "mixed_tables:fit_mixed_models",
    "validate-statistics": "validation:validate_statistics",
    "write-nursery-probes": "nursery_text:write_nursery_probes",
    "plan-nursery": "nursery_plan:plan_nursery",
    "write-nursery-corpus": "nursery_text:write_nursery_corpus",
    "train-tokenizer": "nursery_training:train_tokenizer",
    "train-nursery": "nursery_training:train_nursery",
    "measure-run": "nursery_measures:measure_run",
    "hold-out": "held_out:hold_out",
    "read-tokens": "tokens:read_tokens",
    "write-audit": "audit:write_audit",
    "rank-sentences": "driving:rank_sentences",
    "write-explorer": "explorer:write_explorer",
    "measure-emergence": "emergence_tables:measure_emergence",
    "measure-doses": "doses:measure_doses",
    "trace-checkpoint": "traces:trace_checkpoint",
    "list-runs": "emergence_tables:list_runs",
    "measure-organisation": "organisation:measure_organisation",
    "draw-organisation": "organisation_figures:draw_organisation",
    "write-graph-page": "graph_page:write_graph_page",
    "measure-set-sizes": "set_sizes:measure_set_sizes",
    "measure-choice": "choices:measure_choice",
    "measure-sources": "registers:measure_sources",
    "profile-model": "profiles:profile_model",
    "compare-models": "across_models:compare_models",
    "join-parts": "collection:join_parts",
    "measure-controls": "stability_controls:measure_controls",
    "draw-models": "stability_figures:draw_models",
    "draw-stability": "stability_figures:draw_stability",
    "write-nursery-statements": "nursery_statements:write_nursery_statements",
    "score-checkpoint": "nursery_experts:score_checkpoint",
    "choose-units": "steering_units:choose_units",
    "steer": "steering:steer",
    "measure-effects": "steering_effects:measure_effects",
    "draw-steering": "steering_figures:draw_steering",
    "draw-answers": "answer_figures:draw_answers",
    "draw-rivals": "rival_figures:draw_rivals",
    "tell-cost": "cost:tell_cost",
    "collect-tables": "collection:collect_tables",
    "draw-emergence": "emergence_figures:draw_emergence",
    "draw-nursery": "nursery_figures:draw_nursery",
    "draw-figures": "figures:draw_figures",
    "write-manifest": "provenance:write_manifest",
    "write-report": "report:write_report",
    "write-paper-tables": "paper:write_paper_tables",
    "describe-config": "manual:describe_config",
    "recover": "recovery:recover",
}

STOPPED = 130  # what a shell returns for Ctrl-C


def summary(command: str) -> str:
    """First line of a command's docstring, read without importing its module."""
    module, function = COMMANDS[command].split(":")
    tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
    return (ast.get_docstring(found[0]) or "").partition("\n")[0]


def usage() -> str:
    """One line per command."""
    lines = [f"  {command:26}{summary(command)}" for command in COMMANDS]
    return "\n".join([(__doc__ or "").strip(), "", "Commands:", *lines, ""])


def main(arguments: list[str]) -> int:
    """Run the command named first; returns 0, 1 for an error of the study, 2 for a wrong call, 130 for Ctrl-C."""
    log = None
    if arguments[:1] == ["--log"] and len(arguments) > 1:
        log, arguments = Path(arguments[1]), arguments[2:]
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(usage())
        return 0
    command = arguments[0]
    if command not in COMMANDS:
        sys.stderr.write(f"no command {command!r}; choose from: {', '.join(COMMANDS)}\n")
        return 2
    with steps.logged(command, log) as logger:
        module, function = COMMANDS[command].split(":")
        try:
            step = getattr(importlib.import_module(f"expertneurons.{module}"), function)
            tyro.cli(step, prog=f"expertneurons {command}", args=arguments[1:], config=(tyro.conf.FlagConversionOff,))
        except StudyError as error:
            logger.error("%s", error)
            return 1
        except KeyboardInterrupt:
            logger.error("stopped by Ctrl-C; run again to go on")
            return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
