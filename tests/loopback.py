"""Servers on the loopback: any one served for the length of a block, and a small model hub."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin")
Server = TypeVar("Server", bound=HTTPServer)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Answer in a thread of its own until the block ends."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    """Says nothing on stderr."""

    def log_message(self, *_: Any) -> None:
        pass


def commit(number: int) -> str:
    """Make the name of a commit."""
    return f"{number:040x}"


@dataclass
class Repository:
    """Files by commit, and what branches and tags stand for."""

    commits: dict[str, dict[str, bytes]]
    branches: dict[str, str]
    gated: bool = False


def folder_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@dataclass
class Trouble:
    """What goes wrong with a file or with the list of files (""): what is sent, and so often how it is refused or cut.

    A request is refused with the status, or its connection ends after so many bytes, at once or when the hub is closed.
    """

    cut_after: int = 0
    cuts: int = 0
    sent: bytes | None = None
    status: int = 0
    retry_after: str = ""
    stalls: bool = False


class Hub(ThreadingHTTPServer):
    """Speaks the part of a model hub's protocol that fetching takes; `asked` lists (method, path, range)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HubHandler)
        self.repositories: dict[str, Repository] = {}
        self.troubles: dict[str, Trouble] = {}
        self.over = threading.Event()
        self.asked: list[tuple[str, str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def add(self, name: str, files: dict[str, bytes], branch: str = "main", number: int = 1) -> Repository:
        """Add a commit that a branch stands for."""
        repository = self.repositories.setdefault(name, Repository({}, {}))
        repository.commits[commit(number)] = files
        repository.branches[branch] = commit(number)
        return repository

    def fetched(self, name: str) -> list[str | None]:
        """Ranges of the requests for a file's bytes, in turn; None asks for all of it."""
        return [span for method, path, span in self.asked if method == "GET" and path.endswith(f"/{name}")]


class _HubHandler(Handler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((self.command, path, self.headers.get("Range")))
        if not (
            match := re.fullmatch(r"/api/models/(?P<name>[^/]+/[^/]+)/revision/(?P<revision>.+)", path)
            or re.fullmatch(r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)", path)
        ):
            return self._refuse(404, "EntryNotFound")
        asked = match.groupdict()
        repository = self.server.repositories.get(asked["name"])
        if repository is None:
            return self._refuse(401, "RepoNotFound")
        if repository.gated:
            return self._refuse(403, "GatedRepo")
        found = repository.branches.get(asked["revision"], asked["revision"])
        if found not in repository.commits:
            return self._refuse(404, "RevisionNotFound")
        files = repository.commits[found]
        trouble = self.server.troubles.get(asked.get("file", ""), Trouble())
        if trouble.status and trouble.cuts and body:
            trouble.cuts -= 1
            return self._refuse(trouble.status, "Trouble", trouble.retry_after)
        if "file" not in asked:
            return self._list(asked["name"], found, files)
        if asked["file"] not in files:
            return self._refuse(404, "EntryNotFound")
        return self._send_file(asked["file"], files[asked["file"]], found, body)

    def _refuse(self, status: int, code: str, retry_after: str = "") -> None:
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _list(self, name: str, found: str, files: dict[str, bytes]) -> None:
        siblings = [
            {"rfilename": file, "size": len(content), "blobId": blob(content)}
            | ({"lfs": {"sha256": digest(content), "size": len(content), "pointerSize": 134}} if large(file) else {})
            for file, content in files.items()
        ]
        told = json.dumps({"id": name, "sha": found, "siblings": siblings}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def _send_file(self, file: str, content: bytes, found: str, body: bool) -> None:
        trouble = self.server.troubles.get(file, Trouble())
        sent = content if trouble.sent is None else trouble.sent
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(span[1]) if span else 0
        self.send_response(206 if span else 200)
        if span:
            self.send_header("Content-Range", f"bytes {start}-{len(sent) - 1}/{len(sent)}")
        self.send_header("ETag", f'"{digest(content) if large(file) else blob(content)}"')
        self.send_header("X-Repo-Commit", found)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(sent) - start))
        self.end_headers()
        if not body:
            return
        if trouble.cuts:
            trouble.cuts -= 1
            self.wfile.write(sent[start : start + trouble.cut_after])
            if trouble.stalls:
                self.server.over.wait(30)
            self.close_connection = True
        else:
            self.wfile.write(sent[start:])


def large(file: str) -> bool:
    """Whether the hub keeps a file outside git, under its sha256."""
    return file.endswith(LARGE)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob(content: bytes) -> str:
    """Name of a file's content in git."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
