"""README and docs/findings.md say what the study found; docs/files.md names every rule, CITATION.cff every source."""

import json
import re

import pandas as pd
import pytest
import yaml

from expertneurons import (
    alignment_statements,
    configuration,
    emergence_report,
    organisation_statements,
    statements,
    study,
)
from expertneurons.__main__ import COMMANDS
from tiny import ROOT

FILES = (ROOT / "docs/files.md").read_text(encoding="utf-8")


def words_of(page: str) -> str:
    """Read a page without its line breaks."""
    return " ".join((ROOT / page).read_text(encoding="utf-8").split())


README, FINDINGS = map(words_of, ("README.md", "docs/findings.md"))


# The bundled sentences that the README's numbers rest on: change both together.
SENTENCES = "196d0bb4b0bfcf943341e077a684d05cfab57126220d84b4c306e7e7b8f496f6"


@pytest.fixture
def _offline_study() -> None:
    """Skip where the results in this folder are not those of the study as it is shipped."""
    manifest = ROOT / "results/manifest.json"
    found = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {"inputs": {}, "config": {}}
    offline = configuration.complete(yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8")))
    if found["inputs"].get("config/stimuli/everyday/sentences.tsv") != SENTENCES or found["config"] != offline:
        pytest.skip("the results here are not those of the offline study as shipped: make study")


@pytest.mark.usefixtures("_offline_study")
def test_findings_are_those_of_the_offline_study() -> None:
    rows = table("alignment")
    norms = {"simlex999-nouns": "SimLex-999, nouns", "wordsim353": "WordSim-353"}
    for answer in alignment_statements.answers(rows, "minilm-l6", ["minilm-l6-untrained"], 0.5, norms):
        assert answer in FINDINGS
    assert alignment_statements.answers(rows, "minilm-l6", ["minilm-l6-untrained"], 0.5, norms)[0] in README
    own = rows[(rows["model"] == "minilm-l6") & (rows["representation"] == "embedding.layer6.concept")]
    for row in own.to_dict("records"):
        assert alignment_statements.estimate(row) in FINDINGS
    assert alignment_statements.domains(rows, "minilm-l6", 0.5, norms)[0] in FINDINGS
    compared = table("comparisons")
    lower, *_, undecided = statements.differences(
        compared[compared["contrast"] == "experts - contextual embedding"].sort_values("norm"), norms
    )
    for page in (README, FINDINGS):
        assert lower.rpartition("; ")[0] in page
    assert ": undecided;" in undecided
    organised = table("organisation")
    controls = ["minilm-l6-untrained"]
    domains = organisation_statements.domain_statements(organised, "minilm-l6", controls, 0.5)
    assert domains[0] in README
    assert domains[0] in FINDINGS
    grown = table("emergence")
    known = grown[(grown["norm"] == "lexicon") & (grown["representation"] == "experts.jaccard")]
    recovered = emergence_report.control(known[known["threshold"] == 0.5], "features of the lexicon")
    assert recovered[-1] in FINDINGS
    effects = table("dose_effects")
    assert emergence_report.doses(effects, 0.5)[2] in FINDINGS


def test_every_reference_of_the_rows_is_cited() -> None:
    cited = str(yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["references"])
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "config/models.tsv"]
    named = {
        number for page in pages for number in re.findall(r"arXiv (\d{4}\.\d{5})", page.read_text(encoding="utf-8"))
    }
    assert {"2502.15090", "2005.07647", "2304.01373"} <= named
    assert {number for number in named if f"arXiv:{number}" not in cited} == set()


def test_every_rule_and_command_of_the_map_exists() -> None:
    rules = {
        rule
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for rule, body in re.findall(r"^rule (\w+):\n((?: .*\n|\n)*)", path.read_text(encoding="utf-8"), re.MULTILINE)
        if "    shell:" in body
    }
    named = set(re.findall(r"\| `(\w+)` \| `([\w-]+)` `(\w+)\.(\w+)` \|", FILES))
    assert {rule for rule, *_ in named} == rules
    for rule, command, module, function in named:
        assert (rule, COMMANDS[command]) == (function, f"{module}:{function}")


def test_config_in_use_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    study.load(yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8")))


@pytest.mark.usefixtures("_offline_study")
def test_stability_and_limits_say_what_the_tables_say() -> None:
    stability, limits = map(words_of, ("docs/stability.md", "docs/limits.md"))
    controls = table("controls").dropna(subset=["rho"])
    assert len(controls) == 16
    text = table("comparisons", "contrast == 'experts - text'")
    expected = [*said(controls, "rho"), *said(text, "difference")]
    rivals = table("rivals", "model == 'minilm-l6'")
    expected += said(rivals.query("method in ['experts', 'features', 'probes', 'random'] and k == 64"), "rho")
    one = rivals.query(
        "method in ['experts', 'features', 'probes'] and k == 1 or method == 'features' and k in [4, 64]"
    )
    expected += [f"{row['ap']:.3f} [{row['ap_low']:.3f}, {row['ap_high']:.3f}]" for row in one.to_dict("records")]
    few = "(positives == 24 and negatives in [50, 400] or positives == 6 and negatives == 50)"
    sizes = table("set_sizes", f"norm == 'simlex999-nouns' and rule == 'AP at the reference prevalence' and {few}")
    assert len(sizes) == 3
    expected += [*said(sizes, "rho"), *(f"{count:,.0f}" for count in sizes["n_experts"])]
    assert [words for words in expected if words not in stability] == []
    whole = table("organisation", "measure == 'domain_auc' and null == 'shuffled labels' and domain.isna()")
    domains = whole.query("model == 'minilm-l6' and representation == 'text.tfidf'")
    experts = table("experts", "model == 'minilm-l6-untrained' and abs(threshold - 0.5) < 1e-9")["n_experts"]
    expected = [*said(text, "difference"), *said(domains, "value"), f"{int(experts.median())} experts at AP >= 0.5"]
    assert [words for words in expected if words not in limits] == []


def table(name: str, rows: str = "") -> pd.DataFrame:
    """Read a table of the study in this folder, or some rows of it."""
    whole = pd.read_parquet(ROOT / f"results/tables/{name}.parquet")
    return whole.query(rows) if rows else whole


def said(rows: pd.DataFrame, column: str) -> list[str]:
    """Write estimates with their intervals as the pages do."""
    return [
        f"{statements.number(row[column])} {statements.between(row['low'], row['high'])}"
        for row in rows.to_dict("records")
    ]
