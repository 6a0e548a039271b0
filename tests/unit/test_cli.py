"""The command line: help at once, exit codes that tell whose fault it is, one line for an error of the study."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import expertneurons
import tiny
from expertneurons import tables
from expertneurons.__main__ import COMMANDS, main, summary

SOURCE = Path(expertneurons.__file__).parents[1]


def run(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "expertneurons", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


def call(*arguments: str | Path) -> int:
    """Run in this process: much faster, since numba and pandas are there already."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as leaving:
        return int(leaving.code or 0)


@pytest.fixture
def stimuli(tmp_path: Path) -> list[str]:
    """Arguments of build-stimuli for two concepts."""
    sheets = tiny.write_stimuli(tmp_path / "in", {"dog": ["A dog.", "The dog."], "cat": ["A cat.", "My cat."]})
    files = [*sheets, tmp_path / "out" / "c.parquet", tmp_path / "out" / "s.parquet"]
    names = ["--concepts", "--sentences", "--concept-table", "--sentence-table"]
    return ["build-stimuli", *(str(part) for pair in zip(names, files, strict=True) for part in pair)]


def test_ctrl_c_ends_a_step_in_one_line(
    stimuli: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("expertneurons.__main__.tyro.cli", interrupted)
    assert call(*stimuli) == 130
    assert capsys.readouterr().err == "build-stimuli: stopped by Ctrl-C; run again to go on\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_with_what_it_does(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    for command in COMMANDS:
        assert len(summary(command)) > 20
        assert lines.count([command, summary(command)]) == 1


def test_help_comes_at_once_and_imports_no_heavy_library() -> None:
    heavy = ["torch", "transformers", "sklearn", "gensim", "numba", "matplotlib"]
    code = (
        "import sys; from expertneurons.__main__ import main; main([]); "
        "sys.exit(len(sys.modules.keys() & set(sys.argv)))"
    )
    command = [sys.executable, "-c", code, *heavy]
    began = time.monotonic()
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, check=False)
    assert done.returncode == 0
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "extract-responses"])
def test_help_of_a_command_tells_what_it_does(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command, "--help") == 0
    words = capsys.readouterr().out.replace("\u2502", " ").split()
    assert " ".join(summary(command).split()) in " ".join(words)


def test_unknown_command_exits_with_2_and_names_those_there_are() -> None:
    done = run("scoreunits")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("no command 'scoreunits'; choose from: fetch-norm, ")
    assert done.stderr.count("\n") == 1


def test_missing_option_exits_with_2_and_is_named(stimuli: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*stimuli[:-2]) == 2
    assert "--sentence-table" in capsys.readouterr().err


def test_command_writes_its_outputs_and_says_nothing(stimuli: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*stimuli) == 0
    assert tuple(capsys.readouterr()) == ("", "")
    assert sorted(tables.read(Path(stimuli[-1]))["text"]) == ["A cat.", "A dog.", "My cat.", "The dog."]


def test_error_of_the_study_exits_with_1_and_one_line(stimuli: list[str], tmp_path: Path) -> None:
    log = tmp_path / "logs" / "build.log"
    done = run("--log", log, *stimuli, "--min-sentences", "9")
    assert done.returncode == 1
    assert done.stderr.startswith(f"build-stimuli: {stimuli[4]}: dog has 2, cat has 2;")
    assert done.stderr.count("\n") == 1
    assert log.read_text(encoding="utf-8") == done.stderr
    assert not (tmp_path / "out").exists()


def test_error_of_the_program_exits_with_1_and_logs_its_traceback(tmp_path: Path) -> None:
    log, output = tmp_path / "manifest.log", tmp_path / "manifest.json"
    done = run("--log", log, "write-manifest", "--config", "{", "--inputs", "--results", "--output", output)
    assert done.returncode == 1
    assert log.read_text(encoding="utf-8").startswith("write-manifest: failed\nTraceback")
    assert done.stderr.count("Traceback") == 1
    assert not output.exists()


def test_log_is_there_after_success_too(stimuli: list[str], tmp_path: Path) -> None:
    assert call("--log", tmp_path / "build.log", *stimuli) == 0
    assert (tmp_path / "build.log").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("arguments", [["--log"], ["--log", "x.log", "scoreunits"]])
def test_log_without_a_file_or_a_command_is_a_wrong_call(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    assert not list(tmp_path.iterdir())
