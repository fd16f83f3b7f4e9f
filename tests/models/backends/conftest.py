"""One folder of exports for all tests here: to write one takes seconds."""

import importlib.util
from pathlib import Path

import pytest


def _is_installed(*packages: str) -> bool:
    # Found, not imported: that would set off what `prepare_onnxruntime` and others keep off.
    return all(importlib.util.find_spec(package) is not None for package in packages)


@pytest.fixture(scope="session")
def exports_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not _is_installed("onnx", "onnxscript", "onnxruntime"):
        pytest.skip("needs the extra 'onnx'")
    return tmp_path_factory.mktemp("exports")


@pytest.fixture
def shared_cache(_own_cache: None, exports_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCHHARNESS_CACHE", str(exports_folder))
    return exports_folder


@pytest.fixture(params=["onnx", "openvino"])
def backend(request: pytest.FixtureRequest, shared_cache: Path) -> str:
    """Each backend beside torch, skipped where it is not installed."""
    if request.param == "openvino" and not _is_installed("openvino"):
        pytest.skip("needs the extra 'openvino'")
    return str(request.param)
