"""A real, tiny cross-encoder: what it is opened from, what it scores, and what is refused."""

import json
import math
import shutil

import numpy as np
import pytest

from benchharness.errors import BenchError, ModelError, UsageError
from benchharness.models import cross_encoder
from benchharness.models.cross_encoder import open_cross_encoder
from benchharness.testing import TINY_WORDS, tiny_cross_encoder, tiny_model

PAIRS = [
    (f"the {a} {verb}", f"{colour} {b}" * n)
    for n, (a, b) in enumerate(zip(TINY_WORDS[20:30], TINY_WORDS[24:34], strict=True), start=1)
    for verb in ("runs", "sleeps") for colour in ("red", "green")
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_cross_encoder(tmp_path_factory.mktemp("cross"))


def test_scores_are_the_sigmoid_of_the_models_own(folder):
    """Reference: transformers' logits of each pair by itself, without sentence-transformers."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(str(folder)).eval()
    tokenizer = AutoTokenizer.from_pretrained(str(folder))

    found = open_cross_encoder(str(folder)).pair_scores(PAIRS)

    logits = [
        model(**tokenizer(query, text, return_tensors="pt", truncation=True)).logits.item()
        for query, text in PAIRS
    ]
    np.testing.assert_allclose(found, [1 / (1 + math.exp(-one)) for one in logits], atol=1e-6)
    assert found.dtype == np.float32


def test_whatever_was_saved_as_activation_scores_lie_between_0_and_1(folder, tmp_path):
    """Rule: rerankers are often saved to give logits; a share of a negative one means nothing."""
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    saved = CrossEncoder(str(folder), device="cpu", activation_fn=Identity())
    saved.save_pretrained(str(tmp_path / "logits"))

    found = open_cross_encoder(str(tmp_path / "logits")).pair_scores(PAIRS)

    np.testing.assert_allclose(found, open_cross_encoder(str(folder)).pair_scores(PAIRS), atol=1e-6)


def test_the_order_of_pairs_changes_no_bit(folder, monkeypatch):
    """Rule: batches are cut by the texts; equal pairs are scored once."""
    monkeypatch.setattr(cross_encoder, "BATCH_PAIRS", 7)
    order = np.random.default_rng(0).permutation(len(PAIRS)).tolist()
    scorer = open_cross_encoder(str(folder))

    found = scorer.pair_scores(PAIRS)
    turned = scorer.pair_scores([PAIRS[n] for n in order] + PAIRS[:3])

    assert turned.tolist() == [*found[order].tolist(), *found[:3].tolist()]


def test_a_cross_encoder_learns_to_tell_right_from_wrong(tmp_path):
    """Rule: the double can be taught, so that a test need not take scores for granted."""
    texts = [f"{colour} {noun}" for colour in ("red", "blue") for noun in TINY_WORDS[20:26]]
    taught = [("the cat", text, float("red" in text)) for text in texts]

    scorer = open_cross_encoder(str(tiny_cross_encoder(tmp_path / "m", taught=taught)))

    scores = scorer.pair_scores([("the cat", text) for text in texts])
    assert scores[:6].min() > 0.9
    assert scores[6:].max() < 0.1


def test_whoever_watches_is_told_of_pairs(folder):
    steps = []

    open_cross_encoder(str(folder)).pair_scores(PAIRS, steps.append)

    assert [(step.done, step.total, step.unit) for step in steps] == [
        (0, 40, "pairs"), (32, 40, "pairs"), (40, 40, "pairs"),
    ]  # fmt: skip
    assert steps[0].stage == f"{folder} · check"


def test_without_a_pair_nothing_is_loaded(tmp_path, folder):
    scorer = open_cross_encoder(str(folder))

    assert scorer.pair_scores([]).tolist() == []
    assert scorer._loaded is None


def test_identity_is_content_and_what_is_read(folder, tmp_path):
    """Rule: neither the place nor the device; the weights and the length."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    other = tiny_cross_encoder(tmp_path / "other", seed=1)

    same = {open_cross_encoder(spec).fingerprint
            for spec in (str(folder), str(copy), f"{copy}@device=cpu")}  # fmt: skip

    assert len(same) == 1
    assert open_cross_encoder(str(other)).fingerprint not in same
    assert open_cross_encoder(f"{folder}@max_length=8").fingerprint not in same


def test_a_relative_directory_starts_at_the_base(folder):
    found = open_cross_encoder(folder.name, base=folder.parent)

    assert found.fingerprint == open_cross_encoder(str(folder)).fingerprint


def test_max_length_cuts_what_is_read(folder):
    """Rule: with eight tokens of both texts, what stands behind them changes nothing."""
    short = open_cross_encoder(f"{folder}@max_length=8")

    scores = short.pair_scores([("the cat", "red fox runs old"), ("the cat", "red fox runs new")])

    assert scores[0] == scores[1]
    with pytest.raises(ModelError, match="above the 64 positions"):
        open_cross_encoder(f"{folder}@max_length=65").pair_scores(PAIRS[:1])


def test_a_text_of_any_length_is_read_as_far_as_there_are_positions(folder, tmp_path):
    """Rule: a tokenizer without a limit must not run past the model's positions."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    del settings["model_max_length"]
    path.write_text(json.dumps(settings), encoding="utf-8")

    found = open_cross_encoder(str(copy)).pair_scores([("the cat", "red " * 500)])

    assert 0 < found[0] < 1


# --- refusals -----------------------------------------------------------------------------------


def refused(spec, kind=ModelError):
    with pytest.raises(kind) as caught:
        open_cross_encoder(str(spec))
    assert caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize("kind", ["static", "bert"])
def test_an_embedding_model_is_named_as_one(tmp_path, kind):
    message = refused(tiny_model(tmp_path / "model", kind=kind))

    assert "this is an embedding model" in message


@pytest.mark.parametrize("spec", ["minilm", "wordllama", "bm25", "minilm@max_length=64"])
def test_a_built_in_model_is_named_as_no_cross_encoder(spec):
    assert f"{spec.partition('@')[0]} is no cross-encoder" in refused(spec)


def test_a_classifier_of_several_labels_is_refused(tmp_path):
    message = refused(tiny_cross_encoder(tmp_path / "three", labels=3))

    assert "sorts pairs into 3 classes" in message


def test_two_labels_that_the_configuration_does_not_name_are_refused_when_loaded(tmp_path):
    """Rule: two is transformers' own default, and is not written down."""
    scorer = open_cross_encoder(str(tiny_cross_encoder(tmp_path / "two", labels=2)))

    with pytest.raises(ModelError, match="gives 2 scores"):
        scorer.pair_scores(PAIRS[:1])


def test_pickled_weights_are_not_read(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")

    assert "pickles (.bin) can run code" in refused(copy)


def test_broken_weights_are_a_model_error(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes(b"nonsense")

    with pytest.raises(ModelError, match="cannot be loaded"):
        open_cross_encoder(str(copy)).pair_scores(PAIRS[:1])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere", "no such directory"),
        ("./no/where", "no such directory"),
        ("owner/unknown", "not cached while HF_HUB_OFFLINE=1"),
        ("{}@dim=3", "unknown option 'dim'"),
        ("{}@trust_remote_code=yes", "unknown option 'trust_remote_code'"),
        ("{}@revision=main", "this is a directory"),
        ("{}@max_length=none", "is not a whole number"),
    ],
)
def test_a_spec_that_opens_nothing_says_why(folder, spec, message):
    """Rule: neither code of a model nor the network is ever used."""
    assert message in refused(spec.format(folder), BenchError)


def test_options_are_checked_before_the_model(folder):
    with pytest.raises(UsageError):
        open_cross_encoder(f"{folder}@pooling=mean")


def test_scores_that_are_no_numbers_are_named(folder, tmp_path):
    """Rule: NaN is below every ceiling, and would let every candidate pass."""
    from safetensors.numpy import load_file, save_file

    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = load_file(str(copy / "model.safetensors"))
    weights["classifier.bias"] = np.array([np.nan], dtype=np.float32)
    save_file(weights, str(copy / "model.safetensors"), metadata={"format": "pt"})

    with pytest.raises(ModelError, match="a score that is no number"):
        open_cross_encoder(str(copy)).pair_scores(PAIRS[:1])
