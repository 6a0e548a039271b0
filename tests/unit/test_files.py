"""Files that are whole or absent, whatever happens to the writer or the disk."""

import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from expertneurons.errors import StudyError
from expertneurons.files import FINITE, SCORE, new_array, open_array, replacing, save_array, sha256, verify

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(tiny.ROOT / "workflow/src")}
START = (
    "import sys; from pathlib import Path; import numpy as np; from expertneurons.files import *\n"
    "out = Path(sys.argv[1])\n"
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fail_after(target: Path, write: Callable[[Path], object], error: Exception) -> None:
    with replacing(target) as partial:
        write(partial)
        raise error


def test_a_file_takes_its_place_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.txt"
    with replacing(target) as partial:
        partial.write_text("new", encoding="utf-8")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "new"
    assert names(target.parent) == ["out.txt"]


def test_a_failing_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(ZeroDivisionError):
        fail_after(target, lambda partial: partial.write_text("new", encoding="utf-8"), ZeroDivisionError())
    assert target.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["out.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    (target / "below").mkdir(parents=True)
    (target / "below" / "stale").touch()
    with replacing(target) as partial:
        partial.mkdir()
        (partial / "fresh").touch()
        assert (target / "below" / "stale").exists()
    assert names(target) == ["fresh"]
    assert names(tmp_path) == ["out"]


def test_a_failing_block_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(ZeroDivisionError):
        fail_after(target, lambda partial: (partial / "below").mkdir(parents=True), ZeroDivisionError())
    assert names(target) == ["old"]
    assert names(tmp_path) == ["out"]


def test_a_block_that_makes_nothing_leaves_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(OSError), replacing(target):
        pass
    assert names(target) == ["old"]


@pytest.mark.parametrize("as_folder", [False, True])
def test_what_a_killed_writer_of_this_number_left_is_not_in_the_way(as_folder: bool, tmp_path: Path) -> None:
    # In a container every run's steps may get the same process numbers.
    target = tmp_path / "out"
    with replacing(target) as partial:
        partial.touch()
    target.unlink()
    stale = partial
    if as_folder:
        stale.mkdir()
        (stale / "stale").touch()
    else:
        stale.write_text("stale", encoding="utf-8")
    with replacing(target) as partial:
        partial.mkdir()
        (partial / "fresh").touch()
    assert names(target) == ["fresh"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("kind", ["text", "array"])
def test_a_killed_writer_leaves_the_old_file(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "out.npy"
    save_array(target, np.arange(4))
    before = target.read_bytes()
    waits = "\n    print('ready', flush=True); sys.stdin.read()"
    text = f"with replacing(out) as partial:\n    file = partial.open('w'); file.write('half'); file.flush(){waits}"
    array = f"with new_array(out, (4,), int) as array:\n    array[:2] = 7; array.flush(){waits}"
    with subprocess.Popen(
        [sys.executable, "-c", START + (text if kind == "text" else array), str(target)],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        writer.kill()
        writer.wait()
    assert writer.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    assert target.read_bytes() == before
    save_array(target, np.arange(5))
    assert open_array(target).tolist() == [0, 1, 2, 3, 4]
    assert names(tmp_path) == ["out.npy"]


def test_what_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    others = [tmp_path / f".{name}.{os.getppid()}.partial" for name in ("out.npy", "out.npy.bak")]
    mine = tmp_path / ".out.npy.bak.0123456.partial"  # of another target
    for path in (*others, mine):
        path.touch()
    save_array(tmp_path / "out.npy", np.arange(5))
    assert names(tmp_path) == sorted([mine.name, "out.npy", *(path.name for path in others)])


@pytest.mark.parametrize(
    "write",
    [
        "save_array(out, np.ones((100, 100)))",
        "with new_array(out, (100, 100), float) as array: array[...] = 1",
        "with replacing(out) as partial: partial.write_bytes(bytes(80_000))",
        "with replacing(out) as partial: save_file({'a': np.ones((100, 100))}, partial)",
        "with replacing(out) as partial: pd.DataFrame(np.ones((9999, 9))).to_csv(partial)",
        "with replacing(out) as partial: partial.mkdir(); (partial / 'page').write_bytes(bytes(80_000))",
    ],
    ids=["save_array", "new_array", "replacing", "safetensors", "csv", "folder"],
)
def test_a_full_disk_names_the_file_and_leaves_nothing(write: str, tmp_path: Path) -> None:
    limit = (
        "import resource; import pandas as pd; from safetensors.numpy import save_file\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
    )
    target = tmp_path / "out.npy"
    done = subprocess.run(
        [sys.executable, "-c", START + limit + write, str(target)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"StudyError: {target}: " in done.stderr.splitlines()[-1]
    assert "free some disk space" in done.stderr.splitlines()[-1]
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_place_that_may_not_be_written_to_is_told(number: int, tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(StudyError, match=f"^{target}: {os.strerror(number)}; give the run access"):
        fail_after(target, lambda partial: partial.write_text("half"), OSError(number, "no"))
    with pytest.raises(StudyError, match=r"^config/sheet\.tsv: "):
        fail_after(target, lambda partial: partial.write_text("half"), OSError(number, "no", "config/sheet.tsv"))
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_space_is_reserved_before_the_array_is_filled(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    target = tmp_path / "out.npy"
    save_array(target, np.arange(3))
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StudyError, match=f"{target}: .*free some disk space"), new_array(target, (3,), int):
        pytest.fail("the disk is full")
    assert open_array(target).tolist() == [0, 1, 2]
    assert names(tmp_path) == ["out.npy"]


def test_a_new_array_occupies_its_space_on_disk(tmp_path: Path) -> None:
    with new_array(tmp_path / "out.npy", (1 << 20,), np.uint8):
        (partial,) = tmp_path.iterdir()
        assert partial.stat().st_blocks * 512 >= 1 << 20


def test_other_trouble_with_files_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        fail_after(tmp_path / "out", Path.touch, PermissionError())
    assert names(tmp_path) == []


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
@pytest.mark.parametrize("shape", [(3, 5), (0, 5), (7,)])
def test_an_array_comes_back_as_it_was_and_read_only(dtype: Any, shape: tuple[int, ...], tmp_path: Path) -> None:
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    save_array(tmp_path / "out.npy", values)
    found = open_array(tmp_path / "out.npy")
    assert found.dtype == dtype
    assert np.array_equal(found, values)
    assert np.array_equal(np.load(tmp_path / "out.npy", allow_pickle=False), values)
    assert not found.flags.writeable


def test_the_same_array_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_array(tmp_path / name, np.linspace(0, 1, 50))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_array_that_was_not_finished_is_absent(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_array(tmp_path / "out.npy", (9,), float):
        raise ZeroDivisionError
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "damage", ["cut", "cut in the header", "empty", "text", "garbled header", "absent", "a folder"]
)
def test_a_broken_array_is_named_with_the_remedy(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "out.npy"
    save_array(path, np.arange(1000.0))
    whole = path.read_bytes()
    spoiled = {
        "cut": whole[:-1],
        "cut in the header": whole[:20],
        "empty": b"",
        "text": b"no array",
        "garbled header": whole[:10] + b"#" * 118 + whole[128:],
    }
    path.unlink()
    if damage in spoiled:
        path.write_bytes(spoiled[damage])
    elif damage == "a folder":
        path.mkdir()
    with pytest.raises(StudyError, match=f"{path} is not a whole .npy file .*delete it and run again"):
        open_array(path)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.zeros((3, 4), np.float32), "holds 3 x 4 float32, not any x 5 floating"),
        (np.zeros(5, np.float32), "holds 5 float32, not any x 5 floating"),
        (np.zeros((3, 5), np.int32), "holds 3 x 5 int32, not any x 5 floating"),
        (np.full((3, 5), np.nan, np.float16), "holds nan, which is not from 0 to 1: the file is damaged"),
        (np.array([[0, 0.5, 1, 0, 1e30]]), "holds 1e+30, which is not from 0 to 1: the file is damaged"),
        (np.array([[0, 0.5, 1, 0, -np.inf]]), "holds -inf, which is not from 0 to 1: the file is damaged"),
    ],
    ids=["shape", "dimensions", "kind", "nan", "large", "infinite"],
)
def test_an_array_of_another_kind_is_named_with_the_remedy(values: Any, told: str, tmp_path: Path) -> None:
    path = tmp_path / "out.npy"
    np.save(path, values)
    with pytest.raises(StudyError, match=re.escape(f"{path} {told}") + ".*; delete it and run again"):
        open_array(path, (None, 5), SCORE)
    np.save(path, np.array([[0, 0.5, 1, 0, 1]], np.float16))
    assert open_array(path, (None, 5), SCORE).shape == (1, 5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_told(dtype: Any, value: float, tmp_path: Path) -> None:
    path = tmp_path / "out.npy"
    np.save(path, np.array([[1.0, -6e4], [3.0, value]], dtype))
    with pytest.raises(StudyError, match=f"{path} holds -?(nan|inf), which is not finite: the file is damaged"):
        open_array(path, (None, None), FINITE)
    np.save(path, np.array([[1.0, -6e4], [3.0, 0.0]], dtype))
    assert open_array(path, (None, None), FINITE).shape == (2, 2)


def test_a_pickled_array_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "out.npy"
    np.save(path, np.array([{}], object), allow_pickle=True)
    with pytest.raises(StudyError, match=str(path)):
        open_array(path)


def test_sha256_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    # NIST's example.
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_verify_takes_the_right_file_and_names_a_wrong_one(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    digest = sha256(path)
    verify(path, digest, 3)
    verify(path, digest)
    with pytest.raises(StudyError, match=f"^{path}: 3 bytes instead of 4"):
        verify(path, digest, 4)
    with pytest.raises(StudyError, match=f"^its address: sha256 is {digest}"):
        verify(path, "0" * 64, 3, name="its address")
