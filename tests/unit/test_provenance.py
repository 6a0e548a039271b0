"""The code digest changes with what code does and with nothing else; the manifest says what was run."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import expertneurons
from expertneurons import provenance
from expertneurons.errors import StudyError
from expertneurons.files import sha256
from expertneurons.provenance import code_digest, write_manifest

FILES = {
    "top": '"""Top."""\nfrom expertneurons import middle\n\n\n'
    'def run(x: int) -> int:\n    """Run."""\n    return middle.twice(x)\n',
    "middle": "from expertneurons.bottom import ONE\nfrom expertneurons import steps\n\n\n"
    "def twice(x):\n    return 2 * x * ONE\n",
    "bottom": "ONE = 1\n",
    "aside": "TWO = 2\n",
    "steps": "SECONDS = 20\n",
}


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Digest of `top` in a small package, with some of its files written anew."""
    monkeypatch.setattr(provenance, "FOLDER", tmp_path)

    def of_top(module: str = "top", **changed: str) -> str:
        for name, text in (FILES | changed).items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        clear()
        return code_digest(module)

    return of_top


@pytest.fixture(autouse=True)
def _fresh() -> object:
    clear()
    yield
    clear()


def clear() -> None:
    for cached in (provenance.reached, provenance._tree, provenance._meaning):
        cached.cache_clear()


def test_digest_is_blind_to_comments_docstrings_and_layout(digest: Callable[..., str]) -> None:
    before = digest()
    top = (
        "'''Other words.'''\n# A comment.\nfrom expertneurons import (\n    middle,\n)\n"
        "def run(x: int)->int:\n    # Why.\n    return (middle.twice( x ))\n"
    )
    assert digest(top=top) == before
    assert digest(top=FILES["top"].replace('    """Run."""\n', "")) == before
    assert digest(top=FILES["top"].replace('"""Top."""\n', "")) == before


@pytest.mark.parametrize("kind", ["class C:\n    ", "def f():\n    ", "async def f():\n    "])
def test_digest_is_blind_to_docstrings_wherever_they_stand(kind: str, digest: Callable[..., str]) -> None:
    first, second = (digest(bottom=f"{kind}'''{words}'''\n    x = 1\n") for words in ("One.", "Two."))
    assert first == second


def test_digest_sees_a_string_that_is_no_docstring(digest: Callable[..., str]) -> None:
    assert digest(bottom="ONE = 'a'\n") != digest(bottom="ONE = 'b'\n")


@pytest.mark.parametrize("name", ["top", "middle", "bottom"])
def test_digest_sees_code_up_to_two_imports_away(name: str, digest: Callable[..., str]) -> None:
    assert digest(**{name: FILES[name] + "\nMORE = 3\n"}) != digest()


def test_digest_is_blind_to_code_that_is_not_imported(digest: Callable[..., str]) -> None:
    assert digest(aside="TWO = 22\n") == digest()


def test_digest_is_blind_to_messages(digest: Callable[..., str]) -> None:
    assert digest(steps="SECONDS = 1\n") == digest()


@pytest.mark.parametrize("line", ["import expertneurons.bottom", "from . import bottom", "from .bottom import ONE"])
def test_digest_follows_every_form_of_import(line: str, digest: Callable[..., str]) -> None:
    middle = f"{line}\n"
    assert digest(middle=middle, bottom="ONE = 1\n") != digest(middle=middle, bottom="ONE = 2\n")


def test_digest_follows_imports_inside_functions(digest: Callable[..., str]) -> None:
    middle = "def f():\n    from expertneurons.bottom import ONE\n    return ONE\n"
    assert digest(middle=middle, bottom="ONE = 1\n") != digest(middle=middle, bottom="ONE = 2\n")


def test_digest_ends_on_imports_in_a_circle(digest: Callable[..., str]) -> None:
    assert len(digest(bottom="from expertneurons import top\n")) == 16


def test_digest_is_the_same_in_another_process() -> None:
    source = str(Path(expertneurons.__file__).parents[1])
    command = "from expertneurons.provenance import code_digest; print(code_digest('scoring'), end='')"
    environment = {**os.environ, "PYTHONPATH": source, "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == code_digest("scoring")


def test_every_step_of_the_package_reaches_the_modules_that_it_uses() -> None:
    assert {"scoring", "expertise", "ranking", "design", "distribution", "stimuli", "words", "files"} <= set(
        provenance.reached(frozenset({"scoring"}))
    )
    assert "steps" not in provenance.reached(frozenset({"scoring"}))


def manifest(folder: Path) -> dict[str, object]:
    inputs = [folder / name for name in ("b.tsv", "a.tsv")]
    for path in inputs:
        path.write_text(path.name, encoding="utf-8")
    (folder / "table.parquet").write_bytes(b"table")
    config = {"study": {"seed": 7}, "models": ["a-model"]}
    write_manifest(json.dumps(config), inputs, [folder / "table.parquet"], folder / "manifest.json")
    found: dict[str, object] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


def test_manifest_tells_what_a_new_run_needs(tmp_path: Path) -> None:
    found = manifest(tmp_path)
    assert found["config"] == {"study": {"seed": 7}, "models": ["a-model"]}
    assert found["inputs"] == {str(tmp_path / name): sha256(tmp_path / name) for name in ("a.tsv", "b.tsv")}
    assert found["results"] == {str(tmp_path / "table.parquet"): sha256(tmp_path / "table.parquet")}
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    packages = found["packages"]
    assert isinstance(packages, dict)
    assert packages["numpy"] == importlib.metadata.version("numpy")
    study = found["study"]
    assert isinstance(study, dict)
    assert (study["package"], study["version"]) == ("expertneurons", expertneurons.__version__)


def test_manifest_of_the_same_run_has_the_same_bytes(tmp_path: Path) -> None:
    manifest(tmp_path)
    first = (tmp_path / "manifest.json").read_bytes()
    manifest(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == first


def test_manifest_names_the_commit_and_whether_it_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run(
            ["git", "-C", str(repository), *who, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init", "-q")
    (repository / "code.py").write_text("X = 1\n", encoding="utf-8")
    git("add", "code.py")
    git("commit", "-q", "-m", "one")
    monkeypatch.setattr(provenance, "FOLDER", repository)
    assert provenance._commit() == {"commit": git("rev-parse", "HEAD"), "changed_since_commit": False}
    (repository / "code.py").write_text("X = 2\n", encoding="utf-8")
    assert provenance._commit()["changed_since_commit"] is True


def test_manifest_outside_a_repository_says_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(provenance, "FOLDER", tmp_path)
    assert provenance._commit()["commit"] == "unknown"
    monkeypatch.setenv("PATH", "")
    assert provenance._commit() == {"commit": "unknown"}


def test_manifest_names_a_missing_input_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises((StudyError, FileNotFoundError), match=r"gone\.tsv"):
        write_manifest("{}", [tmp_path / "gone.tsv"], [], tmp_path / "manifest.json")
    assert not list(tmp_path.iterdir())


def test_digest_of_a_copy_of_the_package_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_digest("figures")
    shutil.copytree(provenance.FOLDER, tmp_path / "copy")
    monkeypatch.setattr(provenance, "FOLDER", tmp_path / "copy")
    clear()
    assert code_digest("figures") == before
