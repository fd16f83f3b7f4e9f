"""The whole run: from a base model to a candidate, a verdict and the model to use."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer

from benchharness.data.references import beir
from benchharness.errors import DataError, UsageError
from benchharness.judge.bench import Bench
from benchharness.models.cache import EmbeddingCache
from benchharness.models.content import content_digest
from benchharness.models.registry import open_model
from benchharness.recipe import Recipe
from benchharness.report.tuning_text import rows_of
from benchharness.report.verdict_file import read_tuning, tuning_text
from benchharness.suite import Suite
from benchharness.testing import LEARNABLE_WORDS, tiny_model, write_beir, write_learnable
from benchharness.train.tune import tune

RECIPE = Recipe(
    learning_rate=0.2, epochs=6, batch_size=32, evaluations=4, dev_queries=40, dev_documents=200
)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, task_folder, static_model):
    """A finished run with three folds, its suite and its bench."""
    folder = tmp_path_factory.mktemp("tuned")
    suite = Suite(
        name="words", dataset=beir(task_folder), models=[str(static_model)], recipe=RECIPE
    )
    bench = Bench(cache=EmbeddingCache(folder / "cache"))
    return tune(suite, str(static_model), out=folder / "run", folds=3, bench=bench), suite, bench


def _training_that_harms(suite):
    return dataclasses.replace(suite.recipe, learning_rate=100 * suite.recipe.learning_rate)


def test_a_model_that_learns_is_improved_on_queries_that_it_never_saw(tuned):
    """Rule: out of fold and held out, the whole interval lies above 0."""
    found, suite, _ = tuned

    assert found.outcome == "improved"
    assert found.out_of_fold.n == 180
    assert found.out_of_fold.ci90[0] > 0.5
    assert found.held_out.n == 100
    assert found.held_out.ci90[0] > 0.5
    assert [one.name for one in found.trainings] == ["fold 1", "fold 2", "fold 3", "final"]
    assert sum(one.held_out for one in found.trainings) == 180
    assert [one.measure for one in found.more_held_out] == list(suite.measures)[1:]


def test_the_tuned_model_is_a_plain_directory(tuned):
    """Rule: sentence-transformers alone opens it, and gives the vectors that were measured."""
    found, suite, bench = tuned
    texts = ["old1 old2 old3", "new4"]

    plain = SentenceTransformer(found.spec).encode(texts, normalize_embeddings=True)
    measured = bench.measure(suite, found.spec, bench.baselines.folder.parent)

    (_, own) = next(open_model(found.spec).encode(texts, "document"))
    assert abs(plain - own).max() < 1e-6
    assert measured.values["recall@10"].mean() == found.held_out.tuned
    assert found.fingerprint == measured.fingerprints.model


def test_the_card_holds_the_evaluation(tuned):
    """Rule: README.md says what the model was judged by; it is no part of its identity."""
    found, _, _ = tuned

    card = (Path(found.spec) / "README.md").read_text(encoding="utf-8")

    assert "held out" in card
    assert "out of fold" in card
    assert "180 of 180 pairs from judgments" in card


def test_a_tuning_reads_back_as_it_was_written(tuned):
    """Rule: verdict.json holds every number of it."""
    found, _, _ = tuned

    assert read_tuning(tuning_text(found)) == found


def test_the_same_call_again_trains_nothing(tuned, static_model):
    """Rule: what is finished is read from the folder; the verdict is the same."""
    found, suite, bench = tuned
    told = []
    bench.tell = told.append

    again = tune(suite, str(static_model), out=Path(found.folder), folds=3, bench=bench)

    assert not [step for step in told if step.unit == "steps"]
    assert dataclasses.replace(again, minutes=0) == dataclasses.replace(found, minutes=0)


def test_a_folder_serves_one_question(tuned, static_model):
    """Rule: another recipe in the same folder is refused, with both values."""
    found, suite, bench = tuned

    with pytest.raises(UsageError, match=r"learning_rate was 0.2, now 0.1") as caught:
        tune(
            suite, str(static_model), out=Path(found.folder), folds=3, bench=bench,
            recipe=dataclasses.replace(suite.recipe, learning_rate=0.1),
        )  # fmt: skip

    assert "--out" in caught.value.remedy


@pytest.mark.parametrize("folds", [0, 3])
def test_training_that_harms_keeps_the_base_to_the_byte(tuned, tmp_path, folds):
    """Rule: a good model trained at 100 times the rate ends as "base-kept", with the diagnosis."""
    found, suite, bench = tuned
    base = found.spec

    harmed = tune(
        suite, base, out=tmp_path / "run", folds=folds, bench=bench,
        recipe=_training_that_harms(suite),
    )  # fmt: skip

    assert harmed.outcome == "base-kept"
    assert content_digest(tmp_path / "run" / "model") == content_digest(Path(base))
    assert harmed.spec == str(tmp_path / "run" / "model")
    names = {one.name for training in harmed.trainings for one in training.diagnoses}
    assert "learning-rate-too-high" in names
    assert harmed.held_out is None


def test_without_folds_the_held_out_queries_alone_judge(suite, static_model, tmp_path, bench):
    """Rule: one training, its step picked on dev queries, judged on the suite's own queries."""
    found = tune(suite, str(static_model), out=tmp_path / "run", folds=0, bench=bench)

    assert found.outcome == "improved"
    assert found.out_of_fold is None
    assert [one.name for one in found.trainings] == ["final"]
    assert found.trainings[0].curve.evaluations[0].step == 0
    assert found.trainings[0].facts["pairs"] == 180 - 40


def test_a_test_query_on_the_training_side_stops_before_the_first_step(tmp_path, static_model,
                                                                       bench, suite):  # fmt: skip
    """Rule: equal pairs on both sides are named with examples; nothing is trained."""
    folder = write_learnable(tmp_path / "task")
    qrels = (folder / "qrels" / "train.tsv").read_text(encoding="utf-8")
    leaked = (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1]
    (folder / "qrels" / "train.tsv").write_text(f"{qrels}{leaked}\n", encoding="utf-8")
    given = dataclasses.replace(suite, dataset=beir(folder))

    with pytest.raises(DataError, match="q180") as caught:
        tune(given, str(static_model), out=tmp_path / "run", folds=3, bench=bench)

    assert caught.value.remedy
    assert not (tmp_path / "run").exists()


def test_shared_documents_are_counted_and_marked(tmp_path, static_model, bench, suite):
    """Rule: test queries whose documents were trained on are judged apart from the others."""
    folder = write_learnable(tmp_path / "task")
    queries = (folder / "queries.jsonl").read_text(encoding="utf-8")
    more = [{"_id": f"s{n}", "text": f"new{n} new{n + 1}"} for n in range(10)]
    lines = "".join(json.dumps(row) + "\n" for row in more)
    (folder / "queries.jsonl").write_text(queries + lines, encoding="utf-8")
    test = (folder / "qrels" / "test.tsv").read_text(encoding="utf-8")
    rows = "".join(f"s{n}\td{n:03}\t1\n" for n in range(10))
    (folder / "qrels" / "test.tsv").write_text(test + rows, encoding="utf-8")
    given = dataclasses.replace(suite, dataset=beir(folder))

    found = tune(given, str(static_model), out=tmp_path / "run", folds=0, bench=bench)

    assert found.touched == 10
    assert found.untouched.n == 100
    assert found.held_out.n == 110
    assert any("10 of 110" in line for line in found.leaks)
    assert found.why.endswith("10 of 110 share a document or nearly a text with the training side")


def test_too_small_a_dev_set_is_named_before_the_first_step(tmp_path, static_model, bench, suite):
    """Rule: three queries cannot choose a step."""
    folder = write_learnable(tmp_path / "task", train=30, test=30)
    given = dataclasses.replace(suite, dataset=beir(folder))

    with pytest.raises(UsageError, match="dev set of"):
        tune(given, str(static_model), out=tmp_path / "run", folds=0, bench=bench)

    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measure": "ndgc@10"}, "unknown measure"),
        ({"matryoshka": [512]}, "512 components"),
        ({"lora": 4}, "linear layers"),
        ({"miner": "bm26", "negatives": 2}, "unknown model"),
        ({"labels": "nowhere"}, "nowhere"),
        ({"guide": "wordllama"}, "transformers on both sides"),
        ({"replay": "other"}, "other"),
    ],
    ids=["measure", "dimension", "adapters", "miner", "labels", "guide", "replay"],
)
def test_a_wrong_setting_is_named_before_the_first_step(
    suite, static_model, tmp_path, bench, change, message
):
    """Rule: nothing is trained for an hour to find a name that was wrong."""
    from benchharness.errors import BenchError

    with pytest.raises(BenchError, match=message):
        tune(
            suite, str(static_model), out=tmp_path / "run", folds=3, bench=bench,
            recipe=suite.recipe.changed(change),
        )  # fmt: skip

    assert not (tmp_path / "run").exists()


def test_negatives_that_no_loss_could_take_are_named(suite, bert_model, tmp_path, bench):
    """Rule: a column holds one negative of every pair, and a guide takes a single one."""
    rows = [{"query": "new1 new2", "positive": "old1", "negatives": ["old3", "old4"]}]
    file = tmp_path / "more.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    mixed = dataclasses.replace(suite, pairs=[str(file)])
    guided = suite.recipe.changed({"guide": str(bert_model), "negatives": 2})

    with pytest.raises(UsageError, match="from 0 to 2 negatives") as caught:
        tune(mixed, str(bert_model), out=tmp_path / "run", bench=bench)
    with pytest.raises(UsageError, match="takes one negative"):
        tune(suite, str(bert_model), out=tmp_path / "run", bench=bench, recipe=guided)

    assert "negatives=2" in caught.value.remedy
    assert not (tmp_path / "run").exists()


def test_a_system_without_weights_is_named(suite, tmp_path, bench):
    """Rule: what cannot be trained is told what can be done instead."""
    with pytest.raises(UsageError, match="bm25 has no weights") as caught:
        tune(suite, "bm25", out=tmp_path / "run", folds=3, bench=bench)

    assert "teacher=" in caught.value.remedy


def test_two_runs_do_not_share_a_folder(suite, static_model, tmp_path, bench):
    """Rule: the second is told at once, and touches nothing."""
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    with (
        FileLock(tmp_path / "run" / ".lock"),
        pytest.raises(UsageError, match="another process is fine-tuning"),
    ):
        tune(suite, str(static_model), out=tmp_path / "run", folds=0, bench=bench)

    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [".lock"]


def test_hard_negatives_are_mined_and_reported(tuned, suite, static_model, tmp_path, bench):
    """Rule: the share that was found and 20 examples for a person stand in the report."""
    miner = tuned[0].spec
    recipe = suite.recipe.changed({"negatives": 2, "miner": miner, "negative_ranks": [1, 50]})

    found = tune(
        suite, str(static_model), out=tmp_path / "run", folds=0, bench=bench, recipe=recipe
    )

    mining = found.trainings[-1].mining
    assert found.outcome == "improved"
    assert found.trainings[-1].facts["candidates"] == 3 * 32
    assert mining.miner == miner
    assert mining.kept > 0.5
    assert len(mining.sample) == 20


def test_negatives_are_mined_anew_with_the_model_itself(suite, static_model, tmp_path, bench):
    """Rule: each round mines with the model that the last one left; the best of all is kept."""
    recipe = suite.recipe.changed(
        {"negatives": 2, "miner": "self", "mining_rounds": 2, "negative_ranks": [1, 50]}
    )

    found = tune(
        suite, str(static_model), out=tmp_path / "run", folds=0, bench=bench, recipe=recipe
    )

    evaluations = found.trainings[-1].curve.evaluations
    assert found.outcome == "improved"
    assert [one.step for one in evaluations] == sorted({one.step for one in evaluations})


def test_a_teacher_can_be_learnt_from(suite, bert_model, tuned, tmp_path, bench):
    """Rule: vectors of another dimension are learnt as a second task, alternating."""
    teacher = tuned[0].spec
    recipe = suite.recipe.changed({"teacher": teacher, "learning_rate": 5e-3, "epochs": 2})

    found = tune(suite, str(bert_model), out=tmp_path / "run", folds=0, bench=bench, recipe=recipe)

    assert found.outcome == "improved"
    assert found.trainings[-1].facts["steps_planned"] == 2 * 2 * 5


@pytest.fixture(scope="module")
def general(tmp_path_factory, static_model):
    """(suites folder with a guard, a model that is good at it): words mean others there."""
    folder = tmp_path_factory.mktemp("general")
    write_learnable(folder / "data")
    corpus = folder / "data" / "corpus.jsonl"
    shifted = re.sub(
        r"old(\d+)",
        lambda found: f"old{(int(found[1]) + 11) % 30}",
        corpus.read_text(encoding="utf-8"),
    )
    corpus.write_text(shifted, encoding="utf-8")
    (folder / "suites").mkdir()
    (folder / "suites" / "suite_general.py").write_text(
        "from benchharness import Suite, beir\n"
        'general = Suite(name="general", dataset=beir("../data"), models=["bm25"])\n',
        encoding="utf-8",
    )
    bench = Bench(cache=EmbeddingCache(folder / "cache"))
    suite = Suite(name="general", dataset=beir(folder / "data"), models=["bm25"], recipe=RECIPE)
    found = tune(suite, str(static_model), out=folder / "run", folds=0, bench=bench)
    assert found.outcome == "improved"
    return folder / "suites", found.spec


def test_a_guard_that_falls_is_averaged_for_and_judged_again(suite, general, tmp_path, bench):
    """Rule: the largest share of tuned weights that the guard's dev queries take; the curve is
    told, and what is released is decided by the guard's other queries.
    """
    suites, base = general

    found = tune(
        suite, base, out=tmp_path / "run", folds=0, bench=bench, base=suites, guards=["general"]
    )

    told = {one.alpha: one.guard for one in found.averaging}
    assert list(told) == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert told[0.0] - told[1.0] > 0.03  # what made it fall
    keeps = [alpha for alpha in told if alpha and told[0.0] - told[alpha] < 0.03]
    assert found.trainings[-1].alpha == max(keeps, default=0.25)
    guard = found.guards[0]
    assert guard.versus.n == 100
    assert (found.outcome == "regressed") == (guard.versus.outcome == "regressed")
    assert (found.outcome == "improved") <= (guard.versus.outcome in ("pass", "improved"))


def test_a_guard_that_falls_without_a_remedy_releases_nothing(suite, general, tmp_path, bench):
    """Rule: better on its own queries does not make up for what was forgotten."""
    suites, base = general
    recipe = suite.recipe.changed({"average": "never"})

    found = tune(
        suite, base, out=tmp_path / "run", folds=0, bench=bench, base=suites, guards=["general"],
        recipe=recipe,
    )  # fmt: skip

    assert found.held_out.outcome == "improved"
    assert found.guards[0].versus.outcome == "regressed"
    assert found.outcome == "regressed"
    assert "the guard general fell" in found.why
    assert "replay" in found.advice
    assert content_digest(tmp_path / "run" / "model") == content_digest(Path(base))


def test_replay_keeps_what_was_known(suite, general, tmp_path, bench):
    """Rule: training pairs of the other suite, mixed in, hold its level."""
    suites, base = general
    plain = suite.recipe.changed({"average": "never"})
    mixed = plain.changed({"replay": "general"})

    guards = {
        name: tune(
            suite, base, out=tmp_path / name, folds=0, bench=bench, base=suites,
            guards=["general"], recipe=recipe,
        ).guards[0].versus
        for name, recipe in (("plain", plain), ("mixed", mixed))
    }  # fmt: skip

    assert guards["mixed"].tuned > guards["plain"].tuned + 0.1


def test_replayed_pairs_are_held_against_the_test_side_too(suite, static_model, tmp_path, bench):
    """Rule: a suite whose training side holds this one's test pairs is no replay, but a leak."""
    (tmp_path / "suites").mkdir()
    write_learnable(tmp_path / "data")
    qrels = tmp_path / "data" / "qrels"
    (qrels / "test.tsv").rename(qrels / "kept.tsv")
    (qrels / "train.tsv").rename(qrels / "test.tsv")
    (qrels / "kept.tsv").rename(qrels / "train.tsv")
    (tmp_path / "suites" / "suite_other.py").write_text(
        "from benchharness import Suite, beir\n"
        'other = Suite(name="other", dataset=beir("../data"), models=["bm25"])\n',
        encoding="utf-8",
    )
    recipe = suite.recipe.changed({"replay": "other"})

    for change in ({"recipe": recipe}, {"guards": ["other"]}):
        with pytest.raises(DataError, match="would be memory"):
            tune(
                suite, str(static_model), out=tmp_path / "run", folds=0, bench=bench,
                base=tmp_path / "suites", **change,
            )  # fmt: skip

    assert not (tmp_path / "run").exists()


def test_labelled_texts_are_a_second_task_with_a_figure_of_its_own(
    suite, static_model, tmp_path, bench
):
    """Rule: alternating with the pairs; accuracy of base and tuned stand in one table with them."""
    for name, numbers in (("train", range(80)), ("test", range(80, 120))):
        rows = [{"text": f"new{n % 30} new{n % 7}", "label": f"l{n % 30 % 3}"} for n in numbers]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    recipe = suite.recipe.changed({"labels": str(tmp_path), "epochs": 12})

    found = tune(
        suite, str(static_model), out=tmp_path / "run", folds=0, bench=bench, recipe=recipe
    )

    assert found.outcome == "improved"
    assert found.accuracy.n == 40
    assert found.accuracy.tuned >= found.accuracy.base
    assert found.trainings[-1].facts["steps_planned"] == 2 * 12 * 5
    assert any("accuracy" in row for row in rows_of(found))


def test_a_label_set_of_one_class_is_named_before_the_first_step(
    suite, static_model, tmp_path, bench
):
    """Rule: there is nothing to tell apart."""
    for name in ("train", "test"):
        rows = [{"text": f"{name} new{n}", "label": "only"} for n in range(30)]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    recipe = suite.recipe.changed({"labels": str(tmp_path)})

    with pytest.raises(DataError, match="only"):
        tune(suite, str(static_model), out=tmp_path / "run", bench=bench, recipe=recipe)

    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"guide": "", "negatives": 1, "miner": "self"},
        {"guide": "", "rows_at_once": 8},
        {"matryoshka": [16]},
        {"matryoshka": [16], "rows_at_once": 8},
        {"lora": 8, "learning_rate": 5e-2},
        {"lora": 8, "learning_rate": 5e-2, "rows_at_once": 8},
    ],
    ids=["gist", "gist-cached", "matryoshka", "matryoshka-cached", "lora", "lora-cached"],
)
def test_variants_of_the_loss_and_of_the_weights_train(suite, bert_model, tmp_path, bench, change):
    """Rule: each learns the task it can learn, and leaves a plain directory without adapters."""
    if "guide" in change:
        change = change | {"guide": str(bert_model)}
    recipe = suite.recipe.changed({"learning_rate": 5e-3, "epochs": 4} | change)

    found = tune(suite, str(bert_model), out=tmp_path / "run", folds=0, bench=bench, recipe=recipe)

    values = [one.value for one in found.trainings[-1].curve.evaluations]
    assert max(values) > values[0]
    plain = SentenceTransformer(str(tmp_path / "run" / "candidate"))
    assert not [name for name, _ in plain.named_parameters() if "lora" in name]
    if "matryoshka" in change:
        assert list(found.dimensions) == [32, 16]


def test_averaging_can_be_asked_for(suite, static_model, tmp_path, bench):
    """Rule: alpha is chosen on dev queries, and its curve is told."""
    found = tune(
        suite, str(static_model), out=tmp_path / "run", folds=0, bench=bench,
        recipe=suite.recipe.changed({"average": "always"}),
    )  # fmt: skip

    best = max(found.averaging, key=lambda one: (one.dev, one.alpha))
    assert [one.alpha for one in found.averaging] == [1.0, 0.75, 0.5, 0.25]
    assert found.trainings[-1].alpha == best.alpha


def test_a_mixture_is_judged_by_source(suite, static_model, tmp_path, bench):
    """Rule: what synthetic queries gain does not hide what people's queries do."""
    rows = [
        {"query": f"new{n} new{n + 1}", "positive": f"old{n} old{n + 1} more",
         "doc_id": f"d{n:03}", "source": "made", "synthetic": True}
        for n in range(24)
    ]  # fmt: skip
    file = tmp_path / "made.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    given = dataclasses.replace(suite, pairs=[str(file)])

    found = tune(given, str(static_model), out=tmp_path / "run", folds=2, bench=bench)

    assert {name: one.n for name, one in found.by_source.items()} == {"judgments": 180, "made": 24}
    assert found.out_of_fold.n == 204
    total = sum(one.n * one.tuned for one in found.by_source.values())
    assert total == pytest.approx(204 * found.out_of_fold.tuned)
    assert [(one.name, one.used, one.synthetic) for one in found.sources] == [
        ("judgments", 180, False), ("made", 24, True),
    ]  # fmt: skip


def test_random_folds_flatter(tmp_path, static_model, bench, suite):
    """Rule: where many queries ask for one document, folds by query are higher than folds by
    component on the same data with the same training; each is labelled with its question.
    """
    folder = tmp_path / "task"
    corpus = {f"d{n}": f"old{n % 30} extra{n}" for n in range(60)}
    queries, qrels = {}, {}
    for n in range(60):
        for again in range(4):
            queries[f"q{n}.{again}"] = f"new{(n * 3 + again) % 30} ask{n}"
            qrels[f"q{n}.{again}"] = {f"d{n}": 1}
    test = dict(list(qrels.items())[:40])
    write_beir(folder, corpus, queries, test)
    write_beir(folder, corpus, queries, dict(list(qrels.items())[40:]), split="train")
    words = [*LEARNABLE_WORDS, *(f"ask{n}" for n in range(60)), *(f"extra{n}" for n in range(60))]
    model = tiny_model(tmp_path / "model", words=words, dim=48)
    given = dataclasses.replace(suite, dataset=beir(folder), models=[str(model)])

    found = {
        split: tune(given, str(model), out=tmp_path / split, folds=4, split=split, bench=bench)
        for split in ("component", "query")
    }

    assert found["query"].out_of_fold.tuned > found["component"].out_of_fold.tuned + 0.3
    assert "never trained on" in found["component"].note
    assert "documents that were trained on" in found["query"].note


def test_the_model_folder_survives_the_run(tuned, tmp_path):
    """Rule: the directory can be moved anywhere; nothing in it points to where it was made."""
    found, _, _ = tuned
    shutil.copytree(found.spec, tmp_path / "moved")

    moved, made = open_model(str(tmp_path / "moved")), open_model(found.spec)

    assert moved.fingerprint == made.fingerprint
    assert not [
        p for p in (tmp_path / "moved").rglob("*.json") if str(found.folder) in p.read_text()
    ]
