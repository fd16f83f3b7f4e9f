"""Small real models, made once a session; tests that change one copy it first."""

from pathlib import Path

import pytest

from benchharness.testing import tiny_late_interaction_model, tiny_model, tiny_sparse_model


@pytest.fixture(scope="session")
def static_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "static", seed=1)


@pytest.fixture(scope="session")
def bert_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "bert", seed=2, kind="bert")


@pytest.fixture(scope="session")
def sparse_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sparse_model(tmp_path_factory.mktemp("models") / "sparse", seed=3)


@pytest.fixture(scope="session")
def late_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Queries are filled up to 8 tokens, and "the" has no vector in documents."""
    return tiny_late_interaction_model(
        tmp_path_factory.mktemp("models") / "late", seed=4, skipped=["the"], expanded_to=8
    )
