"""Effects, figures and sentences of steering, from a table whose means are planted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from expertneurons import accounts, further_verdicts, steering_effects, steering_figures, steering_report, tables
from expertneurons.steering_names import (
    CAPPED,
    EXPERTS,
    ITSELF,
    LOGPROB,
    MENTIONS,
    NONE,
    OFF,
    ON,
    OTHER,
    PERPLEXITY,
    RANDOM,
)
from expertneurons.studied import Studied

KS = [1, 10]
CONCEPTS = [f"c{number:02d}" for number in range(30)]
GAIN = {NONE: 0.0, EXPERTS: 1.0, RANDOM: 0.0, OTHER: -0.5}


def write_table(path: Path, texts: bool = True) -> Path:
    """Changes of 1 nat per tenfold and unit for experts, none for random units; noise over concepts."""
    generator = np.random.default_rng(0)
    rows = []
    for kind in (ON, OFF, CAPPED):
        for concept in CONCEPTS:
            for condition, gain in GAIN.items():
                if condition == OTHER and kind != ON:
                    continue
                sign = {ON: 1.0, OFF: 1.0, CAPPED: -1.0}[kind]
                for k in [0] if condition == NONE else KS:
                    change = 0.0 if condition == NONE else sign * gain * (1 + np.log10(k)) + generator.normal(0, 0.3)
                    row = {"kind": kind, "concept": concept, "k": k, "condition": condition, "n_units": k}
                    row |= {"logprob": change - 5, "delta_logprob": change, "n_contexts": 4}
                    row |= {
                        "mention_share": 0.1 + 0.2 * (gain > 0),
                        "perplexity": 6.0 * np.exp(0.01 * k),
                        "n_texts": 12,
                    }
                    if kind != ON or not texts:
                        row |= {"mention_share": np.nan, "perplexity": np.nan, "n_texts": np.nan}
                    rows.append({"model": "m", "stimuli": "s", **row})
    tables.write(pd.DataFrame(rows), path)
    return path


@pytest.fixture(scope="module")
def effects(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("effects")
    table = write_table(folder / "steering.parquet")
    steering_effects.measure_effects(table, folder / "effects.parquet", 500, 0.95, 1)
    return table, folder / "effects.parquet", tables.read(folder / "effects.parquet")


def test_means_and_differences_are_paired_over_concepts(effects: tuple[Path, Path, pd.DataFrame]) -> None:
    table, _, found = effects
    rows = tables.read(table)
    own = rows[(rows["kind"] == ON) & (rows["k"] == 10)].pivot_table(
        index="concept", columns="condition", values="delta_logprob"
    )
    difference = own[EXPERTS] - own[RANDOM]
    row = steering_report.row_of(found, ON, LOGPROB, 10, EXPERTS, RANDOM)
    assert row["value"] == pytest.approx(difference.mean())
    assert row["median"] == pytest.approx(difference.median())
    assert row["share_positive"] == pytest.approx((difference > 0).mean())
    half = 1.96 * difference.std() / np.sqrt(len(difference))
    assert row["low"] == pytest.approx(difference.mean() - half, abs=0.25 * half)
    assert row["high"] == pytest.approx(difference.mean() + half, abs=0.25 * half)
    assert row["n_concepts"] == 30
    mean = steering_report.row_of(found, ON, LOGPROB, 10, EXPERTS)
    assert mean["value"] == pytest.approx(own[EXPERTS].mean())


def test_ratio_of_perplexities_is_to_the_unforced_texts(effects: tuple[Path, Path, pd.DataFrame]) -> None:
    row = steering_report.row_of(effects[2], ON, PERPLEXITY, 10, EXPERTS, NONE)
    assert np.exp(row["value"]) == pytest.approx(np.exp(0.1))
    assert steering_report.row_of(effects[2], ON, MENTIONS, 1, EXPERTS, RANDOM)["value"] == pytest.approx(0.2)


def test_measures_are_not_held_against_themselves(effects: tuple[Path, Path, pd.DataFrame]) -> None:
    against = effects[2][effects[2]["kind"] == ON].groupby("measure")["against"].agg(set).to_dict()
    assert against == {
        LOGPROB: {ITSELF, RANDOM, OTHER},
        MENTIONS: {ITSELF, RANDOM, OTHER, NONE},
        PERPLEXITY: {ITSELF, RANDOM, NONE},
    }


def test_intervals_cover_a_planted_mean() -> None:
    generator = np.random.default_rng(2)
    draws = generator.integers(0, 40, (400, 40))
    covered = []
    for _ in range(200):
        told = steering_effects.summary(generator.normal(1, 1, 40), draws, 0.95)
        covered.append(told["low"] <= 1 <= told["high"])
    assert 0.88 <= np.mean(covered) <= 0.99


def test_sentences_say_what_the_numbers_say(effects: tuple[Path, Path, pd.DataFrame]) -> None:
    table, _, found = effects
    ten = steering_report.forced(found)[1]
    row = steering_report.row_of(found, ON, LOGPROB, 10, EXPERTS)
    assert ten.startswith(f"10 units: change in the word's log probability {row['value']:.2f} [{row['low']:.2f}, ")
    assert "includes zero" not in ten
    assert "Unforced, 10.0% of the texts" in steering_report.written(found)[0]
    assert "difference 20.0 [20.0, 20.0] points)" in steering_report.written(found)[1]
    silenced = steering_report.silenced(found)
    assert silenced[0].startswith("Holding experts at their median on other sentences makes the word more probable")
    assert "log probability rises: " in silenced[1]
    assert "log probability drops: -" in silenced[3]
    tests = (found["against"] != ITSELF).sum()
    assert f"{tests} differences are told with no adjustment" in steering_report.basis(found, tables.read(table))[0]


def test_an_interval_around_zero_is_said_to_include_it(tmp_path: Path) -> None:
    rows = tables.read(write_table(tmp_path / "steering.parquet"))
    noise = np.random.default_rng(3).choice([-1.0, 1.0], len(rows))
    rows["delta_logprob"] = np.where(rows["condition"] == NONE, 0.0, noise)
    tables.write(rows, tmp_path / "steering.parquet")
    steering_effects.measure_effects(tmp_path / "steering.parquet", tmp_path / "effects.parquet", 200, 0.95, 1)
    found = tables.read(tmp_path / "effects.parquet")
    for sentence, k in zip(steering_report.forced(found), KS, strict=True):
        row = steering_report.row_of(found, ON, LOGPROB, k, EXPERTS, RANDOM)
        expected = row["low"] <= 0 <= row["high"]
        assert ("the interval includes zero; against the experts" in sentence) == expected


def test_fewer_random_units_than_experts_are_told(effects: tuple[Path, Path, pd.DataFrame]) -> None:
    cells = tables.read(effects[0])
    cells.loc[(cells["condition"] == RANDOM) & (cells["k"] == 10) & (cells["concept"] == "c03"), "n_units"] = 7
    assert "For 1 concepts" in steering_report.basis(effects[2], cells)[1]
    assert "(at least 7 of 10)" in steering_report.basis(effects[2], cells)[1]


@pytest.mark.parametrize("texts", [True, False], ids=["causal", "masked"])
def test_account_and_figures_of_either_kind_of_model(tmp_path: Path, texts: bool) -> None:
    table = write_table(tmp_path / "steering.parquet", texts)
    steering_effects.measure_effects(table, tmp_path / "effects.parquet", 100, 0.95, 1)
    steering_figures.draw_steering(tmp_path / "effects.parquet", tmp_path / "one")
    steering_figures.draw_steering(tmp_path / "effects.parquet", tmp_path / "two")
    for name in ("steering.svg", "knock_out.svg", "steering.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    found = {"steering": tables.read(table), "steering_effects": tables.read(tmp_path / "effects.parquet")}
    study = Studied(found, 0.5, [], [], {}, {}, {})
    told = accounts.causes(study, "m", "s")
    assert (told["What the model writes"] == ["A masked model writes no texts; only its words were scored."]) == (
        not texts
    )
    verdict = further_verdicts.causes(study, "m", "s")
    assert verdict is not None
    row = steering_report.row_of(found["steering_effects"], ON, LOGPROB, 10, EXPERTS, RANDOM)
    assert verdict.answer.startswith(
        "Forcing 10 experts of a concept makes its word more probable than forcing matched"
    )
    assert f"({row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}] nats)" in verdict.answer
    texts_told = (
        ". The texts it then writes have 1.11 [1.11, 1.11] times the perplexity of unforced ones, and 30.0% [30.0%, "
        "30.0%] of them mention the concept, 10.0% [10.0%, 10.0%] of unforced ones (30 concepts)."
    )
    assert verdict.answer.endswith(texts_told if texts else "; a masked model writes no texts.")
    random_told = (
        ". With random units 10.0% [10.0%, 10.0%] of the texts mention the concept, at 1.11 times the perplexity."
    )
    assert verdict.control.endswith(random_told) == texts
