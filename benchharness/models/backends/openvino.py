"""A transformer in OpenVINO, on the CPU, in float32."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import ModelError
from benchharness.models.backends.packages import prepare_openvino
from benchharness.models.runtime import prepare_torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class OpenVinoForward:
    """An ONNX file compiled by OpenVINO, with as many threads as torch has now.

    Raises ModelError where OpenVINO cannot read or run it.
    """

    def __init__(self, file: Path, where: str) -> None:
        openvino: Any = prepare_openvino()
        self._where = where
        settings = {
            # Without it the arithmetic is bfloat16 on processors that are fast at that.
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": prepare_torch().get_num_threads(),
            "NUM_STREAMS": 1,
        }
        try:
            core = openvino.Core()
            self._compiled: Any = core.compile_model(core.read_model(str(file)), "CPU", settings)
        except RuntimeError as error:
            raise _failed(error, where) from error
        self.inputs = tuple(read.get_any_name() for read in self._compiled.inputs)

    def __call__(self, features: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        try:
            # A copy: the next call writes over what this one gives.
            found: NDArray[np.float32] = self._compiled(dict(features))[0].copy()
        except RuntimeError as error:
            raise _failed(error, self._where) from error
        return found


def _failed(error: Exception, where: str) -> ModelError:
    reason = " ".join(str(error).split())[:300]
    return ModelError(
        f"OpenVINO cannot run the model: {reason}",
        where=where,
        remedy="lower @max_length if memory ran out; else leave @backend out",
    )
