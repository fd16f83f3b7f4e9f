"""Which models another backend can run, and what is put aside in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchharness.errors import ModelError
from benchharness.models.backends.forward import (
    example_features,
    refuse_without_transformer,
    run_with,
    transformer_of,
)
from benchharness.models.registry import open_model
from benchharness.models.sentence_transformer import SentenceTransformerEncoder


def _loaded(folder: Path) -> Any:
    encoder = open_model(str(folder))
    assert isinstance(encoder, SentenceTransformerEncoder)
    return encoder.load_sentence_transformer()


@pytest.mark.parametrize("kind", ["StaticEmbedding", "Router", "BoW", "CLIPModel"])
def test_a_first_module_that_is_no_transformer_is_named(kind: str) -> None:
    """Known from modules.json, before anything is loaded."""
    with pytest.raises(ModelError, match=f"this model begins with {kind}") as caught:
        refuse_without_transformer(kind, "owner/name")

    assert (caught.value.where, caught.value.remedy) == ("owner/name", "leave @backend out")


@pytest.mark.parametrize(
    ("reads", "output"),
    [
        ({"method": "get_text_features", "method_output_name": None}, "token_embeddings"),
        ({"method": "forward", "method_output_name": "pooler_output"}, "token_embeddings"),
        ({"method": "forward", "method_output_name": ["hidden_states", 3]}, "token_embeddings"),
        ({"method": "forward", "method_output_name": "last_hidden_state"}, "sentence_embedding"),
        (None, "token_embeddings"),
    ],
)
def test_a_transformer_that_gives_something_else_is_refused(
    reads: dict[str, Any] | None, output: str
) -> None:
    """Only the last layer's vectors of a text's tokens are what is exported."""

    class Transformer(SimpleNamespace):
        pass

    config = {} if reads is None else {"text": reads}
    model: Any = [Transformer(modality_config=config, module_output_name=output)]

    with pytest.raises(ModelError, match="only a transformer that reads text"):
        transformer_of(model, "m")


def test_the_examples_are_of_different_lengths(bert_model: Path) -> None:
    """So that the exporter sees a padded text, and takes neither axis for a constant."""
    features = example_features(_loaded(bert_model), "m")

    assert set(features) == {"input_ids", "attention_mask"}
    assert {tuple(tensor.shape) for tensor in features.values()} == {(2, 9)}
    assert features["attention_mask"].sum(axis=1).tolist() == [9, 3]


class _Ones:
    """Token vectors of ones; remembers what it was given."""

    inputs = ("input_ids", "attention_mask")

    def __call__(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        self.given = dict(features)
        return np.ones((*features["input_ids"].shape, 32), dtype=np.float32)


def test_only_the_transformer_is_replaced(bert_model: Path) -> None:
    """The tokenizer before it and the pooling behind it are the model's own."""
    model, forward = _loaded(bert_model), _Ones()
    tokens = model.preprocess(["red cat", "dog"])

    run_with(model, forward, "m")
    vectors = model.encode(["red cat", "dog"], show_progress_bar=False)

    assert set(forward.given) == set(forward.inputs)
    np.testing.assert_array_equal(forward.given["input_ids"], tokens["input_ids"].numpy())
    np.testing.assert_array_equal(vectors, np.ones((2, 32), dtype=np.float32))


def test_torchs_weights_are_let_go(bert_model: Path) -> None:
    """Two copies of a large model would be one too many."""
    model = _loaded(bert_model)

    run_with(model, _Ones(), "m")

    assert list(model.parameters()) == []
    assert model.device.type == "cpu"
