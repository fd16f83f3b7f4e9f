"""Files of a mined log: pairs that are read back, a report, an evaluation set that measures."""

import json
from pathlib import Path

import pytest

from benchharness import jsonl
from benchharness.data.load import load
from benchharness.pairs.clicks.mining import mine
from benchharness.pairs.clicks.settings import Settings
from benchharness.pairs.clicks.writing import report_content, write_mined
from benchharness.pairs.pair import read_pairs
from benchharness.testing import write_beir


@pytest.fixture
def mined(write_log, pages, corpus_of):
    """Two training pairs, and one of a later query."""
    rows = pages(*[("old", "ab", "a")] * 12, *[("Über", "ba", "b")] * 12, ts=1)
    rows += pages(*[("new", "ab", "b")] * 6, first=24, ts=1769860800)
    settings = Settings(eta=1.0, min_score=0.1, split_at=100.0)
    return mine(write_log(rows), corpus_of("a", "b"), settings)


def test_the_pairs_are_read_back_as_they_are(mined, tmp_path):
    written = write_mined(mined, tmp_path / "new" / "clicks.jsonl")

    assert read_pairs(written.pairs) == mined.pairs
    assert len(mined.pairs) == 2


def test_the_report_stands_beside_the_pairs(mined, tmp_path):
    written = write_mined(mined, tmp_path / "clicks.jsonl")

    content = json.loads(written.report.read_text(encoding="utf-8"))
    assert written.report == tmp_path / "clicks.report.json"
    assert content == json.loads(json.dumps(report_content(mined.report, written)))
    assert (content["schema"], content["pairs"], content["negatives"]) == (1, 2, 0)
    assert content["curve"]["source"] == "1/rank^1"
    assert content["split"]["at"] == "1970-01-01T00:01:40+00:00"


def test_the_later_queries_are_an_evaluation_set(mined, tmp_path):
    """Rule: with the corpus they are a data set of jsonl(), as `how` names it."""
    folder = write_beir(tmp_path / "data", {"a": "text of a", "b": "text of b"}, {}, {})
    corpus, suites = Path(folder) / "corpus.jsonl", tmp_path / "suites"

    written = write_mined(mined, tmp_path / "clicks.jsonl", corpus, suites=suites)

    dataset = load(eval(written.how, {"jsonl": jsonl}), suites)

    [later] = mined.later
    assert written.later == tmp_path / "clicks.later"
    assert dataset.queries == {later.query_id: "new"}
    assert dataset.groups == {later.query_id: {"origin": "clicks"}}
    assert dataset.query_origin == "people"
    assert (dataset.qrels.query_ids, dataset.qrels.doc_ids) == ((later.query_id,), ("b",))
    assert str(tmp_path) not in written.how


def test_a_corpus_without_a_file_is_asked_for(mined, tmp_path):
    """Rule: an installed package or a hub's data set has no file to name."""
    written = write_mined(mined, tmp_path / "clicks.jsonl")

    assert written.how.startswith("jsonl(corpus='the corpus as JSON lines', queries=")


def test_the_same_log_makes_the_same_bytes(mined, tmp_path):
    first = write_mined(mined, tmp_path / "clicks.jsonl", later=tmp_path / "later")
    before = [path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()]

    second = write_mined(mined, tmp_path / "clicks.jsonl", later=tmp_path / "later")

    assert first == second
    assert [path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()] == before
