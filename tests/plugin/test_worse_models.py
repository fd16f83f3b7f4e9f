"""Real models made worse on purpose are regressed; the same model in other batches is not."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

SUITE = """
from benchharness import Gate, Suite, docstrings

classes = Suite(
    name="networkx-classes",
    dataset=docstrings("networkx.classes", document="prose"),
    models=["minilm@dim=24", "minilm@dim=32", "../noisy", "minilm@batch_size=1",
            "minilm@batch_size=64"],
    gates=[
        Gate.regression("recall@10", margin=0.05, against="minilm"),
        Gate.regression("ndcg@10", margin=0.05, against="minilm"),
    ],
)
"""
WORSE = ("minilm@dim=24", "minilm@dim=32", "../noisy")


def make_noisy(folder: Path) -> None:
    """all-MiniLM-L6-v2 with noise on every matrix of its weights, seeded."""
    import torch

    from benchharness.models.registry import open_model

    model = open_model("minilm").load_sentence_transformer()  # type: ignore[union-attr]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() == 2:
                noise = torch.randn(weights.shape, generator=generator)
                weights.add_(noise * weights.std() * 0.35)
    model.save_pretrained(str(folder), create_model_card=False)


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_worse_models_are_regressed_and_equal_ones_identical(project: Project) -> None:
    """Exit code 1; JUnit counts as many failures as verdict.json has failed gates."""
    make_noisy(project.path / "noisy")
    project.suite(SUITE, name="suite_classes.py")

    result = project.run_apart("suites", "--junitxml=junit.xml", timeout=270)

    assert result.ret == 1
    rows = project.verdict()["results"]
    found = {row["model"]: [gate["outcome"] for gate in row["gates"]] for row in rows}
    for model in WORSE:
        assert found[model] == ["regressed", "regressed"], model
    for model in ("minilm@batch_size=1", "minilm@batch_size=64"):
        assert found[model] == ["identical", "identical"], model
    suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert suite.attrib["failures"] == "6"
    lines = [
        gate["line"] for row in rows for gate in row["gates"] if gate["outcome"] == "identical"
    ]
    assert all("won 0, lost 0, tied 84" in line for line in lines)
