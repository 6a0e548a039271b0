"""A conda channel in a folder: distributions of this environment repacked as packages that py-rattler installs."""

import asyncio
import importlib.metadata as metadata
import io
import json
import os
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rattler.index import index_fs

from expertneurons.files import sha256

# What conda-forge calls a distribution.
NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base", "huggingface-hub": "huggingface_hub"}
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"lib/{PYTHON}/site-packages"


def conda_name(distribution: str) -> str:
    """What a package of this distribution is called."""
    name = canonicalize_name(distribution)
    return NAMES.get(name, name)


def needed(names: list[str]) -> Iterator[metadata.Distribution]:
    """The distributions of these names and all that they require here, each once."""
    wanted, seen = [canonicalize_name(name) for name in names], set()
    while wanted:
        if (name := wanted.pop()) in seen:
            continue
        seen.add(name)
        found = metadata.distribution(name)
        yield found
        wanted += [canonicalize_name(one.name) for one in _requirements(found)]


def _requirements(distribution: metadata.Distribution) -> Iterator[Requirement]:
    for line in distribution.requires or []:
        one = Requirement(line)
        if (one.marker is None or one.marker.evaluate({"extra": ""})) and _is_here(one.name):
            yield one


def _is_here(name: str) -> bool:
    """Whether a distribution is installed; a CPU build of torch runs without what its CUDA build requires."""
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _specification(requirement: Requirement) -> str:
    bounds = []
    for part in requirement.specifier:
        if part.operator == "~=":
            bounds += [f">={part.version}", part.version.rpartition(".")[0] + ".*"]
        else:
            bounds.append(f"{part.operator}{part.version}")
    return f"{conda_name(requirement.name)} {','.join(bounds)}".strip()


def _tar(members: list[tuple[str, Path | bytes]], links: list[tuple[str, str]]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members:
            if isinstance(content, Path):
                archive.add(content, name, recursive=False)
            else:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o644
                archive.addfile(entry, io.BytesIO(content))
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return bytes(pyarrow.Codec("zstd", compression_level=1).compress(whole.getvalue(), asbytes=True))


def _write(
    folder: Path, name: str, version: str, depends: list[str], files: list[tuple[str, Path]], links: dict[str, str]
) -> None:
    """Write one package: a zip of two tar archives, of what it holds and of what it says of itself."""
    stem = f"{name}-{version}-local_0"
    told = {"name": name, "version": version, "build": "local_0", "build_number": 0, "depends": depends}
    paths: list[dict[str, Any]] = [
        {"_path": to, "path_type": "hardlink", "sha256": sha256(path), "size_in_bytes": path.stat().st_size}
        for to, path in files
    ]
    paths += [{"_path": to, "path_type": "softlink"} for to in links]
    info: list[tuple[str, Path | bytes]] = [
        ("info/index.json", json.dumps(told | {"subdir": "linux-64", "platform": "linux", "arch": "x86_64"}).encode()),
        ("info/paths.json", json.dumps({"paths": paths, "paths_version": 1}).encode()),
        ("info/about.json", b"{}"),
    ]
    with zipfile.ZipFile(folder / f"{stem}.conda", "w") as package:
        package.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        package.writestr(f"pkg-{stem}.tar.zst", _tar(list(files), list(links.items())))
        package.writestr(f"info-{stem}.tar.zst", _tar(info, []))


def _files(distribution: metadata.Distribution) -> list[tuple[str, Path]]:
    """What lies in site-packages; scripts lie elsewhere, and `python -m` needs none."""
    root = Path(str(distribution.locate_file(""))).resolve()
    found = {Path(str(file.locate())).resolve() for file in distribution.files or [] if "__pycache__" not in file.parts}
    own = sorted(path for path in found if path.is_file() and path.is_relative_to(root))
    return [(f"{SITE}/{path.relative_to(root)}", path) for path in own]


def write_channel(folder: Path, names: list[str], pip: str, contents: bool) -> None:
    """Write a channel of these distributions and all that they require, with their files or only what they say.

    Pip is in no lock: an empty package of that version stands for it.
    """
    here = folder / "linux-64"
    here.mkdir(parents=True)
    (folder / "noarch").mkdir()
    interpreter = os.path.realpath(sys.executable)
    version = ".".join(map(str, sys.version_info[:3]))
    # What makes a linked interpreter look for packages beside the link.
    marker = folder / "pyvenv.cfg"
    marker.write_text(f"home = {Path(interpreter).parent}\ninclude-system-site-packages = false\n")
    files = [("pyvenv.cfg", marker)]
    _write(here, "python", version, [], files, {f"bin/{name}": interpreter for name in ("python", "python3", PYTHON)})
    _write(here, "pip", pip, [], [], {})
    for one in needed(names):
        depends = [f"python {version}", *map(_specification, _requirements(one))]
        public = one.version.partition("+")[0]
        _write(here, conda_name(one.name), public, depends, _files(one) if contents else [], {})
    asyncio.run(index_fs(folder))
