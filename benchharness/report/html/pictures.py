"""Which charts the page has, and what is drawn in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.judge.numbers import format_threshold
from benchharness.report.html import charts
from benchharness.report.html.charts import Line, Spot, Whisker
from benchharness.report.wording import of_suite, one_line

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.judge.leaderboard import Leaderboard
    from benchharness.report.model import Report
    from benchharness.train.tuning import Tuning

_FRONT_COSTS = (
    ("bytes_per_vector", "bytes of the index per document", 1.0),
    ("latency_ms", "milliseconds a query (median)", 1.0),
    ("size_bytes", "weights in MB", 1e6),
    ("speed", "speed relative to the first encoder (more is better)", -1.0),
)
_FEW = 3  # two models are a line in any case


@dataclass(frozen=True)
class Picture:
    """A chart with its heading; legend: (name, number of its colour, shape of its points)."""

    title: str
    svg: str
    legend: tuple[tuple[str, int, str], ...] = ()
    note: str = ""


def interval_charts(report: Report) -> dict[str, Picture]:
    """Suite -> the first measure of its models with intervals, thresholds, floors and ceiling."""
    found: dict[str, Picture] = {}
    for number, suite in enumerate(report.suites):
        own = [one for one in of_suite(report, suite) if one.estimates]
        measure = next(iter(own[0].estimates), "") if own else ""
        rows = [_whisker(one, measure) for one in own if measure in one.estimates]
        if rows:
            band, ceiling = _band(own, measure), _ceiling(own, measure)
            title = f"{one_line(suite)}: {measure} with 95 % intervals"
            svg = charts.whiskers(f"ci{number}", title, rows, band=band, ceiling=ceiling)
            found[suite] = Picture(title, svg, note=_key_of(rows, band, ceiling))
    return found


def _band(found: Sequence[Assessment], measure: str) -> tuple[float, float] | None:
    """The thresholds of the decision, where it reads this measure."""
    for one in found:
        thresholds = one.decision.evidence.get("thresholds")
        if one.decision.measure.endswith(measure) and isinstance(thresholds, Mapping):
            tune, skip = thresholds.get("tune"), thresholds.get("skip")
            if isinstance(tune, float) and isinstance(skip, float):
                return tune, skip
    return None


def _whisker(one: Assessment, measure: str) -> Whisker:
    found = one.estimates[measure]
    floors = {
        verdict.minimum
        for verdict in one.verdicts
        if verdict.measure == measure and verdict.minimum is not None
    }
    return Whisker(one.result.model, found.value, *found.ci95, tuple(sorted(floors)))


def _ceiling(found: Sequence[Assessment], measure: str) -> float | None:
    """What no ranker gets beyond, where that is below 1."""
    known = (one.estimates[measure].ceiling for one in found if measure in one.estimates)
    return next((value for value in known if value is not None and value < 1), None)


def _key_of(
    rows: Sequence[Whisker], band: tuple[float, float] | None, ceiling: float | None
) -> str:
    """What the marks of the chart mean, in a sentence."""
    said = []
    if any(row.floors for row in rows):
        said.append("red strokes: floors of the model")
    if band is not None:
        low, high = map(format_threshold, band)
        said.append(f"grey: from {low} (below it tuning pays) to {high} (above it hardly)")
    if ceiling is not None:
        said.append("dashed: the ceiling of any ranker")
    return "; ".join(said)


def recall_charts(report: Report) -> Iterator[Picture]:
    """Yields recall@k over k of each suite, a line for each model."""
    for number, suite in enumerate(report.suites):
        own = [one for one in of_suite(report, suite) if len(one.exhibit.recall_at) > 1]
        if not own:
            continue
        series = [
            Line(one.result.model, [*found], [*found.values()], place)
            for place, one in enumerate(own)
            if (found := one.exhibit.recall_at)
        ]
        ticks = [(float(k), f"{k:,}") for k in max((one.exhibit.recall_at for one in own), key=len)]
        title = f"{one_line(suite)}: recall@k"
        svg = charts.lines(f"rk{number}", title, series, x_label="k", y_label="recall@k",
                           is_log=True, ticks=ticks)  # fmt: skip
        yield Picture(title, svg, _legend(series))


def front_charts(boards: Sequence[Leaderboard]) -> Iterator[Picture]:
    """Yields quality against size and speed, for each board whose rows differ in it."""
    for number, board in enumerate(boards):
        for cost, label, unit in _FRONT_COSTS:
            rows = [row for row in board.standings if getattr(row, cost) is not None]
            if len(rows) < _FEW or len({getattr(row, cost) for row in rows}) < 2:
                continue
            # Speed is better where there is more of it, all other costs where there is less.
            costs = [float(getattr(row, cost)) / unit for row in rows]
            front = _front(costs, [row.value for row in rows])
            points = [
                Spot(row.spec, abs(x), row.value, place, is_on_front=place in front)
                for place, (row, x) in enumerate(zip(rows, costs, strict=True))
            ]
            title = f"{one_line(board.suite)}: {board.measure} against {label}"
            key = f"pf{number}{cost}"
            svg = charts.spots(key, title, points, x_label=label, y_label=board.measure)
            legend = tuple(_entry(row.spec, place) for place, row in enumerate(rows))
            yield Picture(title, svg, legend, "ringed: no other model is better at as little cost")


def _front(costs: Sequence[float], values: Sequence[float]) -> frozenset[int]:
    """The places that no other one beats: none has a value as high at a cost as low, and one more.

    Of equal ones all are on the front.
    """
    both = list(zip(costs, values, strict=True))
    return frozenset(
        place
        for place, (cost, value) in enumerate(both)
        if not any(
            other_cost <= cost and other >= value and (other_cost, other) != (cost, value)
            for other_cost, other in both
        )
    )


def history_charts(report: Report) -> Iterator[Picture]:
    """Yields the committed values of each suite over the days, a line for each model.

    Commits of one day stand beside one another, in their order.
    """
    for number, suite in enumerate(report.suites):
        own = [one for one in report.history if one.suite == suite and len(one.points) > 1]
        measure = next((name for one in own for name in one.points[-1].means), "")
        days = sorted({point.day for one in own for point in one.points})
        if not own or not measure:
            continue
        series = []
        for place, one in enumerate(own):
            points = [point for point in one.points if measure in point.means]
            xs = _places([point.day for point in points], days)
            series.append(Line(one.model, xs, [point.means[measure] for point in points], place))
        step = max(1, len(days) // 6)
        ticks = [(float(place), days[place]) for place in range(0, len(days), step)]
        title = f"{one_line(suite)}: {measure} as committed"
        svg = charts.lines(f"hi{number}", title, series, x_label="day of the commit",
                           y_label=measure, ticks=ticks)  # fmt: skip
        notes = dict.fromkeys(one_line(one.note) for one in own if one.note)
        yield Picture(title, svg, _legend(series), "; ".join(notes))


def _places(own: Sequence[str], days: Sequence[str]) -> list[float]:
    """Where points stand: the day's number, and a share of the way to the next within a day."""
    return [
        days.index(day) + own[:place].count(day) / own.count(day) for place, day in enumerate(own)
    ]


def tuning_charts(tuning: Tuning, number: int) -> Iterator[Picture]:
    """Yields the folds, the final training's loss and dev curves, and the curve over alpha."""
    folds = [
        (one.name, one.base, one.tuned)
        for one in tuning.trainings
        if one.base is not None and one.tuned is not None
    ]
    if folds:
        title = "recall@10 by fold, base to tuned"
        svg = charts.moves(f"fo{number}", title, folds, x_label="recall@10")
        yield Picture(title, svg, note="hollow: the base model; filled: tuned, green where better")
    final = next((one for one in reversed(tuning.trainings) if one.curve.steps), None)
    if final is not None:
        steps = final.curve.steps
        loss = Line("loss", [one.epoch for one in steps], [one.loss for one in steps])
        chance = Line(
            "chance", [one.epoch for one in steps], [one.chance for one in steps], 1, is_dashed=True
        )
        title = f"loss of the training {one_line(final.name)}"
        svg = charts.lines(f"lo{number}", title, [loss, chance], x_label="epochs", y_label="nats")
        yield Picture(title, svg, _legend([loss, chance]))
        dev = final.curve.evaluations
        if len(dev) > 1:
            line = Line("dev", [one.epoch for one in dev], [one.value for one in dev], 2)
            title = "dev queries while training; epoch 0 is the base model"
            svg = charts.lines(f"de{number}", title, [line], x_label="epochs", y_label="dev value")
            yield Picture(title, svg)
    yield from _alpha(tuning, number)
    yield from _dimensions(tuning, number)


def _dimensions(tuning: Tuning, number: int) -> Iterator[Picture]:
    """Yields base and tuned model over the dimensions that vectors are cut to."""
    cut = sorted(tuning.dimensions.items())
    if len(cut) > 1:
        xs = [float(dimension) for dimension, _ in cut]
        series = [
            Line("base", xs, [one.base for _, one in cut], 1),
            Line("tuned", xs, [one.tuned for _, one in cut], 0),
        ]
        ticks = [(x, f"{x:,.0f}") for x in xs]
        title = f"{cut[0][1].measure} with vectors cut to each dimension"
        svg = charts.lines(f"di{number}", title, series, x_label="dimension",
                           y_label=cut[0][1].measure, is_log=True, ticks=ticks)  # fmt: skip
        yield Picture(title, svg, _legend(series))


def _alpha(tuning: Tuning, number: int) -> Iterator[Picture]:
    names = (("dev", 0), ("guard", 1))
    series = []
    for name, color in names:
        known = [one for one in tuning.averaging if getattr(one, name) is not None]
        if len(known) > 1:
            xs, ys = [one.alpha for one in known], [float(getattr(one, name)) for one in known]
            series.append(Line(name, xs, ys, color))
    if series:
        title = "share of the tuned weights in the average with the base's"
        svg = charts.lines(f"al{number}", title, series, x_label="share", y_label="value")
        yield Picture(title, svg, _legend(series))


def _legend(series: Sequence[Line]) -> tuple[tuple[str, int, str], ...]:
    return tuple(
        _entry(f"{one.name} (dashed)" if one.is_dashed else one.name, one.color) for one in series
    )


def _entry(name: str, number: int) -> tuple[str, int, str]:
    return one_line(name), number % charts.SERIES, charts.GLYPHS[number % len(charts.GLYPHS)]
