"""per_query.jsonl: every number reads back as it was."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchharness.evaluation.result import Run
from benchharness.report.query_file import parse_query_lines, query_lines

texts = st.text(max_size=8)


def _read(lines):
    pairs = {(row["suite"], row["model"]) for row in map(json.loads, lines)}
    return parse_query_lines(lines, dict.fromkeys(pairs, 100))


def test_line_is_as_documented(assess):
    """Keys, order and shortest numbers: 0.7 of a float32 is 0.7, not 0.699999988079071."""
    (line,) = query_lines([assess(hits=[1.0]).result])

    assert line == (
        '{"suite": "faq", "model": "minilm", "query_id": "q00000", '
        '"values": {"recall@10": 1.0, "ndcg@10": 0.8}, "capped_recall@10": 1.0, '
        '"relevant": {}, "judged": "", "groups": {}, '
        '"retrieved": [["d1", 0.9], ["d2", 0.7], ["d3", 0.7]]}\n'
    )


def test_lines_are_sorted_by_suite_model_and_query(assess):
    """Whatever the order of measuring, also under xdist."""
    results = [assess(suite, model, hits=[1.0, 0.0]).result for suite in "ba" for model in "yx"]

    rows = [json.loads(line) for line in query_lines(results)]

    keys = [(row["suite"], row["model"], row["query_id"]) for row in rows]
    assert keys == sorted(keys)
    assert len(keys) == 8
    assert list(query_lines(results)) == list(query_lines(results[::-1]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.lists(st.tuples(texts, st.floats(width=32, allow_nan=False)), max_size=4),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_numbers_and_ids_read_back_exactly(assess, queries):
    """float64 values, float32 scores and any text as id survive, bit for bit."""
    result = assess(hits=[value for value, _ in queries]).result
    run = Run(
        result.run.query_ids,
        tuple(tuple(doc_id for doc_id, _ in row) for _, row in queries),
        tuple(tuple(score for _, score in row) for _, row in queries),
        100,
    )

    found = _read(list(query_lines([dataclasses.replace(result, run=run)])))["faq", "minilm"]

    assert found.run == run or (
        (found.run.query_ids, found.run.doc_ids, found.run.scores)
        == (run.query_ids, run.doc_ids, run.scores)
    )
    for name, values in result.values.items():
        assert found.values[name].tobytes() == values.tobytes()
    assert found.capped_recall.tobytes() == result.capped_recall.tobytes()


def test_what_is_not_finite_is_a_word(assess):
    """JSON has no NaN; the file stays readable by strict readers."""
    result = assess(hits=[float("nan"), 1.0]).result

    lines = list(query_lines([result]))

    row = json.loads(lines[0], parse_constant=pytest.fail)
    assert row["values"]["recall@10"] == "nan"
    assert np.isnan(_read(lines)["faq", "minilm"].values["recall@10"][0])


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line.replace('"recall@10": 1.0', '"recall@10": [1]'),
        lambda line: line.replace('"recall@10": 1.0', '"recall@10": true'),
        lambda line: line.replace('"retrieved"', '"found"'),
        lambda line: line.replace('"model": "minilm"', '"model": "other"'),
        lambda line: line[:-5],
    ],
)
def test_wrong_line_is_not_read(assess, damage):
    """What `query_lines` would not write is refused, never guessed."""
    line = next(query_lines([assess(hits=[1.0]).result]))

    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_query_lines([damage(line)], {("faq", "minilm"): 100})


def test_queries_with_different_measures_are_not_read(assess):
    """A value that only some queries have would be a mean over those."""
    one, two = query_lines([assess(hits=[1.0, 0.0]).result])

    with pytest.raises(ValueError, match="different measures"):
        parse_query_lines([one, two.replace("ndcg@10", "mrr@10")], {("faq", "minilm"): 100})
