"""The command `benchharness`: what pytest does for suites, for one question at a time.

Exit codes: 0 pass, 1 a gate failed, 2 wrong usage or input, 3 internal error (with its
traceback), 4 nothing comparable, 10 inconclusive where asked to fail; 130 after Ctrl-C.

Only argparse is imported here: `benchharness --help` starts as fast as Python does.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from benchharness.cli.arguments import parser
from benchharness.errors import BenchError, UsageError

PASS, GATE_FAILED, WRONG_INPUT, INTERNAL_ERROR, INTERRUPTED = 0, 1, 2, 3, 130
NOTHING_COMPARABLE, INCONCLUSIVE = 4, 10
# A full disk and its like are no defects.
_NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
# What a shell reports of a program that wrote into a closed pipe (128 + SIGPIPE).
PIPE_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of the command line `argv` (default: this process's)."""
    arguments = parser().parse_args(argv)
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
    except Exception as error:  # the outermost boundary: a defect keeps its traceback, own code
        if isinstance(error, OSError) and error.errno in _NOT_WRITABLE:
            return _refuse(_unwritable(error), as_json=arguments.json)
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


def _unwritable(error: OSError) -> BenchError:
    return UsageError(
        f"this cannot be written: {error.strerror}",
        where=str(error.filename or ""),
        remedy="make room, or name a place that can be written to, and type the command again",
    )


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
