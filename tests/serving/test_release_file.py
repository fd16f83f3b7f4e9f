"""release.json: what stands in it, what must be embedded anew, and that it is the same twice."""

from __future__ import annotations

import json

import pytest

from benchharness.data.references import beir
from benchharness.errors import DataError, UsageError
from benchharness.gate import Gate
from benchharness.judge.bench import Bench
from benchharness.judge.policy import Policy
from benchharness.models.registry import open_model
from benchharness.serving.release_file import (
    Old,
    Rate,
    measured_rate,
    read_release,
    reembedding,
    release_content,
    write_release,
)
from benchharness.suite import Suite
from benchharness.testing import HashEncoder, install_doubles, write_beir

MODEL = "hash@dim=128"
RATE = Rate(documents_per_second=50.0, documents=10)


@pytest.fixture
def suite(tmp_path):
    install_doubles()
    corpus = {f"d{row:03}": f"word{row} word{200 + row} word{400 + row}" for row in range(100)}
    queries = {f"q{row:03}": corpus[f"d{row:03}"] for row in range(100)}
    write_beir(
        tmp_path / "data", corpus, queries, {f"q{r:03}": {f"d{r:03}": 1} for r in range(100)}
    )
    return Suite(
        name="words", dataset=beir("data"), models=[MODEL], measures=["recall@10"],
        gates=[
            Gate.floor("recall@10", 0.5),
            Gate.regression("recall@10", margin=0.02, against="bm25"),
        ],
    )  # fmt: skip


def content_of(suite, folder, *, old=None, rate=RATE, allowed=None, granted=True):
    bench = Bench(policy=Policy(release=True))
    found = bench.assess(suite, MODEL, folder)
    return release_content(
        found, open_model(MODEL), bench.dataset(suite.dataset, folder),
        granted=granted, why="2 gates met", allowed=allowed, old=old, rate=rate,
    )  # fmt: skip


def test_it_says_what_the_model_is_and_what_it_was_held_against(suite, tmp_path):
    content = content_of(suite, tmp_path)

    assert content["schema"] == 1
    assert content["model"] == MODEL
    assert content["fingerprint"] == HashEncoder(dim=128).fingerprint
    assert content["dimension"] == 128
    assert content["prompts"] == {"query": "", "document": ""}
    evaluation = content["evaluation"]
    assert evaluation["measures"]["recall@10"]["n"] == 100
    assert len(evaluation["measures"]["recall@10"]["ci95"]) == 2
    assert set(evaluation["data"]) == {"corpus", "queries", "qrels", "template"}
    assert [gate["gate"] for gate in evaluation["gates"]] == [
        "floor-recall@10",
        "regression-recall@10",
    ]
    assert evaluation["gates"][0]["minimum"] == 0.5
    assert evaluation["gates"][1]["margin"] == 0.02
    assert evaluation["gates"][1]["against"] == "bm25 in this session"
    assert content["versions"]["numpy"]
    assert content["released"] == {"granted": True, "why": "2 gates met", "failed_allowed": None}


def test_what_was_allowed_stands_there(suite, tmp_path):
    """Rule: an empty reason is a reason that nobody gave, not a gate that was met."""
    content = content_of(suite, tmp_path, granted=False, allowed="")

    assert content["released"]["failed_allowed"] == {"reason": ""}
    assert content["released"]["granted"] is False


def test_everything_is_embedded_anew_for_another_model(suite, tmp_path):
    """Rule: at 50 documents a second, 100 documents take 2 s."""
    old = Old("hash@dim=64", "0" * 64, {})

    content = content_of(suite, tmp_path, old=old)

    assert content["old"] == {"model": "hash@dim=64", "fingerprint": "0" * 64}
    assert content["reembed"]["documents"] == 100
    assert "another model" in content["reembed"]["why"]
    assert content["timings"]["reembed_seconds"] == 2.0


def test_nothing_is_embedded_anew_for_the_same_model(suite, tmp_path):
    old = Old("a copy of it", HashEncoder(dim=128).fingerprint, {})

    content = content_of(suite, tmp_path, old=old)

    assert content["reembed"] == {
        "documents": 0, "of": 100, "why": "the model is the same: its vectors stay valid",
    }  # fmt: skip
    assert content["timings"]["reembed_seconds"] == 0.0


def test_without_an_old_version_everything_is_new(suite, tmp_path):
    assert content_of(suite, tmp_path)["reembed"]["documents"] == 100


def test_another_corpus_is_named(suite, tmp_path):
    """Rule: the same model, and documents that its index does not have."""
    dataset = Bench().dataset(suite.dataset, tmp_path)
    same = Old("m", "f" * 64, {"words": dataset.fingerprint.corpus})
    other = Old("m", "f" * 64, {"words": "0" * 64})

    assert "its vectors stay valid" in reembedding("f" * 64, same, "words", dataset).why
    assert "the corpus is another" in reembedding("f" * 64, other, "words", dataset).why


def test_all_but_the_timings_is_the_same_twice(suite, tmp_path):
    """Rule: byte for byte."""
    texts = []
    for rate in (RATE, Rate(7.0, 3)):
        content = content_of(suite, tmp_path, rate=rate)
        content.pop("timings")
        texts.append(json.dumps(content))

    assert texts[0] == texts[1]


def test_what_is_written_is_read_by_the_next_version(suite, tmp_path):
    content = content_of(suite, tmp_path)

    path = write_release(content, tmp_path / "out" / "release.json")
    old = read_release(path)

    assert json.loads(path.read_text()) == content
    assert old.model == MODEL
    assert old.fingerprint == content["fingerprint"]
    assert old.corpora == {"words": content["evaluation"]["data"]["corpus"]}


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"schema": 2}', '{"schema": 1, "model": "m"}',
     '{"schema": 1, "model": "m", "fingerprint": "", "evaluation": {"suite": "s", "data": '
     '{"corpus": "c"}}}'],
)  # fmt: skip
def test_something_else_is_no_release(tmp_path, text):
    path = tmp_path / "release.json"
    path.write_text(text)

    with pytest.raises(DataError, match="this is no release of benchharness"):
        read_release(path)


def test_a_place_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="the release cannot be written"):
        write_release({}, tmp_path / "file" / "release.json")


def test_the_rate_is_of_texts_that_were_encoded(monkeypatch):
    """Rule: nothing from a cache, the first text unmeasured, at most 512 of them."""
    asked = []

    class Noted(HashEncoder):
        def encode(self, texts, role):
            asked.append((role, list(texts)))
            yield from super().encode(texts, role)

    texts = [f"text {row}" for row in range(1000)]

    found = measured_rate(Noted(), texts)

    assert found.documents_per_second > 0
    assert found.documents == sum(len(one) for _, one in asked[1:]) == 512
    assert {role for role, _ in asked} == {"document"}
    assert len({text for _, one in asked[1:] for text in one}) == 512


def test_a_slow_model_is_not_timed_for_long(monkeypatch):
    """Rule: after two seconds no further block is begun."""
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr("benchharness.serving.release_file.time.perf_counter", lambda: next(clock))

    found = measured_rate(HashEncoder(), [f"text {row}" for row in range(80)])

    assert found.documents == 10
    assert found.documents_per_second == pytest.approx(10 / 3)
