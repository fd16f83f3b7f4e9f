"""Every renderer shows the same numbers and words: for people, for papers and for machines.

Rule: a number that is printed is on the true side of what it is compared with, wherever it is
printed; a file for machines has the number itself, which is printed so.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from benchharness.gate import Gate
from benchharness.judge.numbers import format_delta, format_interval, format_value
from benchharness.report.csv_table import csv_text
from benchharness.report.exports.github_action_benchmark import github_benchmark_text
from benchharness.report.exports.mteb_result import task_result
from benchharness.report.html.page import render_page
from benchharness.report.junit import junit_text
from benchharness.report.latex_table import latex_text
from benchharness.report.markdown import summarise
from benchharness.report.model import Report, word_of
from benchharness.report.terminal import render
from benchharness.report.verdict_file import verdict_text
from benchharness.report.wording import shown_estimate


def _page(report):
    """The page's visible text: scripts, styles and tags are none of it."""
    text = re.sub(r"(?s)<(script|style|template)\b.*?</\1>", " ", render_page(report))
    return html.unescape(re.sub(r"<[^>]*>", " ", text))


PEOPLE = {
    "terminal": lambda report: render(report, 240, color=False),
    "markdown": lambda report: re.sub(r"\\(.)", r"\1", summarise(report)),
    "html": _page,
}


def _csv_values(report):
    rows = csv.DictReader(io.StringIO(csv_text(report)))
    return {(row["suite"], row["model"], row["measure"]): float(row["value"]) for row in rows}


def _json_values(report):
    rows = json.loads(verdict_text(report, {}))["results"]
    return {
        (row["suite"], row["model"], name): float(found["value"])
        for row in rows
        for name, found in row["measures"].items()
    }


def _github_values(report):
    rows = json.loads(github_benchmark_text(report))
    return {tuple(row["name"].split(" / ")): row["value"] for row in rows}


def _mteb_values(report):
    found = {}
    for one in report.assessments:
        (scores,) = task_result(one)["scores"]["test"]
        for name in one.estimates:
            key = (one.result.suite, one.result.model, name)
            found[key] = scores[name.replace("@", "_at_")]
    return found


MACHINES = {
    "csv": _csv_values, "json": _json_values, "github": _github_values, "mteb": _mteb_values,
}  # fmt: skip


def _numbers(text):
    """Every number of the text, as it is written there."""
    return set(re.findall(r"(?<![\w.])[+-]?\d+\.\d+(?![\w.])", text))


@pytest.fixture
def report(assess, change):
    """Two suites, three models, gates that are met, breached, warned and compared."""
    gates = [
        Gate.floor("recall@10", 0.6),
        Gate.floor("ndcg@10", 0.9, severity="warn"),
        Gate.floor("ndcg@10", 0.5),
    ]
    return Report.of(
        [
            assess("faq", "minilm", hits=[1.0, 0.0, 0.123456] * 30, gates=gates),
            assess("faq", "bm25", hits=[1.0] * 61 + [0.0] * 30, gates=gates),
            change(suite="code", n=300, lost=20, won=3),
        ]
    )


@pytest.mark.parametrize("name", PEOPLE)
def test_people_read_the_same_values_intervals_and_words(report, name):
    text = PEOPLE[name](report)

    flat = " ".join(text.split())
    for one in report.assessments:
        for measure in one.estimates:
            value, interval = shown_estimate(one, measure)
            assert value in _numbers(text)
            assert interval in flat
    for verdict in report.verdicts:
        assert re.search(rf"\b{re.escape(word_of(verdict))}\b", flat), word_of(verdict)
    compared = report.assessments[2].verdicts[0]
    assert format_delta(compared.delta, (0.0, -compared.margin)) in flat
    assert format_interval(compared.ci90, (0.0, -compared.margin)) in flat


def test_the_papers_numbers_are_those_of_people(report):
    """LaTeX has values only; each as the terminal prints it."""
    found = _numbers(latex_text(report).partition(r"\midrule")[2])

    expected = {
        shown_estimate(one, name)[0] for one in report.assessments for name in one.estimates
    }
    assert expected <= found


@pytest.mark.parametrize("name", MACHINES)
def test_machines_read_the_number_itself(report, name):
    """Rule: printed by the one function for numbers it is what people read."""
    found = MACHINES[name](report)

    for one in report.assessments:
        for measure, estimate in one.estimates.items():
            value = found[one.result.suite, one.result.model, measure]
            assert value == estimate.value
            shown, _ = shown_estimate(one, measure)
            digits = len(shown.partition(".")[2])
            assert format_value(value, digits=digits) == shown


def test_machines_read_the_same_words(report):
    """CSV has the words of people; JUnit and JSON the outcome, JUnit the word in its message."""
    rows = list(csv.DictReader(io.StringIO(csv_text(report))))
    words = {
        (row["suite"], row["model"], *gate.rsplit(" ", 1))
        for row in rows
        for gate in row["gates"].split("; ")
        if gate
    }
    cases = {
        (case.get("classname"), case.get("name")): case
        for case in ET.fromstring(junit_text(report).encode()).iter("testcase")
    }
    outcomes = {
        (row["suite"], row["model"], gate["gate"]): gate["outcome"]
        for row in json.loads(verdict_text(report, {}))["results"]
        for gate in row["gates"]
    }

    for one in report.verdicts:
        assert (one.suite, one.model, one.gate, word_of(one)) in words
        assert outcomes[one.suite, one.model, one.gate] == one.outcome
        case = cases[one.suite, f"{one.gate}[{one.model}]"]
        properties = {each.get("name"): each.get("value") for each in case.iter("property")}
        assert properties["outcome"] == one.outcome
        assert float(properties["value"]) == one.value
        breaches = [each for each in case if each.tag != "properties"]
        assert len(breaches) == one.breached
        for breach in breaches:
            assert breach.get("message").startswith(f"{word_of(one)}: ")


# value, floor, what is printed, what would contradict the word beside it
TRAPS = [
    (0.54996, 0.55, "0.54996", "0.5500", "FAIL"),
    (0.55004, 0.55, "0.55004", "0.5500", "pass"),
    (0.55, 0.55, "0.5500", "0.55000", "pass"),
    (0.549999999, 0.55, "0.549999999", "0.5500", "FAIL"),
    (0.5499999999999999, 0.55, "0.5500", "0.5499", "pass"),
    (0.99999, 1.0, "0.99999", "1.0000", "FAIL"),
    (0.00001, 0.000005, "0.00001", "0.0000", "pass"),
    (0.12345, 0.1, "0.1234", "0.1235", "pass"),
    (0.12355, 0.1, "0.1236", "0.1235", "pass"),
    (0.65004, 0.65004, "0.65004", "0.6500", "pass"),
]


@pytest.mark.parametrize(("value", "floor", "printed", "never", "word"), TRAPS)
def test_rounding_never_contradicts_the_word_beside_it(assess, value, floor, printed, never, word):
    """Rule, for every renderer: as many digits as put the number on its side of the floor."""
    gates = [Gate.floor("recall@10", floor)]
    one = assess(hits=[value] * 4, gates=gates)
    low, high = max(value - 0.3123, 0.0), min(value + 0.3123, 1.0)
    estimate = replace(one.estimates["recall@10"], value=value, ci95=(low, high))
    report = Report.of([replace(one, estimates={"recall@10": estimate})])

    texts = {name: draw(report) for name, draw in PEOPLE.items()}
    texts["latex"] = latex_text(report).partition(r"\midrule")[2]

    assert word_of(one.verdicts[0]) == word
    for name, text in texts.items():
        assert printed in _numbers(text), name
        assert never not in _numbers(text), name
    for name in ("terminal", "markdown", "html"):
        assert re.search(rf"\b{word}\b", texts[name]), name
    for name, read in MACHINES.items():
        assert read(report)["faq", "minilm", "recall@10"] == value, name
    assert f"floor-recall@10 {word}" in csv_text(report)
    (case,) = ET.fromstring(junit_text(report).encode()).iter("testcase")
    assert (case.find("failure") is not None) == (word == "FAIL")
    assert float(case.find("properties/property[@name='value']").get("value")) == (
        one.verdicts[0].value
    )
