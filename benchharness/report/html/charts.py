"""Charts as inline SVG, drawn by matplotlib.

Colours are placeholders that become CSS variables of the page, so that a chart follows light and
dark. Names of models stand on axes only where they must; legends are the page's own. A series is
told by the shape of its points, for those who do not see its colour.
"""

from __future__ import annotations

import html
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any, cast

from benchharness.judge.numbers import order
from benchharness.report.wording import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES = 8  # colours that are told apart; more series begin again
# Shapes of points, and how the page's legend writes them; then the same again, hollow.
_SHAPES, GLYPHS = ("o", "s", "^", "D", "v", "*"), "●■▲◆▼★○□△◇▽☆"
_WIDTH = 5.6  # inches of 72 units each: letters stay legible where a phone shrinks it to fit
_LONGEST_NAME = 32
_MOST_POINTS = 20  # more on one line would hide it
# Placeholders: never drawn, replaced by the page's variables.
_INK, _MUTED, _GRID, _BAND, _GOOD, _BAD, _PAPER = (
    "#a0000a", "#a0000b", "#a0000c", "#a0000d", "#a0000e", "#a0000f", "#a00009",
)  # fmt: skip
_VARIABLES = {
    _INK: "ink", _MUTED: "muted", _GRID: "line", _BAND: "band", _GOOD: "good", _BAD: "bad",
    _PAPER: "paper",
    **{f"#a0001{number}": f"series-{number + 1}" for number in range(SERIES)},
}  # fmt: skip
_PLACEHOLDER = re.compile("|".join(_VARIABLES))
_OWN_ID = re.compile(r'(\bid="|url\(#|href="#)')
# Attributes have no bare ">": what is not a tag is text, and a name is left as it is.
_TAG = re.compile(r"<[^>]*>")
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: it is searched, copied and takes the page's font
    "svg.hashsalt": "benchharness",  # so that the same chart is the same bytes
    "font.size": 10.0,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _MUTED,
    "ytick.color": _INK,
    "text.color": _INK,
    "grid.color": _GRID,
    "axes.grid": True,
    "axes.axisbelow": True,
    "text.parse_math": False,  # a dollar sign in a model's name is a dollar sign
}


@dataclass(frozen=True)
class Whisker:
    """A value with its interval, and the floors that it is held against."""

    name: str
    value: float
    low: float
    high: float
    floors: tuple[float, ...] = ()


@dataclass(frozen=True)
class Line:
    """A series of points in order of x; `color` counts from 0."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    color: int = 0
    is_dashed: bool = False


@dataclass(frozen=True)
class Spot:
    """A model at a cost (x) and a quality (y)."""

    name: str
    x: float
    y: float
    color: int = 0
    is_on_front: bool = False


def whiskers(
    key: str,
    title: str,
    rows: Sequence[Whisker],
    *,
    band: tuple[float, float] | None = None,
    ceiling: float | None = None,
) -> str:
    """A dot and a whisker for each row, the first on top, and a stroke at each of its floors.

    band: between two thresholds. ceiling: what no ranker gets beyond.
    """
    with _figure(key, title, height=0.75 + 0.3 * len(rows)) as (axes, finished):
        places = list(range(len(rows)))
        for place, row in zip(places, rows, strict=True):
            axes.plot([row.low, row.high], [place, place], color=_color(0), lw=2.2,
                      solid_capstyle="round")  # fmt: skip
            axes.plot([row.value], [place], "o", color=_color(0), ms=6)
            for floor in row.floors:
                axes.plot([floor, floor], [place - 0.32, place + 0.32], color=_BAD, lw=1.6)
        if band is not None:
            axes.axvspan(*band, color=_BAND, lw=0)
        if ceiling is not None:
            axes.axvline(ceiling, color=_MUTED, lw=1.2, ls=(0, (4, 3)))
        axes.set_yticks(places, _short([row.name for row in rows]))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(*_limits(rows, band, ceiling))
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    return finished[0]


def lines(
    key: str,
    title: str,
    series: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    is_log: bool = False,
    ticks: Sequence[tuple[float, str]] = (),
    height: float = 2.6,
) -> str:
    """Lines with a point at each value, or at some of very many.

    ticks: (x, word) in place of the library's own; a logarithmic axis needs them.
    """
    with _figure(key, title, height=height) as (axes, finished):
        for one in series:
            every = max(1, len(one.xs) // _MOST_POINTS)
            axes.plot(one.xs, one.ys, lw=1.8, ls="--" if one.is_dashed else "-",
                      markevery=every, **_point(one.color, 4.5))  # fmt: skip
        if is_log:
            axes.set_xscale("log")
        if ticks:
            axes.set_xticks([x for x, _ in ticks], [word for _, word in ticks])
            axes.minorticks_off()
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
    return finished[0]


def spots(key: str, title: str, points: Sequence[Spot], *, x_label: str, y_label: str) -> str:
    """A point for each model; those on the front are ringed and joined."""
    with _figure(key, title, height=2.9) as (axes, finished):
        front = sorted((one.x, one.y) for one in points if one.is_on_front)
        if len(front) > 1:
            axes.plot([x for x, _ in front], [y for _, y in front], color=_MUTED, lw=1, ls=":")
        for one in points:
            if one.is_on_front:
                axes.plot([one.x], [one.y], "o", ms=15, mec=_MUTED, mew=1, mfc="none")
            axes.plot([one.x], [one.y], ls="", **_point(one.color, 7.5))
        xs = [one.x for one in points]
        if min(xs) > 0 and max(xs) > 8 * min(xs):
            axes.set_xscale("log")
            ticks = _steps(min(xs), max(xs))
            axes.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
            axes.minorticks_off()
        axes.margins(0.1)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
    return finished[0]


def moves(key: str, title: str, rows: Sequence[tuple[str, float, float]], *, x_label: str) -> str:
    """An arrow from before to after for each (name, before, after), the first on top."""
    with _figure(key, title, height=0.75 + 0.3 * len(rows)) as (axes, finished):
        for place, (_, before, after) in enumerate(rows):
            color = (_MUTED, _GOOD, _BAD)[order(after, before)]
            axes.plot([before, after], [place, place], color=color, lw=2, solid_capstyle="round")
            axes.plot([before], [place], "o", ms=5.5, mfc=_PAPER, mec=_MUTED, mew=1.5)
            axes.plot([after], [place], "o", ms=6, color=color)
        axes.set_yticks(list(range(len(rows))), _short([name for name, _, _ in rows]))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.06)
        axes.set_xlabel(x_label)
    return finished[0]


@contextmanager
def _figure(key: str, title: str, *, height: float) -> Iterator[tuple[Axes, list[str]]]:
    """Axes to draw on; the finished SVG is in the list afterwards.

    Nothing of matplotlib's state is changed for others: no pyplot, and settings for this alone.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    finished: list[str] = []
    with mpl.rc_context(cast("Any", _STYLE)), warnings.catch_warnings():
        # Only widths are reckoned with its own font; the page draws the letters.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        yield axes, finished
        finished.append(_svg(figure, key, title))


def _svg(figure: Figure, key: str, title: str) -> str:
    """The figure without a prolog, its colours as variables and its ids its own."""
    out = StringIO()
    figure.savefig(out, format="svg")
    text = out.getvalue()
    text = text[text.index("<svg") :]
    head, _, body = text.partition(">")
    box = re.search(r'viewBox="[^"]+"', head)
    # When and by what it was drawn would make every page another one.
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = _TAG.sub(lambda tag: _of_page(tag[0], key), body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{box[0] if box else ""} role="img" aria-labelledby="{key}-title">'
        f'<title id="{key}-title">{html.escape(one_line(title))}</title>{body.strip()}'
    )


def _of_page(tag: str, key: str) -> str:
    """The tag with the page's colours, and with an id that no other chart has."""
    colored = _PLACEHOLDER.sub(lambda found: f"var(--{_VARIABLES[found[0]]})", tag)
    return _OWN_ID.sub(rf"\g<1>{key}-", colored)


def _point(number: int, size: float) -> dict[str, Any]:
    """How the points of a series look: its colour, its shape, filled or hollow."""
    color = _color(number)
    is_hollow = number % len(GLYPHS) >= len(_SHAPES)
    # A star is smaller than a circle of its size.
    wide = 1.5 * size if _SHAPES[number % len(_SHAPES)] == "*" else size
    return {
        "color": color, "marker": _SHAPES[number % len(_SHAPES)], "ms": wide, "mec": color,
        "mew": 1.4, "mfc": _PAPER if is_hollow else color,
    }  # fmt: skip


def _steps(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from low to high; of a wide range the powers alone.

    The library would write powers as formulas, which names must not be.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if high < 200 * low else (1,)
    every = [factor * 10.0**power for power in powers for factor in factors]
    return [tick for tick in every if low <= tick <= high]


def _color(number: int) -> str:
    return f"#a0001{number % SERIES}"


def _limits(
    rows: Sequence[Whisker], band: tuple[float, float] | None, ceiling: float | None
) -> tuple[float, float]:
    """Ends that hold everything drawn and a little air, and stop at 0 and 1 where values do.

    A value that is not finite is not drawn.
    """
    every = [end for row in rows for end in (row.low, row.high, *row.floors)]
    every += [*(band or ()), *([ceiling] if ceiling is not None else [])]
    finite = [end for end in every if math.isfinite(end)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    air = 0.06 * ((high - low) or 0.1)
    return (max(low - air, 0.0) if low >= 0 else low - air), (
        min(high + air, 1.0) if high <= 1 else high + air
    )


def _short(names: Sequence[str]) -> list[str]:
    """The names on one line each; of long ones both ends, and more where two would be equal."""
    lines = [one_line(name) for name in names]
    for most in (_LONGEST_NAME, 2 * _LONGEST_NAME, 4 * _LONGEST_NAME):
        half = (most - 1) // 2
        shown = [line if len(line) <= most else f"{line[:half]}…{line[-half:]}" for line in lines]
        if len(set(shown)) == len(set(lines)):
            return shown
    return lines
