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


@pytest.fixture
def stimuli(tmp_path: Path) -> list[str]:
    """Arguments of build-stimuli for two concepts."""
    concepts, sentences = tiny.write_stimuli(
        tmp_path / "in", {"dog": ["A dog.", "The dog."], "cat": ["A cat.", "My cat."]}
    )
    out = [
        "--concept-table",
        str(tmp_path / "out" / "c.parquet"),
        "--sentence-table",
        str(tmp_path / "out" / "s.parquet"),
    ]
    return ["build-stimuli", "--concepts", str(concepts), "--sentences", str(sentences), *out]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_with_what_it_does(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    for command in COMMANDS:
        assert len(summary(command)) > 20
        assert [line.split(maxsplit=1) for line in lines if line.split()[:1] == [command]] == [
            [command, summary(command)]
        ]


def test_help_comes_at_once_and_imports_no_model_library() -> None:
    heavy = ["torch", "transformers", "sklearn", "gensim", "numba", "matplotlib"]
    code = f"import sys; from expertneurons.__main__ import main; main(['--help']); sys.exit(any(n in sys.modules for n in {heavy}))"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "command", ["fetch-norm", "label-sentences", "score-units", "draw-figures", "extract-responses"]
)
def test_help_of_a_command_tells_its_options(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert summary(command).split(":")[0].split(",")[0][:30] in " ".join(done.stdout.replace("│", " ").split())


def test_unknown_command_exits_with_2_and_names_those_there_are() -> None:
    done = run("scoreunits")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("no command 'scoreunits'; choose from: fetch-norm, ")
    assert done.stderr.count("\n") == 1


def test_missing_option_exits_with_2(stimuli: list[str]) -> None:
    done = run(*stimuli[:-2])
    assert done.returncode == 2
    assert "--sentence-table" in done.stderr
    assert "Traceback" not in done.stderr


def test_command_writes_its_outputs_and_exits_with_0(stimuli: list[str]) -> None:
    done = run(*stimuli)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert tables.read(Path(stimuli[-1]))["text"].tolist() == ["A dog.", "The dog.", "A cat.", "My cat."]


def test_error_of_the_study_exits_with_1_and_one_line(stimuli: list[str], tmp_path: Path) -> None:
    log = tmp_path / "logs" / "build.log"
    done = run("--log", log, *stimuli, "--min-sentences", "9")
    assert done.returncode == 1
    assert done.stderr.startswith(f"build-stimuli: {stimuli[4]}: dog has 2, cat has 2;")
    assert done.stderr.count("\n") == 1
    assert log.read_text(encoding="utf-8") == done.stderr
    assert not (tmp_path / "out").exists()


def test_error_of_the_program_exits_with_1_and_logs_its_traceback(tmp_path: Path) -> None:
    log = tmp_path / "manifest.log"
    broken = "{not json"
    done = run(
        "--log", log, "write-manifest", "--config", broken, "--inputs", "--results", "--output", tmp_path / "m.json"
    )
    assert done.returncode == 1
    assert "Traceback" in log.read_text(encoding="utf-8")
    assert done.stderr.count("Traceback") == 1
    assert not (tmp_path / "m.json").exists()


def test_log_is_written_on_success_too(stimuli: list[str], tmp_path: Path) -> None:
    assert run("--log", tmp_path / "build.log", *stimuli).returncode == 0
    assert (tmp_path / "build.log").read_text(encoding="utf-8") == ""


def test_log_without_a_file_or_command_is_a_wrong_call() -> None:
    assert run("--log").returncode == 2
    assert run("--log", "x.log", "scoreunits").returncode == 2
