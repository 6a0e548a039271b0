"""Snapshots fetched from a small model hub on the loopback, and the lock sheet that keeps their commits."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

import tiny
from expertneurons import retries, sheets
from expertneurons.checkpoints import load
from expertneurons.errors import StudyError
from expertneurons.hub import fetch_snapshot
from loopback import Hub, Trouble, commit, digest, folder_files, serving
from read_only import locked, unlock

NAME = "owner/tiny"
PACKAGED = f"checkpoint\tfile\tbytes\tsha256\npackaged\tconfig.json\t2\t{digest(b'{}')}\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of a random GPT-NeoX, and two that no model needs."""
    folder = tiny.write_model(tmp_path_factory.mktemp("model"), "gpt_neox", ["A cat sleeps.", "The dog barks."])
    return {**folder_files(folder), "README.md": b"# Tiny\n", "optimizer.bin": b"moments"}


@pytest.fixture
def site(model: dict[str, bytes]) -> Iterator[Hub]:
    with serving(Hub()) as server:
        server.add(NAME, dict(model), "step1000")
        yield server
        server.over.set()


@pytest.fixture(autouse=True)
def _online_and_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(retries, "PAUSE", 0)
    monkeypatch.setattr("time.sleep", lambda _: None)  # of the library, between its own attempts


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "models.lock.tsv"
    path.parent.mkdir()
    path.write_text(PACKAGED, encoding="utf-8")
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints" / "tiny"


def fetch(site: Hub, lock: Path, output: Path, revision: str = "step1000", name: str = NAME) -> None:
    fetch_snapshot(output.name, f"hub:{name}", revision, lock, output, site.url)


def refused(site: Hub, lock: Path, output: Path, revision: str = "step1000", name: str = NAME) -> str:
    """Fail to fetch, leaving neither folder nor rows, and return what the user is told."""
    before = lock.read_text(encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        fetch(site, lock, output, revision, name)
    assert not output.exists()
    assert lock.read_text(encoding="utf-8") == before
    told = str(caught.value)
    assert told.startswith(f"tiny (hub:{name}@{revision}): ")
    return told


def rows_of(lock: Path, checkpoint: str = "tiny") -> dict[str, dict[str, str]]:
    return {row["file"]: row for row in sheets.read(lock, "models.lock") if row["checkpoint"] == checkpoint}


def test_the_files_that_a_model_needs_become_the_folder(
    site: Hub, lock: Path, output: Path, model: dict[str, bytes]
) -> None:
    fetch(site, lock, output)
    assert folder_files(output) == {name: model[name] for name in model if name not in ("README.md", "optimizer.bin")}
    assert not [path for path in output.iterdir() if path.is_dir()]
    assert not tiny.leftovers(output.parent)
    assert load(output, "trained", seed=0)[1].config.model_type == "gpt_neox"


def test_the_first_fetch_writes_commit_and_digests_and_keeps_the_other_rows(
    site: Hub, lock: Path, output: Path, model: dict[str, bytes]
) -> None:
    fetch(site, lock, output)
    rows = rows_of(lock)
    assert rows.keys() == folder_files(output).keys()
    for name, row in rows.items():
        assert (row["bytes"], row["sha256"]) == (str(len(model[name])), digest(model[name]))
        assert (row["revision"], row["source"]) == (commit(1), f"hub:{NAME}@step1000")
    other = rows_of(lock, "packaged")["config.json"]
    assert (other["sha256"], other["revision"]) == (digest(b"{}"), "")
    keys = [(row["checkpoint"], row["file"]) for row in sheets.read(lock, "models.lock")]
    assert keys == sorted(keys)


def test_a_lock_sheet_is_begun_where_there_is_none(site: Hub, lock: Path, output: Path) -> None:
    lock.unlink()
    fetch(site, lock, output)
    assert rows_of(lock)


def test_a_moved_branch_still_gives_the_locked_commit(site: Hub, lock: Path, output: Path) -> None:
    fetch(site, lock, output)
    first, told = folder_files(output), lock.read_bytes()
    site.add(NAME, {**first, "config.json": b"{}"}, "step1000", number=2)
    shutil.rmtree(output)
    fetch(site, lock, output)
    assert folder_files(output) == first
    assert lock.read_bytes() == told


def test_a_cut_file_is_resumed_where_it_ended(
    site: Hub, lock: Path, output: Path, model: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 500)  # what a cut loses at most
    site.troubles["model.safetensors"] = Trouble(cut_after=1000, cuts=1)
    fetch(site, lock, output)
    assert site.fetched("model.safetensors") == [None, "bytes=1000-"]
    assert (output / "model.safetensors").read_bytes() == model["model.safetensors"]


def test_a_fetch_that_was_given_up_keeps_its_whole_files_for_the_next(site: Hub, lock: Path, output: Path) -> None:
    trouble = Trouble(cut_after=0, cuts=1000)
    site.troubles["model.safetensors"] = trouble
    told = refused(site, lock, output)
    assert f"attempt {retries.ATTEMPTS} of {retries.ATTEMPTS}" in told
    assert "run again" in told
    trouble.cuts = 0
    fetch(site, lock, output)
    assert len(site.fetched("config.json")) == 1
    assert not tiny.leftovers(output.parent)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("file", ["", "config.json", "model.safetensors"])
def test_a_busy_hub_is_asked_again_when_it_says(
    file: str, status: int, site: Hub, lock: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    site.troubles[file] = Trouble(cuts=1, status=status, retry_after="77")
    fetch(site, lock, output)
    assert waits == [78 if file and status == 429 else 77]  # the library's own wait is a second longer


def test_a_hub_that_stays_busy_is_told(site: Hub, lock: Path, output: Path) -> None:
    site.troubles["config.json"] = Trouble(cuts=1000, status=503)
    told = refused(site, lock, output)
    assert "503" in told
    assert "attempt 4 of 4" in told


def test_a_hub_that_stalls_is_given_up_and_told(
    site: Hub, lock: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    site.troubles["model.safetensors"] = Trouble(cut_after=1000, cuts=1000, stalls=True)
    told = refused(site, lock, output)
    assert "timed out (attempt 4 of 4); check the network" in told


def test_other_bytes_than_the_hub_lists_are_refused(
    site: Hub, lock: Path, output: Path, model: dict[str, bytes]
) -> None:
    site.troubles["model.safetensors"] = Trouble(sent=model["model.safetensors"][::-1])
    assert "model.safetensors: sha256 is" in refused(site, lock, output)
    assert not tiny.leftovers(output.parent)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("change", ["longer", "shorter"])
def test_a_file_of_another_length_is_refused(
    name: str, change: str, site: Hub, lock: Path, output: Path, model: dict[str, bytes]
) -> None:
    site.troubles[name] = Trouble(sent=model[name] + b"more" if change == "longer" else model[name][:-4])
    told = refused(site, lock, output)
    assert "bytes instead of" in told or "Consistency check failed" in told


def test_other_bytes_of_a_small_file_are_refused(site: Hub, lock: Path, output: Path, model: dict[str, bytes]) -> None:
    site.troubles["config.json"] = Trouble(sent=model["config.json"][::-1])
    assert "config.json is not the file that the hub lists" in refused(site, lock, output)
    assert not tiny.leftovers(output.parent)


def test_other_bytes_than_the_lock_says_are_refused(site: Hub, lock: Path, output: Path) -> None:
    fetch(site, lock, output)
    first = folder_files(output)
    shutil.rmtree(output)
    site.repositories[NAME].commits[commit(1)] = {**first, "config.json": first["config.json"][::-1]}
    assert "config.json: sha256 is" in refused(site, lock, output)
    assert not tiny.leftovers(output.parent)


def test_a_locked_commit_that_the_hub_lost_is_told(site: Hub, lock: Path, output: Path) -> None:
    fetch(site, lock, output)
    shutil.rmtree(output)
    site.repositories[NAME].commits = {}
    assert "no such revision" in refused(site, lock, output)


def test_rows_of_another_revision_are_not_taken_for_this_one(site: Hub, lock: Path, output: Path) -> None:
    fetch(site, lock, output)
    shutil.rmtree(output)
    with pytest.raises(StudyError, match=r"models\.lock\.tsv: .*'tiny' are those of hub:owner/tiny@step1000.*step2000"):
        fetch(site, lock, output, "step2000")


def test_a_missing_revision_is_told_and_asked_for_once(site: Hub, lock: Path, output: Path) -> None:
    assert "correct it in the models sheet" in refused(site, lock, output, "step999")
    assert len(site.asked) == 1
    assert not tiny.leftovers(output.parent)


def test_a_missing_repository_is_told(site: Hub, lock: Path, output: Path) -> None:
    assert "no such repository" in refused(site, lock, output, name="owner/absent")


def test_a_gated_repository_is_told_with_the_remedy(site: Hub, lock: Path, output: Path) -> None:
    site.repositories[NAME].gated = True
    told = refused(site, lock, output)
    assert "gated" in told
    assert "HF_TOKEN" in told


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_repository_without_a_needed_file_is_told(name: str, site: Hub, lock: Path, output: Path) -> None:
    del site.repositories[NAME].commits[commit(1)][name]
    assert f"the repository has no {name}" in refused(site, lock, output)


def test_a_hub_that_is_not_there_is_told(site: Hub, lock: Path, output: Path) -> None:
    with Hub() as closed:
        pass
    site.url = closed.url
    assert "sources.hub" in refused(site, lock, output)


def test_pickled_weights_are_fetched_only_where_there_are_no_others(site: Hub, lock: Path, output: Path) -> None:
    files = site.repositories[NAME].commits[commit(1)]
    files["pytorch_model.bin"] = b"pickled"
    fetch(site, lock, output)
    assert not (output / "pytorch_model.bin").exists()
    del files["model.safetensors"]
    site.add("owner/old", files)
    fetch(site, lock, output.with_name("old"), "main", "owner/old")
    assert (output.with_name("old") / "pytorch_model.bin").read_bytes() == b"pickled"


def test_weights_in_parts_come_with_their_index(site: Hub, lock: Path, output: Path, model: dict[str, bytes]) -> None:
    parts = {f"model-0000{n}-of-00002.safetensors": b"part" * n for n in (1, 2)}
    index = "model.safetensors.index.json"
    files = {name: content for name, content in model.items() if name != "model.safetensors"}
    site.add(NAME, {**files, **parts, index: b"{}", "pytorch_model.bin": b"pickled"}, "step1000", number=3)
    fetch(site, lock, output)
    assert {*parts, index} <= folder_files(output).keys()
    assert "pytorch_model.bin" not in folder_files(output)


def test_offline_nothing_is_asked_where_the_snapshot_is_there(
    site: Hub, lock: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(site, lock, output)
    before, asked = folder_files(output), len(site.asked)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    fetch(site, lock, output)
    assert (folder_files(output), len(site.asked)) == (before, asked)


def test_offline_without_the_snapshot_says_what_to_do(
    site: Hub, lock: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    told = refused(site, lock, output)
    assert "HF_HUB_OFFLINE" in told
    assert str(output) in told
    assert site.asked == []


def test_a_lock_sheet_that_may_not_be_written_to_is_told(site: Hub, lock: Path, output: Path) -> None:
    output.parent.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tiny.ROOT / "workflow/src"), "HF_HUB_OFFLINE": "0"}
    arguments = ["--checkpoint", "tiny", "--source", f"hub:{NAME}", "--revision", "step1000", "--lock", str(lock)]
    arguments += ["--output", str(output), "--endpoint", site.url]
    command = locked([sys.executable, "-m", "expertneurons", "fetch-snapshot", *arguments], [lock.parent])
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    unlock([lock.parent])
    assert done.returncode == 1
    assert f"fetch-snapshot: {lock.parent}/" in done.stderr
    assert "give the run access to it and run again" in done.stderr
    assert "Traceback" not in done.stderr
    assert not output.exists()
    fetch(site, lock, output)
    assert len(site.fetched("model.safetensors")) == 1


def test_two_fetches_at_once_both_get_their_rows(site: Hub, lock: Path, output: Path) -> None:
    names = [f"tiny-{number}" for number in range(4)]
    environment = {**os.environ, "PYTHONPATH": str(tiny.ROOT / "workflow/src"), "HF_HUB_OFFLINE": "0"}
    running = []
    for name in names:
        arguments = ["--checkpoint", name, "--source", f"hub:{NAME}", "--revision", "step1000", "--lock", str(lock)]
        arguments += ["--output", str(output.with_name(name)), "--endpoint", site.url]
        command = [sys.executable, "-m", "expertneurons", "fetch-snapshot", *arguments]
        running.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    told = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * len(names), told
    for name in names:
        assert rows_of(lock, name).keys() == folder_files(output.with_name(name)).keys()
    assert rows_of(lock, "packaged")
