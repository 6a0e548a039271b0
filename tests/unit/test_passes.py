"""Passes: what a row gives does not depend on its batch, and texts are drawn from the model's own distribution."""

from typing import Any

import numpy as np
import pytest
import torch

import forced
from expertneurons import heads, sites
from expertneurons.errors import StudyError
from expertneurons.forcing import NOTHING, UnitSet, forcible
from expertneurons.passes import Passes
from expertneurons.spelling import Row
from tiny import ROOT

HELD = UnitSet(np.array([3, 50, 130]), np.array([2.0, -1.0, 4.0], np.float32))
PROMPTS = [(5, 6, 7), (8, 9), (5, 6, 8), (9, 9), (7, 7, 7)]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = forced.write_causal(tmp_path_factory.mktemp("causal"), scale=20)
    return heads.load(folder, "causal", "trained", 0, "float32")[1]


def written(network: Any, tokens_per_batch: int, chosen: list[int], end: int = -1, threads: int = 1) -> list[list[int]]:
    taps = sites.resolve(network.base_model, "gpt_neox", ROOT / "config/sites.tsv", ["mlp.up", "mlp.down"])
    noise = [np.random.default_rng(number).random(12) for number in range(len(PROMPTS))]
    sets = [HELD if number % 2 else NOTHING for number in range(len(PROMPTS))]
    with forcible(network.base_model, taps, sites.widths(network.base_model, taps)) as forcing:
        runs = Passes(network, torch.device("cpu"), forcing, True, tokens_per_batch, threads)
        prompts = [PROMPTS[number] for number in chosen]
        return runs.sampled(prompts, [sets[n] for n in chosen], [noise[n] for n in chosen], end, "")


def test_text_is_the_same_whatever_the_batch_and_the_threads(network: Any) -> None:
    whole = written(network, 4096, [0, 1, 2, 3, 4])
    assert written(network, 1, [0, 1, 2, 3, 4]) == whole
    assert written(network, 4096, [4, 2, 3, 1, 0])[::-1] == [whole[number] for number in (0, 1, 3, 2, 4)]
    assert written(network, 4096, [2]) == [whole[2]]
    assert written(network, 20, [0, 1, 2, 3, 4], threads=2) == whole
    assert len({tuple(own) for own in whole}) == 5


def test_each_token_inverts_the_cumulative_probabilities_of_the_forced_model(network: Any) -> None:
    ids = list(PROMPTS[0])
    for token, drawn in zip(written(network, 4096, [0])[0], np.random.default_rng(0).random(12), strict=True):
        with torch.no_grad():
            shares = torch.softmax(network(input_ids=torch.tensor([ids])).logits[0, -1].double(), -1)
        heaped = np.cumsum(shares.numpy())
        assert heaped[token - 1] - 1e-5 <= drawn <= heaped[token] + 1e-5
        ids.append(token)


def test_text_stops_with_the_token_that_ends_it(network: Any) -> None:
    whole = written(network, 4096, [1])[0]
    end = whole[4]
    cut = written(network, 4096, [1], end=end)[0]
    assert cut == whole[: whole.index(end) + 1]


def test_rows_are_read_alone_as_in_company(network: Any) -> None:
    rows = [Row((5, 6, 7, 8), 2, (7, 8)), Row((5, 6, 9, 9), 3, (9,)), Row((5, 6), 1, (6,))]
    ends = torch.zeros(network.config.vocab_size, dtype=torch.bool)
    ends[:7] = True
    with forcible(network.base_model, [], []) as forcing:
        runs = Passes(network, torch.device("cpu"), forcing, True, 4096, 1)
        together = runs.spelled(rows, [NOTHING] * 3, ends, "")
    for row, own in zip(rows, together, strict=True):
        with torch.no_grad():
            logp = torch.log_softmax(network(input_ids=torch.tensor([row.ids])).logits[0].double(), -1)
        for place, token in enumerate(row.tokens):
            assert own.tokens[place] == pytest.approx(float(logp[row.start + place - 1, token]), abs=1e-4)
            assert own.ends[place] == pytest.approx(float(logp[row.start + place, :7].logsumexp(-1)), abs=1e-4)


def test_row_longer_than_the_model_takes_is_refused(network: Any) -> None:
    with forcible(network.base_model, [], []) as forcing:
        runs = Passes(network, torch.device("cpu"), forcing, True, 4096, 1)
        with pytest.raises(StudyError, match="a row has 70 tokens, the model takes 64"):
            runs.sampled([(5,) * 60], [NOTHING], [np.zeros(10)], -1, "m")
