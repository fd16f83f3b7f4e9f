"""verdict.json and its folder: written, read back, refused where damaged."""

import dataclasses
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from benchharness.data.lint import Finding
from benchharness.errors import DataError, SuiteError, UsageError
from benchharness.evaluation.result import QueryFacts
from benchharness.files import write_atomically
from benchharness.gate import Gate, Waiver
from benchharness.judge.verdict import MET, Comparison, Moved
from benchharness.report import verdict_file
from benchharness.report.model import Failure, Report
from benchharness.report.release import release_of
from benchharness.report.verdict_file import (
    read_report,
    read_tuning,
    remove_verdict,
    tuning_text,
    write_report,
)

EVIDENCE = {
    "bm25": {"recall@10": 0.71, "description": "bm25s, English stemmer"},
    "tokens": {"corpus": 1.8, "general": 1.2, "documents": 3, "most_split": []},
}


@pytest.fixture
def report(assess):
    """Two suites, three models, every kind of gate outcome, findings and a failure."""
    rng = np.random.default_rng(2)
    gates = [Gate.floor("recall@10", 0.6), Gate.floor("ndcg@10", 0.9, severity="warn")]
    finding = Finding("near-duplicates", "warning", "2 documents", "corpus.jsonl:3", "remove one")
    return Report.of(
        [
            assess("faq", "minilm@dim=64", gates=gates, evidence=EVIDENCE, findings=[finding]),
            assess("faq", "bm25", hits=rng.random(40), ceiling=0.9, query_origin="llm"),
            assess("código", "org/model", hits=[float("nan"), 1.0], gates=gates, limit=2),
        ],
        [Failure("other", "minilm", "data-error", "no\nqueries", "q.jsonl", "add some")],
        {"deselected": 1},
    )


@pytest.fixture
def compared(change):
    """Comparisons of every ending: regressed, waived, updated, improved, stale, of slices."""
    gate = Gate.regression("recall@10", margin=0.01)
    slices = Gate.slice("recall@10", "lang", margin=0.02)
    waiver = Waiver("regression-recall@10", "minilm", "ticket 12", "2999-01-31")
    small = {"n": 300, "lost": 20, "won": 3}
    regressed = change([gate, slices, Gate.regression("ndcg@10", margin=0.02)], suite="a", **small)
    stale = dataclasses.replace(
        regressed.verdicts[0],
        suite="e",
        outcome="stale",
        delta=None,
        ci90=None,
        comparison=Comparison("here", "recall@10", math.nan, math.nan, 0, removed=9, changed=2),
    )
    return Report.of(
        [
            regressed,
            change([gate], suite="b", waivers=[waiver], **small),
            change([gate], suite="c", update="all", reason="meant", **small),
            change([Gate.regression("recall@10", margin=0.02)], suite="d", n=300, lost=0, won=9),
            dataclasses.replace(change(suite="e", **small), verdicts=(stale,)),
        ]
    )


def _plain(value):
    """The value in comparable form: floats by their shortest text, so that NaN equals itself."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.tobytes())
    return repr(value) if isinstance(value, float) else value


def _without(noun, *names):
    """The noun's fields, except those that are compared by themselves."""
    return {name: value for name, value in _plain(noun).items() if name not in names}


@pytest.mark.parametrize("name", ["report", "compared"])
def test_report_reads_back_as_it_was_written(name, request, tmp_path):
    """Every field of every noun, every number bit for bit, NaN too."""
    written = request.getfixturevalue(name)

    write_report(written, tmp_path)

    found = read_report(tmp_path)
    assert _without(found, "assessments") == _without(written, "assessments")
    for old, new in zip(written.assessments, found.assessments, strict=True):
        assert _plain(new.estimates) == _plain(old.estimates)
        assert _plain(new.decision) == _plain(old.decision)
        assert _plain(new.verdicts) == _plain(old.verdicts)
        assert new.findings == old.findings
        assert _without(new.result, "facts") == _without(old.result, "facts")
        # A result that knows nothing of its queries reads back as knowing nothing of each.
        n = len(old.result.query_ids)
        assert new.result.facts == (old.result.facts or (QueryFacts(),) * n)


def test_comparisons_read_back_with_all_that_changed(compared, tmp_path):
    """Not by accident equal: there are changes, waivers, updates and numbers to read."""
    write_report(compared, tmp_path)

    regressed, waived, updated, improved, stale = (
        found.verdicts for found in read_report(tmp_path).assessments
    )

    outcomes = [verdict.outcome for verdict in regressed]
    assert outcomes == ["regressed", "inconclusive", "regressed"]
    one = regressed[0].comparison
    assert (one.won, one.lost, one.tied, len(one.changes)) == (3, 20, 277, 23)
    assert one.changes[0].moved == (Moved("q:relevant.0000", 4, None),)
    assert one.changes[0].newcomers == ("q:new.add", "q:new.mul")
    assert one.changes[0].groups == {"lang": "de"}
    assert one.environment == (("torch", "2.6.0", "2.13.0"),)
    assert regressed[1].comparison.n == 100
    assert waived[0].waived == "ticket 12 (until 2999-01-31)"
    assert not waived[0].failed
    assert updated[0].updated
    assert improved[0].outcome == "improved"
    assert math.isnan(stale[0].comparison.before)
    assert stale[0].comparison.interval is None


def test_two_writes_give_the_same_bytes(report, compared, tmp_path):
    """Written, and written again from what was read: all files equal."""
    both = Report.of(report.assessments + compared.assessments, report.failures)
    write_report(both, tmp_path / "a")
    write_report(read_report(tmp_path / "a"), tmp_path / "b")

    def files(folder):
        found = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

    written = files(tmp_path / "a")
    assert written == files(tmp_path / "b")
    assert sorted(written) == [
        "changes.jsonl",
        "exhibits.jsonl",
        "per_query.jsonl",
        "runs/a.minilm.trec",
        "runs/b.minilm.trec",
        "runs/c%C3%B3digo.org%2Fmodel.trec",
        "runs/c.minilm.trec",
        "runs/d.minilm.trec",
        "runs/e.minilm.trec",
        "runs/faq.bm25.trec",
        "runs/faq.minilm%40dim%3D64.trec",
        "summary.md",
        "verdict.json",
    ]


def test_the_release_stands_in_verdict_json_and_on_top_of_the_summary(assess, tmp_path):
    """null where nobody asked."""
    report = Report.of([assess(gates=[Gate.floor("recall@10", 0.6)])])
    write_report(report, tmp_path / "a", release_of(report))
    write_report(report, tmp_path / "b")

    asked, not_asked = (
        json.loads((tmp_path / folder / "verdict.json").read_text()) for folder in "ab"
    )

    why = "1 gate met, 1 measurement on 1 suite, nothing left out"
    assert asked["release"] == {"granted": True, "why": why}
    assert not_asked["release"] is None
    summary = (tmp_path / "a" / "summary.md").read_text().splitlines()
    assert summary[1] == f"**RELEASE**: {why}"


def test_verdict_keeps_the_published_contract(assess, tmp_path):
    """The names that scripts rely on."""
    found = assess(gates=[Gate.floor("recall@10", 0.6)], evidence=EVIDENCE)
    write_report(Report.of([found]), tmp_path)

    content = json.loads((tmp_path / "verdict.json").read_text())

    assert content["schema"] == 1
    assert content["status"] == "pass"
    assert content["complete"] is True
    (result,) = content["results"]
    assert (result["suite"], result["model"]) == ("faq", "minilm")
    assert set(result["fingerprints"]) == {"corpus", "queries", "qrels", "template", "model"}
    assert result["measures"]["recall@10"] == {
        "value": 0.7,
        "ci95": list(found.estimates["recall@10"].ci95),
        "ceiling": 1.0,
        "n": 100,
        "method": "wilson",
    }
    assert result["decision"]["outcome"] == "undecided"
    assert result["decision"]["evidence"]["bm25"] == EVIDENCE["bm25"]
    assert {"why", "measure", "trainable", "queries_needed"} <= set(result["decision"])
    assert set(result["gates"][0]) >= {
        "gate", "outcome", "severity", "value", "minimum", "delta", "ci90", "margin", "mde", "line",
    }  # fmt: skip
    assert {"counts", "ties", "environment", "details", "timings", "findings"} <= set(result)
    assert {"costs", "drop_same_id"} <= set(result)


def test_gates_keep_the_published_contract(compared, tmp_path):
    """What a script may ask of a comparison; its changes are in changes.jsonl."""
    write_report(compared, tmp_path)

    results = json.loads((tmp_path / "verdict.json").read_text())["results"]
    gates = [gate for result in results for gate in result["gates"]]

    for gate in gates:
        assert set(gate) == {
            "gate", "outcome", "severity", "measure", "value", "minimum", "delta", "ci90",
            "margin", "mde", "line", "advice", "waived", "updated", "comparison",
        }  # fmt: skip
        assert set(gate["comparison"]) == {
            "reference", "measure", "before", "after", "n", "added", "removed", "changed", "won",
            "lost", "tied", "interval", "confidence", "method", "p", "environment",
        }  # fmt: skip
    assert gates[0]["delta"] == pytest.approx(-17 / 300)
    assert gates[0]["ci90"] == gates[0]["comparison"]["interval"]
    assert gates[0]["comparison"]["environment"] == [["torch", "2.6.0", "2.13.0"]]


def test_every_field_of_a_comparison_is_documented(compared, tmp_path):
    """docs/verdict.md is what scripts are written against."""
    page = (Path(__file__).parents[2] / "docs" / "verdict.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`([a-z0-9_-]+)`", page))
    write_report(compared, tmp_path, release_of(compared))

    content = json.loads((tmp_path / "verdict.json").read_text())
    gate = content["results"][0]["gates"][0]
    query, change, exhibit = (
        json.loads((tmp_path / name).read_text().partition("\n")[0])
        for name in ("per_query.jsonl", "changes.jsonl", "exhibits.jsonl")
    )
    files = {"per_query_sha256", "changes_sha256", "exhibits_sha256", "runs"}
    assert files == set(content["files"])
    fields = {*files, *content["release"], *gate, *gate["comparison"], *change, *query, *exhibit}
    assert fields - {"capped_recall@10"} <= described
    assert "`capped_recall@10`" in page
    outcomes = {*MET, "fail", "incomplete", "error", "regressed", "inconclusive", "stale"}
    assert outcomes | {"no-baseline", "not-released"} <= described


def test_files_hold_no_nan(report, compared, tmp_path):
    """A strict JSON reader takes every line."""
    write_report(Report.of(report.assessments + compared.assessments), tmp_path)

    json.loads((tmp_path / "verdict.json").read_text(), parse_constant=pytest.fail)
    for name in ("per_query.jsonl", "changes.jsonl", "exhibits.jsonl"):
        for line in (tmp_path / name).read_text().splitlines():
            json.loads(line, parse_constant=pytest.fail)


def test_per_query_holds_no_time_and_no_path(assess, tmp_path):
    """Slower, elsewhere, by another engine: the same bytes."""
    one = assess()
    slow = dataclasses.replace(one.result, timings={"encode_s": 9.0}, environment={"python": "4"})
    write_report(Report.of([one]), tmp_path / "a")
    write_report(Report.of([dataclasses.replace(one, result=slow)]), tmp_path / "b")

    per_query = [(tmp_path / folder / "per_query.jsonl").read_bytes() for folder in "ab"]
    assert per_query[0] == per_query[1]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "verdict.json").unlink(), "no report can be read"),
        (lambda folder: (folder / "per_query.jsonl").unlink(), "no report can be read"),
        (lambda folder: (folder / "verdict.json").write_text("{"), "not a verdict"),
        (lambda folder: (folder / "verdict.json").write_text("[1]"), "not a verdict"),
        (lambda folder: (folder / "verdict.json").write_text('{"verdict": 1}'), "not a verdict"),
        (lambda folder: (folder / "verdict.json").write_bytes(b"\xff\xfe"), "not a verdict"),
        (lambda folder: _replace(folder, '"schema": 1', '"schema": 9'), "its schema is 9"),
        (lambda folder: _replace(folder, '"outcome"', '"result"'), "KeyError"),
        (lambda folder: _replace(folder, '"depth"', '"depths"'), "KeyError"),
        (lambda folder: (folder / "per_query.jsonl").write_text(""), "not what verdict.json"),
        (lambda folder: (folder / "changes.jsonl").write_text("{}\n"), "not what verdict.json"),
        (lambda folder: (folder / "changes.jsonl").unlink(), "no report can be read"),
        (lambda folder: _replace(folder, '"comparison"', '"compared"'), "KeyError"),
        (lambda folder: _replace(folder, '"changes_sha256"', '"changes"'), "KeyError"),
    ],
)
def test_damaged_or_foreign_folder_is_a_data_error(report, tmp_path, damage, message):
    """One message with the file and a remedy, never half a report."""
    write_report(report, tmp_path)
    damage(tmp_path)

    with pytest.raises(DataError, match=message) as caught:
        read_report(tmp_path)

    assert str(tmp_path) in caught.value.where
    assert caught.value.remedy


def _replace(folder, old, new):
    path = folder / "verdict.json"
    path.write_text(path.read_text().replace(old, new))


def test_new_session_removes_the_old_verdict(report, tmp_path):
    """A run that crashes never leaves an older, green verdict; other files stay."""
    write_report(report, tmp_path)
    (tmp_path / "runs" / "mine.trec").write_text("kept")
    (tmp_path / "notes.txt").write_text("kept")

    remove_verdict(tmp_path)

    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["mine.trec", "notes.txt"]


def test_removing_nothing_is_no_error(tmp_path):
    """The first session finds no folder."""
    remove_verdict(tmp_path / "missing")

    assert not (tmp_path / "missing").exists()


def test_what_people_read_goes_without_a_verdict_too(report, tmp_path):
    """A page or summary that a crash left alone would speak for the next session."""
    write_report(report, tmp_path, page="<title>pass</title>")
    (tmp_path / "verdict.json").unlink()

    remove_verdict(tmp_path)

    assert not {"report.html", "summary.md", "per_query.jsonl"} & {
        path.name for path in tmp_path.iterdir()
    }


def test_a_report_that_cannot_be_finished_leaves_no_page(report, tmp_path, monkeypatch):
    """A full disk between the page and the verdict: nothing green stays."""
    whole = verdict_file.write_atomically

    def full(path, lines):
        if path.name == "verdict.json":
            raise OSError(28, "No space left on device", str(path))
        return whole(path, lines)

    monkeypatch.setattr(verdict_file, "write_atomically", full)

    with pytest.raises(UsageError, match="No space left"):
        write_report(report, tmp_path, page="<title>pass</title>")

    assert not (tmp_path / "report.html").exists()
    assert not (tmp_path / "summary.md").exists()


@pytest.mark.parametrize(
    "content",
    ['{"files": {"runs": ["../../precious.trec", "/precious.trec", 3]}}', "no json", '"files"'],
)
def test_foreign_verdict_removes_nothing_else(tmp_path, content):
    """A verdict.json names runs only by plain names: nothing outside runs/ is touched."""
    folder = tmp_path / "a" / "report"
    (folder / "runs").mkdir(parents=True)
    (tmp_path / "a" / "precious.trec").write_text("kept")
    (folder / "verdict.json").write_text(content)

    remove_verdict(folder)

    assert not (folder / "verdict.json").exists()
    assert (tmp_path / "a" / "precious.trec").exists()


def test_folder_that_cannot_be_written_is_a_usage_error(assess, tmp_path):
    """A file where the folder should be: said with the path, no traceback."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot be written") as caught:
        write_report(Report.of([assess()]), tmp_path / "file")

    assert "file" in caught.value.where


def test_two_results_of_one_name_are_refused(assess, tmp_path):
    """One would hide the other."""
    with pytest.raises(SuiteError, match="two results are called faq / minilm"):
        write_report(Report.of([assess(), assess()]), tmp_path)


def test_crash_while_writing_leaves_no_verdict(assess, tmp_path, monkeypatch):
    """verdict.json comes last: a folder without it is not a report."""
    calls = []

    def failing(path, lines):
        calls.append(path.name)
        if path.name == "summary.md":
            raise OSError(28, "No space left on device", str(path))
        return write_atomically(path, lines)

    monkeypatch.setattr("benchharness.report.verdict_file.write_atomically", failing)

    with pytest.raises(UsageError, match="No space left"):
        write_report(Report.of([assess()]), tmp_path)

    assert calls[-1] == "summary.md"
    assert not (tmp_path / "verdict.json").exists()


def test_numpy_numbers_are_written_as_numbers(assess, tmp_path):
    """Counts and timings may come from numpy."""
    one = assess()
    counted = dataclasses.replace(
        one.result, counts={"documents": np.int64(7)}, timings={"search_s": np.float64(0.5)}
    )

    write_report(Report.of([dataclasses.replace(one, result=counted)]), tmp_path)

    (result,) = read_report(tmp_path).assessments
    assert result.result.counts == {"documents": 7}
    assert result.result.timings == {"search_s": 0.5}


# What came of fine-tuning


def test_a_tuning_reads_back_as_it_was_written(tuning):
    """Every field of every noun; no field of the example is empty, so none is forgotten."""
    written = tuning()

    found = read_tuning(tuning_text(written))

    assert _plain(found) == _plain(written)
    assert type(found.held_out.ci90) is tuple
    assert list(found.dimensions) == [64, 32]
    empty = [field.name for field in dataclasses.fields(written)
             if getattr(written, field.name) in ("", None, (), {}, 0, 0.0)]  # fmt: skip
    assert not empty


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.1 + 0.2, 1e-300])
def test_numbers_of_a_tuning_read_back_bit_for_bit(tuning, versus, value):
    """NaN too: a training that diverged is told as one, in strict JSON."""
    written = tuning(held_out=versus(delta=value, ci90=(value, value)), minutes=value)

    text = tuning_text(written)

    found = read_tuning(text)
    assert repr(found.held_out.delta) == repr(found.minutes) == repr(value)
    assert repr(found.held_out.ci90) == repr((value, value))
    assert not re.search(r"\b(NaN|Infinity)\b", text)


def test_any_text_of_a_tuning_reads_back(tuning):
    """Paths, names and corpus text as they were."""
    hostile = 'a"b\\c\n\x00\x1b \u2028 größe 東京 😀 </script>'
    written = tuning(why=hostile, advice=hostile, leaks=(hostile,), folder=hostile)

    found = read_tuning(tuning_text(written))

    assert (found.why, found.advice, found.leaks, found.folder) == (
        hostile, hostile, (hostile,), hostile,
    )  # fmt: skip


@pytest.mark.parametrize(
    "edit",
    [
        lambda row: row.pop("outcome"),
        lambda row: row.update(held_out=5),
        lambda row: row["held_out"].update(ci90=[0.1]),
        lambda row: row["held_out"].update(delta="much"),
        lambda row: row.update(dimensions={"sixty": row["held_out"]}),
        lambda row: row.update(trainings="none"),
    ],
    ids=["no outcome", "number", "half an interval", "word", "dimension", "trainings"],
)
def test_another_tuning_is_no_tuning(tuning, edit):
    row = json.loads(tuning_text(tuning()))
    edit(row)

    with pytest.raises(ValueError):
        read_tuning(json.dumps(row))


def test_tunings_of_a_report_read_back_with_their_model(assess, tuning, tmp_path):
    """Each with the result that it belongs to; where nobody tried, nothing stands."""
    models = ["minilm", "bm25", "org/other@dim=64"]
    tunings = (tuning(), tuning(model=models[2], outcome="base-kept", held_out=None))
    written = dataclasses.replace(Report.of([assess(model=one) for one in models]), tunings=tunings)

    write_report(written, tmp_path)

    found = read_report(tmp_path)
    assert _plain(found.tunings) == _plain(tunings)
    assert [found.tuning_of(one) for one in found.assessments] == [
        found.tunings[0], None, found.tunings[1],
    ]  # fmt: skip
    rows = json.loads((tmp_path / "verdict.json").read_text())["results"]
    assert ["tuning" in row for row in rows] == [True, False, True]


def test_a_damaged_tuning_is_a_damaged_report(assess, tuning, tmp_path):
    """Never a report without it: that would say that nobody tried."""
    written = dataclasses.replace(Report.of([assess()]), tunings=(tuning(),))
    path = write_report(written, tmp_path)
    content = json.loads(path.read_text())
    content["results"][0]["tuning"]["held_out"]["n"] = "many"
    path.write_text(json.dumps(content))

    with pytest.raises(DataError, match="cannot be used"):
        read_report(tmp_path)


def test_a_report_of_an_earlier_version_has_no_tunings(assess, tmp_path):
    write_report(Report.of([assess()]), tmp_path)

    assert read_report(tmp_path).tunings == ()
