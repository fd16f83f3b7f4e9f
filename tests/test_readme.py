"""What the README shows is true of the code."""

import json
import re
import shlex
from pathlib import Path

import pytest

from benchharness.cli import main
from benchharness.plugin.options import add_options
from benchharness.suite import Suite
from benchharness.testing import write_beir

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_every_python_block_runs_and_makes_a_suite(block):
    """Suites check themselves when they are made; nothing is read."""
    names: dict[str, object] = {}

    exec(compile(block, "README.md", "exec"), names)

    assert any(isinstance(value, Suite) for value in names.values())


def test_every_option_is_described_and_every_described_option_exists(pytester):
    class Group:
        names: list[str] = []  # noqa: RUF012 - lives for this test

        def addoption(self, name, **_):
            self.names.append(name)

    class Parser:
        def getgroup(self, *_):
            return Group()

    add_options(Parser())

    assert set(re.findall(r"`(--bench-[a-z-]+)", README)) == set(Group.names)


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"`benchharness ([a-z]+)", README))), ids=str
)
def test_every_command_that_is_named_exists(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*shlex.split(command), "--help"])

    assert stopped.value.code == 0
    assert command in capsys.readouterr().out


def test_every_field_of_verdict_json_is_documented(pytester):
    """docs/verdict.md is what scripts are written against."""
    page = (Path(__file__).parent.parent / "docs" / "verdict.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`([a-z0-9_]+)`", page))
    data = write_beir(pytester.path / "faq", {"d": "red apple"}, {"q": "apple"}, {"q": {"d": 1}})

    main(["measure", "--data", f"beir:{data}", "--model", "bm25", "--out", "out", "--quiet"])

    verdict = json.loads(Path("out", "verdict.json").read_text(encoding="utf-8"))
    (result,) = verdict["results"]
    fields = {*verdict, *result, *result["fingerprints"], *result["decision"]}
    assert fields | {*result["measures"]["recall@10"], *result["findings"][0]} <= described
