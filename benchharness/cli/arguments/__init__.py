"""The command line: one module for each group of commands, argparse and nothing else."""

from __future__ import annotations

import argparse
import sys

from benchharness.cli.arguments import (
    digest,
    fusing,
    generate,
    judging,
    machine,
    measuring,
    pairs,
    reporting,
    serving,
    training,
    versions,
)


def parser() -> argparse.ArgumentParser:
    """The parser of every command; `command` of what it finds is the `module:function` to run."""
    made = argparse.ArgumentParser(
        prog="benchharness",
        description="Measure embedding models on your retrieval task, decide, gate.",
        epilog="Suites run under pytest: pytest suites/",
    )
    made.add_argument("--version", action=_Version)
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    measuring.add_lint(commands)
    measuring.add_measure(commands)
    measuring.add_decide(commands)
    pairs.add_pairs(commands)
    generate.add_generate(commands)
    pairs.add_mine(commands)
    training.add_tune(commands)
    fusing.add_fuse(commands)
    judging.add_compare(commands)
    judging.add_power(commands)
    judging.add_noise(commands)
    judging.add_baseline(commands)
    reporting.add_report(commands)
    reporting.add_explain(commands)
    digest.add_digest(commands)
    serving.add_serve(commands)
    versions.add_parity(commands)
    versions.add_release(commands)
    versions.add_shift(commands)
    versions.add_index(commands)
    machine.add_cache(commands)
    machine.add_doctor(commands)
    return made


class _Version(argparse.Action):
    """Looks the version up when it is asked for, not at every start."""

    def __init__(self, **options: object) -> None:
        super().__init__(nargs=0, help="print the version", **options)  # type: ignore[arg-type]

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"benchharness {version('benchharness')}\n")
        parser.exit()
