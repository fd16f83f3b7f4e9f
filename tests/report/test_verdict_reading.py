"""A report's folder read without its queries, its release line, and the schema of verdict.json."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from importlib.resources import files

import pytest

from benchharness.baseline.history import History, Point
from benchharness.data.lint import Finding
from benchharness.errors import DataError
from benchharness.gate import Gate, Waiver
from benchharness.judge.ranking import leaderboards_of
from benchharness.report.files import PER_QUERY, VERDICT
from benchharness.report.markdown import summarise
from benchharness.report.model import Failure, Report
from benchharness.report.release import Release, release_of
from benchharness.report.terminal import render
from benchharness.report.verdict_file import verdict_text, write_report
from benchharness.report.verdict_reading import read_files, read_release, read_report

FLOORS = [Gate.floor("recall@10", 0.6), Gate.floor("ndcg@10", 0.9, severity="warn")]
HISTORY = (History("faq", "minilm", (Point("1a2b3c4", "2026-11-25", {"recall@10": 0.7}, 100),)),)


@pytest.fixture
def kinds(assess, change, tuning):
    """Reports of every kind by name."""
    waiver = Waiver("regression-recall@10", "minilm", "ticket 12", "2999-01-31")
    several = [
        assess("faq", model, hits=[1.0] * top + [0.0] * (100 - top))
        for model, top in (("minilm", 90), ("bm25", 40), ("other", 39))
    ]
    finding = Finding("near-duplicates", "warning", "2 documents", "corpus.jsonl:3", "remove one")
    evidence = {"bm25": {"recall@10": 0.71, "description": "bm25s"}}
    plain = assess(gates=FLOORS, findings=[finding], evidence=evidence)
    return {
        "nothing": Report.of([]),
        "plain": Report.of([assess()]),
        "gates": Report.of([plain], selection={"deselected": 2}),
        "comparison": Report.of(
            [
                change([Gate.regression("recall@10", margin=0.01),
                        Gate.slice("recall@10", "lang", margin=0.02)], n=300, lost=20, won=3),
                change(suite="b", n=300, lost=20, won=3, waivers=[waiver]),
                change(suite="c", n=300, lost=20, won=3, update="all", reason="meant"),
            ]
        ),
        "tuning": replace(Report.of([assess()]), tunings=(tuning(),)),
        "failures": Report.of(
            [], [Failure("x", "", "data-error", "no\nqueries", "q.jsonl:3", "add some")]
        ),
        "interrupted": Report.of([assess()], ended="interrupted"),
        "nan": Report.of([assess(hits=[float("nan"), 1.0], gates=FLOORS, limit=2)]),
        "leaderboards": replace(Report.of(several), leaderboards=leaderboards_of(several)),
        "history": replace(Report.of([assess()]), history=HISTORY),
    }  # fmt: skip


KINDS = (
    "nothing", "plain", "gates", "comparison", "tuning", "failures", "interrupted", "nan",
    "leaderboards", "history",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_without_queries_everything_else_is_there(kinds, kind, tmp_path):
    """Rule: every renderer that shows no single query prints the same from both."""
    write_report(kinds[kind], tmp_path)
    whole = read_report(tmp_path)
    (tmp_path / PER_QUERY).unlink()

    found = read_report(tmp_path, with_queries=False)

    assert summarise(found) == summarise(whole)
    assert render(found, 100, color=False) == render(whole, 100, color=False)
    assert verdict_text(found, {}) == verdict_text(whole, {})
    for one in found.assessments:
        assert (one.result.query_ids, dict(one.result.values), one.result.facts) == ((), {}, ())
        assert one.result.run.depth == 100


def test_the_queries_are_not_read_at_all(kinds, tmp_path):
    """Not even checked: a large file costs nothing where it is not needed."""
    write_report(kinds["plain"], tmp_path)
    (tmp_path / PER_QUERY).write_text("nonsense", encoding="utf-8")

    assert read_report(tmp_path, with_queries=False).assessments
    with pytest.raises(DataError, match=r"per_query\.jsonl"):
        read_report(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_of_a_report_that_was_read_is_the_file(kinds, kind, tmp_path):
    """Rule: reading and writing again changes no byte."""
    report = kinds[kind]
    release = release_of(report)
    write_report(report, tmp_path, release)

    text = verdict_text(
        read_report(tmp_path, with_queries=False), read_files(tmp_path), read_release(tmp_path)
    )

    assert text == (tmp_path / VERDICT).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "release", [None, Release(granted=True, why="all met"), Release(granted=False, why="x")]
)
def test_the_release_line_reads_back(kinds, release, tmp_path):
    write_report(kinds["plain"], tmp_path, release)

    assert read_release(tmp_path) == release


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"schema": 1}', '{"schema": 9, "files": {}}']
)
def test_a_folder_without_a_whole_verdict_is_refused_with_one_message(text, tmp_path):
    (tmp_path / VERDICT).write_text(text, encoding="utf-8")

    for read in (read_report, read_release, read_files):
        with pytest.raises(DataError, match="the report cannot be used") as refused:
            read(tmp_path)
        assert refused.value.remedy


@pytest.mark.parametrize(
    "change", [{"status": "pass"}, {"status": "incomplete"}, {"complete": False}]
)
def test_a_verdict_that_contradicts_itself_is_refused(assess, change, tmp_path):
    """Rule: no green page is made of a file that says pass beside a failed gate."""
    write_report(Report.of([assess(gates=[Gate.floor("recall@10", 0.9)])]), tmp_path)
    content = json.loads((tmp_path / "verdict.json").read_text())
    assert content["status"] == "fail"
    (tmp_path / "verdict.json").write_text(json.dumps(content | change))

    with pytest.raises(DataError, match="cannot be used: ValueError: it"):
        read_report(tmp_path)


def test_a_limited_run_reads_back_with_its_gates_incomplete(assess, tmp_path):
    """Rule: its gates fail as incomplete, and the status says no more than that."""
    report = Report.of([assess(limit=100, gates=[Gate.floor("recall@10", 0.9)])])
    write_report(report, tmp_path)

    found = read_report(tmp_path)

    assert (found.status, found.verdicts[0].outcome) == ("incomplete", "incomplete")


def test_a_release_that_says_nothing_is_refused(kinds, tmp_path):
    write_report(kinds["plain"], tmp_path)
    content = json.loads((tmp_path / VERDICT).read_text(encoding="utf-8"))
    (tmp_path / VERDICT).write_text(json.dumps({**content, "release": {"why": 3}}))

    with pytest.raises(DataError, match="the report cannot be used"):
        read_release(tmp_path)


def schema():
    text = files("benchharness.report").joinpath("verdict.schema.json").read_text("utf-8")
    return json.loads(text)


@pytest.fixture(scope="module")
def validator():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_verdict_is_valid_by_the_published_schema(validator, kinds, kind, tmp_path):
    """Rule: what the package writes is what its schema promises."""
    report = kinds[kind]
    for release in (None, release_of(report)):
        write_report(report, tmp_path, release)

        validator.validate(json.loads((tmp_path / VERDICT).read_text(encoding="utf-8")))
    validator.validate(json.loads(verdict_text(report, {})))


def test_later_versions_may_add_fields(validator, kinds):
    """At every level: a reader of today takes a file of tomorrow."""
    content = json.loads(verdict_text(kinds["comparison"], {}))

    def grown(value):
        if isinstance(value, dict):
            return {name: grown(one) for name, one in value.items()}
        return [grown(one) for one in value] if isinstance(value, list) else value

    found = grown(content)
    for place in (
        found, found["results"][0], found["results"][0]["decision"],
        found["results"][0]["gates"][0], found["results"][0]["gates"][0]["comparison"],
        found["results"][0]["measures"]["recall@10"], found["files"],
    ):  # fmt: skip
        place["added_later"] = {"anything": [1]}

    validator.validate(found)


MUTATIONS = [
    (("schema",), 2), (("status",), "green"), (("complete",), "yes"), (("release",), "granted"),
    (("release",), {"granted": True}), (("selection", "deselected"), -1),
    (("results", 0, "measures", "recall@10", "value"), "0.7"),
    (("results", 0, "measures", "recall@10", "value"), None),
    (("results", 0, "measures", "recall@10", "ci95"), [0.1]),
    (("results", 0, "measures", "recall@10", "ci95"), [0.1, 0.2, 0.3]),
    (("results", 0, "measures", "recall@10", "n"), 1.5),
    (("results", 0, "decision", "outcome"), "train"),
    (("results", 0, "gates", 0, "outcome"), "PASS"),
    (("results", 0, "gates", 0, "severity"), "fatal"),
    (("results", 0, "gates", 0, "ci90"), [None, None]),
    (("results", 0, "gates", 0, "comparison"), []),
    (("results", 0, "gates", 0, "comparison", "environment", 0), ["torch", "1"]),
    (("results", 0, "ties"), {"ten": 3}), (("results", 0, "limit"), 0),
    (("results", 0, "findings"), {}), (("results", 0, "suite"), None),
    (("files", "per_query_sha256"), "abc"), (("files", "runs"), ["faq.exe"]),
    (("failures"), None), (("history"), [{"suite": "a", "model": "b"}]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), MUTATIONS)
def test_what_breaks_a_promise_is_invalid(validator, kinds, path, value):
    """The schema is strict on what is promised: names of types, words and lengths."""
    content = json.loads(verdict_text(kinds["comparison"], {}))
    validator.validate(content)
    path = (path,) if isinstance(path, str) else path
    place = content
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value

    assert not validator.is_valid(content)


def test_nothing_promised_may_be_missing(validator, kinds):
    """Every field of the file, its results, their gates and comparisons."""
    content = json.loads(verdict_text(kinds["comparison"], {}))
    places = [(), ("results", 0), ("results", 0, "gates", 0),
              ("results", 0, "gates", 0, "comparison"), ("results", 0, "decision")]  # fmt: skip
    checked = 0
    for path in places:
        place = content
        for name in path:
            place = place[name]
        for field in place:
            broken = copy.deepcopy(content)
            inner = broken
            for name in path:
                inner = inner[name]
            del inner[field]
            assert not validator.is_valid(broken), (path, field)
            checked += 1
    assert checked > 50
