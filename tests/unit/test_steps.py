"""Logs explain a failure alone; progress is told sparsely."""

import logging
import sys
import time
import warnings
from pathlib import Path

import pytest

from expertneurons.errors import StudyError
from expertneurons.steps import Progress, logged


def test_messages_go_to_the_log_and_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "folder" / "step.log"
    with logged("a-step", log) as logger:
        logger.info("three pairs")
    assert log.read_text(encoding="utf-8") == capsys.readouterr().err == "a-step: three pairs\n"


def test_a_log_starts_anew(tmp_path: Path) -> None:
    for words in ("first", "second"):
        with logged("a-step", tmp_path / "step.log") as logger:
            logger.info(words)
    assert (tmp_path / "step.log").read_text(encoding="utf-8") == "a-step: second\n"


def test_without_a_log_messages_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with logged("a-step", None) as logger:
        logger.error("a problem")
    assert capsys.readouterr().err == "a-step: a problem\n"


def test_a_log_holds_the_traceback_and_the_error_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a reason")

    with pytest.raises(ZeroDivisionError, match="a reason"), logged("a-step", tmp_path / "step.log"):
        fail()
    text = (tmp_path / "step.log").read_text(encoding="utf-8")
    assert text.startswith("a-step: failed\nTraceback")
    assert "in fail" in text
    assert text.endswith("ZeroDivisionError: a reason\n")
    # Python itself prints it there once the error leaves the program.
    assert capsys.readouterr().err == ""


def test_a_log_holds_an_error_of_the_study(tmp_path: Path) -> None:
    with pytest.raises(StudyError), logged("a-step", tmp_path / "step.log"):
        raise StudyError("sheet.tsv: line 3")
    assert "StudyError: sheet.tsv: line 3" in (tmp_path / "step.log").read_text(encoding="utf-8")


def test_warnings_are_logged(tmp_path: Path) -> None:
    with logged("a-step", tmp_path / "step.log"), warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("a doubt", UserWarning, stacklevel=1)
    assert "UserWarning: a doubt" in (tmp_path / "step.log").read_text(encoding="utf-8")


def test_other_libraries_are_heard_from_warnings_on(tmp_path: Path) -> None:
    with logged("a-step", tmp_path / "step.log"):
        logging.getLogger("another").info("chatter")
        logging.getLogger("another").warning("a warning")
    assert (tmp_path / "step.log").read_text(encoding="utf-8") == "a-step: a warning\n"


def test_progress_is_told_sparsely_in_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with logged("a-step", tmp_path / "step.log"):
        progress = Progress(100, "a-model: expertise", "units")
        for _ in range(100):
            now[0] += 0.5
            progress(1)
    lines = (tmp_path / "step.log").read_text(encoding="utf-8").splitlines()
    assert lines == [f"a-step: a-model: expertise: {done} of 100 units" for done in (40, 80)]


def test_quick_work_tells_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with logged("a-step", None):
        progress = Progress(3, "a-model", "units")
        for _ in range(3):
            progress(1)
    assert capsys.readouterr().err == ""


def test_progress_on_a_terminal_is_a_bar_and_no_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with logged("a-step", tmp_path / "step.log"):
        progress = Progress(4, "a-model", "units")
        for _ in range(4):
            now[0] += 30
            progress(1)
    assert "a-model" in capsys.readouterr().err
    assert (tmp_path / "step.log").read_text(encoding="utf-8") == ""
