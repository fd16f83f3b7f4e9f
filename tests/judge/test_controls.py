"""Negative controls: chance is k/N, and what is not at chance is a broken suite."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchharness import Suite, beir
from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.texts import TextTable
from benchharness.errors import DataError
from benchharness.evaluation import metrics
from benchharness.judge import controls
from benchharness.judge.bench import Bench
from benchharness.models.cache import EmbeddingCache
from benchharness.testing import install_doubles, write_beir


def _dataset(documents=200, queries=100, relevant=1, dangling=0):
    """Query number i is answered by documents i, i + 1 …; some of them are not in the corpus."""
    rows = [
        (f"q{query:03}", f"d{(query + place) % documents:04}", 1, 0)
        for query in range(queries)
        for place in range(relevant)
    ]
    rows += [(f"q{query:03}", f"gone{query:03}", 1, 0) for query in range(dangling)]
    return Dataset(
        name="made",
        corpus=TextTable.of((f"d{row:04}", f"word{row}") for row in range(documents)),
        queries={f"q{query:03}": f"word{query}" for query in range(queries)},
        qrels=Qrels.of(rows),
    )


@pytest.fixture
def measured(tmp_path):
    """(dataset, result) of the word-hashing encoder on 60 documents that each have a query."""
    install_doubles()
    names = [f"w{row:02}" for row in range(60)]
    write_beir(
        tmp_path,
        {f"d{name}": name for name in names},
        {f"q{name}": name for name in names},
        {f"q{name}": {f"d{name}": 1} for name in names},
    )
    suite = Suite(name="made", dataset=beir(str(tmp_path)), models=["hash@dim=4096"])
    bench = Bench(cache=EmbeddingCache.none())
    result = bench.measure(suite, "hash@dim=4096", tmp_path)
    return bench.dataset(suite.dataset, tmp_path), result


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 10 / 200),
        ({"relevant": 3}, 10 / 200),  # recall divides by all three
        ({"dangling": 100}, 10 / 200 / 2),  # one of two is not there to be found
        ({"documents": 1000}, 10 / 1000),
    ],
)
def test_a_random_ranking_scores_at_k_of_n(fields, expected):
    """The exact chance level, by hand; the control lies within three standard errors of it."""
    control = controls.random_ranking(_dataset(**fields))

    assert control.expected == pytest.approx(expected)
    assert control.holds
    assert control.value != control.expected  # something was drawn


def test_the_bounds_are_those_of_the_hypergeometric_distribution():
    """Against scipy: one relevant document of 200, ten drawn, 100 queries, 20 rankings."""
    from scipy.stats import hypergeom

    control = controls.random_ranking(_dataset())

    error = hypergeom(200, 1, 10).std() / np.sqrt(100 * 20)
    assert control.allowed == pytest.approx(3 * error + 1 / 2000)


def test_a_corpus_no_larger_than_k_leaves_nothing_to_chance():
    """Every ranking of eight documents holds all of them among ten."""
    control = controls.random_ranking(_dataset(documents=8, queries=8))

    assert (control.value, control.expected) == (1.0, 1.0)
    assert control.holds


def test_shuffled_judgments_bring_a_perfect_run_to_chance(measured):
    """The encoder finds every document; with moved judgments it finds k/N."""
    dataset, result = measured

    control = controls.shuffled_judgments(dataset, result)

    assert result.values["recall@10"].mean() == 1.0
    assert control.expected == pytest.approx(10 / 60)
    assert control.holds


def test_a_ranking_that_finds_too_much_is_broken(monkeypatch):
    """A grading that counts neighbours as hits (off by one) is far from chance."""
    true = metrics.grade

    def off_by_one(rows, relevance):
        both = np.concatenate([rows, rows + 1], axis=1)
        wide = true(both, relevance)
        halves = np.maximum(wide.grades[:, : rows.shape[1]], wide.grades[:, rows.shape[1] :])
        return replace(wide, grades=halves)

    monkeypatch.setattr(controls.metrics, "grade", off_by_one)

    finding = controls.control_of_suite(_dataset())

    assert finding.severity == "error"
    assert "the suite is broken: a random ranking reaches recall@10 0.1" in finding.message


def test_a_broken_suite_is_not_measured(tmp_path, monkeypatch):
    """Nobody gets a number from it."""
    install_doubles()
    write_beir(tmp_path, {"d1": "fox", "d2": "cat"}, {"q1": "fox"}, {"q1": {"d1": 1}})
    suite = Suite(name="made", dataset=beir(str(tmp_path)), models=["hash"])
    monkeypatch.setattr(
        controls, "random_ranking", lambda _: controls.Control(0.9, expected=0.1, allowed=0.05)
    )

    with pytest.raises(DataError, match="the suite is broken"):
        Bench(cache=EmbeddingCache.none()).measure(suite, "hash", Path())


def test_suite_that_asks_for_nothing_is_warned_of(tmp_path):
    """One document answers every query: the answers to other queries are as good."""
    install_doubles()
    names = [f"w{row:02}" for row in range(40)]
    corpus = {f"d{name}": f"{name} paper" for name in names} | {"d": " ".join(names)}
    write_beir(tmp_path, corpus, {f"q{n}": n for n in names}, {f"q{n}": {"d": 1} for n in names})
    suite = Suite(name="made", dataset=beir(str(tmp_path)), models=["hash@dim=4096"])
    bench = Bench(cache=EmbeddingCache.none())

    result = bench.measure(suite, "hash@dim=4096", tmp_path)
    found = controls.controls_of_model(bench.dataset(suite.dataset, tmp_path), result)

    codes = {finding.code: finding.severity for finding in found}
    assert codes == {"control-shuffled": "note", "control-other-queries": "warning"}


def test_healthy_suite_is_noted_and_not_warned_of(measured):
    """One note with the figures; every query needs its own answer."""
    found = controls.controls_of_model(*measured)

    assert [(one.code, one.severity) for one in found] == [("control-shuffled", "note")]


def test_limited_result_has_no_control(measured):
    """Some queries are not the suite."""
    dataset, result = measured

    assert controls.controls_of_model(dataset, replace(result, limit=60)) == []


def test_controls_are_the_same_in_every_session(measured):
    """Seeded: a suite is not broken today and whole tomorrow."""
    dataset, result = measured

    assert controls.random_ranking(dataset) == controls.random_ranking(dataset)
    assert controls.shuffled_judgments(dataset, result) == controls.shuffled_judgments(
        dataset, result
    )
