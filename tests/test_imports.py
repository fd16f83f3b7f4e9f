"""What importing, collecting and asking for help may load: nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import benchharness

HEAVY = (
    "torch", "sentence_transformers", "transformers", "datasets", "ranx", "numba", "ray",
    "anthropic", "scipy", "pandas", "numpy", "pyarrow", "rich", "bm25s", "tokenizers",
    "safetensors", "huggingface_hub",
)  # fmt: skip
TELL = "import sys; print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"


def loaded_by(code: str, folder: Path) -> set[str]:
    """The heavy packages among those that a new Python has loaded after running the code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{TELL}"],
        capture_output=True, text=True, check=True, cwd=folder,
    )  # fmt: skip
    names = done.stdout.rpartition("LOADED ")[2].split()
    assert "benchharness" in names
    return set(names) & set(HEAVY)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import benchharness", id="package"),
        pytest.param("import benchharness.plugin", id="plugin"),
        pytest.param("from benchharness import Gate, Suite, Thresholds, beir", id="suite-names"),
        pytest.param(
            "import contextlib, benchharness.cli\n"
            "with contextlib.suppress(SystemExit): benchharness.cli.main(['--help'])",
            id="cli-help",
        ),
    ],
)
def test_importing_loads_nothing_heavy(code: str, tmp_path: Path) -> None:
    """The entry point is imported in every pytest run of the environment."""
    assert loaded_by(code, tmp_path) == set()


SUITE = """
from benchharness import Gate, Suite, beir, docstrings

one = Suite(
    name="one",
    dataset=beir("data/one"),
    models=["minilm@max_length=128", "bm25"],
    gates=[Gate.floor("recall@10", 0.5)],
)
two = Suite(name="two", dataset=docstrings("networkx"), models=["wordllama"])
"""


@pytest.mark.parametrize("arguments", [["--collect-only", "suites"], ["--help"], ["--markers"]])
def test_pytest_loads_nothing_heavy_before_it_measures(
    tmp_path: Path, arguments: list[str]
) -> None:
    """Collecting suites reads no data and opens no model."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "suite_a.py").write_text(SUITE, encoding="utf-8")
    # Other plugins of this environment load what they like.
    off = ["-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:pytest_httpserver"]
    code = f"import pytest; assert pytest.main({[*arguments, '-q', *off]!r}) == 0"

    assert loaded_by(code, tmp_path) == set()


def test_every_public_name_is_there() -> None:
    """The names of `__all__`, found where they are said to be, and shown by dir()."""
    for name in benchharness.__all__:
        assert getattr(benchharness, name).__name__ in (name, name.title()), name
    assert set(benchharness.__all__) <= set(dir(benchharness))
    assert benchharness.__all__ == sorted(benchharness.__all__)


def test_the_public_names_are_these() -> None:
    """A change of this list is a change of the contract."""
    assert benchharness.__all__ == [
        "BenchError", "Gate", "Recipe", "Suite", "Thresholds", "Waiver", "beir", "compare",
        "decide", "docstrings", "hub", "ir_datasets", "jsonl", "measure", "trec", "tune",
    ]  # fmt: skip


def test_no_public_name_is_a_module_of_the_package() -> None:
    """Importing a submodule would rebind a function of the same name."""
    folder = Path(benchharness.__file__).parent
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}

    assert not modules & set(benchharness.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module, so that hasattr and from-imports behave."""
    with pytest.raises(AttributeError, match="has no attribute 'sweet'"):
        _ = benchharness.sweet


def test_the_version_is_the_installed_one() -> None:
    """Read from the installation, not written twice."""
    from importlib.metadata import version

    assert benchharness.__version__ == version("benchharness")
