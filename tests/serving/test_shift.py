"""The way from one model to the next: steps, margins, and what a half-changed search is worth."""

from __future__ import annotations

import numpy as np
import pytest

from benchharness.data.references import beir
from benchharness.errors import UsageError
from benchharness.evaluation.result import Fingerprints, QueryFacts, Result, Run
from benchharness.gate import Gate
from benchharness.judge.bench import Bench
from benchharness.models.cache import EmbeddingCache
from benchharness.serving.changes import Margin, margins_of
from benchharness.serving.shift import at_share, measure_shift, stages_of
from benchharness.serving.shift_mixed import Mixed
from benchharness.serving.shift_routing import is_moved
from benchharness.suite import Suite
from benchharness.testing import HashEncoder, install_doubles, write_beir

# Three words each: an odd number never adds up to the zero vector.
TEXTS = [f"word{row} word{200 + row} word{400 + row}" for row in range(200)]
TIGHT = {"recall@10": Margin(0.05)}


def result_of(values, model, n=None):
    """A result whose queries have those values of recall@10, each with its own document."""
    n = len(values)
    ids = tuple(f"q{row:04}" for row in range(n))
    return Result(
        suite="faq",
        model=model,
        run=Run(ids, tuple((f"{model} {one}",) for one in ids), ((1.0,),) * n, 100),
        fingerprints=Fingerprints("a", "b", "c", "d", f"fingerprint of {model}"),
        values={"recall@10": np.array(values, dtype=np.float64)},
        ceilings={},
        capped_recall=np.array(values, dtype=np.float64),
        ties={},
        counts={},
        trainable=False,
        facts=tuple(QueryFacts(f"digest {one}", {model: 1}) for one in ids),
    )


def test_a_step_takes_each_query_from_its_side():
    """Rule: values, rankings and facts go together; checked by hand."""
    old, new = result_of([1, 1, 0, 0], "old"), result_of([0, 1, 1, 0], "new")

    found = at_share(old, new, [True, False, True, False])

    assert found.values["recall@10"].tolist() == [0, 1, 1, 0]
    assert [one[0].split()[0] for one in found.run.doc_ids] == ["new", "old", "new", "old"]
    assert [next(iter(one.relevant)) for one in found.facts] == ["new", "old", "new", "old"]


def test_the_ends_are_the_models_themselves():
    """Rule: at 0 % and at 100 % the fingerprint is one model's, between them it is neither's."""
    old, new = result_of([1, 0, 1], "old"), result_of([0, 1, 1], "new")

    prints = [
        at_share(old, new, chosen).fingerprints.model
        for chosen in ([False] * 3, [True, False, False], [False, True, False], [True] * 3)
    ]

    assert prints[0] == "fingerprint of old"
    assert prints[3] == "fingerprint of new"
    assert len(set(prints)) == 4


def test_a_worse_model_is_stopped_where_the_loss_shows():
    """Rule: the steps after the first no-go are not walked."""
    n = 400
    old, new = result_of([1.0] * n, "old"), result_of([0.0] * n, "new")

    stages = stages_of(old, new, steps=(0, 1, 20, 50, 100), margins=TIGHT)

    assert [one.percent for one in stages] == [0, 1, 20]
    assert [one.outcome for one in stages] == ["go", "go", "no-go"]
    moved = sum(is_moved(f"q{row:04}", 20) for row in range(n))
    assert stages[2].moved == moved
    assert stages[2].changes[0].after == pytest.approx(1 - moved / n)
    assert stages[2].changes[0].delta == pytest.approx(-moved / n)


def test_a_better_model_goes_all_the_way():
    old, new = result_of([0.0, 1.0] * 200, "old"), result_of([1.0] * 400, "new")

    stages = stages_of(old, new, steps=(0, 10, 100), margins=TIGHT)

    assert [one.outcome for one in stages] == ["go"] * 3
    assert [one.changes[0].outcome for one in stages] == ["identical", "improved", "improved"]


def test_what_is_not_settled_is_no_go_ahead():
    """Rule: few queries settle nothing; the walk goes on, the step is named."""
    old, new = result_of([1.0] * 20, "old"), result_of([1.0] * 19 + [0.0], "new")

    stages = stages_of(old, new, steps=(0, 50, 100), margins=TIGHT)

    assert stages[-1].percent == 100
    assert stages[-1].outcome == "inconclusive"


def test_a_step_without_a_query_says_nothing():
    """Rule: nothing was measured there, so it is neither go nor no-go."""
    old, new = result_of([1.0] * 20, "old"), result_of([1.0] * 20, "new")

    stages = stages_of(old, new, steps=(0, 1e-6, 100), margins={"recall@10": Margin(0.5)})

    assert [one.outcome for one in stages] == ["go", "empty", "go"]


def test_other_queries_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="different queries"):
        stages_of(result_of([1], "old"), result_of([1, 1], "new"), margins=TIGHT)


# --- on data --------------------------------------------------------------------------------------


@pytest.fixture
def suite(tmp_path):
    """Each of 200 queries is the text of its document."""
    install_doubles()
    corpus = {f"d{row:03}": text for row, text in enumerate(TEXTS)}
    queries = {f"q{row:03}": text for row, text in enumerate(TEXTS)}
    qrels = {f"q{row:03}": {f"d{row:03}": 1} for row in range(200)}
    write_beir(tmp_path / "data", corpus, queries, qrels)
    return Suite(
        name="words",
        dataset=beir("data"),
        models=["hash@dim=512"],
        measures=["recall@10", "ndcg@10"],
        gates=[
            Gate.regression("recall@10", margin=0.04),
            Gate.regression("recall@10", margin=0.03, severity="warn"),
        ],
    )


def test_old_documents_and_new_queries_are_noise(suite, tmp_path):
    """Rule: at one dimension nothing fails, and nearly everything is lost; both ways measured."""
    found = measure_shift(suite, tmp_path, "hash@dim=512,salt=a", "hash@dim=512,salt=b", Bench())

    assert found.outcome == "go"
    assert found.documents == 200
    for one, (queries, documents) in zip(
        found.damage,
        [("hash@dim=512,salt=b", "hash@dim=512,salt=a"),
         ("hash@dim=512,salt=a", "hash@dim=512,salt=b")],
        strict=True,
    ):  # fmt: skip
        assert (one.queries, one.documents) == (queries, documents)
        assert one.changes[0].before > 0.95
        assert one.changes[0].after < 0.2
        assert one.changes[0].outcome == "regressed"


def test_the_damage_is_that_of_brute_force(suite, tmp_path):
    """Rule: new query vectors on old document vectors, counted independently."""
    found = measure_shift(suite, tmp_path, "hash@dim=512,salt=a", "hash@dim=512,salt=b", Bench())

    old, new = (
        next(HashEncoder(512, salt).encode(TEXTS, "query"))[1].astype(np.float64) for salt in "ab"
    )
    scores = (new[:, None, :] * old[None, :, :]).sum(axis=2).astype(np.float32)
    hits = sum(
        row in sorted(range(200), key=lambda doc: (-scores[row, doc], doc))[:10]
        for row in range(200)
    )
    assert found.damage[0].changes[0].after == pytest.approx(hits / 200)


def test_other_dimensions_cannot_meet(suite, tmp_path):
    """Rule: said, not measured; the steps are measured all the same."""
    found = measure_shift(suite, tmp_path, "hash@dim=512", "hash@dim=256", Bench())

    assert len(found.stages) > 1
    assert all(not one.changes for one in found.damage)
    assert "hash@dim=512 has 512 components and hash@dim=256 256" in found.damage[0].why


def test_a_system_without_vectors_has_nothing_to_mix(suite, tmp_path):
    found = measure_shift(suite, tmp_path, "bm25", "hash@dim=512", Bench())

    assert "bm25 has no vectors of its own" in found.damage[0].why


def test_the_same_model_needs_nothing(suite, tmp_path):
    """Rule: identity is content: nothing to embed, nothing to mix, every step is go."""
    found = measure_shift(suite, tmp_path, "hash@dim=64", "hash", Bench())

    assert found.outcome == "go"
    assert found.documents == 0
    assert all("the same model" in one.why for one in found.damage)
    outcomes = {change.outcome for stage in found.stages for change in stage.changes}
    assert outcomes == {"identical"}


def test_a_worse_model_ends_with_no_go(suite, tmp_path):
    """Rule: `reached` is the last share up to which every step is go; what is unsettled is not."""
    found = measure_shift(
        suite, tmp_path, "hash@dim=512", "hash@dim=2", Bench(), steps=(0, 1, 30, 100)
    )

    assert found.outcome == "no-go"
    assert found.old_values["recall@10"] > found.new_values["recall@10"] > 0
    assert [one.outcome for one in found.stages] == ["go", "inconclusive", "no-go"]
    assert found.reached == 0


def test_the_order_of_the_data_changes_nothing(suite, tmp_path):
    one = measure_shift(suite, tmp_path, "hash@dim=64", "hash@dim=32", Bench())
    lines = (tmp_path / "data" / "corpus.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "data" / "corpus.jsonl").write_text("".join(reversed(lines)))

    assert measure_shift(suite, tmp_path, "hash@dim=64", "hash@dim=32", Bench()) == one


def test_margins_are_those_of_the_gates(suite):
    """Rule: the strictest of a measure's gates; the default for the others."""
    found = margins_of(suite, ["hash@dim=512"], 0.02)
    bound = Suite(
        name="bound", dataset=suite.dataset, models=["a", "b"], measures=["recall@10"],
        gates=[Gate.regression("recall@10", margin=0.1, alpha=0.01, models=["a"])],
    )  # fmt: skip

    assert found == {"recall@10": Margin(0.03), "ndcg@10": Margin(0.02)}
    assert margins_of(bound, ["b"], 0.02) == {"recall@10": Margin(0.02)}
    assert margins_of(bound, ["b", "a"], 0.02) == {"recall@10": Margin(0.1, 0.01)}


def test_steps_are_checked_before_anything_is_measured(suite, tmp_path):
    with pytest.raises(UsageError, match="do not rise"):
        measure_shift(suite, tmp_path, "nonesuch", "nonesuch", Bench(), steps=(0, 50))


def test_a_mixed_encoder_is_neither_of_its_models():
    """Rule: which side is which matters, too."""
    a, b = HashEncoder(salt="a"), HashEncoder(salt="b")
    one, other = Mixed(a, b, EmbeddingCache.none()), Mixed(b, a, EmbeddingCache.none())

    assert len({a.fingerprint, b.fingerprint, one.fingerprint, other.fingerprint}) == 4
    (_, asked), (_, read) = (next(one.encode(["red fox"], role)) for role in ("query", "document"))
    assert (asked == next(a.encode(["red fox"], "query"))[1]).all()
    assert (read == next(b.encode(["red fox"], "document"))[1]).all()
    with pytest.raises(UsageError, match="no pairs"):
        next(one.encode(["red fox"], "pair"))


def test_a_text_that_one_side_alone_cannot_read_is_no_error():
    """Rule: the zero vector of a text that its own model has no token for, ranks last."""

    class Deaf(HashEncoder):
        def token_counts(self, texts):
            return np.zeros(len(texts), dtype=np.int64)

    mixed = Mixed(HashEncoder(salt="a"), Deaf(salt="b"), EmbeddingCache.none())

    assert mixed.token_counts(["red fox", "!!!"]).tolist() == [0, 0]
