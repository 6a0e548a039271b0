"""The report: one page that answers nine questions, needs nothing else, and says what the numbers do and no more."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reported
from expertneurons import control_alerts, report, report_tables, sheets, studied
from expertneurons.alignment_statements import answers, estimate, summary, warnings
from expertneurons.errors import StudyError
from expertneurons.questions import QUESTIONS
from expertneurons.report import write_report
from reported import NORMS, aligned, counted, page

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Tags opened and closed in order, every address and every name of a place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.places: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.places += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_whole_html_with_a_heading_for_every_question(tmp_path: Path) -> None:
    text = page(tmp_path)
    parsed = Page(text)
    assert text.startswith("<!doctype html>")
    assert parsed.open == []
    assert len(set(parsed.places)) == len(parsed.places)
    for question in QUESTIONS:
        assert question.key in parsed.places
        assert f"<h2><span>{question.number}</span>{question.heading}</h2>" in text


def test_page_needs_no_network_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    text = page(tmp_path)
    parsed = Page(text)
    assert not {"link", "iframe"} & set(parsed.tags)
    assert not re.search(r"https?://|@import|url\(", text)
    for address in parsed.addresses:
        if address.startswith("#"):
            assert address[1:] in parsed.places
        elif not address.startswith("data:image/svg+xml;base64,"):
            assert (tmp_path / address).is_file(), address


def test_page_holds_every_figure_of_what_was_measured_with_its_caption_and_file(tmp_path: Path) -> None:
    text = page(tmp_path)
    titles = [
        re.findall("<title>(.*)</title>", base64.b64decode(found).decode())[0]
        for found in re.findall(r"base64,([^\"]+)", text)
    ]
    q6 = ["concept_graph", "domains", "domain_heatmap", "concept_tree", "inclusion", "polysemy", "similarity_matrix"]
    others = ["rivals", "models", "held_out"]
    first = ["alignment_by_threshold", "expert_counts", "ap_distribution", "contrasts", "layers"]
    assert titles == [*first, *q6, *others]
    assert text.count("<figcaption>") == len(titles)
    for name in titles:
        assert f'{name}.svg">SVG</a>' in text


def test_figures_beyond_what_a_page_may_weigh_stay_in_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = page(tmp_path)
    sizes = sorted(len(found) for found in re.findall(r"base64,([^\"]+)", whole))
    monkeypatch.setattr(report, "FIGURE_BYTES", sum(sizes) - 1)
    lighter = page(tmp_path)
    monkeypatch.setattr(report, "FIGURE_BYTES", 0)
    none = page(tmp_path)
    assert (lighter.count("base64,"), none.count("base64,")) == (len(sizes) - 1, 0)
    assert none.count("stands in its file only") == len(sizes)
    assert Page(none).addresses == [own for own in Page(whole).addresses if not own.startswith("data:")]
    # The first figure of an answer goes last.
    firsts = len(re.findall("<h3>", whole))
    monkeypatch.setattr(report, "FIGURE_BYTES", sum(sizes[-firsts:]))
    assert re.findall(r"</div>\n<figure>\n(<div|<p)", page(tmp_path)) == ["<div"] * firsts


def test_what_was_not_measured_is_said_with_what_to_set(tmp_path: Path) -> None:
    text = page(tmp_path, {"rivals": pd.DataFrame(), "models": pd.DataFrame()})
    for key in ("nursery.run", "stability.run", "steering.run"):
        assert re.search(rf"Not measured in this study: set <code>{key}</code>", text)
    assert text.count("Not measured in this study: ") == 2 * 4
    assert "not measured in this study: set <code>validation.run</code>" in text


def test_names_are_escaped(tmp_path: Path) -> None:
    text = page(
        tmp_path, concept="<b>ant & co", title="<script>alert(1)</script>", model_labels=["a-model=A <i>", "control=c"]
    )
    assert "&lt;b&gt;ant &amp; co" in text
    assert "<b>ant" not in text
    assert "<script>alert" not in text
    assert "A &lt;i&gt;" in text
    assert "WordSim &amp; co" in text
    assert Page(text).open == []


def test_the_same_tables_give_the_same_page(tmp_path: Path) -> None:
    assert page(tmp_path) == page(tmp_path)


def test_rules_and_settings_of_an_answer_are_named(tmp_path: Path) -> None:
    text = page(tmp_path)
    for question in QUESTIONS:
        for rule in question.rules:
            assert f"<code>{rule}</code>" in text
    assert "<code>figures.threshold: 0.5</code>" in text
    assert "<code>steering.models: [&#34;a-model&#34;]</code>" in text


def test_two_models_have_an_answer_each(tmp_path: Path) -> None:
    tables = reported.all_tables()
    twice = {
        name: pd.concat([table, table.assign(model=table["model"].replace("a-model", "b-model"))])
        if "model" in table
        else table
        for name, table in tables.items()
    }
    for path in (tmp_path / "figures", tmp_path / "audit"):
        reported.arguments(tmp_path, {})
        (path / "b-model").symlink_to(path / "a-model")
    text = page(tmp_path, twice, reported=["a-model", "b-model"], model_labels=["a-model=A model", "b-model=B model"])
    assert {"q1-1", "q1-2"} <= set(Page(text).places)
    assert "<h3>B model, everyday</h3>" in text
    assert '<a href="#q1-2">B model, everyday</a>' in text


def test_a_setting_of_a_question_that_does_not_exist_is_not_in_the_schema() -> None:
    known = sheets.schema("config")["properties"]
    for question in QUESTIONS:
        for key in question.settings:
            section, _, name = key.partition(".")
            assert name in known[section]["properties"], key


def test_answer_above_zero_aligns() -> None:
    told = answers(aligned(low=0.1), "a-model", [], 0.5, NORMS)
    assert len(told) == 2
    assert told[0].startswith(
        "Expert overlap at AP >= 0.5 aligns with SimLex: rho = 0.30 [0.10, 0.60], 40 pairs of 12 "
    )


@pytest.mark.parametrize("low", [-0.1, 0.0])
def test_answer_whose_interval_includes_zero_does_not_align(low: float, tmp_path: Path) -> None:
    for told in answers(aligned(low=low), "a-model", ["control"], 0.5, NORMS):
        assert "does not align" in told
        assert "aligns with" not in told
    text = page(tmp_path, {"alignment": aligned(low=low)})
    assert "<p>Expert overlap at AP &gt;= 0.5 does not align for certain with SimLex (rho = 0.30" in text
    assert "the interval includes zero" in text


def test_answer_without_an_estimate_says_so_and_does_not_align() -> None:
    told = answers(aligned(), "a-model", [], 0.7, NORMS)[0]
    assert "does not align" in told
    assert "not defined (40 pairs" in told
    assert "nan" not in told


def test_answer_tells_the_control() -> None:
    told = answers(aligned(control_low=-0.1), "a-model", ["control"], 0.5, NORMS)[0]
    expected = "rho = 0.30 [-0.10, 0.60], 40 pairs of 12 concepts with experts."
    assert told.endswith(f"The same model with untrained weights: {expected}")


def test_control_that_aligns_is_an_alert_on_the_page(tmp_path: Path) -> None:
    failed = aligned(control_low=0.05)
    assert len(warnings(failed, ["control"], 0.5, NORMS)) == 2
    text = page(tmp_path, {"alignment": failed})
    assert text.count('role="alert"><strong>Control failed:</strong> with untrained weights') == 2
    assert "No control failed" not in text


@pytest.mark.parametrize("low", [-0.05, 0.0, np.nan])
def test_control_that_does_not_align_is_no_alert(low: float, tmp_path: Path) -> None:
    assert warnings(aligned(control_low=low), ["control"], 0.5, NORMS) == []
    text = page(tmp_path, {"alignment": aligned(control_low=low)})
    assert 'role="alert"' not in text
    assert "No control failed" in text
    assert "none could fail" in page(tmp_path, {"alignment": aligned()}, control_of=[])


def test_control_with_a_hierarchy_is_an_alert() -> None:
    rows = reported.organised()
    claimed = rows[rows["model"] == "a-model"].assign(model="control")
    found = {"alignment": aligned(), "organisation": pd.concat([rows[rows["model"] == "a-model"], claimed])}
    study = studied.Studied(found, 0.5, ["a-model"], ["everyday"], NORMS, {}, {"control": "a-model"})
    (alert,) = control_alerts.failed(study)
    assert alert.startswith("Control failed: with untrained weights, category words share more experts")


def test_random_units_that_align_are_an_alert() -> None:
    rows = aligned()
    random = rows[rows["representation"] == "experts.jaccard"].assign(representation="random_units.jaccard")
    random.loc[random["norm"] == "wordsim", ["rho", "low", "high"]] = 0.0, -0.1, 0.1
    study = studied.Studied({"alignment": pd.concat([rows, random])}, 0.5, ["a-model"], ["everyday"], NORMS, {}, {})
    assert control_alerts.failed(study) == [
        "Control failed: random units of a-model, matched by layer, site and number, align with SimLex "
        "(rho = 0.30 [0.10, 0.60])."
    ]
    assert "random units of a-model with SimLex (rho = 0.30 [0.10, 0.60]) and" in control_alerts.checked(study)


def test_control_that_follows_domains_is_told_beside_the_model(tmp_path: Path) -> None:
    rows = reported.organised()
    auc = (rows["model"] == "control") & (rows["measure"] == "domain_auc")
    rows.loc[auc, ["value", "low", "high"]] = 0.6, 0.55, 0.65
    found = {"alignment": aligned(), "organisation": rows}
    study = studied.Studied(found, 0.5, ["a-model"], ["everyday"], NORMS, {}, {"control": "a-model"})
    assert control_alerts.above_chance(study) == [
        "Control above chance: experts of control (AP >= 0.5) follow domains more than shuffled labels do, AUC 0.60 "
        "[0.55, 0.65] against 0.50, p = 0.001, 9 pairs; a-model: 0.80 [0.70, 0.90], whose interval lies above."
    ]
    text = page(tmp_path, {"organisation": rows})
    assert "<strong>Control above chance:</strong> experts of Its control" in text
    assert (
        "No control failed: no 95% interval of rho at AP &gt;= 0.5, the one threshold checked, lies above zero" in text
    )
    rows.loc[auc, ["low", "p"]] = 0.49, 0.2
    assert control_alerts.above_chance(study) == []


def test_slopes_name_the_model_of_the_other_side() -> None:
    fits = reported.fitted()
    fits = pd.concat([fits, fits.assign(name="difference", condition="experts - experts", against="control")])
    titles = {"a-model": "A model", "control": "Its control"}
    study = studied.Studied(reported.all_tables() | {"mixed_models": fits}, 0.5, ["a-model"], [], NORMS, titles, {})
    found = report_tables.comparison(study, "a-model", "everyday")[-1]
    assert "p is not adjusted for their number" in found.caption
    assert set(found.frame()["model of the subtracted side"]) == {"", "Its control"}


def test_estimate_has_its_interval() -> None:
    assert estimate({"rho": -0.123, "low": -0.5, "high": 0.254, "n_pairs": 9}) == "rho = -0.12 [-0.50, 0.25]"


def test_summary_by_hand() -> None:
    own = counted()
    untrained = own.assign(model="control", n_experts=own["n_experts"] // 2)
    told = summary(pd.concat([own, untrained]), own["model"].iloc[0], ["control"], 0.5)
    assert told == (
        "3 concepts; at AP >= 0.5 the median concept has 4 experts (range 0 to 11), untrained weights give 2 and "
        "shuffled labels 0.25 (mean); 1 concepts have none."
    )


def test_undefined_estimates_are_not_shown_as_numbers(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "n/a" in text
    assert not re.search(r"\bnan\b", text)


def test_missing_figure_leaves_no_page(tmp_path: Path) -> None:
    write = reported.arguments(tmp_path, reported.all_tables())
    (tmp_path / "figures/a-model/everyday/expert_counts.svg").unlink()
    with pytest.raises((StudyError, FileNotFoundError), match=r"expert_counts\.svg"):
        write_report(**write)
    assert not list(tmp_path.glob("*report*"))
