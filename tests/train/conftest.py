"""A task that can be learnt in a second, and a real model that does not know it yet.

A document holds three words of one language, its query the same three in another. A static
model with random weights finds nothing; trained, it has learnt which word means which.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchharness.judge.bench import Bench
from benchharness.models.cache import EmbeddingCache
from benchharness.recipe import Recipe
from benchharness.suite import Suite
from benchharness.testing import LEARNABLE_WORDS, tiny_model, write_learnable

# What trains a random table: a rate of its own, and small batches.
RECIPE = Recipe(
    learning_rate=0.2, epochs=6, batch_size=32, evaluations=4, dev_queries=40, dev_documents=200
)


@pytest.fixture(scope="session")
def task_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_learnable(tmp_path_factory.mktemp("task"))


@pytest.fixture(scope="session")
def static_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("static"), words=LEARNABLE_WORDS, dim=48)


@pytest.fixture(scope="session")
def bert_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("bert"), words=LEARNABLE_WORDS, kind="bert", dim=32)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(cache=EmbeddingCache(tmp_path / "cache"))


@pytest.fixture
def suite(task_folder: Path, static_model: Path) -> Suite:
    from benchharness.data.references import beir

    return Suite(name="words", dataset=beir(task_folder), models=[str(static_model)], recipe=RECIPE)
