"""`benchharness serve`: a model behind HTTP until it is stopped."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from benchharness.cli.output import tell, write
from benchharness.errors import UsageError


def serve(arguments: argparse.Namespace) -> int:
    """0 once it was stopped and has answered what it had begun."""
    from benchharness.serving.server.address import bind, is_loopback, url_of
    from benchharness.serving.server.limits import Limits
    from benchharness.serving.server.running import check_installed, run
    from benchharness.serving.server.served import open_served

    check_installed()
    limits = Limits(**_limits(arguments))
    key = _key(arguments.api_key_env)
    # Before the model is loaded: a port that is in use is told at once.
    bound = bind(arguments.host, arguments.port)
    with bound:
        url = url_of(bound)
        if key is None and not is_loopback(bound):
            tell(
                f"benchharness: whoever reaches {url} may use the model\n"
                "  -> add --api-key-env NAME, or listen on --host 127.0.0.1"
            )
        model = open_served(arguments.model)

        def ready() -> None:
            if arguments.json:
                write(json.dumps({
                    "status": "ready", "url": url, "model": model.spec, "dimension": model.dim,
                    "fingerprint": model.fingerprint,
                }))  # fmt: skip
            else:
                length = "any length" if model.max_length is None else f"{model.max_length} tokens"
                write(
                    f"serving {model.spec} on {url} ({model.dim} dimensions, texts of {length}); "
                    "Ctrl-C stops it"
                )
            sys.stdout.flush()  # whoever started it waits for this line

        run(model, limits, bound, key=key, on_ready=ready)
    return 0


def _limits(arguments: argparse.Namespace) -> dict[str, Any]:
    prefix = "max_"
    given = vars(arguments)
    return {name.removeprefix(prefix): given[name] for name in given if name.startswith(prefix)}


def _key(name: str | None) -> str | None:
    """The key in that environment variable. Raises UsageError where it holds none."""
    if name is None:
        return None
    key = os.environ.get(name, "")
    if not key.strip() or not key.isascii() or not key.isprintable():
        raise UsageError(
            f"the environment variable {name} holds no key",
            remedy=f"export {name}=… (printable ASCII), or leave --api-key-env out",
        )
    return key
