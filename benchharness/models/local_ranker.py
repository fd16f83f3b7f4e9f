"""What sparse encoders and late interaction share: their facts, their batches, and how they load.

Neither gives one dense vector for a text, so each scores documents by itself, as a `Ranker`.
Everything but `batches` and `loaded` works without torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import ModelError
from benchharness.models.batches import CPU, cut, take, windows
from benchharness.models.blueprint import Blueprint
from benchharness.models.encoder import Role
from benchharness.models.runtime import checked_device, finish, loading, prepare_torch
from benchharness.models.saved_kind import RankerKind
from benchharness.models.spec import EncoderOptions
from benchharness.models.tokens import TokenCounter, count_all, fast_counter, slow_counter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Their options; the others are of models that give one vector.
OPTIONS = ("device", "document_prompt", "dtype", "max_length", "query_prompt", "revision")
# The same on every device: the logits over a vocabulary fill memory long before a batch is large.
_BUDGET = CPU
_LIBRARIES = ("torch", "sentence-transformers", "transformers", "tokenizers", "scipy", "numpy")


def load_ranker(
    kind: RankerKind, folder: Path, options: EncoderOptions, prompts: dict[str, str]
) -> Any:
    """A new SparseEncoder or MultiVectorEncoder from a directory, in evaluation mode.

    Raises ModelError where the libraries cannot load it.
    """
    torch = prepare_torch()
    import sentence_transformers

    dtype = getattr(torch, options.dtype)
    device = checked_device(options.device)
    with loading(str(folder)):
        model = getattr(sentence_transformers, kind)(
            str(folder),
            device=device,
            prompts=prompts,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": dtype},
        )
    return finish(model, dtype)


class LocalRanker:
    """The facts of a `Blueprint` with options, and the texts in batches.

    Raises ModelError for a `max_length` above what the model can read.
    """

    trainable = False
    version = ""  # of the code that encodes and scores; part of every fingerprint
    kind = ""  # in words, for reports

    def __init__(self, spec: str, blueprint: Blueprint, options: EncoderOptions) -> None:
        self.spec = spec
        self.options = options
        self._blueprint = blueprint
        self._model: Any = None
        # What only the encoded documents tell; the last ones count.
        self._measured: dict[str, float] = {}
        limit = blueprint.position_limit
        if options.max_length is not None and limit is not None and options.max_length > limit:
            raise ModelError(
                f"max_length={options.max_length} is above the {limit} positions of the model",
                where=spec,
                remedy=f"use at most @max_length={limit}",
            )

    # --- facts, without torch -------------------------------------------------------------------

    @property
    def max_length(self) -> int | None:
        """Tokens that are read of a document; None for no limit."""
        chosen = self.options.max_length
        return self._blueprint.max_length if chosen is None else chosen

    @cached_property
    def prompts(self) -> Mapping[str, str]:
        """Role -> what is put before each text; the options come before the model's own."""
        given = {"query": self.options.query_prompt, "document": self.options.document_prompt}
        own = self._blueprint.prompts
        return {role: own.get(role, "") if new is None else new for role, new in given.items()}

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the model's files, the options in force and the way of scoring.

        An option that repeats the model's own value changes nothing; neither do the path and
        the device.
        """
        identity = {
            "scores": self.version,
            "content": self._blueprint.content(),
            "dtype": self.options.dtype,
            "max_length": self.max_length,
            "prompts": dict(self.prompts),
            "similarity": self._blueprint.similarity,
            **self._own_identity(),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def _own_identity(self) -> Mapping[str, object]:
        return {}

    @property
    def details(self) -> Mapping[str, str]:
        """Facts for the report; what is measured of documents is there once they are encoded."""
        return {
            "kind": self.kind,
            "max length": "no limit" if self.max_length is None else f"{self.max_length} tokens",
            "similarity": self._blueprint.similarity,
            "dtype": self.options.dtype,
            "query prompt": self.prompts["query"],
            "document prompt": self.prompts["document"],
        }

    @property
    def costs(self) -> Mapping[str, float]:
        """The "size" of the weights in bytes, and "bytes_per_vector" once documents are encoded.

        The latter is the mean over the documents that were encoded last.
        """
        known = {"size": self._blueprint.size_bytes, **self._measured}
        return {name: float(value) for name, value in known.items() if value is not None}

    @property
    def encode_path(self) -> str:
        """Device, threads, library versions and batch plan; the device is known once loaded."""
        device = self.options.device or "device chosen by torch"
        if self._model is not None:
            torch = prepare_torch()
            place = self._model.device
            device = str(place)
            if place.type == "cpu":
                kernels = torch.backends.cpu.get_cpu_capability()
                device += f" ({kernels}, {torch.get_num_threads()} threads)"
        versions = (f"{name} {metadata.version(name)}" for name in _LIBRARIES)
        return ", ".join([device, *versions, str(_BUDGET), "queries one by one"])

    # --- texts ----------------------------------------------------------------------------------

    @property
    def loaded(self) -> Any:
        """The model of sentence-transformers, loaded when it is first asked for."""
        if self._model is None:
            self._model = self._load()
        return self._model

    def _load(self) -> Any:
        return self._blueprint.load(self.options)

    def batches(
        self, texts: Sequence[str], role: Role
    ) -> Iterator[tuple[NDArray[np.int64], list[str]]]:
        """Yields (positions, texts) of each batch, cut by the texts alone."""
        import numpy as np

        prompt = self.prompts[role]
        for window in windows(texts):
            strings = take(texts, window)
            counts = count_all(self._counter, [prompt + text for text in strings], special=True)
            if self.max_length is not None:
                counts = np.minimum(counts, self.max_length)
            for batch in cut(strings, counts, _BUDGET):
                yield window[batch], [strings[row] for row in batch.tolist()]

    @cached_property
    def _counter(self) -> TokenCounter:
        blueprint = self._blueprint
        if blueprint.tokenizer is not None:
            return fast_counter(blueprint.tokenizer, lower_case=blueprint.lower_case)
        if blueprint.slow_tokenizer is not None:
            return slow_counter(blueprint.slow_tokenizer())
        raise ModelError("the model has no tokenizer", where=self.spec, remedy="save it again")

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Turns the end of a device's memory into ModelError."""
        torch = prepare_torch()
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise ModelError(
                f"a batch does not fit into the memory of {self._model.device}",
                where=self.spec,
                remedy="lower @max_length, use @dtype=bfloat16, or @device=cpu",
            ) from error

    def refuse_broken(self, vectors: NDArray[np.float32], texts: Sequence[str]) -> None:
        """Raises ModelError where a batch's vectors hold NaN or infinity."""
        import numpy as np

        if not np.isfinite(vectors).all():
            raise ModelError(
                f"the model gave numbers that are not finite, of a text such as {texts[0][:60]!r}",
                where=self.spec,
                remedy="try @dtype=float32; else its weights are broken",
            )
