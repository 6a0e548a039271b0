"""Nursery training: the same bytes twice and after any kill, a loss that falls, nothing published that is broken."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from expertneurons import nursery_training, tables
from expertneurons.errors import StudyError
from expertneurons.nursery_runs import BATCH, LENGTH, parameters
from expertneurons.nursery_text import write_nursery_corpus
from expertneurons.nursery_training import train_nursery, train_tokenizer
from nursery import write_sheets
from tiny import ROOT, leftovers

STEPS = 8
SHAPE = {"width": 16, "layers": 1, "heads": 2}
SMALL = 4  # rows of a step, tokens of a row


class Nursery(NamedTuple):
    corpus: Path
    tokenizer: Path


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Nursery:
    folder = tmp_path_factory.mktemp("nursery")
    paths = write_sheets(folder)
    found = Nursery(folder / "corpus.txt", folder / "tokenizer")
    write_nursery_corpus(paths.lexicon, paths.frames, found.corpus, STEPS * BATCH * LENGTH, 0.0, 1)
    train_tokenizer(found.corpus, found.tokenizer, 300)
    return found


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take steps of a few tokens, and save at every third."""
    monkeypatch.setattr(nursery_training, "BATCH", SMALL)
    monkeypatch.setattr(nursery_training, "LENGTH", SMALL)
    monkeypatch.setattr(nursery_training, "SAVE_EVERY", 3)


def train(nursery: Nursery, folder: Path, **changed: Any) -> tuple[Path, Path]:
    given: dict[str, Any] = {**SHAPE, "steps": STEPS, "learning_rate": 0.01, "seed": 1, "run": "a-1", **changed}
    train_nursery(nursery.corpus, nursery.tokenizer, folder / "a-1", folder / "a-1.parquet", **given)
    return folder / "a-1", folder / "a-1.parquet"


def digests(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of a run that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("BATCH", SMALL), ("LENGTH", SMALL), ("SAVE_EVERY", 3)):
            patch.setattr(nursery_training, name, value)
        folder = tmp_path_factory.mktemp("whole")
        train(nursery, folder)
    return digests(folder)


def test_checkpoints_double_and_nothing_else_is_left(whole: dict[str, str]) -> None:
    assert {Path(name).parts[1] for name in whole if name.startswith("a-1/")} == {f"step{n}" for n in (0, 1, 2, 4, 8)}
    assert {name for name in whole if not name.startswith("a-1/")} == {"a-1.parquet"}


def test_same_settings_same_bytes(nursery: Nursery, whole: dict[str, str], tmp_path: Path) -> None:
    train(nursery, tmp_path)
    assert digests(tmp_path) == whole


def test_another_seed_starts_elsewhere(nursery: Nursery, whole: dict[str, str], tmp_path: Path) -> None:
    train(nursery, tmp_path, seed=2)
    assert digests(tmp_path)["a-1/step0/model.safetensors"] != whole["a-1/step0/model.safetensors"]


def test_a_checkpoint_loads_as_any_model_does(nursery: Nursery, tmp_path: Path) -> None:
    folder, _ = train(nursery, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(folder / "step8")
    tokenizer = AutoTokenizer.from_pretrained(folder / "step8")
    assert model.config.model_type == "gpt_neox"
    assert sum(own.numel() for own in model.parameters()) == parameters(16, 1, len(tokenizer))
    assert tokenizer.decode(tokenizer("the oak has leaves .")["input_ids"]).strip() == "the oak has leaves ."
    assert torch.equal(model.get_input_embeddings().weight, model.get_output_embeddings().weight)


def test_loss_falls_and_starts_at_that_of_a_guess(nursery: Nursery, tmp_path: Path) -> None:
    _, losses = train(nursery, tmp_path, steps=64, learning_rate=0.02)
    table = tables.read(losses)
    assert list(table) == ["run", "step", "loss"]
    assert table["step"].tolist() == list(range(64))
    assert table["loss"].iloc[0] == pytest.approx(
        np.log(len(AutoTokenizer.from_pretrained(nursery.tokenizer))), rel=0.1
    )
    assert table["loss"].iloc[-8:].mean() < 0.6 * table["loss"].iloc[0]


def test_first_loss_is_the_cross_entropy_of_the_first_tokens(nursery: Nursery, tmp_path: Path) -> None:
    folder, losses = train(nursery, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(nursery.tokenizer)
    tokens: list[int] = []
    for line in nursery.corpus.read_text().splitlines()[:100]:
        tokens += [tokenizer.eos_token_id, *tokenizer(line)["input_ids"]]
    rows = torch.tensor(tokens[: SMALL * SMALL]).reshape(SMALL, SMALL)
    model = AutoModelForCausalLM.from_pretrained(folder / "step0")
    with torch.no_grad():
        chances = model(input_ids=rows).logits.log_softmax(dim=-1)
    told = [-float(chances[row, place, rows[row, place + 1]]) for row in range(SMALL) for place in range(SMALL - 1)]
    assert tables.read(losses)["loss"].iloc[0] == pytest.approx(np.mean(told), rel=1e-5)


def at_call(function: Callable[..., Any], number: int) -> Callable[..., Any]:
    """Let a function end the process at one of its calls."""
    left = [number]

    def ending(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return function(*arguments, **options)

    return ending


def killed(nursery: Nursery, folder: Path, name: str, call: int, place: Any = nursery_training, **changed: Any) -> None:
    """Train until a function is called for the given time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, at_call(getattr(place, name), call))
        with pytest.raises(Killed):
            train(nursery, folder, **changed)


@pytest.mark.parametrize(
    ("place", "name", "call"),
    [
        (nursery_training, "_keep", 1),  # before anything is saved
        (nursery_training, "_save", 1),  # the first checkpoint is there, its state is not
        (nursery_training, "save_file", 3),  # while the state is written
        (json, "dumps", 4),  # between the state and the file that names it; the first is the key
        (nursery_training, "_step", 5),  # in the middle of a step
        (nursery_training, "_keep", 5),  # at the last checkpoint
        (tables, "write", 1),  # at the end of the training
        (shutil, "copytree", 3),  # in the middle of the publication
        (shutil, "rmtree", 1),  # while the state is removed
    ],
)
def test_a_killed_run_ends_with_the_same_bytes(
    nursery: Nursery, whole: dict[str, str], tmp_path: Path, place: Any, name: str, call: int
) -> None:
    killed(nursery, tmp_path, name, call, place)
    train(nursery, tmp_path)
    assert digests(tmp_path) == whole
    assert leftovers(tmp_path) == []


def test_a_run_goes_on_from_its_last_state(nursery: Nursery, tmp_path: Path) -> None:
    steps = nursery_training._step
    killed(nursery, tmp_path, "_step", 8)
    taken: list[float] = []

    def counted(*arguments: Any) -> float:
        taken.append(loss := steps(*arguments))
        return loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nursery_training, "_step", counted)
        _, losses = train(nursery, tmp_path)
    assert len(taken) == 2  # steps 6 and 7
    assert tables.read(losses)["loss"].tolist()[6:] == taken


def test_what_kills_leave_behind_is_not_published(nursery: Nursery, whole: dict[str, str], tmp_path: Path) -> None:
    killed(nursery, tmp_path, "_step", 5)
    half = tmp_path / ".a-1.state/.step4.1.partial"
    half.mkdir()
    (half / "config.json").write_text("half")
    (tmp_path / ".a-1.state/.3.safetensors.state.1.partial").write_text("half")
    train(nursery, tmp_path)
    assert digests(tmp_path) == whole


@pytest.mark.parametrize("name", ["state.json", "3.safetensors.state"])
@pytest.mark.parametrize("damage", ["cut", "changed", "absent"])
def test_a_damaged_state_is_told_and_not_gone_on_from(
    nursery: Nursery, whole: dict[str, str], tmp_path: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    killed(nursery, tmp_path, "_step", 5)
    path = tmp_path / ".a-1.state" / name
    content = path.read_bytes()
    changed = {"cut": content[: len(content) // 2], "changed": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]}
    path.unlink()
    if damage in changed:
        path.write_bytes(changed[damage])
    train(nursery, tmp_path)
    assert digests(tmp_path) == whole
    assert ("is damaged" in caplog.text) == ((name, damage) != ("state.json", "absent"))


@pytest.mark.parametrize("gone", ["state.json", "3.safetensors.state"])
def test_a_state_that_is_half_removed_is_not_gone_on_from(
    nursery: Nursery, whole: dict[str, str], tmp_path: Path, gone: str
) -> None:
    killed(nursery, tmp_path, "_step", 5)
    state = tmp_path / ".a-1.state"
    (state / "state.json").unlink()
    (state / gone).unlink(missing_ok=True)
    (state / "step1/model.safetensors").unlink()
    train(nursery, tmp_path)
    assert digests(tmp_path) == whole


@pytest.mark.parametrize("changed", [{"learning_rate": 0.02}, {"width": 32}, {"seed": 2}, {"steps": 4}])
def test_a_killed_run_is_not_gone_on_from_with_other_settings(
    nursery: Nursery, tmp_path: Path, changed: dict[str, Any]
) -> None:
    killed(nursery, tmp_path / "killed", "_step", 4, **changed)
    train(nursery, tmp_path / "killed")
    train(nursery, tmp_path / "whole")
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def test_a_killed_run_is_not_gone_on_from_with_another_corpus(nursery: Nursery, tmp_path: Path) -> None:
    killed(nursery, tmp_path / "killed", "_step", 5)
    lines = nursery.corpus.read_text().splitlines()
    other = Nursery(tmp_path / "corpus.txt", nursery.tokenizer)
    other.corpus.write_text("\n".join(reversed(lines)) + "\n")
    train(other, tmp_path / "killed")
    train(other, tmp_path / "whole")
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


SCRIPT = """
import json, sys
from pathlib import Path
from expertneurons import nursery_training
from expertneurons.nursery_training import train_nursery
nursery_training.BATCH = nursery_training.LENGTH = {small}
nursery_training.SAVE_EVERY = 3
given = json.loads(sys.argv[1])
paths = {{name: Path(given.pop(name)) for name in ("corpus", "tokenizer", "output", "losses")}}
train_nursery(**paths, **given)
"""


def test_a_process_that_is_killed_for_good_goes_on_to_the_same_bytes(nursery: Nursery, tmp_path: Path) -> None:
    given = {**SHAPE, "steps": 64, "learning_rate": 0.01, "seed": 1, "run": "a-1"}
    paths = {"corpus": nursery.corpus, "tokenizer": nursery.tokenizer, "output": tmp_path / "a-1"}
    told = {**given, **{name: str(path) for name, path in paths.items()}, "losses": str(tmp_path / "a-1.parquet")}
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow/src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT.format(small=SMALL), json.dumps(told)]
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    started, noted = time.monotonic(), tmp_path / ".a-1.state/step8"
    while not noted.is_dir() and time.monotonic() - started < 120:
        time.sleep(0.002)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert noted.is_dir()
    assert not (tmp_path / "a-1").exists()
    train(nursery, tmp_path, steps=64)
    (tmp_path / "undisturbed").mkdir()
    train(nursery, tmp_path / "undisturbed", steps=64)
    undisturbed = digests(tmp_path / "undisturbed")
    assert {name: digest for name, digest in digests(tmp_path).items() if name in undisturbed} == undisturbed
    assert leftovers(tmp_path) == []


def test_a_loss_that_is_no_number_is_refused_with_its_remedy(nursery: Nursery, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"a-1: the loss is (nan|inf) at step \d+; lower nursery\.learning_rate"):
        train(nursery, tmp_path, steps=64, learning_rate=1e30)
    assert not (tmp_path / "a-1").exists()
    assert not (tmp_path / "a-1.parquet").exists()


def test_too_short_a_corpus_is_refused_before_anything_is_trained(nursery: Nursery, tmp_path: Path) -> None:
    short = Nursery(tmp_path / "short.txt", nursery.tokenizer)
    short.corpus.write_text("the oak has leaves .\n")
    with pytest.raises(StudyError, match=r"short\.txt: \d+ tokens, 128 are needed for 8 steps; write a longer corpus"):
        train(short, tmp_path)
    assert not (tmp_path / ".a-1.state").exists()


def test_a_corpus_as_long_as_planned_is_never_too_short(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nursery_training, "BATCH", BATCH)
    monkeypatch.setattr(nursery_training, "LENGTH", LENGTH)
    batches = nursery_training._batches(nursery.corpus, nursery.tokenizer, STEPS)
    assert batches.shape == (STEPS, BATCH, LENGTH)
    end = AutoTokenizer.from_pretrained(nursery.tokenizer).eos_token_id
    assert batches[0, 0, 0] == end
    assert (batches == end).any(axis=(1, 2)).all()


def test_tokenizer_has_the_same_bytes_in_every_process(nursery: Nursery, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow/src"), "TOKENIZERS_PARALLELISM": "true"}
    command = [sys.executable, "-m", "expertneurons", "train-tokenizer", "--corpus", str(nursery.corpus)]
    command += ["--output", str(tmp_path / "again"), "--vocabulary", "300"]
    subprocess.run(command, env={**environment, "RAYON_NUM_THREADS": "4"}, check=True, capture_output=True)
    assert digests(tmp_path / "again") == digests(nursery.tokenizer)


def test_schedule_warms_up_and_ends_at_a_tenth() -> None:
    shares = [nursery_training._schedule(step, 100) for step in range(101)]
    assert shares[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert shares[5] == pytest.approx(1)
    assert shares[100] == pytest.approx(0.1)
    assert np.all(np.diff(shares[5:]) < 0)
    assert 0 < nursery_training._schedule(0, 1) <= 1
