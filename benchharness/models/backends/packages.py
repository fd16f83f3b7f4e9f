"""The packages that a backend needs, and how they are first imported: without reporting home."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from types import ModuleType
from typing import Any

from benchharness.errors import MissingDependency

_NEEDED = {
    "torch": (),
    # The last two write the file that all but torch run.
    "onnx": ("onnxruntime", "onnx", "onnxscript"),
    "openvino": ("openvino", "onnx", "onnxscript"),
}


def need_packages(backend: str) -> None:
    """Raises MissingDependency where a package of the backend is not installed."""
    for package in _NEEDED[backend]:
        if importlib.util.find_spec(package) is None:
            raise MissingDependency.of(package, extra=backend, wanted_for=f"backend={backend}")


def versions(*packages: str) -> tuple[str, ...]:
    """The packages with their versions, as installed."""
    return tuple(f"{package} {metadata.version(package)}" for package in packages)


def prepare_onnxruntime() -> ModuleType:
    """The module onnxruntime, imported with its telemetry switched off.

    Its wheels send events to their maker, from the first import on, unless this variable is set
    before. A user who has set it keeps his value.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    module: ModuleType = onnxruntime
    return module


def prepare_openvino() -> ModuleType:
    """The module openvino, imported without its telemetry.

    Importing it sends an event by the package openvino-telemetry. Where that is not there, openvino
    does without it: so it is hidden while openvino is imported for the first time.
    """
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    with _hidden("openvino_telemetry"):
        import openvino

    module: ModuleType = openvino
    return module


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Lets the import of a package fail that was not imported yet."""
    if name in sys.modules:
        yield
        return
    modules: dict[str, Any] = sys.modules  # None in it means: this import fails
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]
