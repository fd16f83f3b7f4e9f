"""Which charts there are, and what is drawn in each."""

from dataclasses import replace

import pytest

from benchharness.baseline.history import History, Point
from benchharness.gate import Gate
from benchharness.judge.leaderboard import Leaderboard, Standing
from benchharness.report.html import charts, pictures
from benchharness.report.model import Report
from benchharness.train.curve import Curve, Evaluation, Step


@pytest.fixture
def drawn(monkeypatch):
    """Calls of the charts' functions, (name, positional arguments, named ones), not drawn."""
    calls = []
    for name in ("whiskers", "lines", "spots", "moves"):

        def record(*args, name=name, **named):
            calls.append((name, args, named))
            return "<svg></svg>"

        monkeypatch.setattr(charts, name, record)
    return calls


def test_an_interval_stands_with_its_floors_thresholds_and_ceiling(assess, drawn):
    """Rule: one chart a suite, by its first measure, and a sentence on every mark in it."""
    gates = [Gate.floor("recall@10", 0.6)]
    found = [assess(model="a", gates=gates, ceiling=0.95), assess(model="b", ceiling=0.95)]

    made = pictures.interval_charts(Report.of(found))

    assert list(made) == ["faq"]
    ((_, (_, _, rows), named),) = drawn
    assert [(row.name, row.floors) for row in rows] == [("a", (0.6,)), ("b", ())]
    assert (rows[0].low, rows[0].high) == found[0].estimates["recall@10"].ci95
    assert named == {"band": (0.65, 0.8), "ceiling": 0.95}
    assert "floors" in made["faq"].note
    assert "from 0.65" in made["faq"].note
    assert "ceiling" in made["faq"].note


def test_what_is_not_drawn_is_not_explained(assess, drawn):
    made = pictures.interval_charts(Report.of([assess()]))

    assert "floors" not in made["faq"].note
    assert "ceiling" not in made["faq"].note


def test_recall_over_k_has_a_line_for_each_model_that_knows_it(whole, drawn):
    """Rule: one chart a suite, k on a logarithmic axis, its own numbers as ticks."""
    first, second = pictures.recall_charts(whole)

    assert len(drawn) == 2
    _, (_, _, series), named = drawn[1]
    assert [line.name for line in series] == ["bm25", "minilm"]
    assert list(series[0].xs) == [1, 5, 10, 100]
    assert named["is_log"] is True
    assert [word for _, word in named["ticks"]] == ["1", "5", "10", "100"]
    assert [name for name, _, _ in second.legend] == ["bm25", "minilm"]
    assert first.title == "faq: recall@k"


def test_more_models_than_colours_have_other_shapes(whole, drawn):
    """Rule: the ninth has the first one's colour and not its shape."""
    many = [
        replace(one, result=replace(one.result, model=f"m{n}"))
        for n, one in enumerate([whole.assessments[1]] * 10)
    ]

    (picture,) = pictures.recall_charts(Report.of(many))

    looks = [(color, glyph) for _, color, glyph in picture.legend]
    assert looks[0][0] == looks[8][0]
    assert len(set(looks)) == 10
    assert len({glyph for _, glyph in looks}) == 10


def row(spec, value, **costs):
    return Standing(spec, value, (value, value), 0.0, None, None, is_best=False, is_tied=False,
                    **costs)  # fmt: skip


@pytest.mark.parametrize(("costs", "front"), [
    ([(0.9, 100.0), (0.8, 50.0), (0.7, 80.0)], {"m0", "m1"}),  # m2 is beaten by m1
    ([(0.9, 100.0), (0.9, 50.0), (0.7, 10.0)], {"m1", "m2"}),  # as good for less
    ([(0.9, 50.0), (0.9, 50.0), (0.7, 60.0)], {"m0", "m1"}),  # equals do not beat one another
])  # fmt: skip
def test_the_front_is_what_nothing_beats(drawn, costs, front):
    """Rule: a row is off it where another is as good and as cheap, and better in one of both."""
    rows = tuple(
        row(f"m{n}", value, bytes_per_vector=cost) for n, (value, cost) in enumerate(costs)
    )

    list(pictures.front_charts([Leaderboard("faq", "recall@10", 9, rows)]))

    ((_, (_, _, spots), _),) = drawn
    assert {one.name for one in spots if one.is_on_front} == front


def test_of_speed_more_is_better(drawn):
    rows = (row("good", 0.9, speed=0.5), row("bad", 0.8, speed=0.4), row("fast", 0.7, speed=8.0))

    list(pictures.front_charts([Leaderboard("faq", "recall@10", 9, rows)]))

    ((_, (_, _, spots), _),) = drawn
    assert {one.name: one.x for one in spots} == {"good": 0.5, "bad": 0.4, "fast": 8.0}
    assert {one.name for one in spots if one.is_on_front} == {"good", "fast"}


def test_of_latency_less_is_better(drawn):
    rows = (row("good", 0.9, latency_ms=9.0), row("bad", 0.8, latency_ms=12.0),
            row("fast", 0.7, latency_ms=0.5))  # fmt: skip

    list(pictures.front_charts([Leaderboard("faq", "recall@10", 9, rows)]))

    ((_, (_, _, spots), _),) = drawn
    assert {one.name: one.x for one in spots} == {"good": 9.0, "bad": 12.0, "fast": 0.5}
    assert {one.name for one in spots if one.is_on_front} == {"good", "fast"}


@pytest.mark.parametrize("costs", [
    [{"bytes_per_vector": 4.0}, {"bytes_per_vector": 8.0}],
    [{"bytes_per_vector": 4.0}] * 3,
    [{}, {}, {}],
])  # fmt: skip
def test_what_says_nothing_is_not_drawn(drawn, costs):
    """Rule: two models, or models of one cost, need no picture."""
    rows = tuple(row(f"m{n}", 0.5, **one) for n, one in enumerate(costs))

    assert list(pictures.front_charts([Leaderboard("faq", "recall@10", 9, rows)])) == []


def test_a_history_has_a_point_for_each_commit(assess, drawn):
    """Rule: over days; two commits of a day stand beside one another; its note is told."""
    days = ("2026-11-01", "2026-11-03", "2026-11-03", "2026-11-07")
    points = tuple(Point(f"c{n}", day, {"recall@10": n / 10}, 9) for n, day in enumerate(days))
    report = replace(
        Report.of([assess()]), history=(History("faq", "minilm", points, "a shallow clone"),)
    )

    (picture,) = pictures.history_charts(report)

    ((_, (_, _, (line,)), named),) = drawn
    assert list(line.xs) == [0.0, 1.0, 1.5, 2.0]
    assert list(line.ys) == [0.0, 0.1, 0.2, 0.3]
    assert [word for _, word in named["ticks"]] == ["2026-11-01", "2026-11-03", "2026-11-07"]
    assert picture.note == "a shallow clone"


def test_a_single_commit_is_no_history(assess, drawn):
    one = History("faq", "minilm", (Point("c", "2026-11-01", {"recall@10": 0.5}, 9),))

    assert list(pictures.history_charts(replace(Report.of([assess()]), history=(one,)))) == []


def test_a_tuning_has_its_folds_losses_alphas_and_dimensions(tuning, drawn):
    """Rule: curves are the final training's; of dev values there must be two to be a curve."""
    made = tuning()
    steps = (Step(1, 0.5, 2.1, 0.7, 3.4), Step(2, 1.0, 1.1, 0.7, 3.4))
    dev = (Evaluation(0, 0.0, 0.3, 0.1), Evaluation(2, 1.0, 0.6, 0.1))
    last = replace(made.trainings[-1], curve=Curve(steps, dev))

    titles = [
        one.title
        for one in pictures.tuning_charts(replace(made, trainings=(*made.trainings[:-1], last)), 0)
    ]

    assert [title.split()[0] for title in titles] == [
        "recall@10",
        "loss",
        "dev",
        "share",
        "recall@10",
    ]
    folds, loss, curve, alpha, cut = drawn
    assert folds[1][2] == [("fold 1", 0.3, 0.5), ("fold 2", 0.3, 0.45)]
    assert [list(line.ys) for line in loss[1][2]] == [[2.1, 1.1], [3.4, 3.4]]
    assert list(curve[1][2][0].ys) == [0.3, 0.6]
    assert [line.name for line in alpha[1][2]] == ["dev"]  # one guard value is no curve
    assert [(line.name, list(line.xs), list(line.ys)) for line in cut[1][2]] == [
        ("base", [32.0, 64.0], [0.3, 0.3]), ("tuned", [32.0, 64.0], [0.35, 0.4]),
    ]  # fmt: skip


def test_a_tuning_without_trainings_has_no_chart(tuning, drawn):
    made = replace(tuning(), trainings=(), averaging=(), dimensions={})

    assert list(pictures.tuning_charts(made, 0)) == []


def test_a_long_training_is_a_small_chart():
    """Rule: ten thousand steps are a line with some points on it, not ten thousand marks."""
    steps = [n / 1000 for n in range(10_000)]
    line = charts.Line("loss", steps, [1 / (1 + step) for step in steps])

    text = charts.lines("k", "t", [line], x_label="epochs", y_label="nats")

    assert 10 < text.count("<use") < 60
    assert len(text) < 100_000
