"""Probes: forward selection against least squares, fits against scikit-learn, and no look at held-out sentences."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

import tiny
from expertneurons import seeds, tables
from expertneurons.design import Design
from expertneurons.errors import StudyError
from expertneurons.expertise import score
from expertneurons.probes import fit_probes
from expertneurons.sparse_fits import RIDGE, fitted, forward, screened, standardised
from expertneurons.stimuli import read_design
from expertneurons.subsets import halves, restricted

CONCEPTS, EACH, UNITS, PREVALENCE, SEED = 5, 10, 30, 2 / 7, 4
SENTENCES = CONCEPTS * EACH
SIZES = [1, 2, 4]


def responses(seed: int = 0) -> npt.NDArray[np.float32]:
    """Random responses; units c and 10 + c answer concept c more than the others."""
    values = np.random.default_rng(seed).standard_normal((SENTENCES, UNITS))
    for concept in range(CONCEPTS):
        values[concept * EACH : (concept + 1) * EACH, [concept, 10 + concept]] += 1.5
    return values.astype(np.float32)


def design() -> Design:
    positives = [np.arange(c * EACH, (c + 1) * EACH) for c in range(CONCEPTS)]
    excluded = [np.array([(c * EACH + 12) % SENTENCES]) for c in range(CONCEPTS)]
    return Design(positives, None, excluded, PREVALENCE)


def error_left(values: npt.NDArray[Any], labels: npt.NDArray[Any], sample: npt.NDArray[Any]) -> float:
    """Least weighted squared error plus penalty of a linear fit with an intercept."""
    share = sample / sample.sum()
    x, y = values - share @ values, labels - share @ labels
    products = (x * share[:, None]).T @ x + RIDGE * np.eye(x.shape[1])
    slopes = np.linalg.solve(products, (x * share[:, None]).T @ y)
    return float(share @ (y - x @ slopes) ** 2 + RIDGE * slopes @ slopes)


def test_forward_selection_takes_the_column_that_leaves_the_least_error() -> None:
    rng = np.random.default_rng(3)
    values = standardised(rng.standard_normal((60, 12)) @ rng.standard_normal((12, 12)))
    labels = values[:, 2] - values[:, 7] + rng.standard_normal(60) > 1
    sample = np.where(labels, 1.0, 0.4)
    order = forward(values, labels, sample, 5).tolist()
    assert len(set(order)) == 5
    for size in range(5):
        left = {
            c: error_left(values[:, [*order[:size], c]], labels, sample) for c in set(range(12)) - set(order[:size])
        }
        assert order[size] == min(left, key=lambda column: left[column])


def test_screening_by_hand() -> None:
    answers = np.array([[2, 0, 1], [4, 0, 9], [1, 0, 1], [1, 0, 1], [99, 7, 5]], np.float32)
    found = screened(answers, np.arange(4), Design([np.array([0, 1])]), 2)
    # Unit 0: (3 - 1) / 1.22; unit 1 is constant; unit 2: (5 - 1) / 3.46.
    assert found.tolist() == [[0, 2]]


def test_weights_are_those_of_scikit_learn() -> None:
    answers, own = responses(), design()
    rows = np.arange(SENTENCES)
    for concept, chosen in enumerate(fitted(answers, rows, own, SIZES)):
        used = np.setdiff1d(rows, (own.excluded or [])[concept])
        positive = np.isin(used, own.positives[concept])
        values = standardised(answers[used][:, chosen.units])
        weight = own.weights(SENTENCES)[concept]
        assert np.where(positive, 1, weight)[positive].sum() / np.where(positive, 1, weight).sum() == pytest.approx(
            PREVALENCE
        )
        model = LogisticRegression(tol=1e-8).fit(values[:, :2], positive, sample_weight=np.where(positive, 1, weight))
        assert chosen.weights[2] == pytest.approx(model.coef_[0], abs=1e-3)


def test_a_probe_finds_the_unit_that_helps_only_beside_another() -> None:
    rng = np.random.default_rng(0)
    answers = rng.standard_normal((SENTENCES, UNITS))
    positive = np.arange(SENTENCES) < EACH
    answers[:, 4] = 3 * positive + 2 * answers[:, 9] + 0.1 * answers[:, 4]  # unit 9 is what hides the concept
    (chosen,) = fitted(answers.astype(np.float32), np.arange(SENTENCES), Design([np.arange(EACH)]), [2])
    assert chosen.units.tolist() == [4, 9]
    assert chosen.weights[2][0] > 0 > chosen.weights[2][1]


def files(
    folder: Path, answers: npt.NDArray[np.float32], sizes: list[int] = SIZES, units: int = UNITS
) -> dict[str, Any]:
    own = design()
    ap, auroc = score(answers, own)
    for name, values in (("responses", answers), ("ap", ap), ("auroc", auroc)):
        np.save(folder / f"{name}.npy", values)
    index = pd.DataFrame({"unit": range(units), "layer": 0, "site": "mlp.up", "index": range(units)})
    tables.write(index, folder / "units.parquet")
    tiny.concept_table(folder / "concepts.parquet", [f"concept{c}" for c in range(CONCEPTS)])
    rows = [
        (c, int(s), label)
        for label, lists in (("positive", own.positives), ("excluded", own.excluded or []))
        for c, sentences in enumerate(lists)
        for s in sentences
    ]
    tables.write(pd.DataFrame(rows, columns=["concept_number", "sentence", "label"]), folder / "labels.parquet")
    places = {name: [folder / f"{name}.npy"] for name in ("responses", "ap", "auroc")}
    return {
        **places,
        "units": [folder / "units.parquet"],
        "concept_table": folder / "concepts.parquet",
        "labels": folder / "labels.parquet",
        "sets": folder / "sets.parquet",
        "held_out": folder / "held_out.parquet",
        "spaces": ["units"],
        "sizes": sizes,
        "prevalence": PREVALENCE,
        "seed": SEED,
        "model": "a-model",
    }


def run(folder: Path, answers: npt.NDArray[np.float32], **options: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    folder.mkdir(exist_ok=True)
    fit_probes(**(files(folder, answers) | options))
    return tables.read(folder / "sets.parquet"), tables.read(folder / "held_out.parquet")


def test_held_out_scores_are_those_of_scikit_learn(tmp_path: Path) -> None:
    answers = responses()
    _, found = run(tmp_path, answers)
    own = read_design(tmp_path / "labels.parquet", CONCEPTS, PREVALENCE)
    first, second = halves(own.positives, SENTENCES, seeds.generator(SEED, "fit_probes"), np.zeros(SENTENCES, np.intp))
    train, test = restricted(own, first, SENTENCES), restricted(own, second, SENTENCES)
    ap, _ = score(answers[first], train)
    for concept in range(CONCEPTS):
        best = np.argsort(-ap[concept], kind="stable")[:2]
        values = ((answers - answers[first].mean(0)) / answers[first].std(0))[second][:, best].mean(1)
        positive = np.isin(second, own.positives[concept])
        used = ~np.isin(second, (own.excluded or [])[concept])
        weights = np.where(positive, 1, test.weights(len(second))[concept])[used]
        row = found.query("method == 'experts' and k == 2 and concept_number == @concept").iloc[0]
        expected = average_precision_score(positive[used], values[used], sample_weight=weights)
        assert row["ap"] == pytest.approx(expected, abs=1e-5)
        assert row["auroc"] == pytest.approx(roc_auc_score(positive[used], values[used]), abs=1e-5)


def test_what_is_held_out_changes_no_choice_and_no_fit() -> None:
    own, answers = design(), responses()
    first, second = halves(own.positives, SENTENCES, seeds.generator(SEED, "fit_probes"), np.zeros(SENTENCES, np.intp))
    train = restricted(own, first, SENTENCES)
    spoilt = answers.copy()
    spoilt[second] = np.nan
    for a, b in zip(fitted(answers, first, train, SIZES), fitted(spoilt, first, train, SIZES), strict=True):
        assert a.units.tolist() == b.units.tolist()
        assert all((a.weights[k] == b.weights[k]).all() for k in SIZES)


def test_noise_is_at_chance_on_held_out_sentences(tmp_path: Path) -> None:
    noise = np.random.default_rng(8).standard_normal((SENTENCES, UNITS)).astype(np.float32)
    _, found = run(tmp_path, noise)
    assert found["auroc"].mean() == pytest.approx(0.5, abs=0.08)


def test_sets_have_k_units_each_and_grow(tmp_path: Path) -> None:
    sets, held_out = run(tmp_path, responses())
    assert (
        sets.groupby(["method", "k", "concept_number"])
        .size()
        .eq(sets.groupby(["method", "k", "concept_number"])["k"].first())
        .all()
    )
    assert len(held_out) == 2 * len(SIZES) * CONCEPTS
    for _, own in sets.groupby(["method", "concept_number"]):
        members = [set(own.loc[own["k"] == k, "unit"]) for k in SIZES]
        assert all(small < large for small, large in pairwise(members))


def test_experts_are_the_units_of_the_highest_ap(tmp_path: Path) -> None:
    sets, _ = run(tmp_path, responses())
    ap = np.load(tmp_path / "ap.npy")
    own = sets.query("method == 'experts' and k == 4")
    for concept, units in own.groupby("concept_number")["unit"]:
        assert set(units) == set(np.argsort(-ap[concept], kind="stable")[:4])
    assert own["weight"].eq(0.25).all()


def test_threads_change_no_byte(tmp_path: Path) -> None:
    run(tmp_path / "one", responses())
    run(tmp_path / "two", responses(), threads=2)
    for name in ("sets", "held_out"):
        assert (tmp_path / f"one/{name}.parquet").read_bytes() == (tmp_path / f"two/{name}.parquet").read_bytes()


@pytest.mark.parametrize(
    ("sizes", "units", "told"), [([31], UNITS, "rivals.sizes asks for 31"), ([1], UNITS - 1, "29 are listed")]
)
def test_too_few_units_are_told(tmp_path: Path, sizes: list[int], units: int, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        fit_probes(**files(tmp_path, responses(), sizes, units))
    assert not (tmp_path / "sets.parquet").exists()
