"""The positive control: what the bundled lexicon teaches a small model is found after training and not before."""

import shutil

import pandas as pd
import pytest

from expertneurons import tables
from expertneurons.emergence import curve
from expertneurons.nursery_measures import measure_run
from expertneurons.nursery_runs import corpus_words, smallest_units
from expertneurons.nursery_text import write_nursery_corpus, write_nursery_probes
from expertneurons.nursery_training import train_nursery, train_tokenizer
from expertneurons.organisation_names import AUC, COVERAGE, LABELS, LIFT, RATED_TRIPLETS, TRIPLETS
from expertneurons.stimuli import build_stimuli, label_sentences
from tiny import ROOT

pytestmark = pytest.mark.study

LEXICON, FRAMES = ROOT / "config/nursery/lexicon.tsv", ROOT / "config/nursery/frames.tsv"
SITES = ["attn.qkv", "attn.out", "mlp.up", "mlp.act", "mlp.down"]
SHAPE = {"width": 64, "layers": 2, "heads": 4}
STEPS = 512


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Train one small model on the bundled texts and measure its first and its last checkpoint."""
    folder = tmp_path_factory.mktemp("nursery")
    probes = folder / "concepts.tsv", folder / "sentences.tsv", folder / "lexicon.parquet"
    listed = ROOT / "config/stimuli/everyday/concepts.tsv"
    write_nursery_probes(LEXICON, FRAMES, listed, *probes, pairs=1500, seed=1)
    stimuli = folder / "concepts.parquet", folder / "sentences.parquet"
    build_stimuli(probes[0], probes[1], *stimuli, min_sentences=10)
    label_sentences(*stimuli, folder / "labels.parquet")
    corpus, tokenizer, models = folder / "corpus.txt", folder / "tokenizer", folder / "models"
    write_nursery_corpus(LEXICON, FRAMES, corpus, corpus_words(STEPS), 0.7, seed=1)
    train_tokenizer(corpus, tokenizer, 1536)
    train_nursery(
        corpus, tokenizer, models, folder / "losses.parquet", **SHAPE, steps=STEPS, learning_rate=0.003, seed=1, run="r"
    )
    for step in models.glob("step*"):
        if step.name not in ("step0", f"step{STEPS}"):
            shutil.rmtree(step)
    names = "concepts", "pairs", "domains", "kept", "organisation"
    outputs = {name: folder / f"measured_{name}.parquet" for name in names}
    measure_run(
        models,
        *stimuli,
        labels=folder / "labels.parquet",
        sites_sheet=ROOT / "config/sites.tsv",
        lexicon=LEXICON,
        frames=FRAMES,
        norms=[probes[2]],
        concepts=outputs["concepts"],
        pairs=outputs["pairs"],
        domains=outputs["domains"],
        kept=outputs["kept"],
        organisation=outputs["organisation"],
        similarity=folder / "similarity.npy",
        parts=folder / "parts.parquet",
        run="r",
        sites_wanted=SITES,
        thresholds=[0.5],
        top=[],
        headline=0.5,
        smallest=smallest_units({"sizes": {"small": SHAPE}}, SITES),
        draws=1,
        prevalence=2 / 7,
        permutations=1,
        shuffles=199,
        seed=1,
    )
    return {name: tables.read(path) for name, path in outputs.items()}


def test_similarity_of_features_is_recovered_and_at_chance_before(run: dict[str, pd.DataFrame]) -> None:
    found = curve(run["pairs"], ["experts.jaccard@0.5"])
    errors = found.errors.diagonal() ** 0.5
    assert found.steps.tolist() == [0, STEPS]
    assert abs(found.rho[0]) < 3 * errors[0]
    assert found.rho[1] - 5 * errors[1] > 0


@pytest.mark.parametrize(
    ("measure", "norm"), [(AUC, ""), (TRIPLETS, ""), (RATED_TRIPLETS, "lexicon"), (COVERAGE, ""), (LIFT, "")]
)
def test_organisation_is_recovered_and_not_there_before(measure: str, norm: str, run: dict[str, pd.DataFrame]) -> None:
    rows = run["organisation"]
    own = rows[
        (rows["measure"] == measure) & (rows["norm"] == norm) & (rows["domain"] == "") & (rows["null"] == LABELS)
    ]
    before, after = (own[own["step"] == step].iloc[0] for step in (0, STEPS))
    assert before["p"] > 0.01
    assert after["p"] == pytest.approx(1 / 200)
    assert after["value"] > after["null_mean"]


def test_concepts_have_no_organisation_to_lose_their_experts_to(run: dict[str, pd.DataFrame]) -> None:
    # Experts tell a word apart even untrained; what training adds is whom they are shared with.
    counts = run["concepts"].groupby("step")["n_experts"].median()
    assert counts[0] > 10
    assert (
        run["concepts"].groupby("step")["rho"].mean()[STEPS]
        > 0.1
        > abs(run["concepts"].groupby("step")["rho"].mean()[0])
    )
