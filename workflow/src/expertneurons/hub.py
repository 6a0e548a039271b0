"""Snapshots: fetch a model's files from a model hub at one commit, and keep commit and digests in the lock sheet."""

import re
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx2
from huggingface_hub import HfApi, hf_hub_download, is_offline_mode
from huggingface_hub.errors import (
    GatedRepoError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import WeakFileLock
from huggingface_hub.utils.sha import git_hash
from tqdm import tqdm

from expertneurons import sheets
from expertneurons.errors import StudyError
from expertneurons.files import FULL, replacing, sha256, verify
from expertneurons.retries import ATTEMPTS, pause
from expertneurons.steps import LOGGER, Progress

NEEDED = ("config.json", "tokenizer.json")
OPTIONAL = (
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json"),
    *("vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"),
)
# Pickled weights only where there are no others; what a folder may hold of each, the first that it does hold.
WEIGHTS = (("model", "safetensors"), ("pytorch_model", "bin"))
Answer = TypeVar("Answer")


class File(NamedTuple):
    """One file of a snapshot: what the lock sheet or the hub says of it; None where the hub says nothing."""

    name: str
    size: int | None
    digest: str | None
    blob: str | None = None


def fetch_snapshot(
    checkpoint: str, source: str, revision: str, lock: Path, output: Path, endpoint: str | None = None
) -> None:
    """Fetch the files of a model at one commit of a model hub and verify each.

    The first fetch finds the commit of a branch or tag and writes it to the lock sheet with every file's size and
    sha256; later ones take that commit and insist on those. Files that a cut fetch finished are kept for the next. An
    access token is what the library's own HF_TOKEN says.

    Args:
        checkpoint: Its name in the lock sheet.
        source: hub:OWNER/REPOSITORY.
        revision: Branch, tag or commit.
        lock: Sheet of checkpoint, file, bytes, sha256, revision and source, read and written.
        output: Folder to make.
        endpoint: Address of a mirror of the hub.

    """
    repository, asked = source.removeprefix("hub:"), f"{source}@{revision}"
    name = f"{checkpoint} ({asked})"
    commit, wanted = _locked(lock, checkpoint, asked)
    if wanted and _holds(output, wanted):
        LOGGER.info("%s: all files are there", name)
        return
    if is_offline_mode():
        raise StudyError(f"{name}: not fetched, HF_HUB_OFFLINE is set; unset it, or put the files into {output}")
    new = not wanted
    if new:
        commit, wanted = _resolved(HfApi(endpoint=endpoint), repository, revision, name)
    kept = output.with_name(f".{output.name}.fetch")
    with replacing(output) as whole:
        _download(repository, commit, wanted, kept, endpoint, name)
        rows = _verified(kept, wanted, name)
        if new:
            told = {"checkpoint": checkpoint, "revision": commit, "source": asked}
            _write_lock(lock, checkpoint, [{**row, **told} for row in rows])
        whole.mkdir()
        for file in wanted:
            (kept / file.name).rename(whole / file.name)
        shutil.rmtree(kept)


def _locked(lock: Path, checkpoint: str, asked: str) -> tuple[str, list[File]]:
    """Commit and files that the lock sheet holds for a checkpoint; no files where it is new."""
    rows = [row for row in _rows(lock) if row["checkpoint"] == checkpoint]
    for row in rows:
        if (row.get("source"), row.get("revision")) != (asked, rows[0].get("revision")):
            raise StudyError(
                f"{lock}: the files of {checkpoint!r} are those of {row.get('source') or 'another source'}, the models "
                f"sheet asks for {asked}; give the row another checkpoint name, or delete these rows to fetch it anew"
            )
    files = [File(row["file"], int(row["bytes"]), row["sha256"]) for row in rows]
    return (rows[0]["revision"] if rows else ""), files


def _rows(lock: Path) -> list[dict[str, str]]:
    return sheets.read(lock, "models.lock") if lock.is_file() else []


def _holds(folder: Path, wanted: Sequence[File]) -> bool:
    return all((folder / file.name).is_file() and sha256(folder / file.name) == file.digest for file in wanted)


def _resolved(api: HfApi, repository: str, revision: str, name: str) -> tuple[str, list[File]]:
    """Commit of a revision, and the files of it that a model needs."""
    found = _patiently(name, lambda: api.model_info(repository, revision=revision, files_metadata=True))
    held = {file.rfilename: file for file in found.siblings}
    wanted = []
    for needed in (*NEEDED, *(optional for optional in OPTIONAL if optional in held), *_weights(list(held))):
        if needed not in held:
            raise StudyError(f"{name}: the repository has no {needed}; name a revision or repository that has one")
        file = held[needed]
        digest = file.lfs.sha256 if file.lfs else None
        wanted.append(File(needed, file.size, digest, None if digest else file.blob_id))
    return str(found.sha), wanted


def _weights(names: Sequence[str]) -> list[str]:
    for stem, ending in WEIGHTS:
        if (single := f"{stem}.{ending}") in names:
            return [single]
        if parts := [name for name in names if re.fullmatch(rf"{stem}-\d+-of-\d+\.{ending}", name)]:
            return [f"{single}.index.json", *sorted(parts)]
    return ["model.safetensors"]


def _download(
    repository: str, commit: str, wanted: Sequence[File], kept: Path, endpoint: str | None, name: str
) -> None:
    """Bring all files into `kept`, whole ones of an earlier attempt included; leave no folder that holds none."""
    bar = _bar(Progress(sum(file.size or 0 for file in wanted), name, "B"))
    fetch = partial(hf_hub_download, repository, revision=commit, local_dir=kept, endpoint=endpoint, tqdm_class=bar)
    try:
        for file in wanted:
            _patiently(name, partial(fetch, file.name))
    finally:
        if kept.is_dir() and all(path.name == ".cache" for path in kept.iterdir()):
            shutil.rmtree(kept)


def _verified(kept: Path, wanted: Sequence[File], name: str) -> list[dict[str, str]]:
    """File, bytes and sha256 of each file; a wrong one discards them all."""
    rows = []
    try:
        for file in wanted:
            path = kept / file.name
            digest = file.digest or sha256(path)
            verify(path, digest, file.size, name=f"{name}: {file.name}")
            if file.blob and git_hash(path.read_bytes()) != file.blob:
                raise StudyError(f"{name}: {file.name} is not the file that the hub lists; do not use this copy")
            rows.append({"file": file.name, "bytes": str(path.stat().st_size), "sha256": digest})
    except StudyError:
        shutil.rmtree(kept)
        raise
    return rows


def _write_lock(lock: Path, checkpoint: str, own: list[dict[str, str]]) -> None:
    """Put a checkpoint's files into the lock sheet, which other fetches may be writing too."""
    columns = sheets.schema("models.lock")["properties"]
    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock.with_name(f".{lock.name}.lock")):
        rows = [row for row in _rows(lock) if row["checkpoint"] != checkpoint] + own
        rows.sort(key=lambda row: (row["checkpoint"], row["file"]))
        sheets.write(lock, [{column: row.get(column, "") for column in columns} for row in rows])


def _bar(progress: Progress) -> type[Any]:
    """Class of bars that show nothing and count for `progress` what was written to disk."""

    class Counting(tqdm):  # type: ignore[type-arg]
        def __init__(self, *_: Any, **given: Any) -> None:
            super().__init__(disable=True, total=given.get("total"))

        def update(self, n: float | None = 1) -> None:
            progress(int(n or 0))

        def update_transfer(self, n: int) -> None:
            """Bytes as the network carries them are not those of the file."""

        def set_transfer_postfix_str(self, *_: Any, **__: Any) -> None:
            """Show no rate."""

    return Counting


def _patiently(name: str, attempt: Callable[[], Answer]) -> Answer:
    """Try a few times, with growing pauses; what no further attempt can mend is an error at once."""
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except GatedRepoError as error:
            remedy = "accept its terms on its page and set HF_TOKEN to a token of that account"
            raise StudyError(f"{name}: the repository is gated; {remedy}") from error
        except RevisionNotFoundError as error:
            raise StudyError(f"{name}: the repository has no such revision; correct it in the models sheet") from error
        except RepositoryNotFoundError as error:
            remedy = "correct `source` in the models sheet, or set HF_TOKEN where it is private"
            raise StudyError(f"{name}: no such repository; {remedy}") from error
        except (OSError, httpx2.HTTPError) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            told = str(error.__cause__ or error).strip().partition("\n")[0]
            if number == ATTEMPTS or isinstance(error, RemoteEntryNotFoundError):
                remedy = "check the network, or sources.hub in the config, and run again; whole files are kept"
                raise StudyError(f"{name}: {told} (attempt {number} of {ATTEMPTS}); {remedy}") from error
            LOGGER.warning("%s: %s; trying again", name, told)
            asked = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "")
            time.sleep(pause(number, asked))
    raise AssertionError("the last attempt returns or raises")
