"""Texts with labels: what is read, what is refused before training, and what accuracy means."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from benchharness.errors import DataError, ModelError, UsageError
from benchharness.models.cache import EmbeddingCache
from benchharness.pairs.labelled import LabelledTexts
from benchharness.testing import HashEncoder
from benchharness.train.labels import Labels, accuracy, label_role, read_labels

NONE = EmbeddingCache.none()


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8", newline="")
    return path


def texts(rows, source="train.jsonl"):
    return LabelledTexts(tuple(t for t, _ in rows), tuple(label for _, label in rows), source)


def topics(per_label, seed=0, labels=("fish", "horse", "tree")):
    """Rows whose label is mostly told by the words of the text."""
    rng = random.Random(seed)
    return [
        (f"{label if rng.random() < 0.7 else rng.choice(labels)} {rng.random()}", label)
        for label in labels
        for _ in range(per_label)
    ]


# --- files --------------------------------------------------------------------------------------


def test_a_folder_holds_train_and_test_in_either_format(tmp_path):
    write(tmp_path / "train.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": 2}\n')
    write(tmp_path / "test.csv", "text,label\nc,2\n")

    found = read_labels(tmp_path)

    assert (found.train.labels, found.test.labels) == (("1", "2"), ("2",))


def test_a_folder_that_leaves_a_choice_or_none_is_refused(tmp_path):
    """Rule: which file was read must not be a matter of luck."""
    with pytest.raises(DataError, match="there is no such folder"):
        read_labels(tmp_path / "none")
    with pytest.raises(DataError, match=r"there is no train\.jsonl or train\.csv"):
        read_labels(tmp_path)
    for name in ("train.jsonl", "train.csv"):
        write(tmp_path / name, "")
    with pytest.raises(DataError, match=r"train\.jsonl and train\.csv are both there"):
        read_labels(tmp_path)


# --- what is refused before training ------------------------------------------------------------


def test_a_single_label_is_refused():
    with pytest.raises(DataError) as caught:
        Labels(texts([("a", "x"), ("b", "x")]), texts([("c", "x")], "test.jsonl"))

    assert str(caught.value) == (
        "train.jsonl: 2 texts with one label ('x'): there is nothing to tell apart\n"
        "  -> give texts of two labels or more"
    )


def test_test_labels_that_training_lacks_are_refused():
    test = [("c", "x"), ("d", "u"), ("e", "v"), ("f", "v"), ("g", "w"), ("h", "t")]

    with pytest.raises(DataError) as caught:
        Labels(texts([("a", "x"), ("b", "y")]), texts(test, "test.jsonl"))

    assert str(caught.value) == (
        "test.jsonl: 4 labels of 5 texts without a training text: 't', 'u', 'v', …\n"
        "  -> add texts to train.jsonl, or check the spelling"
    )


def test_test_texts_that_are_trained_on_are_refused():
    """Rule: case and blanks make no difference; 1 % and more are refused, with examples."""
    test = [(f"t{n}", "x") for n in range(99)] + [("  A ", "x")]

    with pytest.raises(DataError) as caught:
        Labels(texts([("a", "x"), ("b", "y")]), texts(test, "test.jsonl"))

    assert str(caught.value) == (
        "test.jsonl: 1 of 100 texts (1 %) are trained on too: 'A'\n"
        "  -> remove them here or from train.jsonl; less than 1% is let pass"
    )


def test_a_few_shared_texts_and_labels_of_one_text_are_counted():
    """Rule: published sets share a few texts; what is let pass is said."""
    test = [(f"t{n}", "x") for n in range(100)] + [("  A ", "x")]

    found = Labels(texts([("a", "x"), ("b", "y"), ("c", "x")]), texts(test, "test.jsonl"))

    assert found.shared == ("  A ",)
    assert found.single == ("y",)
    assert found.lines == (
        "with one training text: 1 label",
        "trained on too: 1 of 101 labelled test texts (0.9 %)",
    )


def test_where_nothing_is_odd_nothing_is_said():
    assert Labels(texts(topics(2)), texts(topics(2, seed=1))).lines == ()


# --- accuracy -----------------------------------------------------------------------------------


def test_labels_that_a_word_tells_are_all_found():
    train = texts([(f"{word} {n}", word) for word in ("fish", "tree") for n in range(9)])
    test = texts([(f"{word} {n}", word) for word in ("fish", "tree") for n in range(50, 53)])

    found = accuracy(HashEncoder(dim=512), Labels(train, test), cache=NONE)

    assert found.value == 1.0
    assert found.draws == (1.0,) * 10
    assert (found.n, found.per_label, found.role) == (6, 8, "query")


def test_accuracy_is_that_of_the_protocol():
    """Reference: MTEB's classification task, written down once more over vectors and labels."""
    from sklearn.linear_model import LogisticRegression

    labels = Labels(texts(topics(20)), texts(topics(15, seed=1)))
    encoder = HashEncoder(dim=32)
    train, test = (
        NONE.encode(encoder, side.texts, "query") for side in (labels.train, labels.test)
    )
    expected, order = [], np.arange(60)
    for _ in range(4):
        np.random.default_rng(7).shuffle(order)
        rows = [
            row
            for label in ("fish", "horse", "tree")
            for row in [row for row in order if labels.train.labels[row] == label][:5]
        ]
        model = LogisticRegression().fit(train[rows], [labels.train.labels[row] for row in rows])
        expected.append(float(np.mean(model.predict(test) == np.array(labels.test.labels))))

    found = accuracy(encoder, labels, cache=NONE, draws=4, per_label=5, seed=7)

    assert found.draws == pytest.approx(expected)
    assert found.value == pytest.approx(np.mean(expected))
    assert len(set(found.draws)) > 1


def test_a_rare_label_gives_what_it_has():
    """Rule: a label with fewer texts than a draw wants is drawn whole."""
    train = texts([("tree one", "tree"), *((f"fish {n}", "fish") for n in range(20))])

    found = accuracy(HashEncoder(dim=512), Labels(train, texts([("tree", "tree")])), cache=NONE)

    assert found.n == 1


def test_texts_are_encoded_once_for_all_draws():
    """Rule: draws reuse vectors."""
    seen = []

    class Counting(HashEncoder):
        def encode(self, texts, role):
            seen.extend(texts)
            return super().encode(texts, role)

    labels = Labels(texts(topics(10)), texts(topics(10, seed=1)))

    accuracy(Counting(), labels, cache=NONE)

    assert sorted(seen) == sorted(labels.train.texts + labels.test.texts)


def test_a_fit_that_does_not_converge_is_no_warning():
    """Rule: the protocol ends after 100 iterations; pytest -W error would raise here."""

    class Stretched(HashEncoder):
        """Components so unlike in size that the fit takes its time."""

        def encode(self, texts, role):
            for rows, vectors in super().encode(texts, role):
                scale = np.geomspace(1, 1e4, vectors.shape[1], dtype=np.float32)
                yield rows, vectors * scale

    labels = Labels(texts(topics(30)), texts(topics(5, seed=1)))

    found = accuracy(Stretched(dim=16), labels, cache=NONE, draws=1, per_label=30)

    assert 0 <= found.value <= 1


def test_whoever_watches_is_told_of_draws():
    steps = []
    labels = Labels(texts(topics(8)), texts(topics(2, seed=1)))

    accuracy(HashEncoder(), labels, cache=NONE, draws=2, listener=steps.append)

    told = [(step.done, step.total) for step in steps if step.stage == "classify"]
    assert told == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("prompts", "role"),
    [
        ({}, "query"),
        ({"query": "", "document": "passage: "}, "query"),
        ({"query": "represent: ", "document": ""}, "document"),
        ({"query": "query: ", "document": "passage: "}, "query"),
    ],
)
def test_labelled_texts_are_encoded_without_a_prompt_where_that_can_be(prompts, role):
    """Rule: as MTEB does; where both roles have a prompt, as queries."""
    encoder = HashEncoder()
    encoder.prompts = prompts

    assert label_role(encoder) == role


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"per_label": 0}])
def test_nothing_can_be_drawn_from_nothing(wrong):
    labels = Labels(texts(topics(8)), texts(topics(2, seed=1)))

    with pytest.raises(UsageError, match="=0 is below 1"):
        accuracy(HashEncoder(), labels, cache=NONE, **wrong)


def test_vectors_that_are_not_finite_are_named():
    class Broken(HashEncoder):
        def encode(self, texts, role):
            for rows, vectors in super().encode(texts, role):
                yield rows, vectors * np.nan

    labels = Labels(texts(topics(8)), texts(topics(2, seed=1)))

    with pytest.raises(ModelError, match="NaN or infinity"):
        accuracy(Broken(), labels, cache=NONE)


def test_labels_of_a_folder_can_be_written_as_numbers_on_both_sides(tmp_path):
    """Rule: 1 in JSON and 1 in a table are one label."""
    rows = [{"text": f"{word} {n}", "label": number} for number, word in enumerate(["fish", "tree"])
            for n in range(8)]  # fmt: skip
    write(tmp_path / "train.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write(tmp_path / "test.csv", "text,label\nfish,0\ntree,1\n")

    found = accuracy(HashEncoder(dim=512), read_labels(tmp_path), cache=NONE)

    assert found.value == 1.0
