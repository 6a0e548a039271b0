"""The profiles know the rules there are."""

import re

import yaml

from expertneurons.__main__ import COMMANDS
from expertneurons.provenance import reached
from tiny import ROOT


def profile(name: str) -> dict[str, object]:
    found = yaml.safe_load((ROOT / f"profiles/{name}/profile.yaml").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_a_gpu_is_for_the_rules_that_can_use_one() -> None:
    rules = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    commands = re.findall(
        r"^rule (\w+):\n(?:(?!rule |use rule ).*\n)*?.*-m expertneurons --log \{log\} ([\w-]+)", rules, re.M
    )
    able = {rule for rule, command in commands if "placement" in reached(frozenset([COMMANDS[command].split(":")[0]]))}
    able |= {copy for rule, copy in re.findall(r"^use rule (\w+) as (\w+) with", rules, re.M) if rule in able}
    assert "extract_responses" in able
    assert "score_units" not in able
    assert profile("gpu") == {"set-resources": {rule: {"gpu": 1} for rule in able}}


def test_an_interrupted_run_is_made_good_under_every_workflow_profile() -> None:
    for name in ("default", "slurm"):
        assert profile(name)["rerun-incomplete"] is True
