"""Why a served model disagrees: each cause is made on purpose, and found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchharness.models.registry import open_model
from benchharness.models.spec import with_option
from benchharness.serving.parity_causes import Sample, causes_of
from benchharness.testing import TINY_WORDS, HashEncoder, tiny_model

LEAST = 0.999


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "bert", seed=1, kind="bert")


def texts_of(longest):
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(TINY_WORDS, size=size)) for size in range(2, longest, 2)]


def samples_of(local, served, longest=20, roles=("query", "document")):
    texts = texts_of(longest)
    ids = [f"d{row}" for row in range(len(texts))]
    return [
        Sample(role, texts, ids, vectors_of(local, texts, role), vectors_of(served, texts, role))
        for role in roles
    ]


def vectors_of(encoder, texts, role):
    found = {}
    for rows, batch in encoder.encode(texts, role):
        found |= dict(zip(rows.tolist(), batch, strict=True))
    return np.stack([found[row] for row in range(len(texts))])


def causes(local, served, **sampled):
    return causes_of(samples_of(local, served, **sampled), local, served, LEAST, Path.cwd())


def test_what_agrees_has_no_cause(folder):
    local = open_model(str(folder))

    assert causes(local, open_model(str(folder))) == ()


def test_a_prompt_that_the_server_does_not_put_is_found(folder):
    """Rule: tried, not guessed: without the prompt the local model gives what is served."""
    local = open_model(f"{folder}@query_prompt=red ,document_prompt=blue ")

    found = causes(local, open_model(f"{folder}@document_prompt=blue "))

    (cause,) = found
    assert cause.confirmed
    assert cause.what == "the server does not put the prompt 'red ' before queries"
    assert "query_prompt=red" in cause.remedy


def test_both_prompts_may_be_missing(folder):
    local = open_model(f"{folder}@query_prompt=red ,document_prompt=blue ")

    found = causes(local, open_model(str(folder)))

    assert [cause.confirmed for cause in found] == [True, True]
    assert "before documents" in found[1].what


def test_one_prompt_for_both_roles_is_found(folder):
    """Rule: OpenAI's protocol knows no roles; a server may have one default prompt."""
    local = open_model(f"{folder}@query_prompt=red ,document_prompt=blue ")

    found = causes(local, open_model(f"{folder}@query_prompt=red ,document_prompt=red "))

    (cause,) = found
    assert cause.confirmed
    assert "the prompt of the other role before documents: 'red '" in cause.what


def test_a_server_that_says_that_it_reads_less_is_believed_and_tried(folder):
    local = open_model(str(folder))

    found = causes(local, open_model(f"{folder}@max_length=8"))

    assert all(cause.confirmed for cause in found)
    assert "reads 8 tokens of a text, the local model 64" in found[0].what
    assert len(found) == 1  # the same for both roles


def test_truncation_shows_by_length(folder):
    """Rule: a server that says nothing: short texts agree and long ones do not."""
    local, cut = open_model(str(folder)), open_model(f"{folder}@max_length=9")

    class Silent:
        max_length = None

    samples = samples_of(local, cut, roles=("document",))

    (cause,) = causes_of(samples, local, Silent(), LEAST, Path.cwd())

    # Texts have an even number of words and two special tokens: 8 fits into 9, 10 does not.
    assert not cause.confirmed
    assert cause.what.startswith("texts of up to 8 tokens agree and those from 10 do not")
    assert cause.remedy == "let it read 64 tokens"


def test_other_pooling_is_found(folder):
    local = open_model(str(folder))

    (cause,) = causes(local, open_model(f"{folder}@pooling=cls"))

    assert cause.confirmed
    assert cause.what.startswith("the server pools by cls, the local model by mean")


def test_other_weights_are_another_model(folder, tmp_path):
    local = open_model(str(folder))
    other = open_model(str(tiny_model(tmp_path / "other", seed=2, kind="bert")))

    found = causes(local, other)

    assert not any(cause.confirmed for cause in found)
    assert "another model, or of other weights" in found[0].what


def test_few_bits_are_named_as_what_they_are(folder):
    """Rule: all vectors near, none equal."""
    local = open_model(str(folder))
    (sample,) = samples_of(local, local, roles=("document",))
    noise = np.random.default_rng(0).normal(scale=0.01, size=sample.served.shape)
    noisy = Sample("document", sample.texts, sample.ids, sample.local,
                   (sample.served + noise).astype(np.float32))  # fmt: skip

    (cause,) = causes_of([noisy], local, local, LEAST, Path.cwd())

    assert not cause.confirmed
    assert "float16, bfloat16 or int8" in cause.what


@pytest.mark.parametrize(
    ("own", "other", "what"),
    [(64, 32, "gives 32 of 64 components"), (32, 64, "gives 64 components, hash has 32")],
)
def test_another_dimension_is_the_cause(own, other, what):
    """Rule: named once, without trying anything."""
    found = causes(HashEncoder(dim=own), HashEncoder(dim=other))

    assert len(found) == 1
    assert what in found[0].what


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("minilm", "minilm@dim=8"),
        ("minilm@dim=64,max_length=9", "minilm@dim=8,max_length=9"),
        ("a@b@query_prompt=x%2Cy", "a@b@query_prompt=x%2Cy,dim=8"),
    ],
)
def test_an_option_takes_the_place_of_what_was_there(spec, expected):
    assert with_option(spec, "dim", "8") == expected
