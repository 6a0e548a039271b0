"""The report in a headless Chromium: offline, at desktop and phone width, by keyboard, without complaints."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import browser
import reported

if browser.CHROMIUM is None:
    pytest.skip("no chromium on the PATH: install the Debian package chromium", allow_module_level=True)

ENTER = ("Enter", 13, "\r")
ROWS = "[...document.querySelectorAll('#q7-1 table tbody tr')].map(row => row.cells[{}].textContent)"
HEAD = "document.querySelectorAll('#q7-1 table thead th')[{}]"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    reported.page(folder)
    return folder / "report.html"


@pytest.fixture(scope="module")
def page() -> Iterator[browser.Page]:
    with browser.page() as opened:
        opened.ask(
            "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
        )
        yield opened


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_opens_offline_without_complaints_and_does_not_scroll_sideways(
    width: int, dark: bool, page: browser.Page, written: Path
) -> None:
    page.open(written, width, dark=dark)
    page.run("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert page.run("document.documentElement.scrollWidth") <= page.run("innerWidth")
    assert page.complaints == []
    assert all(address.startswith(("file:", "data:")) for address in page.requests)
    assert page.run("[...document.images].every(image => image.complete && image.naturalWidth > 0 && image.alt)")


def test_a_table_is_sorted_by_keyboard_and_says_so(page: browser.Page, written: Path) -> None:
    page.open(written, 1280)
    page.run("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    before = page.run(ROWS.format(0))
    page.run(f"{HEAD.format(0)}.querySelector('button').focus()")
    page.press(*ENTER)
    assert page.run(ROWS.format(0)) == sorted(before)
    assert page.run(f"{HEAD.format(0)}.getAttribute('aria-sort')") == "ascending"
    page.press(*ENTER)
    assert page.run(ROWS.format(0)) == sorted(before, reverse=True)
    page.run(f"{HEAD.format(2)}.querySelector('button').focus()")
    page.press(*ENTER)
    assert page.run(f"{HEAD.format(0)}.getAttribute('aria-sort')") is None
    scores = page.run(ROWS.format(2))
    assert scores == sorted(scores, key=lambda text: (text == "n/a", text))
    assert scores[-1] == "n/a"
    assert page.run("document.querySelectorAll('table.sortable').length") > 5


def test_every_link_is_followed(page: browser.Page, written: Path) -> None:
    page.open(written, 1280)
    links = sorted(set(page.run("[...document.querySelectorAll('a')].map(link => link.getAttribute('href'))")))
    inside = [link for link in links if link.startswith("#")]
    assert len(inside) > 9
    for link in inside:
        page.run(f"document.querySelector('a[href=\"{link}\"]').click()")
        assert page.run("location.hash") == link
        assert page.run(f"document.querySelector('{link}') !== null")
    files = [link for link in links if not link.startswith("#")]
    assert {link.rpartition(".")[2] for link in files} == {"html", "svg", "csv", "json"}
    for link in files:
        assert (written.parent / link).is_file(), link
        if link.endswith((".html", ".svg", ".json")):
            page.open(written.parent / link, 1280)
            assert page.run("location.pathname").endswith(link)
    assert page.complaints == []


def test_dark_is_dark(page: browser.Page, written: Path) -> None:
    grounds = []
    for dark in (False, True):
        page.open(written, 1280, dark=dark)
        grounds.append(page.run("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] == "rgb(255, 255, 255)"
    assert grounds[1] != grounds[0]


def test_page_prints_with_its_sentences_and_figures_open(page: browser.Page, written: Path) -> None:
    page.open(written, 1280)
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    assert page.run("[...document.querySelectorAll('details:not(.long)')].every(part => part.open)")
    assert page.run("[...document.querySelectorAll('details.long')].every(part => !part.open)")
    assert page.printed().startswith(b"%PDF")
