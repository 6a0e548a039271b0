"""Organisation in pictures and words: drawn, told and explored from tables, odd ones too, the same every time."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import organised
from expertneurons import accounts, tables
from expertneurons import organisation_names as names
from expertneurons.aspects import ASPECTS
from expertneurons.graph import concept_graph, part_labels, place
from expertneurons.graph_page import write_graph_page
from expertneurons.organisation import measure_organisation
from expertneurons.organisation_figures import draw_organisation, polysemy_panels
from expertneurons.organisation_statements import claims, find
from expertneurons.palette import MUTED, domain_of, looks
from expertneurons.studied import Studied

TEMPLATES = Path(__file__).parents[2] / "workflow/report"
FIGURES = next(
    headings for aspect in ASPECTS for place, headings in aspect.figures.items() if place.endswith("/organisation")
)


class Tags(HTMLParser):
    """The tags that are open, after a whole page those that were never closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def unclosed(text: str) -> list[str]:
    tags = Tags()
    tags.feed(text)
    return tags.open


def study(folder: Path, planted: organised.Planted) -> dict[str, Any]:
    """Measure a planted model and an untrained control; returns the arguments of `draw_organisation`."""
    control = organised.plant(77, "nothing", domains=3, members=4)
    listed = control.concepts.assign(domain="", superordinate="")
    measure_organisation(**organised.write(folder, planted))
    measure_organisation(
        **organised.write(folder / "control", control._replace(concepts=listed)) | {"model": "control"}
    )
    return {
        "organisation": [folder / "organisation.parquet", folder / "control/organisation.parquet"],
        "inclusions": folder / "inclusions.parquet",
        "polysemy": folder / "polysemy.parquet",
        "edges": folder / "edges.parquet",
        "expert_table": folder / "experts.parquet",
        "concept_table": folder / "concepts.parquet",
        "units": folder / "units.parquet",
        "folder": folder / "figures",
        "threshold": 0.5,
        "model": "a-model",
        "norm_labels": ["a-norm=A norm"],
        "seed": 1,
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    arguments = study(tmp_path_factory.mktemp("figures"), organised.plant(3))
    draw_organisation(**arguments)
    return arguments


def test_every_figure_is_drawn_and_names_its_concepts(drawn: dict[str, Any]) -> None:
    pictures = {path.stem: path.read_text(encoding="utf-8") for path in drawn["folder"].glob("*.svg")}
    assert set(pictures) == set(FIGURES)
    assert {path.stem for path in drawn["folder"].glob("*.png")} == set(FIGURES)
    for figure in ("concept_tree", "concept_graph"):
        assert "<!-- c01 -->" in pictures[figure]
    assert "<!-- word2 -->" in pictures["concept_graph"]
    assert "<!-- d3 -->" in pictures["domain_heatmap"]


def test_the_same_tables_give_the_same_bytes(drawn: dict[str, Any], tmp_path: Path) -> None:
    draw_organisation(**drawn | {"folder": tmp_path})
    for path in tmp_path.glob("*"):
        assert path.read_bytes() == (drawn["folder"] / path.name).read_bytes(), path.name


def test_the_legend_of_polysemy_hides_no_band(drawn: dict[str, Any]) -> None:
    measured = tables.read(drawn["organisation"][0])
    figure = polysemy_panels(tables.read(drawn["polysemy"]), measured, 0.5, {"a-norm": "A norm"})
    assert [panel.get_legend() for panel in figure.axes] == [None, None]
    (legend,) = figure.legends
    shown = [text.get_text() for text in legend.get_texts()]
    assert {"observed", "experts placed at random", "rating, A norm", "95% of shuffled concepts"} <= set(shown)


@pytest.mark.parametrize("domain", ["", "thing"])
def test_concepts_without_domains_or_category_words_are_drawn_too(domain: str, tmp_path: Path) -> None:
    planted = organised.plant(4, "nothing", domains=2, members=5)
    bare = planted.concepts.drop(columns="superordinate").assign(domain=domain)
    arguments = study(tmp_path, planted._replace(concepts=bare))
    draw_organisation(**arguments)
    assert {path.stem for path in arguments["folder"].glob("*.svg")} == set(FIGURES)


def account(arguments: dict[str, Any]) -> dict[str, list[str]]:
    rows = pd.concat([tables.read(path) for path in arguments["organisation"]])
    named = rows.assign(model=np.where(rows["model"] == "control", "control", "a-model"), stimuli="everyday")
    aligned = pd.DataFrame([{"stimuli": "everyday", "norm": "a-norm"}])
    found = {"organisation": named, "alignment": aligned}
    norms, controls = {"a-norm": "A norm"}, {"control": "a-model"}
    whole = Studied(found, 0.5, ["a-model"], ["everyday"], norms, {}, controls)
    return accounts.organisation(whole, "a-model", "everyday")


def test_the_account_tells_every_number(drawn: dict[str, Any]) -> None:
    told = account(drawn)
    row = find(tables.read(drawn["organisation"][0]), 0.5, names.AUC, names.LABELS)
    assert row is not None
    assert f"{row['value']:.2f} against {row['null_mean']:.2f} (shuffled labels, p = 0.010)" in told["Domains"][0]
    assert "Raw containment claims nothing: its sign is that of the size difference" in "".join(told["Hierarchy"])
    assert told["What the tests of hierarchy allow to claim"]
    assert not any(re.search(r"\bnan\b", text) for texts in told.values() for text in texts)


def test_without_hierarchy_none_is_claimed(tmp_path: Path) -> None:
    arguments = study(tmp_path, organised.plant(5, "nothing"))
    assert account(arguments)["What the tests of hierarchy allow to claim"] == []


def beyond(**changed: dict[str, float]) -> pd.DataFrame:
    """Rows of the four tests that claims rest on, all beyond their nulls, downward."""
    ends = {"null_mean": 0.0, "p": 0.001, "low": 0.1, "high": 0.3, "value": 0.2}
    down = {"null_mean": 0.0, "p": 0.001, "low": -0.3, "high": -0.1, "value": -0.2}
    rows = {
        names.COVERAGE: (names.LABELS, ends),
        names.LIFT: (names.LABELS, ends),
        names.ASYMMETRY: (names.LABELS, down),
        names.ADJUSTED: (names.ROLES, down),
    }
    place = {"domain": "", "norm": "", "representation": names.EXPERTS, "threshold": 0.5, "n": 12}
    return pd.DataFrame(
        [
            {"measure": measure, "null": null, **place, **own, **changed.get(measure, {})}
            for measure, (null, own) in rows.items()
        ]
    )


def test_claims_need_every_test() -> None:
    assert len(claims(beyond(), 0.5)) == 2
    assert "(lift: 0.2 against 0 (shuffled labels, p = 0.001), for new words 0.1 to 0.3, 12" in claims(beyond(), 0.5)[0]
    assert claims(beyond(), 0.5)[1].endswith("p = 0.001), for new words -0.3 to -0.1, 12 members).")
    assert claims(beyond(), 0.5)[1].startswith("the word's experts carry the members more than members' experts")
    up = {"value": 0.2, "low": 0.1, "high": 0.3}
    assert (
        "members' experts carry the category word more" in claims(beyond(asymmetry=up, asymmetry_adjusted=up), 0.5)[1]
    )
    assert claims(beyond(coverage={"p": 0.2}), 0.5) == []
    assert claims(beyond(lift={"low": -0.1}), 0.5) == []
    assert claims(beyond(coverage={"value": -0.2, "low": -0.3, "high": -0.1}), 0.5) == []
    for measure, change in (
        (names.ASYMMETRY, {"p": 0.06}),
        (names.ADJUSTED, {"p": 0.06}),
        (names.ADJUSTED, {"high": 0.1}),
        (names.ASYMMETRY, up),
    ):
        assert len(claims(beyond(**{measure: change}), 0.5)) == 1


def test_the_page_of_the_graph_needs_no_network_and_holds_the_edges(drawn: dict[str, Any], tmp_path: Path) -> None:
    planted = organised.plant(3)
    listed = planted.concepts["concept"]
    counts = pd.DataFrame({"concept": listed, "threshold": 0.5, "n_experts": np.diff(planted.sets.indptr)})
    tables.write(counts, tmp_path / "counts.parquet")
    output = tmp_path / "graph.html"
    known = tables.read(drawn["concept_table"])
    hostile = "<!--<script>alert(1)</script>"
    known["domain"] = known["domain"].replace(known["domain"].iloc[0], hostile)
    tables.write(known, tmp_path / "concepts.parquet")
    arguments = (
        drawn["edges"],
        tmp_path / "counts.parquet",
        tmp_path / "concepts.parquet",
        TEMPLATES / "concept_graph.html.j2",
    )
    write_graph_page(*arguments, output, "A </script> model", 0.5, 1)
    text = output.read_text(encoding="utf-8")
    assert unclosed(text) == []
    assert not re.search(r"https?://|@import|url\(|src=", text)
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    assert "<" not in found[1]  # within a script, <!-- and <script would hide its end
    data = json.loads(found[1])
    assert hostile in {node["domain"] for node in data["nodes"]}
    edges = tables.read(drawn["edges"])
    assert len(data["edges"]) == len(edges)
    first = data["edges"][0]
    assert {data["nodes"][first["a"]]["name"], data["nodes"][first["b"]]["name"]} == {
        *edges.iloc[0][["concept_a", "concept_b"]]
    }
    assert first["layers"] == [edges["layer_0"][0], edges["layer_1"][0]]
    assert sum(first["layers"]) == first["shared"]
    assert [node["experts"] for node in data["nodes"]] == [
        int(counts.set_index("concept")["n_experts"][node["name"]]) for node in data["nodes"]
    ]
    assert {node["name"] for node in data["nodes"] if node["word"]} == {f"word{n}" for n in range(6)}


def test_the_layout_does_not_depend_on_the_order_of_edges(drawn: dict[str, Any]) -> None:
    edges = tables.read(drawn["edges"])
    listed = organised.plant(3).concepts["concept"].tolist()
    first = place(concept_graph(edges, listed), 1)
    again = place(concept_graph(edges, listed[::-1]), 1)
    assert first == again
    assert max(abs(part) for spot in first.values() for part in spot) == pytest.approx(1)


def test_labels_are_moved_apart() -> None:
    rng = np.random.default_rng(0)
    spots, sizes = (
        rng.normal(scale=0.3, size=(60, 2)),
        np.column_stack([rng.uniform(0.05, 0.15, 60), np.full(60, 0.04)]),
    )
    spots[1] = spots[0]
    found = part_labels(spots, sizes)
    apart = np.abs(found[:, None] - found[None])
    over = ((sizes[:, None] + sizes[None]) / 2 - apart > 1e-9).all(axis=2)
    assert not over[~np.eye(60, dtype=bool)].any()
    alone = np.array([[0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_array_equal(part_labels(alone, np.full((2, 2), 0.1)), alone)


def test_a_domain_has_one_look_and_a_category_word_that_of_its_members() -> None:
    concepts = pd.DataFrame(
        {
            "concept": ["cat", "dog", "animal", "odd"],
            "domain": ["pet", "pet", "", ""],
            "superordinate": ["animal", "animal", "", ""],
        }
    )
    assert domain_of(concepts) == {"cat": "pet", "dog": "pet", "animal": "pet", "odd": ""}
    found = looks([f"d{n:02d}" for n in range(18)])
    assert len({found[f"d{n:02d}"] for n in range(18)}) == 18
    assert found["d00"].colour == found["d09"].colour == MUTED[0]
    assert found["d00"].filled
    assert not found["d09"].filled
