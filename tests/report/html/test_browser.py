"""The page in a real browser: it asks nothing, runs nothing of a corpus, and can be used."""

import pytest

pytestmark = pytest.mark.slow

SIZES = [(1280, 800), (390, 844)]
VISIBLE = """(() => {
  const box = document.querySelector(".verdict").getBoundingClientRect();
  return box.height > 0 && box.top >= 0 && box.bottom <= window.innerHeight;
})()"""
ROWS = 'document.querySelectorAll("#explorer tbody tr").length'


def typed(text):
    return f"""(() => {{
      const field = document.getElementById("search");
      field.value = {text!r};
      field.dispatchEvent(new Event("input"));
      return {ROWS};
    }})()"""


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_verdict_is_seen_without_scrolling(browser, page, whole, width, height):
    """Rule: on a desk and on a phone, and nothing is wider than the window."""
    browser.open(page(whole), width, height)

    assert browser.run(VISIBLE)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert "1 of 1 gate not passed" in browser.run('document.querySelector(".verdict").innerText')


def test_the_page_asks_for_itself_alone(browser, page, whole):
    """Rule: opened from disk, no request and no message on the console."""
    browser.open(page(whole))
    browser.run("document.title")

    assert [url for url in browser.requests() if not url.startswith(("file:", "data:"))] == []
    assert browser.log("browser") == []


def test_queries_are_searched(browser, page, whole):
    """Rule: by query, id and the documents' texts, without regard to case."""
    browser.open(page(whole))

    assert browser.run(ROWS) == 45
    assert browser.run(typed("TEXT OF q:sympy.0004")) == 1
    assert browser.run(typed("new.mul")) == 33
    assert browser.run(typed("nothing of it")) == 0
    assert browser.run('document.getElementById("count").textContent') == "0 of 45 queries"


def test_queries_are_sorted_by_a_click_on_their_column(browser, page, whole):
    """Rule: the worst loss first, then the other way round; the column says which."""
    first = 'document.querySelector("#explorer tbody .value").textContent'
    click = """(() => {
      document.querySelector('#explorer [data-sort="by"]').click();
      return document.querySelector('#explorer [data-sort="by"]').closest("th").ariaSort;
    })()"""
    browser.open(page(whole))

    assert browser.run(first) == "1.0000 → 0.0000 lost"
    assert browser.run(click) == "descending"
    assert browser.run(first) == "0.0000 → 1.0000 won"


def test_lost_and_won_are_told_apart(browser, page, whole):
    chosen = """(() => {
      const sign = document.getElementById("sign");
      sign.value = "won";
      sign.dispatchEvent(new Event("change"));
      return document.querySelectorAll("#explorer tbody tr").length;
    })()"""
    browser.open(page(whole))

    assert browser.run(chosen) == 12


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_of_a_hostile_corpus_is_run(browser, page, hostile, width, height):
    """Rule: every text is shown as it is, and none breaks the layout."""
    browser.open(page(hostile), width, height)

    assert browser.run("window.pwned === undefined")
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert (
        browser.run("document.querySelectorAll('main img, main script, main iframe').length") == 0
    )
    assert browser.run("document.querySelectorAll('a[href^=\"javascript\"]').length") == 0
    assert browser.log("browser") == []
    tables = browser.run('document.getElementById("which").options.length')
    assert tables == 7
    for place in range(tables):
        shown = browser.run(f"""(() => {{
          const which = document.getElementById("which");
          which.value = "{place}";
          which.dispatchEvent(new Event("change"));
          return [{ROWS}, window.pwned === undefined, document.documentElement.scrollWidth];
        }})()""")
        assert shown[:2] == [3, True]
        assert shown[2] <= width


def test_dark_and_light_are_told_apart(browser, page, whole):
    """Rule: charts follow the page, because their colours are its variables."""
    ink = 'getComputedStyle(document.querySelector(".chart svg text")).fill'
    colors = []
    for scheme in ("light", "dark"):
        feature = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.devtools("Emulation.setEmulatedMedia", {"features": feature})
        browser.open(page(whole))
        colors.append((browser.run(ink), browser.run("getComputedStyle(document.body).color")))

    assert colors[0][0] != colors[1][0]
    assert colors[0][1] != colors[1][1]


def test_a_picture_can_be_taken(browser, page, whole):
    """Rule: there is something to see."""
    browser.open(page(whole))

    assert browser.picture().startswith(b"\x89PNG")
