"""What a concept's own word does, on sentences made by hand."""

import numpy as np
import pandas as pd
import pytest

from expertneurons.word_alone import pooled, word_table

TOKENS = pd.DataFrame({"sentence": [0, 1], "own": [np.array([False, True, False]), np.array([True])]})
READ = pd.DataFrame(
    {
        "unit": [7, 7],
        "sentence": [0, 1],
        "values": [np.array([1.0, 5.0, -2.0], np.float32), np.array([3.0], np.float32)],
    }
)


def test_pooling_without_the_word() -> None:
    highest = pooled(READ, TOKENS, "max")
    assert highest["rest"].iloc[0] == 1
    assert np.isnan(highest["rest"].iloc[1])
    assert highest["peaks"].tolist() == [True, True]
    lowest = pooled(READ, TOKENS, "min")
    assert lowest["rest"].iloc[0] == -2
    assert lowest["peaks"].tolist() == [False, True]
    mean = pooled(READ, TOKENS, "mean")
    assert mean["rest"].iloc[0] == pytest.approx(-0.5)
    assert mean["peaks"].tolist() == [True, True]


def study(context: float, named: int = 20) -> pd.DataFrame:
    """Make a unit that is at 9 on the word of 20 positives, and whose context is so far above that of 40 negatives."""
    generator = np.random.default_rng(0)
    sentences = np.arange(60)
    own = [np.array([True, False, False])] * 60
    values = []
    for sentence in sentences:
        around = generator.normal(size=2) + (context if sentence < 20 else 0)
        values.append(np.r_[9.0 if sentence < 20 else 0.0, around].astype(np.float32))
    responses = pooled(
        pd.DataFrame({"unit": 1, "sentence": sentences, "values": values}),
        pd.DataFrame({"sentence": sentences, "own": own}),
        "max",
    )
    reads = pd.DataFrame({"concept_number": 0, "unit": 1, "sentence": sentences})
    reads["positive"], reads["negative"] = sentences < 20, sentences >= 20
    is_named = (sentences < named) | (sentences >= 20)
    return word_table(reads, responses, is_named, np.array([0.25]), count=100, level=0.95, seed=1)


def test_a_unit_that_knows_only_the_word() -> None:
    row = study(0.0).iloc[0]
    assert (row["n_named"], row["peak_share"]) == (20, 1)
    assert row["auroc_without_low"] <= 0.5
    assert row["auroc_without"] < 0.65


def test_a_unit_that_knows_the_context_too() -> None:
    row = study(4.0).iloc[0]
    assert row["peak_share"] == 1
    assert row["auroc_without_low"] > 0.8


@pytest.mark.parametrize(("named", "rows"), [(10, 1), (9, 0), (0, 0)])
def test_half_of_the_sentences_must_name_the_concept(named: int, rows: int) -> None:
    assert len(study(0.0, named)) == rows
