"""verdict.json and its folder: written, read back, refused where damaged."""

import dataclasses
import json

import numpy as np
import pytest

from benchharness.data.lint import Finding
from benchharness.errors import DataError, SuiteError, UsageError
from benchharness.files import write_atomically
from benchharness.gate import Gate
from benchharness.report.model import Failure, Report
from benchharness.report.verdict_file import read_report, remove_verdict, write_report

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


def _facts(report):
    """Everything that a report holds, in comparable form (numpy arrays as bytes)."""

    def plain(value):
        if dataclasses.is_dataclass(value):
            fields = dataclasses.fields(value)
            return {field.name: plain(getattr(value, field.name)) for field in fields}
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items()}
        if isinstance(value, tuple | list):
            return [plain(entry) for entry in value]
        if isinstance(value, np.ndarray):
            return (str(value.dtype), value.tobytes())
        return repr(value) if isinstance(value, float) else value

    return plain(report)


def test_report_reads_back_as_it_was_written(report, tmp_path):
    """Every field of every noun, every number bit for bit, NaN too."""
    write_report(report, tmp_path)

    assert _facts(read_report(tmp_path)) == _facts(report)


def test_two_writes_give_the_same_bytes(report, tmp_path):
    """Written, and written again from what was read: all files equal."""
    write_report(report, tmp_path / "a")
    write_report(read_report(tmp_path / "a"), tmp_path / "b")

    def files(folder):
        found = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

    written = files(tmp_path / "a")
    assert written == files(tmp_path / "b")
    assert sorted(written) == [
        "per_query.jsonl",
        "runs/c%C3%B3digo.org%2Fmodel.trec",
        "runs/faq.bm25.trec",
        "runs/faq.minilm%40dim%3D64.trec",
        "summary.md",
        "verdict.json",
    ]


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


def test_files_hold_no_nan(report, tmp_path):
    """A strict JSON reader takes every line."""
    write_report(report, tmp_path)

    json.loads((tmp_path / "verdict.json").read_text(), parse_constant=pytest.fail)
    for line in (tmp_path / "per_query.jsonl").read_text().splitlines():
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
