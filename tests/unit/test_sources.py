"""Fetching from a real server on the loopback, from a mirror folder, from a package and through pip."""

import gc
import gzip
import hashlib
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from expertneurons import retries, sheets, sources
from expertneurons.errors import StudyError
from expertneurons.sources import fetch_norm, fetch_wheel
from loopback import Handler, serving

CONTENT = b"cat\tdog\t7.5\n" * 400
OTHER = CONTENT.replace(b"7.5", b"7.6")
WHEEL = "tiny_model-1.0-py3-none-any.whl"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Reply:
    """What the server says to one request; `sent` shorter than `announced` is a cut connection."""

    status: int = 200
    sent: bytes = CONTENT
    announced: int | None = None
    retry_after: str = ""
    stalls_at: int | None = None


class Site(ThreadingHTTPServer):
    """Gives the replies in turn, the last one again and again, and counts the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = [Reply()]
        self.asked = 0
        self.drips = 1
        self.over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/data/norm.txt"


class _Handler(Handler):
    def do_GET(self) -> None:
        site: Any = self.server
        reply = site.replies[min(site.asked, len(site.replies) - 1)]
        site.asked += 1
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(reply.sent) if reply.announced is None else reply.announced))
        if reply.retry_after:
            self.send_header("Retry-After", reply.retry_after)
        self.end_headers()
        for part in np.array_split(np.frombuffer(reply.sent[: reply.stalls_at], np.uint8), site.drips):
            self.wfile.write(part.tobytes())
            if site.drips > 1:
                site.over.wait(0.15)
        if reply.stalls_at is not None:
            site.over.wait(30)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as server:
        yield server
        server.over.set()


@pytest.fixture(autouse=True)
def _at_once_and_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSE", 0)
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def fetch(url: str, output: Path, mirror: Path | None = None, content: bytes = CONTENT) -> None:
    fetch_norm(url, len(content), digest(content), output, mirror)


def refused(url: str, output: Path, mirror: Path | None = None, content: bytes = CONTENT) -> str:
    """Fail to fetch, leaving nothing behind, and return what the user is told."""
    with pytest.raises(StudyError) as caught:
        fetch(url, output, mirror, content)
    assert not output.exists()
    assert not tiny.leftovers(output.parent)
    return str(caught.value)


def test_a_good_reply_becomes_the_file(site: Site, tmp_path: Path) -> None:
    output = tmp_path / "norms" / "norm.txt"
    fetch(site.url, output)
    assert output.read_bytes() == CONTENT
    assert site.asked == 1
    assert not tiny.leftovers(tmp_path)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_address_that_is_refused_is_asked_once(status: int, site: Site, tmp_path: Path) -> None:
    site.replies = [Reply(status)]
    told = refused(site.url, tmp_path / "norm.txt")
    assert site.url in told
    assert str(status) in told
    assert site.asked == 1


@pytest.mark.parametrize(
    "trouble",
    [Reply(500), Reply(429), Reply(503), Reply(sent=CONTENT[:100], announced=len(CONTENT))],
    ids=["500", "429", "503", "cut"],
)
def test_a_passing_trouble_is_tried_again(trouble: Reply, site: Site, tmp_path: Path) -> None:
    site.replies = [trouble, trouble, Reply()]
    fetch(site.url, tmp_path / "norm.txt")
    assert (tmp_path / "norm.txt").read_bytes() == CONTENT
    assert site.asked == 3


@pytest.mark.parametrize("trouble", [Reply(500), Reply(sent=CONTENT[:100], announced=len(CONTENT))], ids=["500", "cut"])
def test_a_lasting_trouble_ends_after_all_attempts(trouble: Reply, site: Site, tmp_path: Path) -> None:
    site.replies = [trouble]
    told = refused(site.url, tmp_path / "norm.txt")
    assert site.url in told
    assert "attempt 4 of 4" in told
    assert site.asked == retries.ATTEMPTS


@pytest.mark.parametrize(("told", "waited"), [("", 2.0), ("7", 7.0), ("86400", retries.LONGEST)])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(
    status: int, told: str, waited: float, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(retries, "PAUSE", 2.0)
    monkeypatch.setattr("time.sleep", waits.append)
    site.replies = [Reply(status, retry_after=told), Reply()]
    fetch(site.url, tmp_path / "norm.txt")
    assert waits == [waited]


@pytest.mark.parametrize("sent", [0, 100])
def test_a_server_that_stalls_is_given_up_and_told(
    sent: int, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "TIMEOUT", 0.1)
    site.replies = [Reply(stalls_at=sent)]
    told = refused(site.url, tmp_path / "norm.txt")
    assert site.url in told
    assert "timed out (attempt 4 of 4); check the address and the network" in told


def test_a_slow_server_is_waited_for_while_bytes_come(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "TIMEOUT", 1.0)
    site.drips = 8
    started = time.monotonic()
    fetch(site.url, tmp_path / "norm.txt")
    assert time.monotonic() - started > sources.TIMEOUT
    assert site.asked == 1


@pytest.mark.parametrize("name", ["a**b.txt", "[a].txt", "*"])
def test_a_name_with_wildcards_is_taken_as_it_is_in_the_mirror(name: str, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / name).write_bytes(CONTENT)
    (tmp_path / "mirror" / "other.txt").write_bytes(OTHER)
    fetch(f"https://nowhere.invalid/{name}", tmp_path / "norm.txt", tmp_path / "mirror")
    assert (tmp_path / "norm.txt").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 500])
def test_refused_connections_are_closed(status: int, site: Site, tmp_path: Path) -> None:
    site.replies = [Reply(status)]
    gc.collect()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        refused(site.url, tmp_path / "norm.txt")
        gc.collect()
    assert not [str(one.message) for one in seen if one.category is ResourceWarning]


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with Site() as closed:
        url = closed.url
    assert url in refused(url, tmp_path / "norm.txt")


def test_a_longer_file_is_refused_at_once(site: Site, tmp_path: Path) -> None:
    site.replies = [Reply(sent=CONTENT + b"more")]
    told = refused(site.url, tmp_path / "norm.txt")
    assert f"longer than the {len(CONTENT)} bytes" in told
    assert site.asked == 1


def test_a_shorter_file_is_refused(site: Site, tmp_path: Path) -> None:
    site.replies = [Reply(sent=CONTENT[:-12])]
    assert f"{len(CONTENT) - 12} of {len(CONTENT)} bytes" in refused(site.url, tmp_path / "norm.txt")


def test_another_content_of_the_same_length_is_refused(site: Site, tmp_path: Path) -> None:
    site.replies = [Reply(sent=OTHER)]
    told = refused(site.url, tmp_path / "norm.txt")
    assert site.url in told
    assert digest(OTHER) in told


def test_a_failed_fetch_leaves_the_old_file(site: Site, tmp_path: Path) -> None:
    output = tmp_path / "norm.txt"
    output.write_bytes(b"old")
    site.replies = [Reply(404)]
    with pytest.raises(StudyError):
        fetch(site.url, output)
    assert output.read_bytes() == b"old"


def test_a_full_disk_is_not_blamed_on_the_network(site: Site, tmp_path: Path) -> None:
    limited = (
        "import resource, sys; from pathlib import Path; from expertneurons import retries, sources\n"
        "retries.PAUSE = 0\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n"
        "sources.fetch_norm(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))"
    )
    output = tmp_path / "norm.txt"
    arguments = [site.url, str(len(CONTENT)), digest(CONTENT), str(output)]
    done = subprocess.run(
        [sys.executable, "-c", limited, *arguments],
        env={**os.environ, "PYTHONPATH": str(tiny.ROOT / "workflow/src")},
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stderr.strip().splitlines()[-1]
    assert f"StudyError: {output}" in told
    assert "free some disk space" in told
    assert site.asked == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url", ["http://example.org/norm.txt", "http://127.0.0.1.example.org/norm.txt", "ftp://a/b", "file:///etc/hostname"]
)
def test_other_addresses_than_https_are_refused(url: str, tmp_path: Path) -> None:
    assert f"{url}: only https" in refused(url, tmp_path / "norm.txt")


@pytest.mark.parametrize("place", ["norm.txt", "deep/below/norm.txt"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_mirror_comes_before_the_network(place: str, packed: bool, site: Site, tmp_path: Path) -> None:
    found = tmp_path / "mirror" / (f"{place}.gz" if packed else place)
    found.parent.mkdir(parents=True)
    found.write_bytes(gzip.compress(CONTENT) if packed else CONTENT)
    fetch(site.url, tmp_path / "norm.txt", tmp_path / "mirror")
    assert (tmp_path / "norm.txt").read_bytes() == CONTENT
    assert site.asked == 0


def test_a_packed_file_is_kept_packed_where_the_sheet_says_so(tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT, mtime=0)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "norm.gz").write_bytes(packed)
    fetch("https://nowhere.invalid/norm.gz", tmp_path / "norm.gz", tmp_path / "mirror", packed)
    assert (tmp_path / "norm.gz").read_bytes() == packed


def test_another_content_in_the_mirror_is_told_and_passed_over(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = tmp_path / "mirror" / "norm.txt"
    wrong.parent.mkdir()
    wrong.write_bytes(OTHER)
    with caplog.at_level(logging.WARNING):
        fetch(site.url, tmp_path / "norm.txt", wrong.parent)
    assert str(wrong) in caplog.text
    assert (tmp_path / "norm.txt").read_bytes() == CONTENT
    assert site.asked == 1


def test_the_right_one_of_two_in_the_mirror_is_taken(site: Site, tmp_path: Path) -> None:
    for name, content in (("a", OTHER), ("b", CONTENT)):
        (tmp_path / "mirror" / name).mkdir(parents=True)
        (tmp_path / "mirror" / name / "norm.txt").write_bytes(content)
    fetch(site.url, tmp_path / "norm.txt", tmp_path / "mirror")
    assert (tmp_path / "norm.txt").read_bytes() == CONTENT
    assert site.asked == 0


@pytest.mark.parametrize(
    "broken",
    [gzip.compress(CONTENT)[:-20], gzip.compress(CONTENT)[:12] + b"garbage" * 9, b"plain text", b""],
    ids=["cut", "garbled", "not packed", "empty"],
)
def test_a_broken_packed_file_in_the_mirror_is_passed_over(broken: bytes, site: Site, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "norm.txt.gz").write_bytes(broken)
    fetch(site.url, tmp_path / "norm.txt", tmp_path / "mirror")
    assert (tmp_path / "norm.txt").read_bytes() == CONTENT
    assert site.asked == 1


def test_a_folder_of_that_name_in_the_mirror_is_passed_over(site: Site, tmp_path: Path) -> None:
    (tmp_path / "mirror" / "norm.txt").mkdir(parents=True)
    fetch(site.url, tmp_path / "norm.txt", tmp_path / "mirror")
    assert site.asked == 1


def test_a_mirror_that_is_no_folder_is_refused(site: Site, tmp_path: Path) -> None:
    told = refused(site.url, tmp_path / "norm.txt", tmp_path / "absent")
    assert "sources.mirror" in told
    assert "absent" in told
    assert site.asked == 0


def test_packaged_norms_are_those_of_the_bundled_sheet(tmp_path: Path) -> None:
    rows = [row for row in sheets.read(tiny.ROOT / "config/norm_files.tsv", "norm_files") if "package:" in row["url"]]
    assert rows
    for row in rows:
        fetch_norm(row["url"], int(row["bytes"]), row["sha256"], tmp_path / row["file"])
        assert (tmp_path / row["file"]).stat().st_size == int(row["bytes"])


@pytest.mark.parametrize("url", ["package:no-such-package/file.txt", "package:gensim/gensim/no-such-file.txt"])
def test_a_package_or_file_that_is_not_installed_is_named(url: str, tmp_path: Path) -> None:
    assert f"{url}: " in refused(url, tmp_path / "norm.txt")


def test_another_version_of_a_packaged_file_is_refused(tmp_path: Path) -> None:
    told = refused("package:gensim/gensim/test/test_data/simlex999.txt", tmp_path / "norm.txt")
    assert f"instead of {len(CONTENT)}" in told


def write_wheel(folder: Path) -> Path:
    """Write the smallest wheel that pip takes for one."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / WHEEL
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("tiny_model/model/config.json", "{}")
        packed.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        packed.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        packed.writestr("tiny_model-1.0.dist-info/RECORD", "")
    return wheel


@pytest.mark.parametrize("requirement", ["tiny-model==1.0", "tiny_model==1.0", "Tiny.Model==1.0"])
def test_a_wheel_is_found_in_the_mirror_however_its_name_is_spelt(requirement: str, tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "mirror" / "wheels")
    assert fetch_wheel(requirement, digest(wheel.read_bytes()), tmp_path, tmp_path / "mirror") == wheel


def test_pip_fetches_a_wheel_that_the_mirror_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = write_wheel(tmp_path / "index")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    (tmp_path / "scratch").mkdir()
    found = fetch_wheel("tiny-model==1.0", digest(wheel.read_bytes()), tmp_path / "scratch")
    assert found == tmp_path / "scratch" / WHEEL
    assert found.read_bytes() == wheel.read_bytes()


def test_a_wheel_of_another_digest_is_refused_by_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = write_wheel(tmp_path / "index")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    with pytest.raises(StudyError, match=r"pip could not fetch tiny-model==1\.0"):
        fetch_wheel("tiny-model==1.0", digest(OTHER), tmp_path)
    assert not (tmp_path / WHEEL).exists()


def test_a_wheel_that_nobody_has_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"tiny-model==1.0: .*sources\.mirror"):
        fetch_wheel("tiny-model==1.0", digest(OTHER), tmp_path)


def test_a_mirror_that_is_no_folder_is_refused_for_wheels_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = write_wheel(tmp_path / "index")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    with pytest.raises(StudyError, match=r"sources\.mirror.*absent"):
        fetch_wheel("tiny-model==1.0", digest(wheel.read_bytes()), tmp_path, tmp_path / "absent")
