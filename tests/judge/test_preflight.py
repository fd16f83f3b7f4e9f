"""What can be known of a suite before any model's weights are loaded."""

from pathlib import Path

import pytest

from benchharness.data.load import load
from benchharness.data.references import beir
from benchharness.errors import DataError
from benchharness.gate import Gate
from benchharness.judge.preflight import preflight, stop_on_errors, truncation
from benchharness.suite import Suite
from benchharness.testing import HashEncoder, write_beir


def looked_at(folder: Path, qrels, gates=(), documents=30, measures=("recall@10",)):
    write_beir(
        folder,
        {f"d{n:02}": f"document about subject number {n}" for n in range(documents)},
        {query_id: f"where is {query_id}" for query_id in qrels},
        qrels,
    )
    suite = Suite("faq", beir(str(folder)), ["hash"], measures=measures, gates=gates)
    return suite, preflight(suite, load(suite.dataset, folder))


def by_code(findings):
    return {finding.code: finding for finding in findings}


MANY = {"q1": {f"d{n:02}": 1 for n in range(20)}}


def test_a_ceiling_below_one_is_noted_with_its_value(tmp_path: Path):
    _, found = looked_at(tmp_path, MANY)

    assert "0.5000" in by_code(found)["ceiling"].message


def test_a_floor_above_the_ceiling_stops_the_run_with_both_numbers(tmp_path: Path):
    """No model can pass it: 20 relevant documents cap recall@10 at 0.5."""
    suite, found = looked_at(tmp_path, MANY, gates=[Gate.floor("recall@10", 0.65)])

    assert found[0].code == "floor-above-ceiling"
    with pytest.raises(DataError) as caught:
        stop_on_errors(suite, found)
    assert "0.65" in str(caught.value)
    assert "0.5000" in str(caught.value)


def test_a_floor_at_the_ceiling_is_reachable(tmp_path: Path):
    suite, found = looked_at(tmp_path, MANY, gates=[Gate.floor("recall@10", 0.5)])

    assert "floor-above-ceiling" not in by_code(found)
    stop_on_errors(suite, found)


def test_few_queries_are_warned_about_with_the_smallest_visible_difference(tmp_path: Path):
    """2.4865 * sqrt(0.1 / 50) = 0.111."""
    _, found = looked_at(tmp_path, {f"q{n}": {"d01": 1} for n in range(50)})

    finding = by_code(found)["detectable-effect"]
    assert finding.severity == "warning"
    assert "0.111" in finding.message


def test_errors_come_first_and_stop_with_their_number(tmp_path: Path):
    suite, found = looked_at(tmp_path, {"q1": {"gone": 1}})

    assert found[0].severity == "error"
    with pytest.raises(DataError, match="suite 'faq' cannot be measured"):
        stop_on_errors(suite, found)


def test_documents_longer_than_the_model_reads_are_counted(tmp_path: Path):
    class Short(HashEncoder):
        max_length = 4

    suite, _ = looked_at(tmp_path, {"q1": {"d01": 1}})

    finding = truncation(load(suite.dataset, tmp_path), Short())

    assert finding is not None
    assert finding.severity == "warning"
    assert "30 of 30 documents (100.0%)" in finding.message


def test_a_large_corpus_is_sampled_and_says_so(tmp_path: Path):
    class Short(HashEncoder):
        max_length = 100

    suite, _ = looked_at(tmp_path, {"q1": {"d01": 1}}, documents=2_500)

    finding = truncation(load(suite.dataset, tmp_path), Short())

    assert finding is not None
    assert "0 of 2,000 sampled documents (0.0%)" in finding.message
    assert finding.severity == "note"


def test_a_model_that_reads_everything_has_nothing_to_report(tmp_path: Path):
    suite, _ = looked_at(tmp_path, {"q1": {"d01": 1}})

    assert truncation(load(suite.dataset, tmp_path), HashEncoder()) is None
