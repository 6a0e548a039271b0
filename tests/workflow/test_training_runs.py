"""Training runs through Snakemake: checkpoints of the models sheet, and small models trained in the study itself."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest

import documented
import tiny
from studio import CONCEPTS, CONFIG, Study, sentences, write_study
from tiny import ROOT

pytestmark = pytest.mark.study

STEPS = {1000: [0, 1, 4], 2000: [0, 4]}
NURSERY = """
nursery:
  run: true
  sizes: {a: {width: 16, layers: 1, heads: 2}, b: {width: 32, layers: 1, heads: 2}}
  seeds: [1]
  budget: 0.0078125
  vocabulary: 400
  norm_pairs: 100
  permutations: 1
  shuffles: 99
  interventions: {size: a, doses: [0, 1], concepts_per_dose: 3, runs: 2}
organisation: {permutations: 99, random_draws: 99}
emergence: {draws: 2}
steering: {run: true, concepts: 4, ks: [1, 6], draws: 1, generations: 1, max_new_tokens: 4, sentences: 2}
"""
HEADER = "model\tcheckpoint\tsource\tweights\tseed\tcontrol_of\tfamily\tsize\trun_seed\tstep\tnote\n"


def write_runs(folder: Path) -> Study:
    """Write the tiny study with two sizes at a few steps, and the lexicon cut to its concepts."""
    study = write_study(folder)
    texts = [text for own in sentences().values() for text in own]
    rows = []
    for size, steps in STEPS.items():
        for step in steps:
            name = f"m{size}-{step}"
            tiny.write_model(folder / name, "gpt_neox", texts, seed=size + step)
            control = f"m{size}-{steps[-1]}" if step == 0 else ""
            rows.append(
                f"{name}\t{name}\tfolder:{name}\ttrained\t0\t{control}\tpythia\t{size}\t0\t{step}\tshapes differ\n"
            )
    (folder / "config/models.tsv").write_text(HEADER + "".join(rows), encoding="utf-8")
    names = [row.partition("\t")[0] for row in rows]
    config = re.sub(r"models: .*\n", f"models: [{', '.join(names)}]\n", CONFIG)
    (folder / "config/config.yaml").write_text(config + NURSERY, encoding="utf-8")
    lexicon = folder / "config/nursery/lexicon.tsv"
    with lexicon.open(encoding="utf-8", newline="") as file:
        kept = [row for row in csv.reader(file, delimiter="\t") if row[0] in ("concept", *CONCEPTS)]
    lexicon.write_text("".join("\t".join(row) + "\n" for row in kept), encoding="utf-8")
    listed = folder / "config/stimuli/everyday/concepts.tsv"
    with (ROOT / "config/stimuli/everyday/concepts.tsv").open(encoding="utf-8", newline="") as file:
        rows = [
            "\t".join(row[:4]) + "\n" for row in csv.reader(file, delimiter="\t") if row[0] in ("concept", *CONCEPTS)
        ]
    listed.write_text("".join(rows), encoding="utf-8")
    return study


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = write_runs(tmp_path_factory.mktemp("runs") / "study")
    study.run()
    return study


def test_both_families_are_followed_over_their_steps(runs: Study) -> None:
    grown = pd.read_parquet(runs.folder / "results/tables/emergence.parquet")
    steps = grown.groupby("family")["step"].unique().map(sorted)
    assert list(steps["pythia"]) == [0, 1, 4]
    assert list(steps["nursery"]) == [0, 1, 2, 4]
    assert set(grown.loc[grown["family"] == "pythia", "size"]) == {"1k", "2k"}
    assert set(grown.loc[grown["family"] == "nursery", "norm"]) == {"lexicon", "simlex999-nouns"}
    organised = pd.read_parquet(runs.folder / "results/tables/organisation_by_step.parquet")
    assert set(organised["family"]) == {"nursery", "pythia"}


def test_every_column_is_documented(runs: Study) -> None:
    named = {"emergence", "half_rise", "sizes", "dose_response", "dose_effects", "organisation_by_step"}
    assert named | {"steering", "steering_effects"} < documented.check(runs.folder / "results/tables")


def test_doses_are_those_of_the_plan(runs: Study) -> None:
    rows = pd.read_parquet(runs.folder / "results/tables/dose_response.parquet")
    assert set(rows["dose"]) == {0.0, 1.0}
    assert rows.groupby("concept")["dose"].nunique().tolist() == [2] * 6


def test_the_largest_model_of_the_nursery_is_steered(runs: Study) -> None:
    rows = pd.read_parquet(runs.folder / "results/tables/steering.parquet")
    assert set(rows["model"]) == {"nursery-b-1"}
    assert set(rows["stimuli"]) == {"lexicon"}
    assert rows["concept"].nunique() == 4
    assert set(rows["k"]) == {0, 1, 6}
    assert (runs.folder / "results/tables/steering_effects.csv").is_file()
    assert "nursery, b-1, lexicon" in (runs.folder / "results/report.html").read_text(encoding="utf-8")


def test_report_tells_both_families_and_only_last_checkpoints(runs: Study) -> None:
    page = (runs.folder / "results/report.html").read_text(encoding="utf-8")
    assert "pythia, everyday" in page
    assert "nursery, lexicon" in page
    assert "shapes differ" in page
    assert "m1000-4, everyday" in page
    assert "m1000-1, everyday" not in page


def test_second_run_has_nothing_to_do_and_changes_reach_only_what_follows(runs: Study) -> None:
    assert runs.due() == set()
    runs.edit("config/config.yaml", "thresholds: [0.4, 0.5]", "thresholds: [0.3, 0.5]")
    due = runs.due()
    assert {"measure_run", "trace_checkpoint", "measure_emergence", "draw_emergence"} <= due
    assert {"score_checkpoint"} <= due
    assert not {"train_nursery", "write_nursery_corpus", "train_tokenizer", "extract_responses"} & due
    runs.edit("config/config.yaml", "thresholds: [0.3, 0.5]", "thresholds: [0.4, 0.5]")
    runs.edit("config/nursery/frames.tsv", "the {concept} must be {1} .", "the {concept} must be called {1} .")
    assert {"write_nursery_corpus", "train_nursery", "measure_run"} <= runs.due()
