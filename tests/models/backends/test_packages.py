"""What a backend needs, and that nobody is told of its use."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchharness.errors import MissingDependency
from benchharness.models.backends import packages
from benchharness.models.backends.packages import need_packages, versions


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra has the backend's name."""
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(MissingDependency, match=f"backend={backend} needs the package") as caught:
        need_packages(backend)

    assert caught.value.remedy == f"pip install 'benchharness[{backend}]'"


def test_torch_needs_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a dependency of benchharness."""
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda _: None)

    need_packages("torch")


def test_versions_are_those_installed() -> None:
    """As `pip list` would say."""
    assert versions("pytest") == (f"pytest {pytest.__version__}",)


@pytest.mark.parametrize(
    ("package", "function"),
    [("onnxruntime", "prepare_onnxruntime"), ("openvino", "prepare_openvino")],
)
def test_importing_a_backend_leaves_no_trace_of_telemetry(
    package: str, function: str, tmp_path: Path
) -> None:
    """Rule: no network access that was not asked for.

    Both packages would write an id of this machine below the home folder when they are imported,
    and send events with it.
    """
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs the extra {'onnx' if package == 'onnxruntime' else 'openvino'!r}")
    code = (
        f"from benchharness.models.backends import packages; module = packages.{function}();"
        "import sys; print(module.__name__, sorted(n for n in sys.modules if 'telemetry' in n "
        "and not n.startswith('openvino.tools.')))"
    )
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))
    }
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | home, capture_output=True, text=True, check=True
    )

    assert done.stdout.split(maxsplit=1) == [package, "[]\n"]
    assert list(tmp_path.rglob("*")) == []


def test_a_users_own_choice_of_telemetry_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is unset is set."""
    if importlib.util.find_spec("onnxruntime") is None:
        pytest.skip("needs the extra 'onnx'")
    packages.prepare_onnxruntime()  # so that nothing is sent by this test
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")

    packages.prepare_onnxruntime()

    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"


def test_a_hidden_package_is_there_again_afterwards() -> None:
    """One that was imported before stays what it is."""
    with packages._hidden("wave"), pytest.raises(ImportError):
        import wave  # noqa: F401
    with packages._hidden("json"):
        import json

    import wave as found

    assert found.__name__ == "wave"
    assert sys.modules["json"] is json
