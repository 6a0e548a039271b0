"""Hierarchy: by hand, against R's fixture, and claims that neither the size of sets nor chance can make."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import organised
from expertneurons import organisation_names as names
from expertneurons.category_experts import _auroc, category_experts, common_rows, random_groups
from expertneurons.hierarchy import categories, graded, inclusion, label_rows, unit_ranks
from expertneurons.organisation_statements import claims
from expertneurons.roles import role_rows
from paired import SHARED

# Two category words and their members over eight units.
CONCEPTS = pd.DataFrame(
    {
        "concept": ["animal", "dog", "cat", "tool", "saw", "axe"],
        "superordinate": ["", "animal", "animal", "", "tool", "tool"],
    }
)
AP = np.array(
    [
        [0.9, 0.8, 0.1, 0.2, 0.3, 0.1, 0.0, 0.0],  # animal: 0, 1
        [0.8, 0.6, 0.7, 0.9, 0.2, 0.1, 0.0, 0.1],  # dog: 0, 1, 2, 3
        [0.7, 0.1, 0.2, 0.1, 0.9, 0.3, 0.0, 0.2],  # cat: 0, 4
        [0.1, 0.2, 0.1, 0.0, 0.3, 0.9, 0.8, 0.0],  # tool: 5, 6
        [0.0, 0.1, 0.2, 0.3, 0.1, 0.8, 0.4, 0.9],  # saw: 5, 7
        [0.0, 0.1, 0.0, 0.2, 0.1, 0.3, 0.6, 0.7],  # axe: 6, 7
    ],
    np.float32,
)
SETS = sparse.csr_array((AP >= 0.5).astype(np.int32))


def at(values: Any, member: str, word: str) -> float:
    found = categories(CONCEPTS)
    place = [CONCEPTS["concept"][number] for number in found.members].index(member), found.names.index(word)
    return float(values[place])


def test_inclusion_by_hand() -> None:
    found = inclusion(SETS, AP, categories(CONCEPTS))
    assert at(found["in_member"], "dog", "animal") == pytest.approx(2 / 4)
    assert at(found["in_superordinate"], "dog", "animal") == pytest.approx(2 / 2)
    assert at(found["lift"], "dog", "animal") == pytest.approx(2 * 8 / (4 * 2))
    # dog's two best units are 3 and 0, of which animal has one.
    assert at(found["coverage"], "dog", "animal") == pytest.approx(1 / 2)
    up, down = (0.9 + 0.8 + 0.1 + 0.2) / 4, (0.8 + 0.6) / 2
    assert at(found["asymmetry"], "dog", "animal") == pytest.approx(up - down, abs=1e-6)
    assert at(found["lift"], "axe", "animal") == 0


def test_raw_containment_has_the_sign_of_the_size_difference() -> None:
    planted = organised.plant(0)
    found = categories(planted.concepts)
    measures = inclusion(planted.sets, planted.ap, found)
    sizes = np.diff(planted.sets.indptr)
    larger = np.sign(sizes[found.members][:, None] - sizes[found.words][None])
    difference = measures["in_superordinate"] - measures["in_member"]
    shared = measures["lift"] > 0
    assert (np.sign(difference)[shared] == larger[shared]).all()
    told = label_rows(measures, found, 99, np.random.default_rng(0), 0.95)[-1]
    assert told["measure"] == names.SIZES
    assert told["note"].startswith("members have the larger set, and so the higher raw containment, in ")


def test_empty_sets_are_unknown() -> None:
    ap = AP.copy()
    ap[[0, 4]] = 0.1
    found = inclusion(sparse.csr_array((ap >= 0.5).astype(np.int32)), ap, categories(CONCEPTS))
    for name, values in found.items():
        assert np.isnan(at(values, "dog", "animal")), name
        assert np.isnan(at(values, "saw", "tool")), name
        assert not np.isnan(at(values, "axe", "tool")), name


def test_a_word_is_not_held_against_itself() -> None:
    listed = CONCEPTS.assign(superordinate=["tool", "animal", "animal", "tool", "tool", "tool"])
    found = categories(listed)
    assert found.names == ["animal", "tool"]
    values = inclusion(SETS, AP, found)["lift"]
    assert np.isnan(values[found.members.tolist().index(0), 0])
    assert 3 not in found.members


def test_ranks_share_ties() -> None:
    assert unit_ranks(np.array([[0.5, 0.9, 0.5, 0.1]])).tolist() == [[2.5, 1, 2.5, 4]]
    assert unit_ranks(np.empty((0, 4))).shape == (0, 4)


def test_graded_equals_a_loop() -> None:
    own = np.array([1, 4, 0])
    expected = [[AP[j][AP[i] >= 0.5].mean() for j in own] for i in own]
    np.testing.assert_allclose(graded(SETS, AP, own), expected, rtol=1e-6)


def test_auroc_of_counts_by_hand() -> None:
    # Units of the word score 3 and 1, the others 2, 1, 0: pairs won 3 + (0.5 + 1) of 6.
    assert _auroc(np.array([3, 2, 1, 1, 0], np.uint16), np.array([0, 2])) == pytest.approx(4.5 / 6)


def test_common_experts_and_their_places_by_hand() -> None:
    found, units = (
        categories(CONCEPTS),
        pd.DataFrame({"unit": range(8), "layer": [0, 0, 0, 0, 1, 1, 1, 1], "site": "s"}),
    )
    groups = random_groups(found, 99, np.random.default_rng(0))
    rows = {row["domain"]: row for row in common_rows(SETS, unit_ranks(AP[found.members]), found, groups)}
    # Best two of dog (3, 0) and cat (4, 0) give unit 0 twice, 3 and 4 once; animal's are 0 and 1.
    assert rows["animal"]["value"] == pytest.approx((6 + (4 * 0.5 + 0)) / 12)
    assert rows[""]["null"] == names.GROUPS
    places = category_experts(SETS, units, found, groups).set_index(["superordinate", "layer"])
    assert places.loc[("animal", 0), "n_experts"] == 1
    assert places.loc[("animal", 1), "n_experts"] == 0
    assert places.loc[("tool", 1), "n_of_superordinate"] == 0  # 7 serves saw and axe, not tool
    assert places.loc[("tool", 1), "n_experts"] == 1


def test_values_equal_those_of_the_notes() -> None:
    if not SHARED.is_dir():
        pytest.skip("the tables of the project's notes on statistics are not on this machine")
    expected = json.loads((SHARED / "hierarchy.json").read_text())
    stored = json.loads((SHARED / "expert_sets.json").read_text())
    taxonomy = pd.read_csv(SHARED / "taxonomy.csv").set_index("concept").loc[list(stored["sets"])]
    words = taxonomy[taxonomy["is_hypernym"] == 1].reset_index().set_index("domain")["concept"]
    above = taxonomy["domain"].map(words).where(taxonomy["is_hypernym"] == 0, "")
    concepts = pd.DataFrame({"concept": taxonomy.index, "superordinate": above.to_numpy()})
    dense = np.zeros((len(concepts), stored["units"]), np.float32)
    for number, units in enumerate(stored["sets"].values()):
        dense[number, units] = 1
    found = categories(concepts)
    measures = inclusion(sparse.csr_array(dense), dense, found)
    own = np.arange(len(found.members)), found.category
    others = found.category[:, None] != np.arange(len(found.names))[None]
    assert measures["in_superordinate"][own].mean() == pytest.approx(expected["containment_true_mean"])
    assert measures["in_superordinate"][others].mean() == pytest.approx(expected["containment_false_mean"])
    assert measures["lift"][own].mean() == pytest.approx(expected["lift_true_mean"])
    difference = measures["in_superordinate"] - measures["in_member"]
    assert difference[own].mean() == pytest.approx(expected["containment_asymmetry_mean"])
    rows = label_rows(measures, found, 999, np.random.default_rng(0), 0.95)
    overall = {row["measure"]: row for row in rows if row["domain"] == ""}
    assert overall[names.LIFT]["p"] == 0.001
    assert overall[names.LIFT]["low"] > overall[names.LIFT]["null_mean"]


def claimed(kind: str, seed: int, **options: Any) -> list[str]:
    planted = organised.plant(seed, kind, domains=10, **options)
    found, generator = categories(planted.concepts), np.random.default_rng(seed)
    rows = label_rows(inclusion(planted.sets, planted.ap, found), found, 199, generator, 0.95)
    rows += role_rows(planted.sets, planted.ap, found, 199, generator, 0.95)
    return claims(pd.DataFrame(rows).assign(representation=names.EXPERTS, threshold=0.5), 0.5)


def test_a_taxonomy_is_claimed_with_its_direction() -> None:
    found = [claimed("taxonomy", seed) for seed in range(20)]
    assert all(len(own) >= 1 for own in found)
    downward = [any(claim.startswith("the word's experts carry the members") for claim in own) for own in found]
    assert np.mean(downward) >= 0.8


def test_sizes_alone_make_no_claim() -> None:
    """Category words with four times, or a third, of their members' experts and nothing in common with them."""
    found = [claimed("nothing", seed, word_size=size) for size in (0.08, 0.006) for seed in range(30)]
    assert sum(map(bool, found)) <= 6  # 60 data sets, nominal 2.5% (coverage and lift must agree)


def test_a_word_like_any_member_is_related_but_has_no_direction() -> None:
    """Shuffled labels alone call over a third of these directed: members depend on each other through the word."""
    found = [claimed("related", 100 + seed, word_size=0.02) for seed in range(40)]
    assert all(found)
    assert np.mean([len(own) > 1 for own in found]) <= 0.125
