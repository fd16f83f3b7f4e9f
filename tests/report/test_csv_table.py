"""The CSV: tidy, exact, and never a formula."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.gate import Gate
from benchharness.judge.leaderboard import Leaderboard, Loss, Standing
from benchharness.judge.verdict import Verdict
from benchharness.report.csv_table import HEAD, csv_text, defused
from benchharness.report.model import Failure, Report


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_one_row_a_suite_model_and_measure(assess):
    """In the order of the report; the names are the documented ones."""
    report = Report.of([assess("faq", "a"), assess("faq", "b"), assess("code", "a")])

    rows = rows_of(csv_text(report))

    assert [(row["suite"], row["model"], row["measure"]) for row in rows] == [
        ("faq", "a", "recall@10"), ("faq", "a", "ndcg@10"), ("faq", "b", "recall@10"),
        ("faq", "b", "ndcg@10"), ("code", "a", "recall@10"), ("code", "a", "ndcg@10"),
    ]  # fmt: skip
    assert tuple(rows[0]) == HEAD


def test_numbers_are_exact(assess):
    """Rule: float(cell) is the number itself, whatever its digits."""
    one = assess(hits=[1 / 3, 0.1, 0.54996, 1e-7], ceiling=2 / 3)

    row = rows_of(csv_text(Report.of([one])))[0]

    found = one.estimates["recall@10"]
    assert float(row["value"]) == found.value
    assert (float(row["ci95_low"]), float(row["ci95_high"])) == found.ci95
    assert (float(row["ceiling"]), int(row["n"]), row["method"]) == (2 / 3, 4, found.method)
    assert row["decision"] == one.decision.outcome


def test_a_comparison_stands_in_the_row_of_its_measure(change):
    """Difference with its 90 % interval, margin, p, won, lost and tied; other rows have none."""
    gates = [Gate.floor("recall@10", 0.5), Gate.regression("recall@10", margin=0.01)]
    one = change(gates, n=300, lost=20, won=3)

    recall, ndcg = rows_of(csv_text(Report.of([one])))

    verdict = one.verdicts[1]
    assert recall["gates"] == "floor-recall@10 pass; regression-recall@10 REGRESSED"
    assert float(recall["delta"]) == verdict.delta
    assert (float(recall["ci90_low"]), float(recall["ci90_high"])) == verdict.ci90
    assert float(recall["baseline_value"]) == verdict.comparison.before
    assert float(recall["p_of_a_loss"]) == verdict.comparison.p
    assert [recall[name] for name in ("won", "lost", "tied")] == ["3", "20", "277"]
    assert recall["baseline"] == "baselines/faq/minilm.json"
    assert float(recall["margin"]) == 0.01
    assert (ndcg["gates"], ndcg["delta"], ndcg["won"]) == ("", "", "")


def test_what_is_no_measure_of_the_suite_has_a_row_of_its_own(assess, change):
    """Costs by name; slices and guards by their gate, whose value is another set of queries'."""
    cost = Verdict("cost-dimension", "faq", "minilm", "fail", "warn", 768.0, "too many",
                   measure="dimension")  # fmt: skip
    sliced = change([Gate.slice("recall@10", "lang", margin=0.02)], n=300, lost=20, won=3)
    one = replace(sliced, verdicts=(*sliced.verdicts, cost))

    rows = rows_of(csv_text(Report.of([one])))

    gate = sliced.verdicts[0].gate
    assert [row["measure"] for row in rows] == ["recall@10", "ndcg@10", gate, "dimension"]
    assert gate.startswith("slice-")
    assert (rows[3]["value"], rows[3]["gates"]) == ("768.0", "cost-dimension warn")
    assert float(rows[2]["value"]) == sliced.verdicts[0].value
    assert rows[0]["gates"] == ""


def test_variants_of_a_leaderboard_have_rows_beside_their_full_vectors(assess):
    """Rule: models stand there once, as measured; a variant has its loss and its outcome."""
    loss = Loss("minilm", -0.05, (-0.07, -0.03), "regressed", 0.02)
    standing = Standing(
        "minilm, int8", 0.65, (0.6, 0.7), -0.05, 0.01, 0.01, is_best=False, is_tied=False
    )
    full = replace(standing, spec="minilm", value=0.7)
    rows = (full, replace(standing, loss=loss))
    report = replace(
        Report.of([assess()]), leaderboards=(Leaderboard("faq", "recall@10", 9, rows),)
    )

    found = [row for row in rows_of(csv_text(report)) if row["measure"] == "recall@10"]

    assert [row["model"] for row in found] == ["minilm", "minilm, int8"]
    assert (found[1]["baseline"], found[1]["gates"], found[1]["n"]) == ("minilm", "regressed", "9")
    assert float(found[1]["baseline_value"]) == pytest.approx(0.7)
    assert float(found[1]["delta"]) == -0.05


def test_bytes_and_latency_stand_in_the_rows_of_what_a_leaderboard_has(assess):
    """Rule: exact, and of the row of the same suite; without a board the cells are empty."""
    standing = Standing(
        "minilm", 0.7, (0.6, 0.8), 0.0, None, None, is_best=True, is_tied=False,
        bytes_per_vector=1792.5, latency_ms=1 / 3, latency_p95_ms=2 / 3,
    )  # fmt: skip
    boards = (Leaderboard("faq", "recall@10", 9, (standing,)),)
    report = replace(Report.of([assess("faq"), assess("code")]), leaderboards=boards)

    rows = rows_of(csv_text(report))

    found = [
        tuple(row[name] for name in ("bytes_per_vector", "latency_ms", "latency_p95_ms"))
        for row in rows
    ]
    own = ("1792.5", repr(1 / 3), repr(2 / 3))
    assert [row["suite"] for row in rows] == ["faq", "faq", "code", "code"]
    assert found == [own, own, ("", "", ""), ("", "", "")]


def test_what_could_not_be_measured_is_a_row_with_its_reason():
    report = Report.of([], [Failure("faq", "minilm", "data-error", "no\nqueries", "q.jsonl")])

    (row,) = rows_of(csv_text(report))

    assert (row["suite"], row["model"], row["value"]) == ("faq", "minilm", "")
    assert row["error"] == "data-error: no\\nqueries"


def test_a_number_that_is_none_is_its_word(assess):
    """pandas and R read `nan`; an absent number is an empty cell."""
    row = rows_of(csv_text(Report.of([assess(hits=[math.nan, 1.0])])))[0]

    assert row["value"] == "nan"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
@pytest.mark.parametrize("place", ["suite", "model"])
def test_no_text_is_a_formula(assess, start, place):
    """Rule (OWASP, CSV injection): a cell that a spreadsheet would calculate gets an apostrophe."""
    name = f'{start}HYPERLINK("http://x","y")'
    report = Report.of([assess(**{place: name})])

    row = rows_of(csv_text(report))[0]

    assert row[place].startswith("'")
    assert "HYPERLINK" in row[place]


def test_negative_numbers_stay_numbers(change):
    """A minus is no formula there: with an apostrophe it would be text."""
    row = rows_of(csv_text(Report.of([change(n=300, lost=20, won=3)])))[0]

    assert float(row["delta"]) < 0


@given(st.text())
def test_any_name_is_one_cell_of_one_line(text):
    """Rule: whatever a name holds, the row has as many cells as the head, and no formula."""
    report = Report.of([], [Failure(text, text, "data-error", text)])

    lines = list(csv.reader(io.StringIO(csv_text(report), newline="")))

    assert [len(line) for line in lines] == [len(HEAD)] * 2
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in lines[1])
    assert csv_text(report).count("\r\n") == 2


def test_ordinary_names_are_untouched():
    assert [defused(name) for name in ("org/model@dim=64", "a-b", "ü")] == [
        "org/model@dim=64", "a-b", "ü",
    ]  # fmt: skip
