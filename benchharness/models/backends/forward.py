"""`Forward`: what runs a model's transformer in torch's place.

A sentence-transformers model is a line of modules. The first turns token ids into token vectors;
pooling, dense layers and normalisation follow. Only the inside of the first is put aside here: the
tokenizer and all that follows stay sentence-transformers' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from benchharness.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

OUTPUT = "last_hidden_state"
# Of different lengths, so that one is padded.
_EXAMPLE = ["one two three four five six seven", "one"]


class Forward(Protocol):
    """Token ids in, token vectors out. Any number of texts and tokens.

    inputs: the names of the features that it reads, such as "input_ids".
    """

    @property
    def inputs(self) -> tuple[str, ...]: ...

    def __call__(self, features: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """[texts, tokens, width], of features that are [texts, tokens]. Raises ModelError."""
        ...


def transformer_of(model: SentenceTransformer, where: str) -> Any:
    """The first module. Raises ModelError where it is no transformer that reads only text."""
    first: Any = model[0]
    kind = type(first).__name__
    reads: Mapping[str, Any] = getattr(first, "modality_config", {}).get("text", {})
    is_plain = kind == "Transformer" and first.module_output_name == "token_embeddings"
    if not is_plain or reads.get("method") != "forward" or not _gives_states(reads):
        raise _no_transformer(kind, where)
    return first


def refuse_without_transformer(first_module: str, where: str) -> None:
    """Raises ModelError where the model's files name another kind of first module."""
    if first_module != "Transformer":
        raise _no_transformer(first_module, where)


def example_features(model: SentenceTransformer, where: str) -> dict[str, Any]:
    """What the transformer's inside is given of two texts: names -> tensors [2, tokens]."""
    transformer = transformer_of(model, where)
    features = model.preprocess(_EXAMPLE)
    taken = transformer.model_forward_params  # None: it takes whatever there is
    return {
        name: features[name]
        for name in transformer.tokenizer.model_input_names
        if name in features and (taken is None or name in taken)
    }


def run_with(model: SentenceTransformer, forward: Forward, where: str) -> None:
    """From now on `forward` runs the model's transformer; torch's weights are let go."""
    import torch

    transformer = transformer_of(model, where)

    class Inside(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = transformer.model.config
            self.device = torch.device("cpu")

        def forward(self, **features: Any) -> dict[str, torch.Tensor]:
            arrays = {name: features[name].numpy() for name in forward.inputs}
            return {OUTPUT: torch.from_numpy(forward(arrays))}

    transformer.model = Inside()


def _gives_states(reads: Mapping[str, Any]) -> bool:
    named = reads.get("method_output_name")
    return named == OUTPUT or (isinstance(named, list | tuple) and list(named) == [OUTPUT])


def _no_transformer(kind: str, where: str) -> ModelError:
    return ModelError(
        f"only a transformer that reads text runs on another backend, and this model begins with "
        f"{kind}",
        where=where,
        remedy="leave @backend out",
    )
