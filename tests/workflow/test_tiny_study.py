"""The tiny study is run, rerun and perturbed."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import documented
import tiny
from studio import Study

pytestmark = pytest.mark.study

AFTER_SELECTION = {
    "align_layers",
    "align_representations",
    "collect_tables",
    "compare_representations",
    "draw_answers",
    "draw_figures",
    "draw_organisation",
    "fit_mixed_models",
    "measure_organisation",
    "measure_similarity",
    "select_experts",
    "write_audit",
    "write_explorer",
    "write_graph_page",
    "write_manifest",
    "write_report",
}
AFTER_SCORING = AFTER_SELECTION | {"score_units"}
AFTER_EXPERTISE = AFTER_SCORING | {"hold_out", "read_tokens"}
AFTER_STIMULI = AFTER_EXPERTISE | {"build_stimuli", "extract_responses", "label_sentences", "rank_sentences"}


def test_results_are_complete(finished: Study) -> None:
    results = finished.folder / "results"
    for table in ("alignment", "experts", "layers", "comparisons", "partial", "mixed_models", "agreement"):
        rows = pd.read_parquet(results / f"tables/{table}.parquet")
        assert len(rows) == len(pd.read_csv(results / f"tables/{table}.csv"))
        if table not in ("agreement", "comparisons"):
            assert set(rows["model"]) == {"tiny", "tiny-untrained"}
    alignment = pd.read_parquet(results / "tables/alignment.parquet")
    assert alignment["n_pairs"].gt(10).all()
    assert len(list((results / "figures/tiny/everyday").glob("*.svg"))) == 5
    assert (results / "report.html").stat().st_size < 10_000_000
    manifest = json.loads((results / "manifest.json").read_text())
    assert manifest["config"]["study"]["seed"] == 1
    assert "results/tables/alignment.parquet" in manifest["results"]
    assert not list(finished.folder.rglob("*.partial"))


def test_every_column_is_documented(finished: Study) -> None:
    assert {"alignment", "audit", "organisation"} < documented.check(finished.folder / "results/tables")


def test_second_run_does_nothing(study: Study) -> None:
    assert study.due() == set()


def test_touches_and_comments_rerun_nothing(study: Study) -> None:
    for name in ("config/stimuli/everyday/sentences.tsv", "workflow/src/expertneurons/selection.py", "Snakefile"):
        (study.folder / name).touch()
    module = study.folder / "workflow/src/expertneurons/expertise.py"
    module.write_text(module.read_text() + "\n# A remark.\n")
    study.edit("config/config.yaml", "models:", "# A remark.\nmodels:")
    assert study.due() == set()


@pytest.mark.parametrize("module", ["expertise", "walks"])
def test_editing_the_ap_function_reruns_scoring_and_after(study: Study, module: str) -> None:
    path = study.folder / f"workflow/src/expertneurons/{module}.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    assert study.due() == AFTER_EXPERTISE


def test_a_threshold_reruns_selection_and_after(study: Study) -> None:
    study.edit("config/config.yaml", "thresholds: [0.4, 0.5]", "thresholds: [0.45, 0.5]")
    assert study.due() == AFTER_SELECTION
    study.run("results/tables/experts.parquet")
    assert set(pd.read_parquet(study.folder / "results/tables/experts.parquet")["threshold"]) == {0.45, 0.5}


def test_a_sentence_reruns_from_stimuli(study: Study) -> None:
    path = study.folder / "config/stimuli/everyday/sentences.tsv"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].rstrip(".") + " again."
    path.write_text("\n".join(lines) + "\n")
    assert study.due() == AFTER_STIMULI


def test_a_new_norm_reruns_only_alignment_and_after(study: Study) -> None:
    study.edit("config/config.yaml", "norms: [simlex999-nouns]", "norms: [simlex999-nouns, wordsim353]")
    assert study.due() == AFTER_SELECTION - {"measure_similarity", "select_experts"} | {
        *("fetch_norm", "tidy_norm", "measure_agreement"),
    }


def test_a_contrast_reruns_only_what_compares(study: Study) -> None:
    study.edit("config/contrasts.tsv", "experts - text\theadline", "experts - text\tsecondary")
    after = {"collect_tables", "write_manifest", "write_report"}
    assert study.due() == {"compare_representations", "draw_answers", "fit_mixed_models", *after}


def test_a_formula_reruns_only_the_mixed_models(study: Study) -> None:
    study.edit("config/mixed_models.tsv", "1 + rating + log_frequency + word_length", "1 + rating + log_frequency")
    assert study.due() == {"fit_mixed_models", "collect_tables", "write_manifest", "write_report"}


def test_the_statistics_are_validated_when_asked_for(study: Study) -> None:
    study.edit("config/config.yaml", "{repeats: 10}", "{run: true, repeats: 10}")
    assert "validate_statistics" in study.due()
    study.run("results/report.html")
    page = (study.folder / "results/report.html").read_text(encoding="utf-8")
    assert "set <code>validation.run</code>" not in page
    assert "validation" in documented.check(study.folder / "results/tables")
    shares = pd.read_parquet(study.folder / "results/tables/validation.parquet")
    assert {f"{100 * share:.1f}" for share in shares["share"]} <= set(re.findall(r"<td[^>]*>([0-9.]+)</td>", page))


def test_a_streamed_model_has_the_same_experts_and_no_responses(study: Study) -> None:
    study.edit("config/config.yaml", "responses: {", "responses: {stream: [tiny-untrained], ")
    own = [study.folder / f"results/{stage}/tiny-untrained/everyday" for stage in ("experts", "expertise", "responses")]
    before = {path: path.read_bytes() for folder in own for path in folder.iterdir() if path.suffix == ".parquet"}
    for folder in own:
        shutil.rmtree(folder)
    study.run("results/experts/tiny-untrained/everyday/counts.parquet")
    assert {path: path.read_bytes() for path in before} == before
    assert not list(own[-1].glob("m*.npy"))


def test_rivals_and_stability_are_told_when_asked_for(study: Study) -> None:
    """Both in one run, which is the dearer part."""
    study.edit("config/config.yaml", "rivals: {", "rivals: {run: true, ")
    made = {"train_dictionary", "encode_sentences", "score_features", "fit_probes", "align_rivals", "draw_rivals"}
    assert study.due() == made | {"collect_tables", "write_manifest", "write_report"}
    study.edit("config/config.yaml", "stability: {", "stability: {run: true, ")
    choices = {"measure_choice", "join_parts", "measure_set_sizes", "measure_sources", "measure_controls"}
    compared = {"profile_model", "compare_models", "draw_models", "draw_stability"}
    # The one pass over the sentences gives what the choices ask for, and all that follows it is renewed.
    again = AFTER_EXPERTISE | {"extract_responses", "extract_variant", "rank_sentences"}
    assert study.due() == made | choices | compared | again
    study.run("results/report.html")
    rows = pd.read_parquet(study.folder / "results/stability/tiny/everyday/stability.parquet")
    assert set(rows["responses"]) == {"max", "activated", "masked"}
    untrained = pd.read_parquet(study.folder / "results/stability/tiny-untrained/everyday/stability.parquet")
    assert set(untrained["responses"]) == {"max", "activated"}
    page = (study.folder / "results/report.html").read_text(encoding="utf-8")
    for part in (
        "choices with untrained weights",
        "concept&#39;s word masked",
        "found on one half",
        "Held-out AP with 4",
        "share too few units to be aligned",
    ):
        assert part.casefold() in page.casefold()
    rows = pd.read_parquet(study.folder / "results/rivals/tiny/everyday/rivals.parquet")
    tried = documented.check(study.folder / "results/stability/tiny/everyday", others=True)
    assert tried == {"controls", "set_sizes", "sources", "stability"}
    assert documented.check(study.folder / "results/rivals/tiny/everyday", others=True) == {"rivals"}
    methods = ["experts", "feature_probes", "features", "probes", "random"]
    assert rows.groupby("k")["method"].apply(list).to_dict() == {1: methods, 4: methods}
    assert len(set(rows["n_pairs"])) == 1


def test_stimuli_from_a_corpus_need_only_concepts(study: Study) -> None:
    stimuli = study.folder / "config/stimuli"
    rows = pd.read_csv(stimuli / "everyday/sentences.tsv", sep="\t")
    (study.folder / "corpus.txt").write_text("\n".join(rows["text"]) + "\n")
    (stimuli / "mine").mkdir()
    (stimuli / "mine/concepts.tsv").write_text("concept\nboy\nbaby\nzebra\n")
    study.edit(
        "config/config.yaml",
        "stimuli: {min_sentences: 8}",
        "stimuli: {min_sentences: 4, sets: [everyday, mine], origins: {mine: corpus}}\n"
        "corpus: {path: corpus.txt, sentences_per_concept: 6}",
    )
    study.run("results/stimuli/mine/sentences.parquet")
    assert set(pd.read_parquet(study.folder / "results/stimuli/mine/concepts.parquet")["concept"]) == {"boy", "baby"}


def test_a_users_table_is_audited_with_no_norms(study: Study) -> None:
    rows = [row for name in ("boy", "baby") for row in own_rows(name)]
    (study.folder / "my own.tsv").write_text("concept\tsentence\n" + "".join(rows))
    study.run("audit", "--config", "stimuli=my own.tsv")
    pages = study.folder / "results/audit/tiny/my-own"
    assert {path.name for path in pages.glob("*.html")} == {"index.html", "boy-talk.html", "baby-talk.html"}
    table = pd.read_parquet(study.folder / "results/audit/tiny/my-own.parquet")
    assert table.groupby("concept").size().to_dict() == {"boy talk": 20, "baby talk": 20}
    told = study.run("audit", "--config", "stimuli=my own.tsv", "--dry-run")
    assert "Nothing to be done" in told
    whole = study.snakemake("--config", "stimuli=my own.tsv", "--dry-run")
    assert whole.returncode != 0
    assert "or ask for what needs none: snakemake audit" in whole.stdout + whole.stderr


def own_rows(name: str) -> list[str]:
    """Ten sentences under a concept that they do not name."""
    places = ["yard", "car", "barn", "boat", "hall", "park", "lane", "shop", "attic", "tent"]
    return [f"{name} talk\tThe {name} spoke loudly in the {place}.\n" for place in places]


def ask_a_model(study: Study, steps: int) -> None:
    """Let a set of stimuli come from a tiny model: random, or taught in so many steps to say four sentences."""
    taught = [
        "Before noon the small boy waited under the old bench.",
        "His kite flew so high that the boy lost sight of it.",
        "Under a blanket the tired baby slept all day long.",
        "Milk ran down the chin of the happy baby.",
    ]
    tiny.write_causal_model(study.folder / "writer", taught, steps)
    (study.folder / "config/stimuli/mine").mkdir()
    (study.folder / "config/stimuli/mine/concepts.tsv").write_text("concept\nboy\nbaby\n")
    study.edit(
        "config/config.yaml",
        "stimuli: {min_sentences: 8}",
        "stimuli: {min_sentences: 2, sets: [everyday, mine], origins: {mine: generated}}\n"
        "generator: {model: writer, sentences_per_register: 1, completions: 4, rounds: 8, max_new_tokens: 40,\n"
        '  prompts: {fact: "Write:", story: "Write:"}}',
    )


def test_stimuli_from_a_taught_model_become_a_set(study: Study) -> None:
    ask_a_model(study, steps=150)
    study.run("results/stimuli/mine/sentences.parquet")
    rows = pd.read_parquet(study.folder / "results/stimuli/mine/sentences.parquet")
    assert rows["concept_number"].value_counts().tolist() == [2, 2]
    assert set(rows["register"]) == {"fact", "story"}


def test_refusals_of_a_random_model_outlive_the_failed_job(study: Study) -> None:
    ask_a_model(study, steps=0)
    done = study.snakemake("results/stimuli/mine/sentences.parquet")
    assert done.returncode != 0
    assert "no concept has 2 sentences that pass; resources/drafts/mine/rejects.tsv" in done.stdout + done.stderr
    refused = pd.read_csv(study.folder / "resources/drafts/mine/rejects.tsv", sep="\t")
    assert set(refused["concept"]) == {"boy", "baby"}


def test_snakemake_report_has_the_figures_with_captions_and_labels(study: Study) -> None:
    study.run("--report", "report.zip")
    with zipfile.ZipFile(study.folder / "report.zip") as packed:
        names = {Path(name).name for name in packed.namelist()}
        told = packed.read("report/report.html").decode("utf-8")
    pictures = {path.name for path in (study.folder / "results/figures").rglob("*.svg")}
    assert len(pictures) > 10
    assert pictures <= names
    for word in ("Figures", "Tables", "held out", "Difference between the Spearman correlation of expert overlap"):
        assert word in told


def test_figures_and_tables_for_a_paper_are_made_by_the_same_drawings(study: Study) -> None:
    study.run("paper_figures")
    shown, printed = study.folder / "results/figures", study.folder / "results/paper/figures"
    assert {path.relative_to(shown).with_suffix("") for path in shown.rglob("*.svg")} == {
        path.relative_to(printed).with_suffix("") for path in printed.rglob("*.pdf")
    }
    tables = [path.name for path in (study.folder / "results/paper/tables").iterdir() if path.stem.startswith("q")]
    assert len(tables) > 10
    assert sorted(tables) == sorted({f"{Path(name).stem}.{end}" for name in tables for end in ("csv", "tex")})
    assert study.due() == set()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("experts:", "expert:", "unknown key"),
        ("thresholds: [0.4, 0.5]", "thresholds: [0.5, 1.5]", "experts.thresholds[1]"),
        ("models: [tiny,", "models: [missing,", "'missing' is not in config/models.tsv"),
    ],
)
def test_a_wrong_config_is_told_and_loses_nothing(study: Study, old: str, new: str, told: str) -> None:
    before = study.digests()
    study.edit("config/config.yaml", old, new)
    done = study.snakemake()
    assert done.returncode != 0
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert study.digests() == before


def test_a_sentence_without_its_concept_is_told_once_and_nothing_is_half_written(study: Study) -> None:
    path = study.folder / "config/stimuli/everyday/sentences.tsv"
    lines = path.read_text().splitlines()
    cells = lines[1].split("\t")
    lines[1] = "\t".join([*cells[:3], "Nothing of the kind stands in this text."])
    path.write_text("\n".join(lines) + "\n")
    done = study.snakemake()
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert f"{cells[0]} lacks '{cells[1]}'" in told
    assert "Traceback" not in told
    assert not list(study.folder.rglob("*.partial"))
