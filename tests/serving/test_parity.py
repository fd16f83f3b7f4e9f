"""A served model against the local one: what passes, what fails, and what is asked anew."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchharness.data.references import beir
from benchharness.errors import UsageError
from benchharness.gate import Gate
from benchharness.judge.bench import Bench
from benchharness.models.registry import register
from benchharness.serving.parity import Limits, measure_parity
from benchharness.serving.parity_gates import as_identical, few_flips
from benchharness.suite import Suite
from benchharness.testing import HashEncoder, install_doubles, write_beir

TEXTS = [f"word{row} word{200 + row} word{400 + row}" for row in range(200)]
QUIET = Limits(seconds=0)


@pytest.fixture(autouse=True)
def _doubles():
    install_doubles()


@pytest.fixture
def data(tmp_path):
    corpus = {f"d{row:03}": text for row, text in enumerate(TEXTS)}
    queries = {f"q{row:03}": text for row, text in enumerate(TEXTS)}
    write_beir(
        tmp_path / "data", corpus, queries, {f"q{r:03}": {f"d{r:03}": 1} for r in range(200)}
    )
    return tmp_path


def suite_of(*gates, name="words"):
    return Suite(
        name=name,
        dataset=beir("data"),
        models=["hash@dim=512"],
        measures=["recall@10", "ndcg@10"],
        gates=gates,
    )


def parity(data, served, *gates, local="hash@dim=512", limits=QUIET):
    return measure_parity(suite_of(*gates), data, local, served, Bench(), limits)


class Served(HashEncoder):
    """Another process's copy of the model: the same vectors under another fingerprint.

    noise: added to every vector, by text and role. calls: how often it was asked.
    """

    calls = 0
    noise = 0.0

    @property
    def fingerprint(self):
        return "5" * 64

    def encode(self, texts, role):
        type(self).calls += 1
        for rows, vectors in super().encode(texts, role):
            seeds = [list(f"{role} {texts[row]}".encode()) for row in rows.tolist()]
            wobble = [np.random.default_rng(seed).normal(size=self.dim) for seed in seeds]
            yield rows, (vectors + self.noise * np.array(wobble)).astype(np.float32)


def serve(name, noise=0.0):
    kind = type(name, (Served,), {"noise": noise, "calls": 0})
    register(name, lambda spec: kind(dim=512, spec=spec.text))
    return kind


def test_the_same_vectors_pass_whatever_they_are_called(data):
    """Rule: identity is not asked for, agreement is; every number of it is 1."""
    serve("copy")

    found = parity(
        data, "copy", Gate.floor("recall@10", 0.9), Gate.regression("ndcg@10", margin=0.01)
    )

    assert found.outcome == "pass"
    assert found.why == ()
    assert found.local_fingerprint != found.served_fingerprint
    assert found.whole.lowest == pytest.approx(1)
    assert (found.whole.queries.texts, found.whole.documents.texts) == (200, 200)
    assert (found.ranks.overlap, found.ranks.first, found.ranks.changed) == (1, 1, 0)
    assert [one.outcome for one in found.changes] == ["identical", "identical"]
    assert [one.outcome for one in found.gates] == ["pass", "identical"]
    assert found.causes == ()


def test_small_noise_passes_and_large_noise_fails(data):
    """Rule: below the least cosine it fails, though no measure moves."""
    serve("near", noise=1e-4)
    serve("far", noise=5e-3)

    near, far = parity(data, "near"), parity(data, "far")

    assert near.outcome == "pass"
    assert 0.999 < near.whole.lowest < 1
    assert far.outcome == "fail"
    assert far.whole.lowest < 0.999
    assert all(one.delta == 0 for one in far.changes)
    assert [line.partition(":")[0] for line in far.why] == ["queries", "documents"]
    assert far.whole.documents.worst[0][0] in far.why[1]


def test_the_least_cosine_is_the_users(data):
    """Rule: where it is lowered, the margin judges, and near-ties are no excuse any more."""
    serve("tolerated", noise=5e-3)

    narrow, wide = (
        parity(data, "tolerated", limits=Limits(seconds=0, min_cosine=0.9, margin=margin))
        for margin in (0.01, 0.05)
    )

    assert narrow.outcome == "inconclusive"  # 200 queries cannot show a loss of 0.01
    assert len(narrow.why) == 2
    assert wide.outcome == "pass"
    assert [one.outcome for one in wide.changes] == ["pass", "pass"]


def test_another_model_of_that_dimension_fails_with_its_cause(data):
    found = parity(data, "hash@dim=512,salt=b")

    assert found.outcome == "fail"
    assert "another model, or of other weights" in found.causes[0].what


def test_a_worse_model_fails_its_gates(data):
    """Rule: the local model is the baseline, and no command that accepts the loss is offered."""
    serve("worse", noise=0.2)

    found = parity(
        data, "worse", Gate.floor("recall@10", 0.9), Gate.regression("recall@10", margin=0.02)
    )

    assert [one.outcome for one in found.gates] == ["fail", "regressed"]
    assert found.gates[1].comparison.reference == "hash@dim=512 in this session"
    assert "--bench-update" not in found.gates[1].advice
    assert {one.outcome for one in found.changes} == {"regressed"}
    assert any(line.startswith("floor-recall@10: ") for line in found.why)


def test_a_gate_of_another_model_is_not_judged(data):
    gate = Gate.floor("recall@10", 1.0, models=["hash@dim=512"])

    assert parity(data, "hash@dim=16", gate, local="hash@dim=16").gates == ()


def test_another_dimension_ends_it(data):
    """Rule: one sentence, its cause, and nothing that could look like a result."""
    found = parity(data, "hash@dim=256")

    assert found.outcome == "fail"
    assert found.dims == (512, 256)
    assert found.why == ("the served vectors have 256 components, the local ones 512",)
    assert "gives 256 of 512 components" in found.causes[0].what
    assert (found.whole, found.ranks, found.changes) == (None, None, ())


def test_the_server_is_asked_anew(data):
    """Rule: what the cache has of a server says nothing of it now."""
    kind = serve("fresh")
    parity(data, "fresh")
    first = kind.calls

    parity(data, "fresh")

    assert first > 0
    assert kind.calls == 2 * first


def test_each_text_is_asked_for_once(data):
    """Rule: cosines, rankings and measures are of the same answers."""
    asked = []

    class Counting(Served):
        def encode(self, texts, role):
            asked.extend((role, text) for text in texts)
            yield from super().encode(texts, role)

    register("counted", lambda spec: Counting(dim=512, spec=spec.text))

    parity(data, "counted")

    assert len(asked) == len(set(asked)) == 400


def test_costs_are_left_out_by_name(data):
    found = parity(data, "hash@dim=512", Gate.cost("dimension", at_most=16))

    assert found.left_out == ("cost-dimension",)
    assert found.outcome == "pass"


def test_a_champion_stays_the_champion(data):
    """Rule: `beats` compares with what it names; the served model must be better as well."""
    found = parity(data, "hash@dim=512", Gate.beats("hash@dim=2", "recall@10"))
    equal = parity(data, "hash@dim=512", Gate.beats("hash@dim=256", "recall@10"))

    assert [one.outcome for one in found.gates] == ["improved"]
    assert equal.outcome == "inconclusive"
    assert equal.gates[0].comparison.reference == "hash@dim=256 in this session"


def test_a_guard_is_measured_on_the_served_model(data):
    """Rule: its own suite, both sides measured there."""
    (data / "suite_guard.py").write_text(
        "from benchharness import Suite, beir\n"
        "guard = Suite(name='guard', dataset=beir('data'), models=['hash'], measures=['mrr@10'])\n"
    )
    serve("guarded", noise=0.5)

    found = parity(data, "guarded", Gate.guard("guard", "mrr@10", margin=0.05))

    (verdict,) = found.gates
    assert verdict.outcome == "regressed"
    assert verdict.line.startswith("on guard: ")
    assert verdict.comparison.reference == "hash@dim=512 in this session"


def test_errors_under_load_fail(data):
    """Rule: a server that drops requests is no release, however equal its vectors."""

    class Dropping(Served):
        def encode(self, texts, role):
            if len(texts) == 1:
                raise UsageError("503")
            yield from super().encode(texts, role)

    register("dropping", lambda spec: Dropping(dim=512, spec=spec.text))

    found = parity(data, "dropping", limits=Limits(clients=2, seconds=0.01))

    assert found.load.errors == 2
    assert found.outcome == "fail"
    assert found.why == ("under load 2 requests failed: 503",)


def test_load_is_measured_where_it_is_asked_for(data):
    found = parity(data, "hash@dim=512", limits=Limits(clients=3, seconds=0.05))

    assert found.outcome == "pass"
    assert found.load.clients == 3
    assert found.load.requests > 0
    assert found.load.p50_ms <= found.load.p95_ms <= found.load.p99_ms


def test_a_system_without_vectors_is_refused(data):
    with pytest.raises(UsageError, match="bm25 has no vectors to compare"):
        parity(data, "bm25")


@pytest.mark.parametrize(
    "wrong",
    [{"min_cosine": 0}, {"min_cosine": 1.5}, {"margin": 0}, {"margin": float("nan")},
     {"clients": 0}, {"seconds": -1}, {"seconds": float("inf")}],
    ids=str,
)  # fmt: skip
def test_limits_out_of_range_are_refused(wrong):
    (name,) = wrong
    option = "--" + name.replace("_", "-")

    with pytest.raises(UsageError, match=f"{option} .* is out of range"):
        Limits(**wrong)


@pytest.mark.parametrize(
    ("won", "lost", "n", "delta", "margin", "expected"),
    [
        (0, 0, 3, 0.0, 0.01, True),
        (0, 1, 500, -0.002, 0.01, True),
        (1, 1, 500, 0.0, 0.01, False),
        (1, 1, 1000, 0.0, 0.01, True),
        (0, 1, 20, -0.05, 0.01, False),
        (0, 0, 3, None, 0.01, False),
    ],
)
def test_near_ties_are_few_and_small(won, lost, n, delta, margin, expected):
    """Rule: at most max(1, 0.2 %) of the queries, and a mean within the margin."""
    assert few_flips(won, lost, n, delta, margin) is expected


def test_near_ties_settle_no_floor(data):
    """Rule: only what compares may become identical."""
    found = parity(data, "hash@dim=512", Gate.floor("recall@10", 0.9))

    assert as_identical(found.gates[0]) == found.gates[0]
    assert dataclasses.asdict(found)["schema"] == 1
