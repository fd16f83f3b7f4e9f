"""Charts: what is drawn stands in the SVG, in the page's colours, and names are literal."""

import re
from xml.etree import ElementTree

import pytest

from benchharness.report.html import charts
from benchharness.report.html.charts import Line, Spot, Whisker


def whisker(name="minilm", value=0.7, floors=(0.65,)):
    return Whisker(name, value, value - 0.05, value + 0.05, floors)


MADE = {
    "whiskers": lambda key="k": charts.whiskers(
        key, "title", [whisker(), whisker("bm25", 0.4, ())], band=(0.65, 0.8), ceiling=0.9),
    "lines": lambda key="k": charts.lines(
        key, "title", [Line("a", [1, 10, 100], [0.1, 0.5, 0.9])], x_label="k", y_label="recall@k",
        is_log=True, ticks=[(1.0, "1"), (10.0, "10"), (100.0, "100")]),
    "spots": lambda key="k": charts.spots(
        key, "title", [Spot("a", 64, 0.5, 0, is_on_front=True), Spot("b", 2048, 0.4, 1)],
        x_label="bytes", y_label="recall@10"),
    "moves": lambda key="k": charts.moves(
        key, "title", [("fold 1", 0.3, 0.5), ("fold 2", 0.3, 0.2)], x_label="recall@10"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MADE)
def test_a_chart_is_xml_with_its_title(kind):
    """Rule: one root, named for readers that hear it, without size: it fills its place."""
    root = ElementTree.fromstring(MADE[kind]())

    assert root.tag.endswith("svg")
    assert root.get("role") == "img"
    assert root[0].tag.endswith("title")
    assert (root[0].text, root[0].get("id")) == ("title", root.get("aria-labelledby"))
    assert root.get("width") is None
    assert root.get("viewBox")


@pytest.mark.parametrize("kind", MADE)
def test_every_colour_is_one_of_the_page(kind):
    """Rule: light and dark are the page's business; no placeholder and no colour is left."""
    text = MADE[kind]()

    assert "a0000" not in text
    colors = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", text))
    assert colors
    assert all(one == "none" or one.startswith("var(--") for one in colors), colors


@pytest.mark.parametrize("kind", MADE)
def test_the_same_chart_is_the_same_bytes(kind):
    assert MADE[kind]() == MADE[kind]()


@pytest.mark.parametrize("kind", MADE)
def test_ids_of_two_charts_never_meet(kind):
    """Rule: every id begins with the chart's key, and so does what refers to it."""
    first, second = MADE[kind]("one"), MADE[kind]("two")

    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in (first, second)]
    assert not ids[0] & ids[1]
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', first))
    assert used <= ids[0]


@pytest.mark.parametrize("name", [
    "$x^2$", "a_b", "<b>&", "%s \\frac", "東京 مرحبا", "_hidden", 'id="a" #a0000a', "url(#x)",
])  # fmt: skip
def test_names_are_literal(name):
    """Rule: no formula, no markup, no placeholder of ours; letters that matplotlib's font lacks
    are no warning.
    """
    root = ElementTree.fromstring(charts.whiskers("k", name, [whisker(name)]))

    texts = ["".join(one.itertext()) for one in root.iter() if one.tag.endswith("text")]
    assert name in texts
    assert root[0].text == name


@pytest.mark.parametrize(("xs", "ticks"), [
    ([64, 256, 4_096], ["100", "200", "500", "1,000", "2,000"]),
    ([8, 64_000], ["10", "100", "1,000", "10,000"]),
    ([0.02, 0.9], ["0.02", "0.05", "0.1", "0.2", "0.5"]),
    ([100, 300], ["100", "150", "200", "250", "300"]),
])  # fmt: skip
def test_costs_are_written_as_numbers(xs, ticks):
    """Rule: no formula stands on an axis: they are not read as such, for the sake of names."""
    points = [Spot(f"m{n}", float(x), 0.5, n) for n, x in enumerate(xs)]

    root = ElementTree.fromstring(charts.spots("k", "t", points, x_label="x", y_label="y"))

    below = [
        "".join(one.itertext())
        for group in root.iter()
        if re.fullmatch("k-xtick_\\d+", group.get("id") or "")
        for one in group.iter()
        if one.tag.endswith("text")
    ]
    assert [word for word in below if word] == ticks
    assert "$" not in "".join(root.itertext())


def test_control_characters_are_made_visible():
    """Rule: XML has no NUL."""
    root = ElementTree.fromstring(charts.whiskers("k", "t\x00", [whisker("a\x00b\nc")]))

    assert "a\\x00b\\nc" in "".join(root.itertext())


def test_of_a_long_name_both_ends_are_shown():
    text = charts.whiskers("k", "t", [whisker("start" + "x" * 200 + "end")])

    assert "startxxx" in text
    assert "xxxend" in text
    assert "x" * 60 not in text


def test_names_that_would_be_cut_until_they_are_equal_are_longer():
    """Rule: no two models have one name on an axis."""
    names = [f"sentence-transformers/{one}@max_length=128,dim=64" for one in ("MiniLM", "mpnet")]
    root = ElementTree.fromstring(charts.whiskers("k", "t", [whisker(name) for name in names]))

    texts = {"".join(one.itertext()) for one in root.iter() if one.tag.endswith("text")}
    assert len({text for text in texts if "sentence-transf" in text}) == 2


def test_nothing_of_matplotlib_is_changed_for_others():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    MADE["lines"]()

    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_values_at_the_ends_are_drawn(value):
    """Rule: an interval without width, at 0 or 1, is no error."""
    text = charts.whiskers("k", "t", [Whisker("a", value, value, value)])

    assert "svg" in text


def test_a_value_that_is_not_finite_is_no_error():
    """Rule: a model whose vectors broke has a row without a dot; the others keep theirs."""
    nan = float("nan")

    broken = charts.whiskers("k", "t", [Whisker("a", nan, nan, nan), whisker("b")])
    alone = charts.whiskers("k", "t", [Whisker("a", nan, nan, nan)])

    assert dots(broken) == 1
    assert dots(alone) == 0


def test_series_are_told_apart_without_their_colour():
    """Rule: twelve shapes; each series has one, and the legend writes it."""
    several = [Line(f"m{n}", [1, 2], [0.1 * n, 0.1 * n + 0.1], n) for n in range(12)]

    root = ElementTree.fromstring(charts.lines("k", "t", several, x_label="x", y_label="y"))

    shapes = set()
    for group in (one for one in root.iter() if re.match("k-line2d_", one.get("id") or "")):
        paths = [one for one in group.iter() if one.tag.endswith("path") and one.get("id")]
        uses = [one for one in group.iter() if one.tag.endswith("use")]
        if len(uses) == 2:  # ticks have one
            is_hollow = "fill: var(--paper)" in uses[0].get("style")
            shapes.add((" ".join(paths[0].get("d").split()), is_hollow))
    assert len(shapes) == 12
    assert len(set(charts.GLYPHS)) == 12


@pytest.mark.parametrize("kind", MADE)
def test_a_chart_does_not_tell_when_it_was_drawn(kind):
    """Rule: the same report gives the same bytes on another day, too."""
    text = MADE[kind]()

    assert "metadata" not in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text)


def ink(text, color):
    """Paths and marks in a colour of the page."""
    return len(re.findall(rf'<(?:path|use) [^>]*style="[^"]*var\(--{color}\)', text))


def test_floors_thresholds_and_ceiling_are_drawn():
    """Rule: a red stroke for each floor, the band behind, the ceiling as an upright dashed line."""
    bare = charts.whiskers("k", "t", [whisker(floors=())])
    full = charts.whiskers("k", "t", [whisker(floors=(0.6, 0.65))], band=(0.65, 0.8), ceiling=0.9)

    assert (ink(bare, "bad"), ink(bare, "band")) == (0, 0)
    assert (ink(full, "bad"), ink(full, "band")) == (2, 1)
    assert "stroke-dasharray" not in bare
    (dashed,) = re.findall(r'<path d="([^"]+)"[^>]*stroke-dasharray', full)
    xs, ys = zip(*re.findall(r"([\d.]+) ([\d.]+)", dashed), strict=True)
    assert len(set(xs)) == 1
    assert len(set(ys)) == 2


def test_a_fold_that_lost_is_not_green():
    """Rule: better, worse and equal (but for the last bits of a sum) have their own colours."""
    text = charts.moves(
        "k", "t", [("up", 0.3, 0.5), ("down", 0.3, 0.2), ("equal", 0.3, 0.1 + 0.2)], x_label="x"
    )

    assert ink(text, "good") == ink(text, "bad") > 0
    assert ink(text, "muted") > 0


def dots(text):
    """How many round marks were drawn: matplotlib places each by <use>."""
    return len(re.findall(r'<use [^>]*style="fill: var\(--series-1\)', text))
