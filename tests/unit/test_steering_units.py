"""Steering units: experts by rank, controls of the same layers and sites, medians as NumPy takes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expertneurons import steering_units, tables
from expertneurons.errors import StudyError
from expertneurons.files import save_array
from expertneurons.steering_names import EXPERTS, OTHER, RANDOM
from expertneurons.steering_units import choose_units, deranged, drawn, matched, medians

GROUPS = np.repeat([0, 1, 2], [10, 6, 4])
CONCEPTS = ["ant", "bee", "oak", "elm"]


def write(folder: Path, ranked: int = 6) -> dict[str, Any]:
    """Four concepts of two domains with three sentences each, twenty units."""
    generator = np.random.default_rng(0)
    responses = generator.standard_normal((12, 20)).astype(np.float32)
    save_array(folder / "responses.npy", responses)
    sites = pd.DataFrame({"unit": range(20), "layer": GROUPS, "site": "mlp.up", "index": range(20)})
    tables.write(sites, folder / "units.parquet")
    rows = [
        {"concept_number": number, "rank": rank, "unit": unit}
        for number in range(4)
        for rank, unit in enumerate(generator.permutation(20)[:ranked], start=1)
    ]
    tables.write(pd.DataFrame(rows), folder / "experts.parquet")
    listed = {"concept_number": range(4), "concept": CONCEPTS, "domain": ["animal", "animal", "plant", "plant"]}
    tables.write(pd.DataFrame(listed), folder / "concepts.parquet")
    labels = [{"concept_number": n // 3, "sentence": n, "label": "positive"} for n in range(12)]
    labels.append({"concept_number": 0, "sentence": 5, "label": "excluded"})
    tables.write(pd.DataFrame(labels), folder / "labels.parquet")
    named = {"responses": "responses.npy", "concept_table": "concepts.parquet"}
    names = ("responses", "units", "experts", "concept_table", "labels")
    return {name: folder / named.get(name, f"{name}.parquet") for name in names}


def test_chosen_units_are_the_best_experts_with_their_medians(tmp_path: Path) -> None:
    inputs = write(tmp_path)
    choose_units(**inputs, chosen=tmp_path / "chosen.parquet", most=4, draws=3, seed=1)
    chosen, experts = tables.read(tmp_path / "chosen.parquet"), tables.read(inputs["experts"])
    answers = np.load(inputs["responses"])
    negatives = [[n for n in range(12) if n // 3 != c and not (c == 0 and n == 5)] for c in range(4)]
    for number, concept in enumerate(CONCEPTS):
        own = chosen[(chosen["concept"] == concept) & (chosen["condition"] == EXPERTS)]
        best = experts[(experts["concept_number"] == number) & (experts["rank"] <= 4)]
        assert own["unit"].tolist() == best["unit"].tolist()
        controls = chosen[(chosen["concept"] == concept) & (chosen["condition"] == RANDOM)]
        assert not set(controls["unit"]) & set(best["unit"])
        for _, draw in controls.groupby("draw"):
            ranked = own.set_index("rank")["unit"][draw["rank"]].to_numpy()
            assert (GROUPS[draw["unit"]] == GROUPS[ranked]).all()
            assert draw["unit"].is_unique
        for row in pd.concat([own, controls]).to_dict("records"):
            assert row["on"] == pytest.approx(np.median(answers[3 * number : 3 * number + 3, row["unit"]]))
            assert row["off"] == pytest.approx(np.median(answers[negatives[number], row["unit"]]))


def test_other_experts_are_a_partner_of_another_domain_at_its_own_values(tmp_path: Path) -> None:
    choose_units(**write(tmp_path), chosen=tmp_path / "chosen.parquet", most=4, draws=1, seed=1)
    chosen = tables.read(tmp_path / "chosen.parquet")
    partners = {}
    for number in range(4):
        own = chosen[(chosen["condition"] == OTHER) & (chosen["concept_number"] == number)]
        [partner] = own["of"].unique()
        partners[number] = partner
        assert (number < 2) != (partner < 2)
        source = chosen[(chosen["concept_number"] == partner) & (chosen["condition"] == EXPERTS)]
        assert own[["rank", "unit", "on"]].to_numpy().tolist() == source[["rank", "unit", "on"]].to_numpy().tolist()
    assert sorted(partners.values()) == [0, 1, 2, 3]


def test_too_few_ranked_units_say_which_key_keeps_more(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=r"3 ranked units of 'ant' are kept, steering.ks asks for 4; add 4 to experts.top"
    ):
        choose_units(**write(tmp_path, ranked=3), chosen=tmp_path / "chosen.parquet", most=4, draws=1, seed=1)
    assert not (tmp_path / "chosen.parquet").exists()


@given(st.lists(st.integers(0, 19), min_size=1, max_size=20, unique=True), st.integers(0, 99))
def test_controls_match_layer_and_site_and_run_out_rather_than_repeat(experts: list[int], seed: int) -> None:
    chosen = np.array(experts)
    found = matched(chosen, GROUPS, np.random.default_rng(seed))
    real = found >= 0
    assert (GROUPS[found[real]] == GROUPS[chosen[real]]).all()
    assert len(set(found[real].tolist())) == real.sum()
    assert not set(found[real].tolist()) & set(experts)
    for group, size in enumerate((10, 6, 4)):
        asked = int((GROUPS[chosen] == group).sum())
        assert int(real[GROUPS[chosen] == group].sum()) == min(asked, size - asked)


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=30), st.integers(0, 99))
def test_partners_are_a_derangement_that_leaves_domains_where_it_can(domains: list[str], seed: int) -> None:
    partners = deranged(pd.DataFrame({"domain": domains}), list(range(len(domains))), seed)
    assert sorted(partners) == sorted(partners.values()) == list(range(len(domains)))
    assert all(own != other for own, other in partners.items())
    if max(map(domains.count, domains)) <= len(domains) / 2:
        assert all(domains[own] != domains[other] for own, other in partners.items())


def test_a_single_concept_has_no_other() -> None:
    with pytest.raises(StudyError, match="two concepts at least"):
        deranged(pd.DataFrame({"domain": ["a"]}), [0], 1)


def test_medians_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = np.random.default_rng(1).standard_normal((9, 25)).astype(np.float16)
    pairs = pd.DataFrame({"of": [0, 1, 0, 1, 1], "unit": [24, 3, 0, 11, 24]})
    sentences = [np.array([0, 4, 5]), np.array([1, 2, 3, 8])]
    expected = [np.median(answers[sentences[c], u].astype(np.float32)) for c, u in pairs.to_numpy()]
    assert medians(answers, sentences, pairs).tolist() == pytest.approx(expected)
    monkeypatch.setattr(steering_units, "CHUNK_BYTES", 4 * 9 * 4)
    assert medians(answers, sentences, pairs).tolist() == pytest.approx(expected)


def test_concepts_are_drawn_by_seed_or_all_taken() -> None:
    assert drawn(7, 0, 1) == list(range(7)) == drawn(7, 9, 1)
    found = drawn(100, 10, 1)
    assert found == sorted(set(found)) == drawn(100, 10, 1)
    assert len(found) == 10
    assert found != drawn(100, 10, 2)
