"""A small project with a suite in it, and pytest run on it in this process."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

# pytester forgets the modules that an inner run imports, and numpy cannot be imported twice.
import bm25s  # noqa: F401
import filelock  # noqa: F401
import pytest
import rich.console
import rich.table  # noqa: F401
import scipy.stats  # noqa: F401
import Stemmer  # noqa: F401

import benchharness.data.similarity
import benchharness.judge.bench
import benchharness.plugin.fixture
import benchharness.plugin.items
import benchharness.plugin.publishing
import benchharness.report.live
import benchharness.report.terminal
from benchharness.testing import write_beir

FAQ = """
from benchharness import Gate, Suite, beir

faq = Suite(
    name="faq",
    dataset=beir("data/faq"),
    models=["hash", "bm25"],
    measures=["recall@10", "ndcg@10"],
    gates=[
        Gate.floor("recall@10", 0.5),
        Gate.floor("ndcg@10", 0.6, models=["hash"]),
    ],
)
"""
CORPUS = {
    "d0": "red apple fruit",
    "d1": "green pear fruit",
    "d2": "blue car engine",
    "d3": "fast train rail",
    "d4": "slow boat river",
    # Before d4 wherever nothing matches, so that ties do not find it among ten.
    **{f"a{row:02}": f"filler{row:02} paper{row:02}" for row in range(20)},
}
# Four of five queries share a word with their document: recall@10 is 0.8 for hash and for bm25.
QUERIES = {"q0": "apple", "q1": "pear", "q2": "engine", "q3": "rail", "q4": "submarine"}
QRELS = {f"q{row}": {f"d{row}": 1} for row in range(5)}


# 60 queries, each answered by the one document that shares its word. Three words a document: an
# odd number of signed unit vectors never adds up to nothing.
WORDS = [f"word{row:02}" for row in range(60)]
WIDE: dict[str, dict[str, Any]] = {
    "corpus": {
        f"d{row:02}": f"{word} other{row:02} more{row:02}" for row, word in enumerate(WORDS)
    },
    "queries": {f"q{row:02}": word for row, word in enumerate(WORDS)},
    "qrels": {f"q{row:02}": {f"d{row:02}": 1} for row in range(60)},
}
# What the spec `current` stands for: the model that is shipped, good with many dimensions.
CURRENT = """
from benchharness.models.registry import register
from benchharness.testing import HashEncoder, install_doubles

install_doubles()
register("current", lambda spec: HashEncoder(dim={dim}, spec=spec.text))
"""


class Project:
    """A project below pytester's folder; `run` runs pytest there."""

    faq = FAQ
    wide = WIDE

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path: Path = pytester.path
        pytester.makeconftest(
            "from benchharness.testing import install_doubles\n\ninstall_doubles()\n"
        )
        # Plugins that this project's own development needs are not what is tested.
        unrelated = ("timeout", "anyio", "hypothesispytest", "pytest_httpserver")
        off = " ".join(f"-p no:{name}" for name in unrelated)
        pytester.makeini(f"[pytest]\naddopts = {off}\nfilterwarnings = default\n")
        self.data()

    def data(self, name: str = "faq", **parts: Any) -> Path:
        folder = self.path / "suites" / "data" / name
        whole: dict[str, Any] = {"corpus": CORPUS, "queries": QUERIES, "qrels": QRELS, **parts}
        return write_beir(folder, whole["corpus"], whole["queries"], whole["qrels"])

    def suite(self, text: str = FAQ, name: str = "suite_faq.py") -> Path:
        path = self.path / "suites" / name
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def gates(self, *gates: str, models: str = '["hash"]', more: str = "") -> Path:
        """A suite file with these gates, as written in Python."""
        return self.suite(
            f"""
            from benchharness import Gate, Suite, beir

            faq = Suite(
                name="faq",
                dataset=beir("data/faq"),
                models={models},
                gates=[{", ".join(gates)}],
            )
            """
            + textwrap.indent(textwrap.dedent(more), " " * 12)
        )

    def ship(self, dim: int) -> None:
        """From now on the spec `current` is a model of that many dimensions."""
        (self.path / "conftest.py").write_text(CURRENT.format(dim=dim), encoding="utf-8")

    def gate(self, name: str = "regression-recall@10") -> dict[str, Any]:
        """The gate as the first model's entry of verdict.json has it."""
        rows = [gate for row in self.verdict()["results"] for gate in row["gates"]]
        return next(row for row in rows if row["gate"] == name)

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess(*arguments, no_reraise_ctrlc=True)

    def run_apart(self, *arguments: str, timeout: float = 100) -> pytest.RunResult:
        return self.pytester.runpytest_subprocess(*arguments, timeout=timeout)

    def verdict(self, folder: str = ".benchharness/report") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (self.path / folder / "verdict.json").read_text(encoding="utf-8")
        )
        return found

    def has_report(self) -> bool:
        return (self.path / ".benchharness").exists()


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "300")
    return Project(pytester)


@pytest.fixture
def assessed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(suite, model) of every call that reaches `Bench.assess` in this process."""
    calls: list[tuple[str, str]] = []
    bench = benchharness.judge.bench.Bench
    original = bench.assess

    def counted(self: Any, suite: Any, model: str, base: Path) -> Any:
        calls.append((suite.name, model))
        return original(self, suite, model, base)

    monkeypatch.setattr(bench, "assess", counted)
    return calls
