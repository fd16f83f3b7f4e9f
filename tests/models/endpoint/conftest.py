"""A service on this machine, encoders of it that lose no time, and a key that must stay unseen."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchharness.models.cache import EmbeddingCache
from benchharness.models.endpoint.encoder import EndpointEncoder
from benchharness.models.endpoint.opening import openai_endpoint, tei_endpoint
from benchharness.models.endpoint.patience import Patience
from benchharness.models.spec import parse_spec

KEY = "sk-not-a-real-key-0123456789abcdef"
QUICK = Patience(tries=3, first_s=0.01, longest_s=0.02, obeyed_s=1.0)


def _module() -> Any:
    path = Path(__file__).with_name("embedding_server.py")
    spec = importlib.util.spec_from_file_location("embedding_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_SERVER = _module()


@pytest.fixture
def fault() -> Any:
    """Makes a `Fault`."""
    return _SERVER.Fault


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    running = _SERVER.EmbeddingServer()
    yield running
    running.close()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """What is in OPENAI_API_KEY."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return KEY


@pytest.fixture
def opened() -> Callable[..., EndpointEncoder]:
    """The encoder of a spec that waits hundredths of seconds between its tries."""

    def make(spec: str, patience: Patience = QUICK) -> EndpointEncoder:
        parsed = parse_spec(spec)
        factory = tei_endpoint if parsed.name.startswith("tei:") else openai_endpoint
        return factory(parsed, patience)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "vectors")
