"""Every test gets a cache of its own; the user's is never read or written."""

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHHARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
