"""What the pages tell readers to type works, in the tiny study."""

import re
import subprocess

import pandas as pd
import pytest

import tiny
from studio import Study, sentences
from tiny import ROOT

pytestmark = pytest.mark.study

BLOCK = re.compile(r"^## (.+)$(?:(?!^## )[\s\S])*?^```sh\n([\s\S]*?)^```$", re.MULTILINE)
# The tiny study has another model, which is narrower than the shipped one.
SMALLER = {"minilm-l6": "tiny", "384, 1536": f"{tiny.WIDTH}, 48", "k=16": "k=4"}


def blocks(page: str) -> dict[str, str]:
    """Shell blocks of a page by their headings."""
    found = dict(BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")))
    for old, new in SMALLER.items():
        found = {heading: text.replace(old, new) for heading, text in found.items()}
    return found


OWN, QUESTIONS = blocks("own.md"), blocks("faq.md")


def typed(study: Study, text: str) -> str:
    """Type a block into a shell in the study's folder; returns what it says."""
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(
        command, cwd=study.folder, env=study.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def table(study: Study, path: str) -> pd.DataFrame:
    return pd.read_parquet(study.folder / "results" / path)


def test_no_block_is_passed_over() -> None:
    assert len(OWN) == (ROOT / "docs/own.md").read_text(encoding="utf-8").count("```sh") == 5
    assert len(QUESTIONS) == (ROOT / "docs/faq.md").read_text(encoding="utf-8").count("```sh") == 4


def test_a_model(study: Study) -> None:
    texts = [text for own in sentences().values() for text in own]
    tiny.write_model(study.folder / "mine/model", "gpt2", texts)
    typed(study, OWN["A model"])
    assert set(table(study, "tables/alignment.parquet")["model"]) == {"my-model", "my-model-untrained"}


def test_concepts_and_sentences(study: Study) -> None:
    typed(study, OWN["Concepts and sentences"])
    counts = table(study, "experts/tiny/three/counts.parquet")
    assert set(counts["concept"]) == {"cat", "dog", "hammer"}
    assert set(counts["n_positives"]) == {4}
    assert list(table(study, "stimuli/three/concepts.parquet")["domain"]) == ["animal", "animal", "tool"]


def test_a_corpus(study: Study) -> None:
    typed(study, OWN["A corpus"])
    assert set(table(study, "stimuli/drawn/concepts.parquet")["concept"]) <= {"boy", "baby", "mother"}
    assert table(study, "stimuli/drawn/sentences.parquet")["concept_number"].value_counts().between(4, 6).all()


def test_a_norm(study: Study) -> None:
    typed(study, OWN["A norm"])
    rows = table(study, "tables/alignment.parquet")
    assert set(rows.loc[rows["norm"] == "ratings", "n_pairs"]) == {6}


def test_a_sparse_autoencoder(study: Study) -> None:
    typed(study, OWN["A sparse autoencoder"])
    features = table(study, "rivals/tiny/everyday/features.parquet")
    assert len(features) == 48
    assert set(features["layer"]) == {1}


@pytest.mark.parametrize(
    ("heading", "told"),
    [
        ("Which rule made this file?", "collect_tables"),
        ("Why does this run again?", "Nothing to be done"),
        ("How long does it take?", "tell_cost"),
        ("It looks frozen", ".log"),
    ],
)
def test_questions(heading: str, told: str, study: Study) -> None:
    assert told in typed(study, QUESTIONS[heading])
