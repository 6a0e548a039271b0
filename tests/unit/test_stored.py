"""Stored responses give the same scores block by block as at once."""

import numpy as np
import pytest

from expertneurons import stored
from expertneurons.design import Design
from expertneurons.expertise import score
from expertneurons.stored import score_stored, spans

DESIGN = Design([np.arange(4), np.arange(4, 8)], None, None, 0.3)


@pytest.mark.parametrize("precision", [None, "float16"])
def test_blocks_rows_and_precision_are_those_asked_for(precision: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = np.random.default_rng(0).normal(size=(30, 50)).astype(np.float32)
    rows = np.random.default_rng(1).permutation(30)[:20]
    monkeypatch.setattr(stored, "CHUNK_BYTES", 30 * 4 * 16)
    assert [span.start for span in spans(answers)] == [0, 16, 32, 48]
    done: list[int] = []
    found = score_stored(answers, DESIGN, 2, rows, precision, done.append)
    expected = score(answers[rows].astype(precision or np.float32), DESIGN)
    assert all((one == two).all() for one, two in zip(found, expected, strict=True))
    assert sum(done) == 50
