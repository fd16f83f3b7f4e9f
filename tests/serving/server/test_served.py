"""What a server gives is what the local model gives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchharness.errors import ModelError, UsageError
from benchharness.models.encoder import Encoder
from benchharness.models.registry import open_model
from benchharness.serving.server.refusal import Refusal
from benchharness.serving.server.served import Served, finished, open_served, serve_encoder
from benchharness.testing import HashEncoder, tiny_model

TEXTS = ["red fox", "the old house", "a cat sleeps"]


def encoded(served: Served, prompt_name: str | None, texts: Sequence[str] = TEXTS) -> np.ndarray:
    reading = served.reading(prompt_name)
    return in_order(reading.encoder, reading.role, texts)


def in_order(encoder: Encoder, role: str, texts: Sequence[str] = TEXTS) -> np.ndarray:
    batches = list(encoder.encode(texts, role))
    rows = np.concatenate([positions for positions, _ in batches])
    return np.concatenate([vectors for _, vectors in batches])[np.argsort(rows)]


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT whose files ask for a prompt before queries and before documents."""
    folder = tiny_model(tmp_path_factory.mktemp("bert"), kind="bert")
    config = folder / "config_sentence_transformers.json"
    content = json.loads(config.read_text(encoding="utf-8"))
    content["prompts"] = {"query": "one ", "document": "two three "}
    config.write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize("role", ["query", "document"])
def test_a_named_role_is_the_local_model_s(prompted: Path, role: str) -> None:
    """Rule: with `prompt_name` the vectors are those that `open_model` gives for the role."""
    served = open_served(str(prompted))

    np.testing.assert_array_equal(encoded(served, role), in_order(open_model(str(prompted)), role))
    assert served.prompts == {"query": "one ", "document": "two three "}


def test_without_a_name_a_text_is_encoded_as_it_stands(prompted: Path) -> None:
    """Rule: a client that puts the prompt itself gets the vectors of the role."""
    served = open_served(str(prompted))

    bare = encoded(served, None)
    by_client = encoded(served, None, [f"one {text}" for text in TEXTS])

    local = open_model(f"{prompted}@query_prompt=,document_prompt=")
    np.testing.assert_array_equal(bare, in_order(local, "document"))
    np.testing.assert_allclose(by_client, encoded(served, "query"), atol=1e-6)
    assert not np.allclose(bare, encoded(served, "query"), atol=1e-3)


def test_leaving_the_prompts_out_loads_nothing_twice(prompted: Path) -> None:
    """Rule: the same weights, and the first encoder keeps its prompts."""
    served = open_served(str(prompted))

    named, bare = served.reading("query").encoder, served.reading(None).encoder
    assert bare._loaded is named._loaded  # type: ignore[attr-defined]
    assert named.prompts["query"] == "one "  # type: ignore[attr-defined]
    assert named.fingerprint == served.fingerprint != bare.fingerprint


def test_tokens_are_counted_with_the_prompt(prompted: Path) -> None:
    served = open_served(str(prompted))

    counts = {
        name: served.reading(name).token_counts(["red fox"]).tolist()
        for name in (None, "query", "document")
    }
    assert counts == {None: [4], "query": [5], "document": [6]}


class Prompted(HashEncoder):
    """An encoder of another kind that tells of a prompt."""

    @property
    def details(self) -> dict[str, str]:
        return {**super().details, "query prompt": "find: "}


def test_a_model_that_cannot_leave_its_prompts_out_asks_for_the_name() -> None:
    """Rule: refused rather than encoded with a prompt that was not asked for."""
    served = serve_encoder(Prompted())

    with pytest.raises(Refusal, match="name `prompt_name`"):
        served.reading(None)
    assert served.reading("document").role == "document"


def test_a_ranker_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="bm25 ranks documents by itself"):
        open_served("bm25")


class Broken(HashEncoder):
    def encode(self, texts: Sequence[str], role: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for positions, vectors in super().encode(texts, role):
            yield positions, vectors * np.float32("nan")


def test_a_broken_model_is_told_before_it_is_served() -> None:
    with pytest.raises(ModelError, match="does not give one finite vector for a query"):
        serve_encoder(Broken())


def test_names_of_a_model() -> None:
    """Rule: the spec, the spec without options, a folder's last part, the fingerprint."""
    served = serve_encoder(HashEncoder(spec="runs/tuned@dim=64"))

    assert served.names == {"runs/tuned@dim=64", "runs/tuned", "tuned", served.fingerprint}


def test_a_unit_vector_keeps_its_bits() -> None:
    """Rule: what the model gave at length 1 is passed on as it is."""
    unit = in_order(HashEncoder(), "query", [f"text {n}" for n in range(50)])

    assert finished(unit, dimensions=None, normalize=True) is unit
    assert finished(unit, dimensions=64, normalize=True) is unit


def test_other_lengths_are_kept_or_brought_to_one() -> None:
    """Rule: `normalize` decides; a zero vector stays zero."""
    raw = np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)

    assert finished(raw, dimensions=None, normalize=False).tolist() == raw.tolist()
    np.testing.assert_allclose(
        finished(raw, dimensions=None, normalize=True), [[0.6, 0.8], [0.0, 0.0]], atol=1e-7
    )


def test_cut_vectors_are_those_of_the_model_with_dim(prompted: Path) -> None:
    """Rule: `dimensions` is `@dim`: cut, and at length 1 again."""
    served = open_served(str(prompted))

    cut = finished(encoded(served, "query"), dimensions=8, normalize=False)

    local = in_order(open_model(f"{prompted}@dim=8"), "query")
    np.testing.assert_allclose(cut, local, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(cut, axis=1), 1, atol=1e-6)


def test_a_cut_raw_vector_stays_raw() -> None:
    """Rule: what has no length 1 before the cut gets none by it."""
    raw = np.array([[3.0, 4.0, 5.0]], dtype=np.float32)

    assert finished(raw, dimensions=2, normalize=False).tolist() == [[3.0, 4.0]]
