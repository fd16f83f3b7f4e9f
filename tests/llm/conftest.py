"""A service in a process of its own, and a key that must be seen nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest

from benchharness.llm.model import Request

SERVER = Path(__file__).with_name("messages_server.py")
KEY = "sk-ant-not-a-real-key-0123456789abcdef"
_DEADLINE_SECONDS = 30
_VARIABLES = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_PROFILE",
    "ANTHROPIC_CONFIG_DIR",
    "XDG_CONFIG_HOME",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
)


class Service:
    """The client's side of the server's own questions."""

    def __init__(self, url: str) -> None:
        self.url = url

    def paid(self) -> dict[str, int]:
        return self._asked("/_paid")

    def seen(self) -> dict[str, int]:
        return self._asked("/_seen")

    def requests(self) -> list[dict[str, Any]]:
        return self._asked("/_requests")

    def release(self) -> None:
        self._asked("/_release", {})

    def script(self, script: dict[str, Any]) -> None:
        """Follows another script from now on."""
        self._asked("/_script", script)

    def wait_for(self, **counts: int) -> None:
        """Returns when `seen` has these numbers at least."""
        end = time.monotonic() + _DEADLINE_SECONDS
        while any(self.seen()[name] < number for name, number in counts.items()):
            assert time.monotonic() < end, f"waited for {counts}, saw {self.seen()}"
            time.sleep(0.02)

    def _asked(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.url + path, data) as answer:
            return json.loads(answer.read())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a server that follows a script; every one is ended with the test."""
    running: list[subprocess.Popen[str]] = []

    def started(**script: Any) -> Service:
        folder = tmp_path / "servers"
        folder.mkdir(exist_ok=True)
        file = folder / f"script-{len(running)}.json"
        file.write_text(json.dumps(script))
        process = subprocess.Popen(
            [sys.executable, str(SERVER), "--script", str(file), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        return Service(f"http://127.0.0.1:{int(process.stdout.readline())}")

    yield started
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    # Profiles of whoever runs the tests are none of their business.
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of both services, in the environment."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return KEY


@pytest.fixture
def anthropic_service(
    start: Callable[..., Service], key: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Service]:
    """Starts a server that the Anthropic client of this process speaks to."""

    def started(**script: Any) -> Service:
        service = start(**script)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", service.url)
        return service

    return started


class Queries(pydantic.BaseModel):
    queries: list[str]


@pytest.fixture
def schema() -> type[pydantic.BaseModel]:
    return Queries


@pytest.fixture
def requests_of() -> Callable[[int], list[Request]]:
    """So many requests: keys k0, k1, ..., texts "passage number 0", ..."""

    def made(count: int) -> list[Request]:
        return [
            Request(f"k{number}", "the rules", f"passage number {number}", max_tokens=100)
            for number in range(count)
        ]

    return made


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Begins `asking_program.py` with these arguments, in tmp_path/run."""
    running: list[subprocess.Popen[str]] = []
    program = Path(__file__).with_name("asking_program.py")

    def begun(how: str, *numbers: int) -> subprocess.Popen[str]:
        arguments = [how, str(tmp_path / "run"), *map(str, numbers)]
        process = subprocess.Popen(
            [sys.executable, str(program), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begun
    for process in running:
        process.kill()
        process.communicate()
