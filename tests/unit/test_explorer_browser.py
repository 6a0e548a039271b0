"""The explorer in a headless Chromium: by keyboard, at desktop and phone width, from a file, without complaints."""

from collections.abc import Iterator

import numpy as np
import pytest

import audited
import browser
import explored
from expertneurons import tables
from expertneurons.selection import expert_sets
from expertneurons.similarity import shared

if browser.CHROMIUM is None:
    pytest.skip("no chromium on the PATH: install the Debian package chromium", allow_module_level=True)

TAB = ("Tab", 9)
LEFT, RIGHT, DOWN = ("ArrowLeft", 37), ("ArrowRight", 39), ("ArrowDown", 40)


@pytest.fixture(scope="module")
def page(explored_page: explored.Explored) -> Iterator[browser.Page]:
    with browser.page() as opened:
        opened.open(explored_page.page, 1280)
        yield opened


def visit(page: browser.Page, explored_page: explored.Explored, state: str) -> None:
    """Open the page in a state of its address."""
    page.ask("Page.navigate", url="about:blank")
    page.open(explored_page.page, 1280, fragment=state)


def reach(page: browser.Page, wanted: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(40):
        page.press(*TAB)
        if page.run("document.activeElement.id") == wanted:
            return
    raise AssertionError(f"Tab does not reach {wanted!r}")


def fact(page: browser.Page, name: str) -> str:
    script = f"[...document.querySelectorAll('#facts div')].find(d => d.firstChild.textContent === {name!r})"
    return str(page.run(f"{script}.lastChild.firstChild.textContent"))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_complains_or_scrolls_sideways(
    width: int, dark: bool, page: browser.Page, explored_page: explored.Explored
) -> None:
    page.open(explored_page.page, width, dark=dark)
    assert page.run("document.documentElement.scrollWidth") <= page.run("innerWidth")
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is not dark
    assert page.complaints == []
    assert all(address.startswith(("file:", "about:")) for address in page.requests)


@pytest.mark.parametrize("limit", [0.4, 0.45, 0.5])
def test_the_page_counts_what_the_tables_hold(
    limit: float, page: browser.Page, explored_page: explored.Explored, done: audited.Audited
) -> None:
    visit(page, explored_page, f"a=cat&b=ice+cream&t={limit}")
    experts = tables.read(done.folder / "experts.parquet")
    names = tables.read(done.folder / "concepts.parquet")["concept"].tolist()
    sets = expert_sets(experts, 4, len(tables.read(done.folder / "units.parquet")), threshold=limit)
    common, sizes = shared(sets)
    a, b = names.index("cat"), names.index("ice cream")
    assert fact(page, "Shared experts") == f"{common[a, b]:.0f}"
    assert fact(page, "Experts of cat") == f"{sizes[a]:.0f}"
    assert fact(page, "Jaccard overlap") == f"{common[a, b] / (sizes[a] + sizes[b] - common[a, b]):.3f}"
    norm = tables.read(explored_page.folder / "toy.parquet")
    rated = norm[(norm["word1"].isin(names[a : a + 1])) & (norm["word2"] == "ice cream")]["rating"].tolist()
    assert [float(fact(page, "Toy & norm"))] == rated


def test_shared_experts_by_layer_add_up(page: browser.Page, explored_page: explored.Explored) -> None:
    visit(page, explored_page, "a=cat&b=ice+cream&t=0.4")
    counts = page.run(
        "[...document.querySelectorAll('#layers .bars > span:nth-child(3n)')].map(s => parseInt(s.innerText))"
    )
    assert len(counts) == 2
    assert sum(counts) == int(fact(page, "Shared experts")) > 0
    assert page.run("document.querySelectorAll('#units details').length") == min(12, sum(counts))
    assert page.run("document.querySelectorAll('#units details[open] li').length") == 3


def test_the_threshold_moves_by_keyboard_and_is_told(page: browser.Page, explored_page: explored.Explored) -> None:
    visit(page, explored_page, "a=cat&b=ice+cream&t=0.5")
    before = page.run("document.getElementById('matrix').toDataURL()")
    said = page.run("document.getElementById('said').innerText")
    assert "rho" in said
    reach(page, "t")
    page.press(*LEFT)
    assert page.run("document.getElementById('limit').innerText") == "AP >= 0.475"
    assert "0.475" in page.run("document.getElementById('t').getAttribute('aria-valuetext')")
    assert page.run("location.hash") == "#a=cat&b=ice+cream&t=0.475"
    assert "no interval" in page.run("document.getElementById('people').innerText")
    assert page.run("document.getElementById('said').innerText") != said
    page.press(*RIGHT)
    assert "no interval between" not in page.run("document.querySelector('#people div > p').innerText")
    assert page.run("document.getElementById('matrix').toDataURL()") == before
    page.run("state.t = 0; tell();")
    assert page.run("document.getElementById('matrix').toDataURL()") != before


def test_concepts_are_picked_by_keyboard(page: browser.Page, explored_page: explored.Explored) -> None:
    visit(page, explored_page, "a=cat&b=ice+cream&t=0.5")
    reach(page, "a")
    page.press("d", 68, "d")
    assert page.run("concepts[state.a].name") == "dog's dinner"
    reach(page, "matrix")
    page.press(*DOWN)
    assert page.run("location.hash") == "#a=late+delivery&b=ice+cream&t=0.5"
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    label = page.run("document.getElementById('matrix').getAttribute('aria-label')")
    assert page.run("concepts[state.a].name") in label


def test_swap_and_the_rated_pairs(page: browser.Page, explored_page: explored.Explored) -> None:
    visit(page, explored_page, "a=cat&b=ice+cream&t=0.5")
    page.run("document.getElementById('swap').click()")
    assert page.run("location.hash") == "#a=ice+cream&b=cat&t=0.5"
    ratings = page.run(
        "[...document.querySelectorAll('#rated optgroup option')].map(o => Number(o.text.split(': ')[1]))"
    )
    assert ratings == sorted(ratings, reverse=True)
    assert len(ratings) == 6


def test_every_control_has_a_name(page: browser.Page) -> None:
    named = "own.labels?.length || own.getAttribute('aria-label') || own.innerText.trim()"
    script = f"[...document.querySelectorAll('select, input, button, canvas')].filter(own => !({named})).length"
    assert page.run(script) == 0


def test_markup_in_sentences_is_shown_and_not_run(page: browser.Page, explored_page: explored.Explored) -> None:
    visit(page, explored_page, "a=dog's+dinner&b=late+delivery&t=0.5")
    assert "<script>alert(1)</script>" in page.run("document.getElementById('texts').innerText")
    assert page.run("document.querySelectorAll('main script, main img').length") == 0


def test_concepts_are_never_the_same(page: browser.Page, explored_page: explored.Explored) -> None:
    visit(page, explored_page, "a=cat&b=cat&t=0.5")
    assert page.run("state.a !== state.b")
    page.run("choose(state.b, state.b)")
    assert page.run("state.a !== state.b")
    visit(page, explored_page, "a=nobody&t=7")
    assert page.run("grid[state.t].threshold") == np.max(explored.THRESHOLDS)
