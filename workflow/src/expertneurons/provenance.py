"""Provenance: a digest of the code behind a result, and the manifest that could restart a run."""

import ast
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from functools import cache
from pathlib import Path

from expertneurons.files import replacing, sha256

PACKAGE = "expertneurons"
FOLDER = Path(__file__).parent
# Messages and progress: they never change a result.
SILENT = {"errors", "steps"}


def code_digest(*modules: str) -> str:
    """Digest of the syntax trees of modules of this package and of all that they import from it.

    Comments, docstrings and layout do not count, so that only a change of what the code does reruns its rules.
    """
    digest = hashlib.sha256()
    for name in sorted(reached(frozenset(modules))):
        digest.update(f"{name}\0{_meaning(name)}\0".encode())
    return digest.hexdigest()[:16]


@cache
def reached(modules: frozenset[str]) -> frozenset[str]:
    """Modules of this package that these modules use, directly or through others, themselves included."""
    found: set[str] = set()
    waiting = set(modules)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= _imported(name) - found - SILENT
    return frozenset(found)


@cache
def _tree(name: str) -> ast.Module:
    return ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))


@cache
def _imported(name: str) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[2] for alias in node.names if alias.name.startswith(f"{PACKAGE}.")}
        elif isinstance(node, ast.ImportFrom):
            source = f"{PACKAGE}.{node.module or ''}".rstrip(".") if node.level else str(node.module)
            if source == PACKAGE:
                found |= {alias.name for alias in node.names}
            elif source.startswith(f"{PACKAGE}."):
                found.add(source.split(".")[1])
    return frozenset(module for module in found if (FOLDER / f"{module}.py").is_file())


@cache
def _meaning(name: str) -> str:
    tree = _tree(name)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
    return ast.dump(tree)


def write_manifest(config: str, inputs: list[Path], results: list[Path], output: Path) -> None:
    """Write what was run: versions, configuration with its seeds, digests of inputs and results, commit, machine.

    Args:
        config: The whole configuration as JSON.
        inputs: Files whose digests name the data.
        results: Files whose digests name the results.
        output: JSON file to write.

    """
    manifest = {
        "study": {"package": PACKAGE, "version": importlib.import_module(PACKAGE).__version__, **_commit()},
        "config": json.loads(config),
        "inputs": {str(path): sha256(path) for path in sorted(inputs)},
        "results": {str(path): sha256(path) for path in sorted(results)},
        "python": platform.python_version(),
        "machine": {"system": platform.system(), "processor": platform.machine()},
        "packages": {
            distribution.name: distribution.version
            for distribution in sorted(importlib.metadata.distributions(), key=lambda found: found.name.lower())
        },
    }
    with replacing(output) as partial:
        partial.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _commit() -> dict[str, str | bool]:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(FOLDER), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = git("rev-parse", "HEAD")
    except FileNotFoundError:
        return {"commit": "unknown"}
    return {"commit": commit or "unknown", "changed_since_commit": bool(git("status", "--porcelain"))}
