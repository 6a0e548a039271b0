"""Ceilings: every kind of agreement equals its reference, and what a norm lacks is said, not made up."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from expertneurons import ceilings, tables
from expertneurons.ceilings import (
    ERROR,
    HERE,
    RELIABILITY,
    binomial,
    ceiling,
    estimates,
    measure_agreement,
    pairwise,
    split_half,
    with_others,
)
from expertneurons.errors import StudyError
from expertneurons.norms import tidy_norm
from tiny import ROOT

Array = npt.NDArray[Any]

NAN = float("nan")
SHARED = ROOT.parent / "shared/data"


def dense() -> tuple[Array, dict[str, float]]:
    """24 raters of 120 pairs, and their agreement by other means."""
    folder = SHARED / "statistics"
    if not folder.is_dir():
        pytest.skip("the ratings of the project's notes on statistics are not on this machine")
    known: dict[str, float] = json.loads((folder / "noise_ceiling.json").read_text(encoding="utf-8"))
    return pd.read_csv(folder / "ratings_dense.csv", index_col="pair").to_numpy(np.float64).T, known


def simulated(seed: int, raters: int, pairs: int, noise: float) -> Array:
    """Ratings (raters, pairs) of one truth of variance 1, each with noise of its own."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.standard_normal(pairs) + noise * rng.standard_normal((raters, pairs)))


def rho(a: Array, b: Array) -> float:
    return float(stats.spearmanr(a, b).statistic)


def test_split_half_equals_the_reference_within_monte_carlo_error() -> None:
    ratings, known = dense()
    found = split_half(ratings, 300, 0)
    assert found == pytest.approx(known["split_half_sb_mean"], abs=0.001)
    assert np.sqrt(found) == pytest.approx(known["ceiling_sqrt_sb"], abs=0.001)


def test_agreement_of_single_raters_equals_the_reference() -> None:
    ratings, known = dense()
    expected = known["loo_spearman_mean"], known["upper_spearman_mean"]
    assert with_others(ratings) == pytest.approx(expected, abs=1e-10)
    assert pairwise(ratings) == pytest.approx(known["mean_pairwise_spearman"], abs=1e-10)


def test_five_quantities_called_a_ceiling_stay_in_order() -> None:
    ratings = simulated(0, 12, 150, 1.2)
    values = [pairwise(ratings), *with_others(ratings), split_half(ratings, 50, 0)]
    assert values == sorted(values)
    assert np.sqrt(values[-1]) > values[-1]


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_split_half_is_close_to_the_true_reliability(noise: float) -> None:
    raters = 8
    of_half = 1 / (1 + noise**2 / (raters / 2))
    ranked = 6 / np.pi * np.arcsin(of_half / 2)  # Spearman of normal variables
    found = np.mean([split_half(simulated(seed, raters, 2000, noise), 20, seed) for seed in range(5)])
    assert found == pytest.approx(2 * ranked / (1 + ranked), abs=0.015)
    assert found == pytest.approx(1 / (1 + noise**2 / raters), abs=0.03)


def test_a_model_without_noise_reaches_the_ceiling_and_no_rater_does() -> None:
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(3000)
    ratings = truth + 2.0 * rng.standard_normal((8, 3000))
    reached = rho(truth, ratings.mean(axis=0))
    assert np.sqrt(split_half(ratings, 20, 0)) == pytest.approx(reached, abs=0.02)
    assert with_others(ratings)[1] < reached - 0.1


def test_split_half_of_four_raters_equals_all_its_splits_by_hand() -> None:
    ratings = simulated(1, 4, 60, 1.0)
    found = []
    for first, second in (([0, 1], [2, 3]), ([0, 2], [1, 3]), ([0, 3], [1, 2])):
        r = rho(ratings[first].mean(axis=0), ratings[second].mean(axis=0))
        found.append(2 * r / (1 + r))
    one = split_half(ratings, 1, 0)
    assert min(abs(one - value) for value in found) < 1e-12
    assert split_half(ratings, 2000, 0) == pytest.approx(np.mean(found), abs=0.002)


def halves(ratings: Array, monkeypatch: pytest.MonkeyPatch) -> list[Array]:
    """Run a split and return the two means that it correlates."""
    seen: list[Array] = []

    def spy(a: Array, b: Array) -> float:
        seen.extend([a, b])
        return 0.5

    monkeypatch.setattr(ceilings, "_spearman", spy)
    split_half(ratings, 1, 0)
    return seen


def test_sparse_design_keeps_two_raters_in_every_half(monkeypatch: pytest.MonkeyPatch) -> None:
    # Rater number r gives 2^r to every pair, so that a mean tells who is in it.
    rng = np.random.default_rng(0)
    ratings = np.full((12, 40), NAN)
    for pair in range(40):
        chosen = rng.choice(12, 4 + pair % 3, replace=False)
        ratings[chosen, pair] = 2.0**chosen
    first, second = halves(ratings, monkeypatch)
    counts = (~np.isnan(ratings)).sum(axis=0)
    sums = np.array([first * (counts // 2), second * (counts - counts // 2)])
    np.testing.assert_allclose(sums, sums.round(), atol=1e-9)
    members = np.array([[bin(round(own)).count("1") for own in half] for half in sums])
    assert members.min() >= 2
    assert (members.sum(axis=0) == counts).all()
    np.testing.assert_allclose(sums.sum(axis=0), np.nansum(ratings, axis=0))


def test_pairs_with_fewer_than_four_raters_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ratings = simulated(2, 6, 30, 1.0)
    ratings[3:, :5] = NAN
    ratings[2:, 5] = NAN
    ratings[:2, 10] = NAN  # four are left
    np.testing.assert_array_equal(split_half(ratings, 5, 0), split_half(ratings[:, 6:], 5, 0))
    assert [len(half) for half in halves(ratings, monkeypatch)] == [24, 24]


def test_the_split_depends_on_the_seed_alone() -> None:
    ratings = simulated(3, 8, 50, 1.0)
    assert split_half(ratings, 5, 1) == split_half(ratings, 5, 1)
    assert split_half(ratings, 5, 1) != split_half(ratings, 5, 2)


def test_order_of_pairs_does_not_matter() -> None:
    ratings = simulated(3, 8, 50, 1.0)
    order = np.random.default_rng(0).permutation(50)
    for measure in (pairwise, with_others, lambda own: split_half(own, 5, 0)):
        assert measure(ratings[:, order]) == pytest.approx(measure(ratings), abs=1e-12)


def test_a_growing_function_of_one_rater_changes_no_agreement_of_two() -> None:
    ratings = simulated(4, 3, 30, 1.0)
    before = pairwise(ratings)
    ratings[0] = np.exp(ratings[0])
    assert pairwise(ratings) == pytest.approx(before, abs=1e-12)


def test_agreement_with_others_by_hand_with_gaps() -> None:
    ratings = np.array(
        [
            [1, 2, 3, 4, 5, NAN, 9],
            [2, 1, 3, 5, NAN, 4, NAN],
            [1, 3, 2, NAN, 5, 4, NAN],
        ]
    )
    # The last pair has one rater and so no others.
    alone = [
        rho(np.array([1, 2, 3, 4, 5]), np.array([1.5, 2, 2.5, 5, 5])),
        rho(np.array([2, 1, 3, 5, 4]), np.array([1, 2.5, 2.5, 4, 4])),
        rho(np.array([1, 3, 2, 5, 4]), np.array([1.5, 1.5, 3, 5, 4])),
    ]
    everyone = [
        rho(np.array([1, 2, 3, 4, 5]), np.array([4 / 3, 2, 8 / 3, 4.5, 5])),
        rho(np.array([2, 1, 3, 5, 4]), np.array([4 / 3, 2, 8 / 3, 4.5, 4])),
        rho(np.array([1, 3, 2, 5, 4]), np.array([4 / 3, 2, 8 / 3, 5, 4])),
    ]
    assert with_others(ratings) == pytest.approx((np.mean(alone), np.mean(everyone)), abs=1e-12)


def test_two_raters_with_few_pairs_in_common_are_not_compared() -> None:
    ratings = simulated(5, 3, 30, 0.5)
    ratings[0, 15:] = NAN
    ratings[1, :6] = NAN  # 9 pairs with the first
    both = [(ratings[0, :15], ratings[2, :15]), (ratings[1, 6:], ratings[2, 6:])]
    assert pairwise(ratings) == pytest.approx(np.mean([rho(*own) for own in both]), abs=1e-12)
    assert np.isnan(pairwise(ratings[:2]))


def test_binomial_reliability_by_hand() -> None:
    # Errors m (n - m) / (n - 1): 0, 16/9, 25/9, 0; their mean 41/36. The means have variance 14.1875.
    means = np.array([0.0, 2.0, 5.0, 10.0])
    assert binomial(means, 10) == pytest.approx(1 - 41 / 36 / 14.1875, abs=1e-12)


def test_binomial_reliability_is_that_of_simulated_counts() -> None:
    rng = np.random.default_rng(0)
    shares = rng.beta(2, 2, 4000)
    first, second = rng.binomial(20, shares), rng.binomial(20, shares)
    expected = np.corrcoef(first, second)[0, 1]
    assert binomial(first.astype(float), 20) == pytest.approx(expected, abs=0.02)


def test_reliability_of_men_from_its_design(tmp_path: Path) -> None:
    raw = SHARED / "norms/men/MEN_dataset_natural_form_full"
    if not raw.is_file():
        pytest.skip("MEN is not packaged: needs the norm's file beside the project")
    tidy_norm(raw, tmp_path / "men.parquet", "men", "pairs", (0, 50), "space")
    means = tables.read(tmp_path / "men.parquet")["rating"].to_numpy(np.float64)
    assert binomial(means, 50) == pytest.approx(0.936, abs=5e-4)
    rows = {row["measure"]: row["value"] for row in estimates(means, np.empty((0, 3000)), 50, 10, 0)}
    known = pd.DataFrame({"measure": rows.keys(), "value": rows.values()})
    assert ceiling(known, means) == pytest.approx(0.968, abs=5e-4)


@pytest.mark.parametrize("rating", [-1.0, 51.0])
def test_ratings_that_count_no_judgements_are_refused(rating: float) -> None:
    with pytest.raises(StudyError, match=r"ratings from .* do not count 50 judgements"):
        binomial(np.array([10.0, rating, 30.0]), 50)


def known(error: float | None) -> pd.DataFrame:
    rows = [(RELIABILITY, 0.9), *([] if error is None else [(ERROR, error)])]
    return pd.DataFrame(rows, columns=["measure", "value"])


def test_ceiling_is_the_root_of_the_reliability_among_the_rated_pairs() -> None:
    whole = np.array([0.0, 2.0, 4.0, 6.0, 8.0, 10.0])  # variance 35/3; of its middle 5
    assert ceiling(known(1.0), whole) == pytest.approx(np.sqrt(1 - 3 / 35), abs=1e-12)
    assert ceiling(known(1.0), whole[1:-1]) == pytest.approx(np.sqrt(0.8), abs=1e-12)


def test_ceiling_of_all_pairs_is_the_root_of_the_norms_reliability() -> None:
    ratings = simulated(6, 8, 100, 1.0)
    means = ratings.mean(axis=0)
    rows = {row["measure"]: row["value"] for row in estimates(means, ratings, 0, 20, 0)}
    found = ceiling(pd.DataFrame({"measure": rows.keys(), "value": rows.values()}), means)
    assert found == pytest.approx(np.sqrt(rows[RELIABILITY]), abs=1e-12)


@pytest.mark.parametrize("error", [None, 5.0, 6.0])
def test_ceiling_is_unknown_without_an_error_or_with_one_as_large_as_the_spread(error: float | None) -> None:
    assert np.isnan(ceiling(known(error), np.array([2.0, 4.0, 6.0, 8.0])))


STATED = "norm\tmeasure\tvalue\tsource\tnote\n"
RATERS = "norm\tfile\tseparator\tskip\tfirst_rater\tstrip\treplace\tforms\tforms_of\tnote\n"
WORDS = [f"w{number:02d}" for number in range(12)]


def agreement(folder: Path, means: Array, stated: str = "", raters: str = "", **options: Any) -> pd.DataFrame:
    """Measure the agreement of a norm whose pairs are w00 - w01, w00 - w02 and so on."""
    pairs = [(a, b) for n, a in enumerate(WORDS) for b in WORDS[n + 1 :]][: len(means)]
    table = folder / "toy.parquet"
    rows = [(*pair, own) for pair, own in zip(pairs, means, strict=True)]
    tables.write(pd.DataFrame(rows, columns=["word1", "word2", "rating"]), table)
    (folder / "stated.tsv").write_text(STATED + stated, encoding="utf-8")
    (folder / "raters.tsv").write_text(RATERS + raters, encoding="utf-8")
    files = sorted(folder.glob("*.csv"))
    sheets = folder / "stated.tsv", folder / "raters.tsv"
    measure_agreement(table, folder / "agreement.parquet", "toy", *sheets, files, **options)
    found = tables.read(folder / "agreement.parquet")
    assert list(found) == ["norm", "measure", "value", "n_pairs", "n_raters", "source", "note"]
    assert set(found["norm"]) == {"toy"}
    return found


def column(table: pd.DataFrame, name: str = "value") -> dict[str, Any]:
    """One column by measure."""
    return dict(zip(table["measure"], table[name], strict=True))


def test_a_norm_that_tells_nothing_of_its_raters_is_not_estimable_for_a_reason(tmp_path: Path) -> None:
    found = agreement(tmp_path, np.arange(20.0), reason="means alone")
    assert found["measure"].tolist() == [RELIABILITY]
    assert np.isnan(found["value"][0])
    assert found["note"][0] == "not estimable: means alone"
    assert found["source"][0] == HERE
    assert np.isnan(ceiling(found, np.arange(20.0)))


def test_published_and_corrected_figures_stand_side_by_side(tmp_path: Path) -> None:
    stated = (
        "toy\trater with rater\t0.68\tpublished (page)\tby row\n"
        "toy\trater with rater\t0.82\tcorrected (joined by pair)\t\n"
        "other\trater with rater\t0.99\tpublished (page)\t\n"
    )
    found = agreement(tmp_path, np.arange(20.0), stated, reason="means alone")
    rows = found.drop(columns=["norm", "n_pairs", "n_raters"]).to_numpy().tolist()
    assert ["rater with rater", 0.82, "corrected (joined by pair)", ""] in rows
    assert ["rater with rater", 0.68, "published (page)", "by row"] in rows
    assert column(found, "source")[RELIABILITY] == HERE
    assert len(found) == 3


def rater_file(folder: Path, ratings: Array, turned: bool = True) -> str:
    """Write raters' own ratings, pairs in another order and words too, and return the row of the sheet."""
    pairs = [(a, b) for n, a in enumerate(WORDS) for b in WORDS[n + 1 :]][: ratings.shape[1]]
    lines = [",".join([*pair[::-1], *map(str, own)]) for pair, own in zip(pairs, ratings.T.tolist(), strict=True)]
    text = "\n".join(lines[::-1] if turned else lines)
    (folder / "raters.csv").write_text(text.replace("nan", "") + "\n", encoding="utf-8")
    return "toy\traters.csv\tcomma\t\t\t\t\t\t\t\n"


def test_raters_own_ratings_give_every_measure(tmp_path: Path) -> None:
    ratings = simulated(7, 6, 60, 1.0).round(2)
    means = ratings.mean(axis=0)
    found = agreement(tmp_path, means, raters=rater_file(tmp_path, ratings), splits=30, seed=5)
    assert (found["source"] == HERE).all()
    assert (found["n_pairs"] == 60).all()
    assert (found["n_raters"] == 6).all()
    reliability = split_half(ratings, 30, 5)
    alone, everyone = with_others(ratings)
    assert column(found) == pytest.approx(
        {
            "rater with rater, mean": pairwise(ratings),
            "rater with the mean of the others": alone,
            "rater with the mean of all": everyone,
            "mean of the raters with the norm": 1.0,
            RELIABILITY: reliability,
            ERROR: (1 - reliability) * means.var(),
        }
    )
    assert "30 splits" in column(found, "note")[RELIABILITY]


def test_two_raters_agree_but_have_no_reliability(tmp_path: Path) -> None:
    # As MEN's two authors: neither is one of the norm's raters.
    ratings = simulated(8, 2, 60, 0.5)
    means = ratings.mean(axis=0) + 0.1
    found = agreement(tmp_path, means, raters=rater_file(tmp_path, ratings), reason="two raters")
    assert column(found)["rater with rater, mean"] == pytest.approx(rho(*ratings))
    assert np.isnan(column(found)[RELIABILITY])
    assert ERROR not in column(found)


def test_judgements_give_the_binomial_error_of_the_norm(tmp_path: Path) -> None:
    means = np.random.default_rng(9).integers(0, 51, 60).astype(np.float64)
    found = agreement(tmp_path, means, judgements=50)
    error = (means * (50 - means) / 49).mean()
    assert column(found) == pytest.approx({ERROR: error, RELIABILITY: binomial(means, 50)})
    assert "upper bound" in column(found, "note")[RELIABILITY]


def test_enough_raters_are_preferred_to_counted_judgements(tmp_path: Path) -> None:
    ratings = np.random.default_rng(10).integers(0, 11, (5, 60)).astype(np.float64)
    ratings += np.arange(60) % 7
    means = ratings.mean(axis=0)
    found = agreement(tmp_path, means, raters=rater_file(tmp_path, ratings), judgements=50)
    assert column(found, "note")[RELIABILITY].startswith("split half")


def test_a_pair_that_no_rater_rated_hides_no_agreement(tmp_path: Path) -> None:
    ratings = simulated(11, 6, 60, 1.0)
    means = ratings.mean(axis=0)
    ratings[:, 3] = NAN
    found = column(agreement(tmp_path, means, raters=rater_file(tmp_path, ratings)))
    rated = np.arange(60) != 3
    expected = rho(ratings[:, rated].mean(axis=0), means[rated])
    assert found["mean of the raters with the norm"] == pytest.approx(expected)
    assert not np.isnan(list(found.values())).any()


def test_a_rater_without_ratings_hides_no_agreement() -> None:
    # An empty last column, as a comma at the end of every line makes.
    ratings = simulated(12, 6, 60, 1.0)
    empty = np.vstack([ratings, np.full(60, NAN)])
    found = [list(estimates(ratings.mean(axis=0), own, 0, 200, 0)) for own in (ratings, empty)]
    for row, expected in zip(*reversed(found), strict=True):
        assert row["value"] == pytest.approx(expected["value"], abs=0.005)


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    ratings = simulated(13, 6, 40, 1.0)
    raters = rater_file(tmp_path, ratings)
    agreement(tmp_path, ratings.mean(axis=0), raters=raters, splits=20)
    before = (tmp_path / "agreement.parquet").read_bytes()
    rater_file(tmp_path, ratings, turned=False)
    agreement(tmp_path, ratings.mean(axis=0), raters=raters, splits=20)
    assert (tmp_path / "agreement.parquet").read_bytes() == before
