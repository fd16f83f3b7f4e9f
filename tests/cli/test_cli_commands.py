"""`benchharness lint | decide | cache | doctor`, and what all commands share."""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from benchharness.cli.arguments import parser
from benchharness.cli.caching import parse_size, shown_size
from benchharness.cli.doctor import device_check, examine
from benchharness.cli.output import has_color, plain_json, table_lines, write
from benchharness.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell


def test_lint_finds_every_suite(shell: Shell) -> None:
    """Without arguments: all suites below ./suites; warnings alone are exit code 0."""
    ran = shell("lint")

    assert ran.code == 0
    assert "faq (suites/suite_faq.py:4): 0 errors, 1 warning" in ran.out
    assert "  warnings\n    detectable-effect: " in ran.out


def test_lint_of_broken_data_is_an_error_with_its_line(shell: Shell) -> None:
    """Errors apart from warnings, file:line, exit code 2."""
    qrels = shell.folder / "suites" / "data" / "faq" / "qrels" / "test.tsv"
    qrels.write_text("query-id\tcorpus-id\tscore\nq0\tnowhere\t1\n", encoding="utf-8")

    ran = shell("lint", "--data", shell.data)

    assert ran.code == 2
    assert "  errors\n" in ran.out
    assert "test.tsv:2" in ran.out


def test_lint_of_an_absent_model_still_looks_at_the_data(shell: Shell) -> None:
    """An unknown model is an error among the findings, not instead of them."""
    ran = shell("lint", "--suite", "faq", "--model", "nonesuch", "--json")

    assert ran.code == 2
    (suite,) = ran.json
    codes = {finding["code"]: finding["severity"] for finding in suite["findings"]}
    assert codes["model-error"] == "error"
    assert codes["detectable-effect"] == "warning"
    assert suite["place"] == "suites/suite_faq.py:4"


def test_lint_without_a_suite_says_so(shell: Shell) -> None:
    """Nothing to look at is wrong usage, not a clean bill."""
    (shell.folder / "suites" / "suite_faq.py").unlink()

    ran = shell("lint")

    assert ran.code == 2
    assert "holds no suite" in ran.err


def test_decide_prints_the_decision_with_its_evidence(shell: Shell) -> None:
    """Outcome, the sentence behind it, and BM25 beside the number; nothing is written."""
    ran = shell("decide", "--data", shell.data, "--model", "hash")

    assert ran.code == 0
    assert ran.out.startswith("faq / hash: undecided\n  recall@10 0.6667 ")
    assert "BM25" in ran.out
    assert not (shell.folder / ".benchharness").exists()


def test_decide_reads_a_result(shell: Shell) -> None:
    """A folder with a verdict.json decides the same, without measuring."""
    measured = shell("decide", "--suite", "faq", "--out", "found", "--json")

    read = shell("decide", "found", "--json")
    one = shell("decide", "found", "--model", "bm25")

    assert read.json == measured.json
    assert [row["decision"]["outcome"] for row in read.json["results"]] == ["undecided"] * 2
    assert one.out.startswith("faq / bm25: ")
    assert read.err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no report can be read here"),
        (["found", "--suite", "faq"], "two different questions"),
        (["found", "--model", "minilm"], "measured are hash"),
        ([], "say what to measure"),
    ],
)
def test_decide_refuses_what_it_cannot_answer(
    shell: Shell, arguments: list[str], message: str
) -> None:
    """Exit code 2 with the remedy."""
    shell("measure", "--data", shell.data, "--model", "hash", "--out", "found")

    ran = shell("decide", *arguments)

    assert ran.code == 2
    assert message in ran.err


def test_the_cache_is_shown_and_pruned(shell: Shell) -> None:
    """What measuring left there, by model and role; --all empties it."""
    shell("measure", "--data", shell.data, "--model", "hash")

    before = shell("cache", "info", "--json").json
    shown = shell("cache", "info").out
    pruned = shell("cache", "prune", "--all", "--json").json
    after = shell("cache", "info", "--json").json

    assert before["folder"] == os.environ["BENCHHARNESS_CACHE"]
    assert before["entries"] == 3 + 23  # queries and documents
    assert "hash  document  23 vectors" in shown
    assert pruned["freed_bytes"] == before["size_bytes"] > 0
    assert (after["entries"], after["size_bytes"]) == (0, 0)


def test_a_small_enough_cache_is_not_pruned(shell: Shell) -> None:
    """--max-size keeps what fits."""
    shell("measure", "--data", shell.data, "--model", "hash")

    ran = shell("cache", "prune", "--max-size", "1GB")

    assert ran.code == 0
    assert ran.out.startswith("0 B freed, ")


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("5GB", 5 * 10**9), ("1.5 kb", 1500), ("800M", 8 * 10**8), ("12", 12), ("2TiB", 2 * 10**12)],
)
def test_sizes_are_read(text: str, size_bytes: int) -> None:
    """Powers of 1000, whatever the spelling of the unit."""
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "much", "-1GB", "5 parsecs", "nan"])
def test_other_sizes_are_refused(text: str) -> None:
    """With what to write instead."""
    with pytest.raises(UsageError, match="cannot be read"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (5e12, "5.0 TB")],
)
def test_sizes_are_shown(size_bytes: float, text: str) -> None:
    """Three digits or so, with the unit."""
    assert shown_size(size_bytes) == text


CPU = {
    "version": "2.13.0", "cuda_build": None, "hip_build": None,
    "devices": [], "mps": False, "threads": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "has_gpu", "found", "remedy"),
    [
        ({}, False, "CPU build; CPU only; 2 threads", ""),
        ({}, True, "CPU build; CPU only", "install a CUDA build"),
        ({"cuda_build": "12.8"}, True, "GPU build (12.8); CPU only", "see nvidia-smi"),
        ({"cuda_build": "12.8", "devices": ["L4"]}, True, "GPU build (12.8); L4", ""),
        ({"mps": True}, False, "CPU build; mps", ""),
    ],
    ids=["cpu", "gpu-unused", "driver", "gpu", "mac"],
)
def test_the_doctor_names_what_torch_can_use(
    changes: dict[str, object], has_gpu: bool, found: str, remedy: str
) -> None:
    """A GPU that is not used is worth a remedy; none is not."""
    check = device_check(CPU | changes, has_gpu=has_gpu)

    assert check.found.startswith(found)
    assert (remedy in check.remedy) if remedy else check.remedy == ""


def test_the_doctor_says_where_the_cache_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What will not work is BAD, with one remedy."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("BENCHHARNESS_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("benchharness.cli.doctor._torch", lambda: device_check(CPU, has_gpu=False))

    bad = [check for check in examine() if not check.ok]

    assert [check.name for check in bad] == ["cache"]
    assert "BENCHHARNESS_CACHE" in bad[0].remedy


def test_the_doctor_examines_this_installation(shell: Shell) -> None:
    """One real run, torch asked in a process of its own."""
    ran = shell("doctor", "--json")

    found = {check["name"]: check for check in ran.json}
    assert ran.code == 0, ran.out
    assert {"python", "benchharness", "torch", "device", "cache", "disk", "hub"} <= found.keys()
    assert "build" in found["device"]["found"]


@pytest.mark.parametrize(
    ("is_terminal", "environment", "expected"),
    [
        (True, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
    ],
)
def test_colour_is_for_terminals(
    is_terminal: bool,
    environment: dict[str, str],
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And only where NO_COLOR does not forbid it."""

    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return is_terminal

    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert has_color(Stream()) is expected


def test_columns_are_aligned_and_never_cut() -> None:
    """Each as wide as its widest cell; brackets are text."""
    lines = table_lines(("a", "b"), [("x", "1"), ("[bold]" + 200 * "y", "2")])

    assert lines == ["  a" + 207 * " " + "b", "  x" + 207 * " " + "1", f"  [bold]{200 * 'y'}  2"]


def test_numbers_that_are_none_are_words_in_json() -> None:
    """As in verdict.json; what JSON cannot hold is a defect."""
    assert plain_json({"a": (float("nan"), 0.5), "b": [float("-inf"), None, True]}) == {
        "a": ["nan", 0.5],
        "b": ["-inf", None, True],
    }
    with pytest.raises(TypeError, match="object is not JSON"):
        plain_json(object())


def test_a_terminal_without_the_characters_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrows and dots have an equivalent; other characters are escaped."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)

    write("a → b · ü")

    stream.flush()
    assert stream.buffer.getvalue() == b"a -> b - \\xfc\n"  # type: ignore[attr-defined]


def test_an_error_is_json_where_json_was_asked(shell: Shell) -> None:
    """Scripts read the status, the place and the remedy."""
    ran = shell("decide", "nowhere", "--json")

    assert ran.code == 2
    assert ran.json["status"] == "data-error"
    assert ran.json["remedy"]


@pytest.mark.parametrize(
    "arguments", [[], ["bogus"], ["cache"], ["baseline"], ["noise"], ["measure", "--nonesuch"]]
)
def test_wrong_usage_is_exit_code_2(shell: Shell, arguments: list[str]) -> None:
    """argparse's own messages."""
    ran = shell(*arguments)

    assert ran.code == 2
    assert "usage: benchharness" in ran.err


def test_help_names_every_command(shell: Shell) -> None:
    """And the module is the same command."""
    ran = shell("--help")

    assert ran.code == 0
    names = (
        "lint",
        "measure",
        "decide",
        "pairs",
        "mine",
        "tune",
        "compare",
        "power",
        "noise",
        "baseline",
        "cache",
        "doctor",
    )
    assert all(f"    {name} " in ran.out for name in names)
    module = subprocess.run(
        [sys.executable, "-m", "benchharness", "--help"], capture_output=True, text=True, check=True
    )
    assert module.stdout == ran.out


def test_a_closed_pipe_is_no_error_message(shell: Shell) -> None:
    """`benchharness … | head` ends quietly."""
    shell("measure", "--suite", "faq", "--out", "found")
    command = f"{sys.executable} -m benchharness decide found --json"

    done = subprocess.run(
        ["bash", "-c", f"{command} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")


COMMANDS = {
    "lint", "measure", "decide", "pairs", "mine", "tune", "compare", "power", "noise", "baseline",
    "report", "explain", "doctor", "fuse", "parity", "release", "shift", "index",
    "serve",
}  # fmt: skip


def _names(parser: argparse.ArgumentParser) -> set[str]:
    """The commands themselves, not what some of them have below."""
    actions = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return {name for action in actions for name in action.choices}


def _targets(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _targets(child)
    if parser.get_default("command"):
        yield parser.get_default("command")


def test_every_command_has_its_function():
    """Rule: commands are named as module:function, and each is there when it is asked for."""
    targets = list(_targets(parser()))

    assert len(targets) == len(set(targets))
    assert _names(parser()) >= COMMANDS
    for target in targets:
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(f"benchharness.cli.{module}"), function))
