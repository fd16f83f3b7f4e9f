"""Two small real models, made once a session; tests that change one copy it first."""

from pathlib import Path

import pytest

from benchharness.testing import tiny_model


@pytest.fixture(scope="session")
def static_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "static", seed=1)


@pytest.fixture(scope="session")
def bert_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "bert", seed=2, kind="bert")
