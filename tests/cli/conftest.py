"""A folder with data and a suite, and the command run in this process."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchharness.baseline.record import Baseline
from benchharness.baseline.store import FolderBaselines
from benchharness.cli import main
from benchharness.judge.bench import Bench
from benchharness.suite_file import find_suite
from benchharness.testing import install_doubles, write_beir

SUITE = """
from benchharness import Gate, Suite, beir

faq = Suite(
    name="faq",
    dataset=beir("data/faq"),
    models=["hash", "bm25"],
    measures=["recall@10", "ndcg@10"],
    gates=[Gate.floor("recall@10", 0.5), Gate.floor("ndcg@10", 0.3, models=["hash"])],
)
"""
CORPUS = {
    **{f"d{row}": text for row, text in enumerate(["red apple", "green pear", "blue car"])},
    **{f"a{row:02}": f"filler{row:02} paper{row:02}" for row in range(20)},
}
# Two of three queries share a word with their document: recall@10 is 2/3.
QUERIES = {"q0": "apple", "q1": "pear", "q2": "submarine"}
QRELS = {f"q{row}": {f"d{row}": 1} for row in range(3)}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Runs `benchharness ARGUMENTS` in a folder that holds `data/faq` and `suites/suite_faq.py`."""

    data = "beir:suites/data/faq"

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ran:
        try:
            code = main(arguments)
        except SystemExit as stop:  # argparse's own way out
            code = int(stop.code or 0)
        out, err = self._capsys.readouterr()
        return Ran(code, out, err)

    def write_suite(self, name: str, text: str) -> Path:
        """The suite file `suites/suite_NAME.py`."""
        path = self.folder / "suites" / f"suite_{name}.py"
        path.write_text(f"from benchharness import Gate, Suite, beir\n\n{text}", encoding="utf-8")
        return path

    def write_words(self, name: str, count: int) -> str:
        """The `--data` of as many queries of one word each, all of which have their document."""
        corpus = {f"d{row:03}": f"word{row:03}" for row in range(count)}
        queries = {f"q{row:03}": f"word{row:03}" for row in range(count)}
        qrels = {f"q{row:03}": {f"d{row:03}": 1} for row in range(count)}
        write_beir(self.folder / "suites" / "data" / name, corpus, queries, qrels)
        return f"beir:suites/data/{name}"

    def keep(
        self, model: str, suite: str = "faq", *, name: str | None = None, folder: str = "baselines"
    ) -> Path:
        """The baseline of a suite and model, as an update would write it now.

        name: of the model in the baseline, where it is to be compared with another model.
        """
        found = find_suite(suite, self.folder / "suites")[0]
        kept = Baseline.of(Bench().measure(found.suite, model, found.path.parent), "")
        store = FolderBaselines(self.folder / folder)
        return store.write(dataclasses.replace(kept, model_spec=name or model))

    def verdict(self, folder: str = ".benchharness/report") -> Any:
        return json.loads((self.folder / folder / "verdict.json").read_text(encoding="utf-8"))


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    install_doubles()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    write_beir(tmp_path / "suites" / "data" / "faq", CORPUS, QUERIES, QRELS)
    (tmp_path / "suites" / "suite_faq.py").write_text(SUITE, encoding="utf-8")
    before = set(sys.modules)
    yield Shell(tmp_path, capsys)
    # The command imports suite files in its own process, which is this one.
    for name in set(sys.modules) - before:
        if name.startswith("suite_"):
            del sys.modules[name]


# --- a language model -----------------------------------------------------------------------------

SERVER = Path(__file__).parent.parent / "llm" / "messages_server.py"
KEY = "sk-ant-not-a-real-key-0123456789abcdef"
DEADLINE_SECONDS = 60.0
VARIABLES = ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_PROFILE",
             "ANTHROPIC_CONFIG_DIR", "XDG_CONFIG_HOME", "OPENAI_API_KEY",
             "OPENAI_BASE_URL")  # fmt: skip
# Three queries for every passage, for rules that come first to change.
PLAIN = {"match": "", "list_length": 3}


class Service:
    def __init__(self, url: str) -> None:
        self.url = url

    def paid(self) -> dict[str, int]:
        return self._asked("/_paid")

    def seen(self) -> dict[str, int]:
        return self._asked("/_seen")

    def bodies(self) -> list[dict[str, Any]]:
        return [one["body"] for one in self._asked("/_requests") if one["path"] == "/v1/messages"]

    def release(self) -> None:
        self._asked("/_release", {})

    def script(self, **script: Any) -> None:
        self._asked("/_script", script)

    def wait_for(self, **counts: int) -> None:
        end = time.monotonic() + DEADLINE_SECONDS
        while any(self.seen()[name] < number for name, number in counts.items()):
            assert time.monotonic() < end, f"waited for {counts}, saw {self.seen()}"
            time.sleep(0.02)

    def _asked(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.url + path, data) as answer:
            return json.loads(answer.read())


@pytest.fixture
def llm_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A key for the language model, and nothing else that its clients would read."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


@pytest.fixture
def serve(
    tmp_path: Path, llm_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Service]]:
    """Starts a service that follows a script; the client of this process speaks to the last."""
    running: list[subprocess.Popen[str]] = []

    def started(*rules: dict[str, Any], **script: Any) -> Service:
        file = tmp_path / f"script-{len(running)}.json"
        file.write_text(json.dumps({"rules": [*rules, PLAIN], **script}))
        process = subprocess.Popen(
            [sys.executable, str(SERVER), "--script", str(file), "--port", "0"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None
        service = Service(f"http://127.0.0.1:{int(process.stdout.readline())}")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", service.url)
        return service

    yield started
    for process in running:
        process.kill()
        process.communicate()
