"""Rankings as gaps: scores against scikit-learn, bootstraps against drawing sentences one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from expertneurons.resampled import draw, rank, scores, spreads, times_drawn

responses = st.lists(st.integers(0, 6), min_size=1, max_size=12)


@given(responses, responses, st.sampled_from([None, 0.1, 2 / 7]))
def test_scores_equal_scikit_learn_with_ties(
    positives: list[int], negatives: list[int], prevalence: float | None
) -> None:
    truth = np.r_[np.ones(len(positives)), np.zeros(len(negatives))]
    values = np.r_[positives, negatives].astype(float)
    weight = 1.0 if prevalence is None else len(positives) * (1 - prevalence) / (prevalence * len(negatives))
    weights = np.where(truth == 1, 1.0, weight)
    ap, auroc = scores(rank(np.array(positives), np.array(negatives), prevalence))
    assert ap == pytest.approx(average_precision_score(truth, values, sample_weight=weights))
    assert auroc == pytest.approx(roc_auc_score(truth, values))


def test_a_bootstrap_is_that_of_sentences_drawn_one_by_one() -> None:
    generator = np.random.default_rng(0)
    positives, negatives = generator.normal(1, 1, 15).round(1), generator.normal(0, 1, 80).round(1)
    drawn = draw(rank(positives, negatives, 0.3), times_drawn(15, 2000, generator), generator)
    plain = np.array(
        [scores(rank(generator.choice(positives, 15), generator.choice(negatives, 80), 0.3)) for _ in range(2000)]
    ).T
    for fast, slow in zip(drawn, plain, strict=True):
        assert np.mean(fast) == pytest.approx(np.mean(slow), abs=0.01)
        assert np.quantile(fast, [0.025, 0.5, 0.975]) == pytest.approx(
            np.quantile(slow, [0.025, 0.5, 0.975]), abs=0.025
        )


def test_a_perfect_ranking_is_not_taken_for_certain() -> None:
    generator = np.random.default_rng(0)
    ranking = rank(np.array([5.0, 4.0, 3.0]), np.array([2.0, 1.0]), 0.25)
    ap, auroc = spreads([ranking, ranking], [times_drawn(3, 100, generator)] * 2, 0.95, generator)
    assert (ap.value, ap.high) == (1, 1)
    assert ap.low == auroc.low == pytest.approx(0.025 ** (1 / 6))


def test_halves_are_averaged() -> None:
    generator = np.random.default_rng(0)
    first, second = rank(np.array([3.0]), np.array([2.0, 1.0]), None), rank(np.array([1.0]), np.array([2.0, 3.0]), None)
    times = [times_drawn(1, 100, generator)] * 2
    assert spreads([first, second], times, 0.95, generator)[0].value == pytest.approx((1 + 1 / 3) / 2)
    assert np.isnan(spreads([], [], 0.95, generator)[0].value)


@pytest.mark.parametrize("shift", [0.5, 1.5])
def test_intervals_hold_the_truth_about_as_often_as_they_say(shift: float) -> None:
    generator = np.random.default_rng(1)
    truth = scores(rank(generator.normal(shift, 1, 20_000), generator.normal(0, 1, 20_000), 2 / 7))[0]
    held = 0
    for _ in range(200):
        ranking = rank(generator.normal(shift, 1, 24), generator.normal(0, 1, 400), 2 / 7)
        found = spreads([ranking], [times_drawn(24, 200, generator)], 0.95, generator)[0]
        held += found.low <= truth <= found.high
    assert 0.85 <= held / 200 <= 0.99
