"""What the README shows is true of the code."""

import re
import shlex
from pathlib import Path

import pytest

from benchharness.cli import main
from benchharness.plugin.options import add_options
from benchharness.suite import Suite

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_every_python_block_runs_and_makes_a_suite(block):
    """Suites check themselves when they are made; nothing is read."""
    names: dict[str, object] = {}

    exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - our own page

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
