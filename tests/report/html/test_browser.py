"""The page in a real browser: it asks nothing, runs nothing of a corpus, and can be used."""

from dataclasses import replace

import pytest

from benchharness.judge.exhibit import Exhibit, ShownDocument, ShownQuery
from benchharness.report.model import Report

pytestmark = pytest.mark.slow

SIZES = [(1280, 800), (390, 844)]
VISIBLE = """(() => {
  const box = document.querySelector(".verdict").getBoundingClientRect();
  return box.height > 0 && box.top >= 0 && box.bottom <= window.innerHeight;
})()"""
# Words whose colour is too near that of what lies behind them.
TOO_FAINT = r"""(() => {
  const parse = (text) => text.match(/[\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((one) => one / 255)
    .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    if (!own || !node.checkVisibility() || node.closest("script, noscript, title, style")) continue;
    const style = getComputedStyle(node);
    const ink = node.closest("svg") ? style.fill : style.color;
    const sides = [light(parse(ink)), light(behind(node))].sort((a, b) => b - a);
    const contrast = (sides[0] + 0.05) / (sides[1] + 0.05);
    const name = `${node.tagName}.${node.className.baseVal ?? node.className}`;
    if (contrast < 4.5) found.add(`${name} ${ink} ${contrast.toFixed(2)}`);
  }
  return [...found];
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


def test_an_id_is_never_a_name_of_the_script(browser, page, assess):
    """Rule: documents may be called as what every object of a browser has, and have no text."""
    names = ("constructor", "toString", "__proto__", "hasOwnProperty")
    shown = tuple(
        ShownQuery(name, "", {"recall@10": 0.0}, (ShownDocument(name, 1, 3),), 1_200, ())
        for name in names
    )
    found = replace(assess(), exhibit=Exhibit(queries=shown))
    browser.open(page(Report.of([found])))

    assert browser.run(typed("tostring")) == 1
    relevant = browser.run('document.querySelector("#explorer tbody .relevant").innerText')
    assert relevant.split("\n") == ["toString rank 3", "and 1,199 more"]
    assert browser.run(typed("")) == 4
    assert browser.log("browser") == []


def test_a_text_unfolds(browser, page, whole):
    """Rule: a document is a <details>, which the keyboard opens too; its text is in it."""
    opened = """(() => {
      const one = document.querySelector("#explorer tbody .instead details");
      const before = one.querySelector("p").checkVisibility();
      one.querySelector("summary").click();
      return [before, one.querySelector("p").checkVisibility(), one.querySelector("p").innerText];
    })()"""
    browser.open(page(whole))

    assert browser.run(opened) == [False, True, "text of q:new.add"]


def test_on_paper_everything_is_open(browser, page, whole):
    """Rule: no controls, no scrolling table, and afterwards closed again what was closed."""
    closed = 'document.querySelectorAll("details:not([open])").length'
    fits = """[...document.querySelectorAll(".scroll")].every(
        (one) => one.scrollHeight <= one.clientHeight + 2)"""
    browser.open(page(whole))
    before = browser.run(closed)
    assert before > 10
    assert not browser.run(fits)

    browser.run('window.dispatchEvent(new Event("beforeprint"))')
    assert browser.run(closed) == 0
    browser.devtools("Emulation.setEmulatedMedia", {"media": "print"})
    controls = browser.run('getComputedStyle(document.querySelector(".controls")).display')
    assert (controls, browser.run(fits)) == ("none", True)

    browser.devtools("Emulation.setEmulatedMedia", {"media": ""})
    browser.run('window.dispatchEvent(new Event("afterprint"))')
    assert browser.run(closed) == before


def test_without_scripts_the_page_says_what_is_missing(browser, page, whole):
    """Rule: verdict, tables and charts need none; the queries are named as a file."""
    browser.devtools("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(page(whole))
        tree = browser.devtools("DOMSnapshot.captureSnapshot", {"computedStyles": []})
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", {"value": False})

    drawn = [
        tree["strings"][place] for place in tree["documents"][0]["layout"]["text"] if place >= 0
    ]
    assert any("1 of 1 gate not passed" in text for text in drawn)
    assert any("Without scripts this table stays empty" in text for text in drawn)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_can_be_read(browser, page, whole, scheme):
    """Rule: contrast of 4.5 to 1 or more with what lies behind (WCAG 2.2, 1.4.3)."""
    feature = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.devtools("Emulation.setEmulatedMedia", {"features": feature})
    browser.open(page(whole))

    assert browser.run(TOO_FAINT) == []
