"""The command `benchharness`: what pytest does for suites, for one question at a time.

Exit codes: 0 pass, 1 a gate failed, 2 wrong usage or input, 3 internal error (with its
traceback), 4 nothing comparable, 10 inconclusive where asked to fail; 130 after Ctrl-C.

Only argparse is imported here: `benchharness --help` starts as fast as Python does.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from benchharness.errors import BenchError

PASS, GATE_FAILED, WRONG_INPUT, INTERNAL_ERROR, INTERRUPTED = 0, 1, 2, 3, 130
NOTHING_COMPARABLE, INCONCLUSIVE = 4, 10
# What a shell reports of a program that wrote into a closed pipe (128 + SIGPIPE).
PIPE_CLOSED = 141

_TASK = "what to measure: a suite, or any data set with the models to measure on it"
_BASELINES = "baselines"
_OUTCOMES = ("warn", "fail", "pass")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of the command line `argv` (default: this process's)."""
    arguments = _parser().parse_args(argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BenchError as error:
        return _refuse(error, as_json=arguments.json)
    except BrokenPipeError:
        # Python flushes stdout once more when it exits, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; every finished embedding is kept in the cache\n")
        return INTERRUPTED
    except Exception:  # the outermost boundary: a defect keeps its traceback and gets its own code
        import traceback

        traceback.print_exc()
        sys.stderr.write("\nThis is a defect of benchharness, not of your input.\n")
        return INTERNAL_ERROR
    return code


def _run(arguments: argparse.Namespace) -> int:
    """What the command returns; only its own module is imported."""
    module, _, function = arguments.command.partition(":")
    run: Callable[[argparse.Namespace], int] = getattr(
        import_module(f"benchharness.cli.{module}"), function
    )
    return run(arguments)


def _refuse(error: BenchError, *, as_json: bool) -> int:
    if as_json:
        from benchharness.cli.output import write_json

        write_json(
            {
                "status": error.status,
                "message": error.message,
                "where": error.where,
                "remedy": error.remedy,
            }
        )
    sys.stderr.write(f"benchharness: {error}\n")
    return WRONG_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchharness",
        description="Measure embedding models on your retrieval task, decide, gate.",
        epilog="Suites run under pytest: pytest suites/",
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_lint(commands)
    _add_measure(commands)
    _add_decide(commands)
    _add_tune(commands)
    _add_compare(commands)
    _add_power(commands)
    _add_noise(commands)
    _add_baseline(commands)
    _add_cache(commands)
    _add_doctor(commands)
    return parser


class _Version(argparse.Action):
    """Looks the version up when it is asked for, not at every start."""

    def __init__(self, **options: object) -> None:
        super().__init__(nargs=0, help="print the version", **options)  # type: ignore[arg-type]

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"benchharness {version('benchharness')}\n")
        parser.exit()


def _add_lint(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands, "lint", "linting:lint", "say what is wrong or odd with the data of a suite"
    )
    _add_task(parser, "default: every suite in ./suites")


def _add_measure(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands, "measure", "measuring:measure", "measure models and judge their gates"
    )
    _add_task(parser, "looked up in ./suites")
    _add_measuring(parser)
    parser.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="GATE",
        help='a floor, "recall@10>=0.65", or the largest drop, "recall@10:margin=0.02"; repeat '
        "for more",
    )
    _add_judging(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder of verdict.json and the files beside it (default: .benchharness/report)",
    )


def _add_decide(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands, "decide", "deciding:decide", "say whether fine-tuning would pay, and why"
    )
    parser.add_argument(
        "result",
        nargs="?",
        metavar="DIR",
        help="a folder with a verdict.json, in place of measuring",
    )
    _add_task(parser, "looked up in ./suites")
    _add_measuring(parser)
    parser.add_argument("--out", metavar="DIR", help="also write the report to this folder")


def _add_tune(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "tune", "tuning:tune", "fine-tune a model, judged against its base")
    _add_task(parser, "looked up in ./suites")
    parser.add_argument(
        "--folds",
        type=int,
        default=5,
        metavar="N",
        help="judge the recipe out of fold; 0 trains once and judges on the held-out queries "
        "alone (default: 5)",
    )
    parser.add_argument(
        "--folds-by",
        default="component",
        metavar="component|query",
        help="what stays together in a fold: all that shares a document (the default), or only "
        "equal queries, for new queries about documents that were trained on",
    )
    parser.add_argument("--recipe", metavar="FILE", help="settings, as TOML")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the recipe, such as learning_rate=5e-5; repeat for more",
    )
    parser.add_argument(
        "--pairs",
        action="append",
        default=[],
        metavar="FILE",
        help="further training pairs, JSON lines with query and positive; repeat for more",
    )
    parser.add_argument(
        "--guard",
        action="append",
        default=[],
        metavar="SUITE",
        help="a suite that must not become worse; repeat for more",
    )
    parser.add_argument(
        "--pilot", action="store_true", help="one quick fold: the gain to expect, and the minutes"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder of the run (default: .benchharness/tune/SUITE/MODEL)"
    )
    _add_quiet(parser)


def _add_judging(parser: argparse.ArgumentParser) -> None:
    judging = parser.add_argument_group("comparing", "what regression gates compare with")
    _add_baselines_option(judging)
    judging.add_argument(
        "--compare",
        metavar="PATH|git:REF",
        help="a report's folder, another folder of baselines, or the baselines of a git ref, "
        "instead of --baselines",
    )
    _add_inconclusive(judging)
    judging.add_argument(
        "--missing",
        choices=("fail", "warn"),
        default="fail",
        help="what a gate does that has no baseline (default: fail)",
    )
    judging.add_argument(
        "--release",
        action="store_true",
        help="the strict preset: inconclusive, missing and warned gates fail, waivers do not "
        "count; ends with RELEASE or DO NOT RELEASE",
    )


def _add_baselines_option(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--baselines",
        metavar="DIR",
        default=_BASELINES,
        help=f"folder of the committed results (default: {_BASELINES})",
    )


def _add_inconclusive(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--inconclusive",
        choices=_OUTCOMES,
        help="what a comparison does that settles nothing (default: warn)",
    )


def _add_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands, "compare", "comparing:compare", "say what became better or worse from A to B"
    )
    side = "a report's folder, a folder or file of baselines, git:REF, or a model to measure"
    parser.add_argument("before", metavar="A", help=side)
    parser.add_argument("after", metavar="B", help="likewise")
    parser.add_argument(
        "--gate",
        dest="gates",
        action="append",
        default=[],
        metavar="GATE",
        help='the largest drop, such as "recall@10:margin=0.02" or "recall@10:margin=0.02,'
        'alpha=0.01"; repeat for more (default: 0.02 on every common measure)',
    )
    task = parser.add_argument_group("task", "what a model is measured on")
    _add_data(task, task.add_mutually_exclusive_group(), "looked up in ./suites")
    _add_baselines_option(parser)
    _add_inconclusive(parser)
    _add_quiet(parser)


def _add_power(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands, "power", "powering:power", "say which differences a suite can show at all"
    )
    task = parser.add_argument_group("task", "whose queries are counted; no model is needed")
    which = task.add_mutually_exclusive_group()
    which.add_argument(
        "suite", nargs="?", metavar="SUITE", default=argparse.SUPPRESS, help="the same as --suite"
    )
    _add_data(task, which, "looked up in ./suites")
    parser.add_argument(
        "--alpha",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="one-sided risk, of the table; a gate has its own (default: 0.05)",
    )
    parser.add_argument(
        "--power",
        type=float,
        default=0.8,
        metavar="SHARE",
        help="share of cases in which the difference is found (default: 0.8)",
    )


def _add_noise(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "noise",
        "noising:noise",
        "measure a model under other batch sizes, threads and dtypes",
    )
    parser.add_argument("suite", metavar="SUITE", help="name of a suite in ./suites, or its file")
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="model specs (default: the suite's own)"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the noise into the baseline, so that gates refuse a margin that is not above",
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="look at N queries only; judges and records nothing"
    )
    _add_baselines_option(parser)
    _add_quiet(parser)


def _add_baseline(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    baseline = commands.add_parser("baseline", help="look at the committed results, or clear out")
    parts = baseline.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_baselines_option(
        _command(parts, "list", "baselining:list_all", "one line for each baseline")
    )
    show = _command(parts, "show", "baselining:show", "what made a baseline, and what was accepted")
    show.add_argument("suite", metavar="SUITE", help="name of the suite")
    show.add_argument("model", nargs="?", metavar="MODEL", help="model spec (default: all)")
    _add_baselines_option(show)
    text = "delete the baselines of suites and models that ./suites knows no more"
    prune = _command(parts, "prune", "baselining:prune", text)
    prune.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    _add_baselines_option(prune)


def _add_cache(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    cache = commands.add_parser("cache", help="look at the embedding cache, or make it smaller")
    parts = cache.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _command(parts, "info", "caching:info", "where the cache is and what is in it")
    prune = _command(parts, "prune", "caching:prune", "delete what was used least recently")
    how = prune.add_mutually_exclusive_group()
    how.add_argument("--max-size", metavar="SIZE", help="keep at most this much, such as 5GB")
    how.add_argument("--all", action="store_true", help="delete everything")


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _command(commands, "doctor", "doctor:doctor", "check this machine and installation")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: str,
    text: str,
) -> argparse.ArgumentParser:
    """The command's parser; `run` is the `module:function` here that is imported when it runs."""
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    parser.set_defaults(command=run)
    return parser


def _add_task(parser: argparse.ArgumentParser, suites: str) -> None:
    task = parser.add_argument_group("task", _TASK)
    _add_data(task, task.add_mutually_exclusive_group(), suites)
    task.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="SPEC",
        help="a model, such as minilm; repeat for more; replaces the suite's own",
    )


def _add_data(
    task: argparse._ActionsContainer, which: argparse._ActionsContainer, suites: str
) -> None:
    """Adds --suite, --data and --split to the group; only one of `which` may be given."""
    which.add_argument("--suite", metavar="NAME|FILE", help=f"a suite ({suites}) or a suite file")
    which.add_argument(
        "--data", metavar="KIND:PLACE", help="a data set: beir:DIR, docstrings:PACKAGE, hub:ID …"
    )
    task.add_argument(
        "--split", metavar="NAME", default="test", help="split of --data (default: test)"
    )


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--measures", metavar="LIST", help="of --data (default: recall@10,ndcg@10,mrr@10)"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="measure only N queries; judges no gate"
    )
    _add_quiet(parser)


def _add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")
