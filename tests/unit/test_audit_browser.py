"""The audit's pages in a headless Chromium: at desktop and phone width, by keyboard, without complaints."""

from collections.abc import Iterator

import pytest

import audited
import browser

if browser.CHROMIUM is None:
    pytest.skip("no chromium on the PATH: install the Debian package chromium", allow_module_level=True)

TAB, ENTER = ("Tab", 9), ("Enter", 13, "\r")
FIRST = "document.querySelector('#concepts tbody tr:not([hidden]) th').innerText"
FOCUS = "document.activeElement.innerText || document.activeElement.id"


@pytest.fixture(scope="module")
def page(done: audited.Audited) -> Iterator[browser.Page]:
    with browser.page() as opened:
        opened.open(done.pages / "index.html", 1280)
        yield opened


def names(page: browser.Page) -> list[str]:
    script = (
        "[...document.querySelectorAll('#concepts tbody tr')].filter(r => !r.hidden).map(r => r.cells[0].innerText)"
    )
    return list(page.run(script))


def reach(page: browser.Page, wanted: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(60):
        page.press(*TAB)
        if page.run(FOCUS).strip() == wanted:
            return
    raise AssertionError(f"Tab does not reach {wanted!r}")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["index", "cat", "late-delivery"])
def test_no_page_complains_or_scrolls_sideways(
    name: str, width: int, page: browser.Page, done: audited.Audited
) -> None:
    page.open(done.pages / f"{name}.html", width)
    assert page.run("document.documentElement.scrollWidth") <= page.run("innerWidth")
    assert page.complaints == []
    assert all(address.startswith("file:") for address in page.requests)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_search_filters(width: int, page: browser.Page, done: audited.Audited) -> None:
    page.open(done.pages / "index.html", width)
    reach(page, "find")
    page.write("DELIV")
    assert names(page) == ["late delivery"]
    assert page.run("document.getElementById('shown').innerText") == "1 of 4 concepts"


def test_columns_are_sorted_by_keyboard(page: browser.Page, done: audited.Audited) -> None:
    page.open(done.pages / "index.html", 1280)
    before = names(page)
    reach(page, "Concept")
    page.press(*ENTER)
    assert names(page) == sorted(before)
    assert page.run("document.querySelector('th').getAttribute('aria-sort')") == "ascending"
    page.press(*ENTER)
    assert names(page) == sorted(before, reverse=True)
    reach(page, "Experts")
    page.press(*ENTER)
    counts = page.run("[...document.querySelectorAll('td[data-name=Experts]')].map(cell => Number(cell.dataset.value))")
    assert counts == sorted(counts, reverse=True)


def test_the_focus_is_visible(page: browser.Page, done: audited.Audited) -> None:
    page.open(done.pages / "index.html", 1280)
    reach(page, "Main layer")
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_phone_sorts_by_the_list(page: browser.Page, done: audited.Audited) -> None:
    page.open(done.pages / "index.html", 390)
    assert page.run("getComputedStyle(document.querySelector('.sorters')).display") == "flex"
    script = "const o = document.getElementById('order'); o.value = '0 -1'; o.dispatchEvent(new Event('change'));"
    page.run(script)
    assert names(page)[0] == "late delivery"


def test_a_concept_is_reached_and_left_by_keyboard(page: browser.Page, done: audited.Audited) -> None:
    page.open(done.pages / "index.html", 1280)
    reach(page, "ice cream")
    page.press(*ENTER)
    for _ in range(200):
        if page.run("location.pathname + document.readyState").endswith("ice-cream.htmlcomplete"):
            break
    assert page.run("document.querySelector('h1').innerText") == "ice cream"
    reach(page, "All concepts")


def test_dark_is_dark_and_shading_shows_in_both(page: browser.Page, done: audited.Audited) -> None:
    looks = []
    for dark in (False, True):
        page.open(done.pages / "cat.html", 1280, dark=dark)
        ground = page.run("getComputedStyle(document.body).backgroundColor")
        marks = page.run(
            "[...new Set([...document.querySelectorAll('mark')].map(m => getComputedStyle(m).backgroundColor))]"
        )
        looks.append(ground)
        assert len(marks) > 2
    assert looks[0] == "rgb(255, 255, 255)"
    assert looks[1] != looks[0]


def test_pages_print_with_all_units_open(page: browser.Page, done: audited.Audited) -> None:
    page.open(done.pages / "cat.html", 1280)
    assert page.run("[...document.querySelectorAll('details')].filter(d => !d.open).length") > 0
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    assert page.run("[...document.querySelectorAll('details')].every(d => d.open)")
    assert page.printed().startswith(b"%PDF")
