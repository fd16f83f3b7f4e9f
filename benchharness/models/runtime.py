"""The one place where torch and sentence-transformers are first imported and models are loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from benchharness.errors import ModelError
from benchharness.models.spec import EncoderOptions

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


def prepare_torch() -> ModuleType:
    """The module torch, imported with settings that must stand before its first import."""
    # libgomp busy-waits at every barrier: beside another busy process two threads are then four
    # to six times slower than one. The setting is read once, when the library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    return torch


def load_directory(
    folder: Path, options: EncoderOptions, prompts: dict[str, str]
) -> SentenceTransformer:
    """A new SentenceTransformer from a directory; pooling, dtype and device as the options say.

    Raises ModelError where the libraries cannot load it.
    """
    torch = prepare_torch()
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    dtype = getattr(torch, options.dtype)
    settings = {"use_safetensors": True, "dtype": dtype}
    device = checked_device(options.device)
    with loading(str(folder)):
        if (folder / "modules.json").is_file():
            model = SentenceTransformer(
                str(folder),
                device=device,
                prompts=prompts,
                local_files_only=True,
                trust_remote_code=options.trust_remote_code,
                model_kwargs=settings,
            )
        else:
            hub = {"local_files_only": True, "trust_remote_code": options.trust_remote_code}
            transformer = Transformer(
                str(folder),
                model_kwargs=settings | hub,
                processor_kwargs=dict(hub),
                config_kwargs=dict(hub),
            )
            pooling = Pooling(transformer.get_embedding_dimension(), options.pooling or "mean")
            model = SentenceTransformer(
                modules=[transformer, pooling], device=device, prompts=prompts
            )
    if options.pooling is not None:
        _replace_pooling(model, options.pooling)
    return finish(model, dtype)


def load_tokenizer(folder: Path, options: EncoderOptions) -> Callable[..., Any]:
    """The directory's tokenizer through transformers. Raises ModelError."""
    prepare_torch()
    from transformers import AutoTokenizer

    with loading(str(folder)):
        found: Callable[..., Any] = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=options.trust_remote_code
        )
    return found


def finish(model: SentenceTransformer, dtype: torch.dtype) -> SentenceTransformer:
    """The model in evaluation mode with every weight of one dtype."""
    model.to(dtype)
    model.eval()
    return model


def set_length(model: SentenceTransformer, length: int) -> None:
    """Sets what is read of a text; a bag of tokens only has its tokenizer to cut with."""
    first: Any = model[0]
    if type(first).__name__ == "StaticEmbedding":
        first.tokenizer.enable_truncation(length)
    else:
        model.max_seq_length = length


@contextmanager
def without_bars() -> Iterator[None]:
    """Silences the progress bars that transformers draws when it loads or saves a model."""
    from transformers.utils import logging as transformers_logging

    bars: Any = transformers_logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


@contextmanager
def loading(place: str) -> Iterator[None]:
    """Silences progress bars, and turns what the libraries raise on a bad model into ModelError."""
    from safetensors import SafetensorError

    try:
        with without_bars():
            yield
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, ImportError,
            SafetensorError) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:300] or "no reason given"
        raise ModelError(
            f"the model cannot be loaded: {type(error).__name__}: {reason}",
            where=place,
            remedy="load it with SentenceTransformer(...) to see the whole traceback",
        ) from error


def checked_device(device: str | None) -> str | None:
    """The device, tried out. Raises ModelError where it cannot be used."""
    torch = prepare_torch()
    if device is None:
        return None
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ModelError(
            f"device {device!r} cannot be used: {str(error).splitlines()[0]}",
            remedy="leave @device out to let torch choose, or use @device=cpu",
        ) from error
    return device


def computes(dtype: str, device: str, *, unknown: bool = False) -> bool:
    """Whether the device has instructions for "bfloat16" or "float16"; else it only emulates them.

    device: its type, such as "cpu". unknown: the answer where torch cannot be asked.
    """
    torch = prepare_torch()
    if device == "cuda":
        return dtype == "float16" or bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device != "cpu":
        return unknown
    name = {"float16": "_is_mkldnn_fp16_supported", "bfloat16": "_is_mkldnn_bf16_supported"}[dtype]
    try:
        # torch has no public way to ask; builds without this one answer nothing.
        return bool(getattr(torch.ops.mkldnn, name)())
    except (AttributeError, RuntimeError):
        return unknown


def _replace_pooling(model: SentenceTransformer, mode: str) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    for name, module in list(model.named_children()):
        if isinstance(module, Pooling):
            replacement = Pooling(module.embedding_dimension, mode)
            model._modules[name] = replacement
            return
    raise ModelError("the model has no pooling to replace", remedy="leave @pooling out")
