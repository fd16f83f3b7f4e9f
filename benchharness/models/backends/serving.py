"""A loaded model handed over to another backend, after a look at what that gives."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from benchharness.errors import ModelError
from benchharness.models.backends.agreement import agreement_of, keep_agreement, read_agreement
from benchharness.models.backends.export import Export, make
from benchharness.models.backends.forward import Forward, run_with

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

# In float32 the last bits differ and no more: 1 - 1e-7 is usual.
LOWEST_COSINE = 0.99999
SAMPLE = 16


def serve(
    model: SentenceTransformer,
    export: Export,
    backend: str,
    encode: Callable[[], Sequence[NDArray[np.float32]]],
    where: str,
) -> None:
    """Lets the backend run the model's transformer.

    encode: the vectors of some texts, in batches, by the model as it is when called; called before
    and after.
    In float32 the two must agree; with int8 weights how far they do is measured once, when the
    export is new, and kept beside it. Raises ModelError where float32 vectors differ from torch's,
    or the backend cannot run the model.
    """
    import numpy as np

    make(export, model, where)
    is_measured = export.weights is not None and read_agreement(export.folder) is not None
    expected = None if is_measured else np.concatenate(encode())
    run_with(model, _forward(backend, export, where), where)
    if expected is None:
        return
    found = agreement_of(expected, np.concatenate(encode()))
    if export.weights is not None:
        # A folder that can only be read: the next process measures again.
        with contextlib.suppress(OSError):
            keep_agreement(export.folder, found)
    elif not found.lowest >= LOWEST_COSINE:  # so that NaN fails
        raise ModelError(
            f"{backend} gives other vectors than torch: {found}",
            where=where,
            remedy=f"leave @backend out; {LOWEST_COSINE} at least is asked for",
        )


def _forward(backend: str, export: Export, where: str) -> Forward:
    if backend == "onnx":
        from benchharness.models.backends.onnx import OnnxForward

        return OnnxForward(export.file, where)
    from benchharness.models.backends.openvino import OpenVinoForward

    return OpenVinoForward(export.file, where)
