"""Pool scores equal the study's own kernel, and with it scikit-learn, on the same positives and negatives."""

from typing import Any

import numpy as np
import pytest

from expertneurons.errors import StudyError
from expertneurons.expertise import auroc, average_precision
from expertneurons.pool_scores import Draw, score_draws

SENTENCES, UNITS, CONCEPTS, PREVALENCE = 400, 9, 10, 2 / 7
SIZES = [30, 120]


def responses(dtype: Any) -> np.ndarray:
    generator = np.random.default_rng(3)
    values = np.round(generator.normal(size=(SENTENCES, UNITS)), 1)  # many ties
    values[:, 0] = generator.normal(size=SENTENCES)
    values[:, 1], values[:, 2] = 0.0, np.where(values[:, 2] > 1, values[:, 2], -0.0)
    return values.astype(dtype)


def design() -> tuple[list[list[Draw]], list[np.ndarray]]:
    generator = np.random.default_rng(4)
    order, pool = generator.permutation(SENTENCES), generator.permutation(SENTENCES)
    own = [order[12 * c : 12 * c + 12] for c in range(CONCEPTS)]
    excluded = [np.union1d(rows, generator.choice(SENTENCES, 8, replace=False)) for rows in own]
    halves = [
        Draw([rows[first : first + 6] for rows in own], pool[start : start + 120])
        for first, start in ((0, 0), (6, 120))
    ]
    return [halves, [Draw([rows[2:8] for rows in own], pool[60:180])]], excluded


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_scores_equal_those_of_the_walk_over_all_concepts(dtype: Any) -> None:
    values = responses(dtype)
    groups, excluded = design()
    for group, scored in zip(groups, score_draws(values, groups, SIZES, excluded, PREVALENCE), strict=True):
        assert len(group) == len(scored)
        for draw, (raw, weighted, area) in zip(group, scored, strict=True):
            for place, size in enumerate(SIZES):
                negatives = [np.setdiff1d(draw.pool[:size], out) for out in excluded]
                assert min(map(len, negatives)) < size  # some members of the pool are a concept's own
                expected = average_precision(values, draw.positives, negatives)
                np.testing.assert_allclose(raw[place], expected, atol=1e-6)
                expected = average_precision(values, draw.positives, negatives, prevalence=PREVALENCE)
                np.testing.assert_allclose(weighted[place], expected, atol=1e-6)
                np.testing.assert_allclose(area[place], auroc(values, draw.positives, negatives), atol=1e-6)


def test_a_response_that_is_not_a_number_is_refused() -> None:
    values = responses(np.float32)
    values[5, 3] = np.nan
    groups, excluded = design()
    with pytest.raises(StudyError, match="not a finite number; extract"):
        score_draws(values, groups, SIZES, excluded, PREVALENCE)
