"""A transformer in ONNX Runtime, on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import ModelError
from benchharness.models.backends.packages import prepare_onnxruntime
from benchharness.models.runtime import prepare_torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OnnxForward:
    """A session over an ONNX file, with as many threads as torch has now.

    Raises ModelError where ONNX Runtime cannot read or run it.
    """

    def __init__(self, file: Path, where: str) -> None:
        runtime = prepare_onnxruntime()
        self._where = where
        settings = runtime.SessionOptions()
        settings.intra_op_num_threads = prepare_torch().get_num_threads()
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3  # errors
        # As for torch: beside another busy process, waiting in a loop takes several times longer.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = runtime.InferenceSession(
                str(file), settings, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors have no class in common
            raise _failed(error, where) from error
        self.inputs = tuple(read.name for read in self._session.get_inputs())

    def __call__(self, features: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        try:
            found: NDArray[np.float32] = self._session.run(None, dict(features))[0]
        except Exception as error:
            raise _failed(error, self._where) from error
        return found


def _failed(error: Exception, where: str) -> ModelError:
    reason = " ".join(str(error).split())[:300]
    return ModelError(
        f"ONNX Runtime cannot run the model: {type(error).__name__}: {reason}",
        where=where,
        remedy="lower @max_length if memory ran out; else leave @backend out",
    )
