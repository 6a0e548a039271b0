"""Parts of the audit by hand: page names, shading, neighbours, layers, checkpoints."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from expertneurons.audit_tables import emergence, layer_profile, main_layer, neighbours
from expertneurons.page_names import page_names
from expertneurons.shading import Piece, pieces, scale


def test_page_names_by_hand() -> None:
    concepts = ["late delivery", "Late-delivery", "façade", "index", "won't start", "日本", "con"]
    assert page_names(concepts) == [
        *("late-delivery.html", "late-delivery-2.html", "facade.html", "index-2.html"),
        *("won-t-start.html", "concept.html", "con-2.html"),
    ]


@given(st.lists(st.text(max_size=100), max_size=12))
def test_page_names_are_safe_and_unique(concepts: list[str]) -> None:
    names = page_names(concepts)
    assert len(set(names)) == len(concepts)
    assert all(name.isascii() and name == name.lower() and not set(name) & set("/\\ :'\"&<>?") for name in names)
    assert "index.html" not in names


def test_shading_by_hand() -> None:
    values = np.array([0.0, 4.0, 1.0, 0.1], np.float32)
    shade = scale([values, np.array([0.0, 0.0, 0.0])], "max")
    assert (shade.low, shade.high) == (0, 4)
    cut = pieces("An old dog barks.", np.array([0, 3, 7, 11]), np.array([2, 6, 10, 16]), values, shade)
    assert cut == [
        Piece("An ", 0.0, peak=False),
        Piece("old", 1.0, peak=True),
        Piece(" ", 0.0, peak=False),
        Piece("dog", 0.25, peak=False),
        Piece(" barks.", 0.0, peak=False),
    ]


def test_with_min_pooling_the_lowest_is_darkest() -> None:
    values = np.array([0.0, -4.0])
    cut = pieces("ab", np.array([0, 1]), np.array([1, 2]), values, scale([values], "min"))
    assert cut == [Piece("a", 0.0, peak=False), Piece("b", 1.0, peak=True)]


@given(st.text(min_size=1, max_size=30), st.data())
def test_pieces_spell_the_text(text: str, data: st.DataObject) -> None:
    spans = data.draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))), min_size=1, max_size=8))
    starts, ends = np.array([sorted(span) for span in spans]).T
    values = np.array(data.draw(st.lists(st.floats(-5, 5), min_size=len(spans), max_size=len(spans))))
    assert "".join(piece.text for piece in pieces(text, starts, ends, values, scale([values], "max"))) == text


def test_neighbours_by_overlap_and_rated_ones_too() -> None:
    sets = sparse.csr_array(np.array([[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]))
    rated = {"toy": (np.array([[0, 2]]), np.array([7.5]))}
    first = neighbours(sets, rated)[0]
    assert [row["other"] for row in first] == [1, 3, 2]
    assert [row["shared"] for row in first] == [2, 1, 0]
    assert [row["overlap"] for row in first] == pytest.approx([2 / 3, 1 / 3, 0])
    assert first[0]["expected"] == pytest.approx(3 * 2 / 4)
    assert first[2]["ratings"] == {"toy": 7.5}


def test_a_concept_without_experts_shares_none() -> None:
    assert neighbours(sparse.csr_array(np.array([[0, 0], [1, 1]])), {})[0] == []


def test_layers_count_experts_and_chance() -> None:
    index = pd.DataFrame({"unit": range(4), "layer": [0, 0, 1, 1], "site": ["a", "b", "a", "a"]})
    experts = pd.DataFrame({"concept_number": [0, 0, 0, 1], "unit": [0, 2, 3, 1], "ap": [0.9, 0.6, 0.4, 0.5]})
    null = pd.DataFrame(
        {
            "kind": "permuted",
            "n_positives": 5,
            "layer": [1, 1],
            "site": "a",
            "low": [0.5, 0.3],
            "count": [6, 9],
            "sets": 4,
        }
    )
    profile = layer_profile(experts, index, null, np.array([5, 5]), 0.5)
    own = profile[profile["concept_number"] == 0].set_index(["layer", "site"])
    assert own["n_experts"].to_dict() == {(0, "a"): 1, (0, "b"): 0, (1, "a"): 1}
    assert own["n_units"].to_dict() == {(0, "a"): 1, (0, "b"): 1, (1, "a"): 2}
    assert own["n_expected"].to_dict() == {(0, "a"): 0, (0, "b"): 0, (1, "a"): 1.5}
    assert main_layer(profile[profile["concept_number"] == 1]) == "0"
    assert main_layer(profile.assign(n_experts=0)) == ""


def test_since_which_checkpoint_a_unit_is_an_expert_for_good() -> None:
    def experts(*ap: float) -> pd.DataFrame:
        return pd.DataFrame({"concept_number": 0, "unit": [0, 1, 2], "ap": np.array(ap, np.float32)})

    runs = {16: experts(0.6, 0.6, 0.2), 0: experts(0.6, 0.1, 0.6), 4: experts(0.2, 0.6, 0.6)}
    listed = pd.DataFrame({"concept_number": 0, "unit": [0, 1, 2]})
    counts, since = emergence(runs, listed, 1, 0.5)
    assert since["since"].tolist()[:2] == [16, 4]
    assert np.isnan(since["since"].iloc[2])
    assert counts[["step", "n_experts"]].to_numpy().tolist() == [[0, 2], [4, 2], [16, 2]]
    assert counts["best_ap"].tolist() == pytest.approx([0.6] * 3)


def test_without_checkpoints_nothing_is_followed() -> None:
    counts, since = emergence({}, pd.DataFrame({"concept_number": [0], "unit": [1]}), 1, 0.5)
    assert len(counts) == 0
    assert since["since"].isna().all()
