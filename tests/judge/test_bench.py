"""`Bench` joins the floors: from a suite and a model to verdicts, each thing once."""

from pathlib import Path

import pytest

from benchharness import measure
from benchharness.data.references import beir
from benchharness.errors import DataError, ModelError
from benchharness.gate import Gate
from benchharness.judge.bench import Bench, suite_of
from benchharness.suite import Suite
from benchharness.testing import install_doubles, write_beir

install_doubles()

TOPICS = ["river boats", "mountain goats", "kitchen ovens", "garden tools", "winter coats"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Every query shares two words with its one relevant document."""
    return write_beir(
        tmp_path / "data",
        {f"d{n}": f"all there is to know about {topic} here" for n, topic in enumerate(TOPICS)},
        {f"q{n}": f"looking for {topic}" for n, topic in enumerate(TOPICS)},
        {f"q{n}": {f"d{n}": 1} for n in range(len(TOPICS))},
    )


def suite(data: Path, **fields):
    given = {"models": ["hash@dim=512", "bm25"], "gates": [Gate.floor("recall@1", 0.5)]}
    return Suite(name="toy", dataset=beir(str(data)), **(given | fields))


def test_an_assessment_holds_estimates_decision_and_verdicts(data: Path, tmp_path: Path):
    found = Bench().assess(suite(data), "bm25", tmp_path)

    assert found.estimates["recall@1"].value == 1.0
    assert found.decision.trainable is False
    assert [(v.gate, v.outcome) for v in found.verdicts] == [("floor-recall@1", "pass")]


def test_bm25_and_the_tokenizer_stand_beside_the_decision_of_a_model(data: Path, tmp_path: Path):
    evidence = Bench().assess(suite(data), "hash@dim=512", tmp_path).decision.evidence

    assert evidence["bm25"]["recall@10"] == 1.0
    assert "stemmer" in evidence["bm25"]["description"]
    assert evidence["tokens"]["documents"] == 5


def test_a_model_is_measured_once_whatever_is_asked(data: Path, tmp_path: Path):
    steps = []
    bench = Bench(listener=steps.append)
    bench.assess(suite(data), "hash@dim=512", tmp_path)
    told = len(steps)

    again = bench.assess(suite(data), "hash@dim=512", tmp_path)

    assert again is bench.assess(suite(data), "hash@dim=512", tmp_path)
    assert len(steps) == told


def test_an_error_is_found_once_and_raised_each_time(data: Path, tmp_path: Path):
    (data / "corpus.jsonl").write_text("not json\n")
    bench = Bench()
    with pytest.raises(DataError) as first:
        bench.assess(suite(data), "bm25", tmp_path)

    with pytest.raises(DataError) as second:
        bench.assess(suite(data), "hash@dim=512", tmp_path)

    assert second.value is first.value
    assert "corpus.jsonl:1" in str(first.value)


def test_an_unknown_model_is_a_model_error(data: Path, tmp_path: Path):
    with pytest.raises(ModelError):
        Bench().assess(suite(data, models=["no-such-model"]), "no-such-model", tmp_path)


def test_paths_of_the_data_start_at_the_base(data: Path):
    made = Suite(name="toy", dataset=beir("data"), models=["bm25"])

    assert Bench().measure(made, "bm25", data.parent).counts["documents"] == 5


def test_a_limited_bench_gives_incomplete_verdicts(data: Path, tmp_path: Path):
    found = Bench(limit=2).assess(suite(data), "bm25", tmp_path)

    assert [verdict.outcome for verdict in found.verdicts] == ["incomplete"]


def test_lint_loads_no_model_and_names_every_model_s_window(data: Path, tmp_path: Path):
    codes = [finding.code for finding in Bench().lint(suite(data), tmp_path)]

    assert "detectable-effect" in codes


def test_measure_takes_a_reference_without_a_suite(data: Path):
    """The plain function of the front door, on a data set that has no suite."""
    result = measure(beir(str(data)), "bm25")

    assert result.suite == "data"
    assert result.values["ndcg@10"].tolist() == [1.0] * 5


@pytest.mark.parametrize(
    ("path", "name"), [("data/faq", "faq"), ("../x y/", "x-y"), ("/", "beir"), ("..", "beir")]
)
def test_a_data_set_without_a_suite_is_named_after_its_folder(path, name):
    assert suite_of(beir(path), ["bm25"]).name == name
