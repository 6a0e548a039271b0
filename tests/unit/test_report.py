"""The report: one page that needs nothing else, whose sentences say what the numbers do and no more."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expertneurons import tables
from expertneurons.ceilings import RELIABILITY
from expertneurons.errors import StudyError
from expertneurons.report import FIGURES, answers, comparison, estimate, summary, warnings, write_report

FOLDER = Path(__file__).parents[2] / "workflow" / "report"
NORMS = {"simlex": "SimLex", "wordsim": "WordSim & co"}
VOID = {"meta", "img", "br", "link", "input", "hr"}


def aligned(low: float = 0.1, control_low: float = -0.1, rho: float = 0.3) -> pd.DataFrame:
    rows = []
    for model, edge in (("a-model", low), ("control", control_low)):
        for norm in NORMS:
            for name, limit in (("experts.jaccard", 0.5), ("experts.jaccard", 0.7), ("text.tfidf", np.nan)):
                value = (
                    {"rho": rho, "low": edge, "high": 0.6}
                    if limit != 0.7
                    else dict.fromkeys(("rho", "low", "high"), np.nan)
                )
                place = {
                    "model": model,
                    "stimuli": "everyday",
                    "norm": norm,
                    "representation": name,
                    "threshold": limit,
                }
                chance = {"p": 0.0005, "null_low": -0.2, "null_high": 0.2}
                for part in ("within", "between"):
                    chance |= {f"rho_{part}": 0.2, f"low_{part}": 0.1, f"high_{part}": 0.3, f"n_pairs_{part}": 20}
                rows.append(
                    {**place, **value, **chance, "n_pairs": 40, "n_concepts": 12, "identical_pairs": limit != 0.7}
                )
    return pd.DataFrame(rows)


def counted(concept: str = "ant") -> pd.DataFrame:
    rows = [
        {"model": "a-model", "stimuli": "everyday", "concept": name, "threshold": t, "n_experts": n}
        for t in (0.5, 0.7)
        for name, n in ((concept, 0), ("bee", 4), ("cat", 11))
    ]
    scores = {"n_expected_by_chance": 0.25, "best_ap": 0.8, "best_auroc": 0.9, "chance": 2 / 7, "n_positives": 24}
    return pd.DataFrame(rows).assign(**scores)


def compared() -> pd.DataFrame:
    numbers = {"rho_a": 0.3, "rho_b": 0.4, "difference": -0.1, "low": -0.2, "high": 0.01, "bound": 0.05}
    tests = {"p": 0.07, "p_family": 0.21, "equivalent": False, "n_pairs": 40, "n_concepts": 12, "detectable": 0.15}
    place = {"model": "a-model", "stimuli": "everyday", "contrast": "experts - text", "note": ""}
    return pd.DataFrame([{**place, "norm": norm, **numbers, **tests} for norm in NORMS])


def fitted() -> pd.DataFrame:
    numbers = {"estimate": 0.25, "se": 0.1, "df": 10.0, "p": 0.03, "low": 0.03, "high": 0.47}
    place = {"model": "a-model", "stimuli": "everyday", "name": "alignment", "condition": "experts", "term": "rating"}
    sizes = {"n_pairs": 40, "n_concepts": 12, "converged": True, "note": ""}
    return pd.DataFrame([{**place, "norm": norm, **numbers, **sizes} for norm in NORMS])


def agreed() -> pd.DataFrame:
    rows = [(norm, RELIABILITY, np.nan, 40, "not estimable: no raters") for norm in NORMS]
    return pd.DataFrame(rows, columns=["norm", "measure", "value", "n_pairs", "note"])


def page(folder: Path, alignment: pd.DataFrame | None = None, concept: str = "ant", **options: Any) -> str:
    tables.write(aligned() if alignment is None else alignment, folder / "alignment.parquet")
    tables.write(counted(concept), folder / "experts.parquet")
    for name, table in (("comparisons", compared()), ("mixed_models", fitted()), ("agreement", agreed())):
        tables.write(table, folder / f"{name}.parquet")
    pictures = folder / "figures" / "a-model" / "everyday"
    pictures.mkdir(parents=True, exist_ok=True)
    for name in FIGURES:
        (pictures / f"{name}.svg").write_text(f"<svg><title>{name}</title></svg>", encoding="utf-8")
    write_report(**(report_arguments(folder) | options))
    return (folder / "report.html").read_text(encoding="utf-8")


def report_arguments(folder: Path) -> dict[str, Any]:
    return {
        "template": FOLDER / "report.html.j2",
        "captions": FOLDER,
        "alignment": folder / "alignment.parquet",
        "experts": folder / "experts.parquet",
        "comparisons": folder / "comparisons.parquet",
        "mixed_models": folder / "mixed_models.parquet",
        "agreement": folder / "agreement.parquet",
        "figures": folder / "figures",
        "output": folder / "report.html",
        "title": "A study",
        "threshold": 0.5,
        "reported": ["a-model"],
        "stimuli": ["everyday"],
        "norm_labels": [f"{name}={title}" for name, title in NORMS.items()],
        "model_labels": ["a-model=A model", "control=Its control"],
        "control_of": ["control=a-model"],
    }


class Page(HTMLParser):
    """Tags opened and closed in order, and every address."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_whole_html(tmp_path: Path) -> None:
    text = page(tmp_path)
    parsed = Page(text)
    assert text.startswith("<!doctype html>")
    assert parsed.open == []
    assert {"html", "head", "title", "body", "table"} <= set(parsed.tags)


def test_page_needs_no_other_file_and_no_network(tmp_path: Path) -> None:
    text = page(tmp_path)
    parsed = Page(text)
    assert len(parsed.addresses) == len(FIGURES)
    assert all(address.startswith("data:image/svg+xml;base64,") for address in parsed.addresses)
    assert not {"script", "link", "iframe"} & set(parsed.tags)
    assert not re.search(r"https?://|@import|url\(", text)


def test_page_holds_every_figure_with_its_caption(tmp_path: Path) -> None:
    text = page(tmp_path)
    pictures = [base64.b64decode(found).decode() for found in re.findall(r"base64,([^\"]+)", text)]
    assert pictures == [f"<svg><title>{name}</title></svg>" for name in FIGURES]
    assert text.count("<figcaption>") == len(FIGURES)


def test_names_are_escaped(tmp_path: Path) -> None:
    text = page(
        tmp_path, concept="<b>ant & co", title="<script>alert(1)</script>", model_labels=["a-model=A <i>", "control=c"]
    )
    assert "&lt;b&gt;ant &amp; co" in text
    assert "<b>ant" not in text
    assert "<script" not in text
    assert "A &lt;i&gt;" in text
    assert "WordSim &amp; co" in text
    assert Page(text).open == []


def test_the_same_tables_give_the_same_page(tmp_path: Path) -> None:
    assert page(tmp_path) == page(tmp_path)


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
    assert "does not align" in page(tmp_path, aligned(low=low))


def test_answer_without_an_estimate_says_so_and_does_not_align() -> None:
    told = answers(aligned(), "a-model", [], 0.7, NORMS)[0]
    assert "does not align" in told
    assert "not defined (40 pairs" in told
    assert "nan" not in told


def test_answer_tells_the_control() -> None:
    told = answers(aligned(control_low=-0.1), "a-model", ["control"], 0.5, NORMS)[0]
    assert told.endswith("The same model with untrained weights: rho = 0.30 [-0.10, 0.60].")


def test_control_that_aligns_is_a_warning_on_the_page(tmp_path: Path) -> None:
    failed = aligned(control_low=0.05)
    assert len(warnings(failed, ["control"], 0.5, NORMS)) == 2
    assert 'class="alert">Control failed: with untrained weights' in page(tmp_path, failed)


@pytest.mark.parametrize("low", [-0.05, 0.0, np.nan])
def test_control_that_does_not_align_is_no_warning(low: float, tmp_path: Path) -> None:
    assert warnings(aligned(control_low=low), ["control"], 0.5, NORMS) == []
    assert "Control failed" not in page(tmp_path, aligned(control_low=low))


def test_estimate_has_its_interval() -> None:
    assert estimate({"rho": -0.123, "low": -0.5, "high": 0.254, "n_pairs": 9}) == "rho = -0.12 [-0.50, 0.25]"


def test_summary_by_hand() -> None:
    told = summary(counted(), 0.5)
    assert told == (
        "3 concepts; at AP >= 0.5 the median concept has 4 experts (range 0 to 11), shuffled labels give 0.25; "
        "1 concepts have none."
    )


def test_comparison_puts_the_strongest_first_and_the_undefined_last() -> None:
    rows = aligned().query("model == 'a-model'")
    rows.loc[rows["representation"] == "text.tfidf", "rho"] = 0.4
    found = comparison(rows, NORMS)
    assert [(entry["name"], entry["threshold"]) for entry in found] == [
        ("text.tfidf", ""),
        ("experts.jaccard", "0.5"),
        ("experts.jaccard", "0.7"),
    ]
    assert all(set(NORMS) <= set(entry) for entry in found)


def test_undefined_estimates_are_not_shown_as_numbers(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "n/a" in text
    assert not re.search(r"\bnan\b", text)


def test_missing_figure_leaves_no_page(tmp_path: Path) -> None:
    page(tmp_path)
    (tmp_path / "report.html").unlink()
    for name in ("layers", "expert_counts"):
        (tmp_path / "figures" / "a-model" / "everyday" / f"{name}.svg").rename(tmp_path / "figures" / f"{name}.svg")
    write = report_arguments(tmp_path)
    with pytest.raises((StudyError, FileNotFoundError), match=r"expert_counts\.svg"):
        write_report(**write)
    assert not list(tmp_path.glob("*report*"))
