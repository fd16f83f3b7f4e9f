"""The encoder of a sentence-transformers model that lies on this machine.

Everything but `encode` and `load_sentence_transformer` works without torch: what a spec means,
its fingerprint and its token counts are known before a weight is loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.errors import ModelError, UsageError
from benchharness.models.backends.agreement import read_agreement
from benchharness.models.backends.export import Export
from benchharness.models.backends.forward import refuse_without_transformer
from benchharness.models.backends.packages import need_packages, versions
from benchharness.models.backends.serving import SAMPLE, serve
from benchharness.models.batches import (
    ACCELERATOR,
    CPU,
    SINGLE,
    UNLIMITED,
    UNPADDED,
    Budget,
    cut,
    take,
    windows,
)
from benchharness.models.blueprint import Blueprint
from benchharness.models.encoder import Role
from benchharness.models.runtime import prepare_torch, set_length
from benchharness.models.spec import EncoderOptions
from benchharness.models.tokens import TokenCounter, count_all, fast_counter, slow_counter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

# Raised whenever the code here changes what a model gives; part of every fingerprint.
ENCODE_VERSION = "sentence-transformers/1"
# Raised whenever weights are quantised otherwise; part of the fingerprint of quantised ones.
_INT8 = "dynamic, per channel, matrix products/1"
_LIBRARIES = ("torch", "sentence-transformers", "transformers", "tokenizers")
_RUNS = {"torch": (), "onnx": ("onnxruntime", "onnx"), "openvino": ("openvino", "onnx")}


class SentenceTransformerEncoder:
    """The `Encoder` of a `Blueprint` with options.

    Vectors are of length 1 where the model compares by cosine, and as the model gives them where
    it compares by dot product. Raises UsageError for a `dim` above the model's and for a batch
    size with int8 weights, ModelError for a `max_length` above what it can read and for a backend
    that cannot run it, MissingDependency where that is not installed.
    """

    def __init__(self, spec: str, blueprint: Blueprint, options: EncoderOptions) -> None:
        self.spec = spec
        self.options = options
        self._blueprint = blueprint
        self._loaded: SentenceTransformer | None = None
        self._splits = 0  # how often batches had to be halved because memory ran out
        _check_dim(spec, options.dim, blueprint.dim)
        limit = blueprint.position_limit
        if options.max_length is not None and limit is not None and options.max_length > limit:
            raise ModelError(
                f"max_length={options.max_length} is above the {limit} positions of the model",
                where=spec,
                remedy=f"use at most @max_length={limit}",
            )
        if options.backend != "torch":
            refuse_without_transformer(blueprint.first_module, spec)
            need_packages(options.backend)
        if options.weights is not None and options.batch_size is not None:
            raise UsageError(
                "with int8 weights texts are encoded one by one: in a batch the others would "
                "change a text's vector",
                where=spec,
                remedy="leave @batch_size out",
            )

    # --- facts, without torch -------------------------------------------------------------------

    @property
    def max_length(self) -> int | None:
        chosen = self.options.max_length
        return self._blueprint.max_length if chosen is None else chosen

    @property
    def dim(self) -> int | None:
        """Components of a vector; None where only the loaded model knows."""
        return self._blueprint.dim if self.options.dim is None else self.options.dim

    @property
    def trainable(self) -> bool:
        """Whether it could be fine-tuned; quantised weights cannot."""
        return self.options.weights is None

    @cached_property
    def prompts(self) -> Mapping[str, str]:
        """Role -> what is put before each text; the options come before the model's own."""
        given = {"query": self.options.query_prompt, "document": self.options.document_prompt}
        own = self._blueprint.prompts
        return {role: own.get(role, "") if new is None else new for role, new in given.items()}

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the model's files, the options in force and the way of encoding.

        An option that repeats the model's own value changes nothing; neither do the path, the
        device and the backend. Quantised weights are other weights.
        """
        identity: dict[str, object] = {
            "encode": ENCODE_VERSION,
            "content": self._blueprint.content(),
            "dim": self.dim,
            "max_length": self.max_length,
            "dtype": self.options.dtype,
            "prompts": dict(self.prompts),
            "pooling": self._blueprint.pooling,
            "similarity": self._blueprint.similarity,
        }
        if self.options.weights is not None:
            identity["weights"] = f"{self.options.weights}: {_INT8}"
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @property
    def cache_key(self) -> str:
        """The fingerprint, or what stands for it where batches or a backend change last bits."""
        own = [self.fingerprint]
        if self.options.batch_size is not None:
            own.append(f"batch_size={self.options.batch_size}")
        if self.options.backend != "torch":
            own.append(f"backend={self.options.backend}")
        return own[0] if len(own) == 1 else hashlib.sha256(" ".join(own).encode()).hexdigest()

    @property
    def details(self) -> Mapping[str, str]:
        found = {
            "kind": "sentence-transformers",
            "dimension": "known once loaded" if self.dim is None else str(self.dim),
            "max length": "no limit" if self.max_length is None else f"{self.max_length} tokens",
            "pooling": self._blueprint.pooling,
            "similarity": self._blueprint.similarity,
            "dtype": self.options.dtype,
            "query prompt": self.prompts["query"],
            "document prompt": self.prompts["document"],
            "backend": self.options.backend,
        }
        if self.options.weights is not None:
            found["weights"] = f"int8 ({_INT8.partition('/')[0]}), one text at a time"
            agreed = read_agreement(self._export.folder)
            found["int8 against float32"] = "not measured yet" if agreed is None else str(agreed)
        if self._blueprint.tokenizer is None:
            found["tokenizer"] = "loaded through transformers (there is no tokenizer.json)"
        return found

    @property
    def costs(self) -> Mapping[str, float]:
        """The "dimension" of a vector and "size" of the weights in bytes, where known."""
        is_quantised = self.options.weights is not None
        size = self._export.size_bytes if is_quantised else self._blueprint.size_bytes
        known = {"dimension": self.dim, "size": size}
        return {name: float(value) for name, value in known.items() if value is not None}

    @property
    def encode_path(self) -> str:
        """Device, threads, library versions and batch plan; the device is known once loaded."""
        libraries = versions(*_LIBRARIES, *_RUNS[self.options.backend])
        is_torch = self.options.backend == "torch"
        device = self.options.device or ("device chosen by torch" if is_torch else "cpu")
        budget: object = "not loaded"
        if self._loaded is not None:
            torch = prepare_torch()
            place = self._loaded.device
            device = str(place)
            if place.type == "cpu":
                kernels = torch.backends.cpu.get_cpu_capability()
                device += f" ({kernels}, {torch.get_num_threads()} threads)"
            budget = self._budget(self._loaded)
        if not is_torch:  # in front: reports shorten the middle
            device = f"{self.options.backend} on {device}"
        path = [device, *libraries, str(budget)]
        if self._splits:
            path.append(f"halved {self._splits} times because memory ran out")
        return ", ".join(path)

    # --- tokens ---------------------------------------------------------------------------------

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return count_all(self._counter, texts, special=self._blueprint.special_tokens)

    def tokens_per_word(self, words: Sequence[str]) -> NDArray[np.int64]:
        return count_all(self._counter, words, special=False)

    @cached_property
    def _counter(self) -> TokenCounter:
        blueprint = self._blueprint
        if blueprint.tokenizer is not None:
            return fast_counter(blueprint.tokenizer, lower_case=blueprint.lower_case)
        if blueprint.slow_tokenizer is not None:
            return slow_counter(blueprint.slow_tokenizer())
        raise ModelError("the model has no tokenizer", where=self.spec, remedy="save it again")

    # --- vectors --------------------------------------------------------------------------------

    def load_sentence_transformer(self) -> SentenceTransformer:
        """A new SentenceTransformer with the options in force, such as one to be fine-tuned.

        Its `truncate_dim` is set where `dim` was given; torch runs it, whatever the backend.
        Raises UsageError for int8 weights, ModelError where the libraries cannot load it, or where
        it turns out to have fewer components than `dim` asks for.
        """
        self._refuse_quantised()
        return self._load()

    def _load(self) -> SentenceTransformer:
        is_torch = self.options.backend == "torch"
        model = self._blueprint.load(
            self.options if is_torch else replace(self.options, device="cpu")
        )
        if self.max_length is not None:
            set_length(model, self.max_length)
        _check_dim(self.spec, self.options.dim, model.get_embedding_dimension())
        if self.options.dim is not None:
            model.truncate_dim = self.options.dim
        return model

    def load_for_training(self) -> SentenceTransformer:
        """A new SentenceTransformer in float32 with all components, whatever the options say.

        Prompts, pooling and the length that is read are those in force: what is saved of it
        keeps them; torch runs it, whatever the backend. Raises UsageError for int8 weights,
        ModelError where the libraries cannot load it.
        """
        self._refuse_quantised()
        model = self._blueprint.load(replace(self.options, dtype="float32", dim=None))
        if self.options.max_length is not None:
            set_length(model, self.options.max_length)
        return model

    def _refuse_quantised(self) -> None:
        if self.options.weights is not None:
            raise UsageError(
                "int8 weights cannot be trained",
                where=self.spec,
                remedy="leave @weights out here, and measure what comes out with it",
            )

    def around(self, model: SentenceTransformer) -> SentenceTransformerEncoder:
        """An encoder of the same options over a model in memory, such as one being trained.

        torch runs it, whatever the backend.

        Its fingerprint stands for nothing: keep its vectors in no cache.
        """
        blueprint = replace(self._blueprint, content=lambda: "in memory", load=lambda _: model)
        encoder = SentenceTransformerEncoder(
            self.spec,
            blueprint,
            replace(self.options, dtype="float32", backend="torch", weights=None),
        )
        encoder._loaded = model
        return encoder

    def without_prompts(self) -> SentenceTransformerEncoder:
        """The same model, with the weights that are loaded, that puts nothing before a text."""
        options = replace(self.options, query_prompt="", document_prompt="")
        bare = SentenceTransformerEncoder(self.spec, self._blueprint, options)
        bare._loaded = self._loaded
        return bare

    @cached_property
    def whole(self) -> SentenceTransformerEncoder | None:
        """The same model with all components; None where no `dim` cuts any off."""
        if self.options.dim is None or self.options.dim == self._blueprint.dim:
            return None
        return SentenceTransformerEncoder(
            self.spec, self._blueprint, replace(self.options, dim=None)
        )

    def cut(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The own vectors, made of those of `whole`. Raises UsageError where those are shorter."""
        _check_dim(self.spec, self.options.dim, vectors.shape[1] if len(vectors) else None)
        first = vectors[:, : self.options.dim]
        return _unit(first) if self._blueprint.similarity == "cosine" else first

    @property
    def is_static(self) -> bool:
        """Whether it is a bag of token vectors, which costs next to nothing to encode with."""
        return not self._blueprint.padded

    @property
    def folder(self) -> Path | None:
        """The model's directory; None where it is put together from other files."""
        return self._blueprint.folder

    def encode(
        self, texts: Sequence[str], role: Role
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Finished batches as (positions, vectors); see `benchharness.models.batches`.

        Raises ModelError where the model cannot be loaded, gives vectors of another dimension,
        or where a single text does not fit into the device's memory.
        """
        import numpy as np

        if not len(texts):
            return
        prompt = self.prompts[role]
        for window in windows(texts):
            strings = take(texts, window)
            model = self._model(strings[:SAMPLE], role)
            budget = self._budget(model)
            counts = self.token_counts([prompt + text for text in strings])
            if self.max_length is not None:
                counts = np.minimum(counts, self.max_length)
            for batch in cut(strings, counts, budget):
                vectors = self._vectors(model, [strings[row] for row in batch.tolist()], role)
                yield window[batch], vectors

    def _model(self, sample: list[str], role: Role) -> SentenceTransformer:
        """The loaded model. Another backend is tried on the sample before it is used."""
        if self._loaded is None:
            model, options = self._load(), self.options
            if options.backend != "torch":
                # Int8 weights see one text at a time, here as later.
                batches = [sample] if options.weights is None else [[text] for text in sample]
                serve(
                    model,
                    self._export,
                    options.backend,
                    lambda: [self._forward(model, batch, role) for batch in batches],
                    self.spec,
                )
            self._loaded = model
        return self._loaded

    @property
    def _export(self) -> Export:
        return Export(self._blueprint.content(), self.options.weights)

    def _budget(self, model: SentenceTransformer) -> Budget:
        if self.options.batch_size is not None:
            return Budget(tokens=UNLIMITED, texts=self.options.batch_size)
        if not self._blueprint.padded:
            return UNPADDED
        if self.options.weights is not None:
            return SINGLE
        return CPU if model.device.type == "cpu" else ACCELERATOR

    def _vectors(
        self, model: SentenceTransformer, texts: list[str], role: Role
    ) -> NDArray[np.float32]:
        """The vectors of one batch, in halves where the device's memory runs out."""
        import numpy as np

        torch = prepare_torch()
        try:
            raw = self._forward(model, texts, role)
        except torch.OutOfMemoryError as error:
            if len(texts) == 1:
                raise ModelError(
                    f"a text of {len(texts[0])} characters does not fit into the memory of "
                    f"{model.device}",
                    where=self.spec,
                    remedy="lower @max_length, use @dtype=bfloat16, or @device=cpu",
                ) from error
            raw = None
        if raw is None:  # outside of the handler, so that the failed batch's tensors are freed
            self._splits += 1
            torch.cuda.empty_cache()
            half = len(texts) // 2
            parts = [self._vectors(model, part, role) for part in (texts[:half], texts[half:])]
            return np.concatenate(parts)
        vectors = np.asarray(raw, dtype=np.float32)
        if vectors.ndim != 2 or (self.dim is not None and vectors.shape[1] != self.dim):
            raise ModelError(
                f"the model gave {vectors.shape[-1]} components where its files say {self.dim}",
                where=self.spec,
                remedy="save the model again",
            )
        return _unit(vectors) if self._blueprint.similarity == "cosine" else vectors

    def _forward(
        self, model: SentenceTransformer, texts: list[str], role: Role
    ) -> NDArray[np.float32]:
        encode = model.encode_query if role == "query" else model.encode_document
        return encode(
            texts,
            prompt=self.prompts[role],
            batch_size=len(texts),
            show_progress_bar=False,
            convert_to_numpy=True,
            truncate_dim=self.options.dim,
        )


def _check_dim(spec: str, asked: int | None, has: int | None) -> None:
    if asked is not None and has is not None and asked > has:
        raise UsageError(
            f"dim={asked} is above the model's {has}",
            where=spec,
            remedy=f"use @dim={has} or less, or leave it out",
        )


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors at length 1, in double precision; a zero vector stays zero."""
    import numpy as np

    exact = vectors.astype(np.float64)
    norms = np.sqrt((exact * exact).sum(axis=1, keepdims=True))
    norms[norms == 0] = 1.0
    unit: NDArray[np.float32] = (exact / norms).astype(np.float32)
    return unit
