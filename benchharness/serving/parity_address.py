"""From what a user typed for a server to the model spec that speaks to it."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from typing import Any

from benchharness.errors import ModelError, UsageError
from benchharness.models.endpoint.address import address_of
from benchharness.models.spec import parse_spec

_TIMEOUT_SECONDS = 10.0
_LARGEST_ANSWER = 1 << 20  # bytes
_BARE = re.compile(r"[\w.-]+:\d+(/.*)?")
_SHOWN = 3


def served_spec(typed: str) -> str:
    """The model spec of a server: as typed, or `tei:URL` where a bare URL says that it is TEI's.

    Only a bare URL is asked (`/info`, and then `/models` to say what to write). Any other spec is
    left as it is: two local models may be held against each other as well.

    Raises UsageError, with what to write, where a bare URL does not say what it is, and ModelError
    where it cannot be reached.
    """
    if _BARE.fullmatch(typed):
        raise UsageError(f"{typed!r} is no URL", remedy=f"write http://{typed}")
    if not typed.startswith(("http://", "https://")):
        return typed
    url = address_of(parse_spec(f"tei:{typed}")).url  # refuses what no message may repeat
    info = _asked(f"{url}/info")
    if isinstance(info, dict) and "model_id" in info:
        return f"tei:{typed}"
    raise UsageError(
        "the server does not say what it speaks (there is no /info as Text Embeddings Inference "
        "has it)",
        where=url,
        remedy=f"write tei:{url.removesuffix('/v1')}, or {' or '.join(_openai_specs(url))}",
    )


def _openai_specs(url: str) -> list[str]:
    """`openai:MODEL@URL` of the models that the server lists, or the pattern."""
    base = url if url.endswith("/v1") else f"{url}/v1"
    for place in dict.fromkeys((base, url)):
        listed = _asked(f"{place}/models")
        rows = listed.get("data") if isinstance(listed, dict) else None
        rows = rows if isinstance(rows, list) else []
        names = [one["id"] for one in rows if isinstance(one, dict) and one.get("id")]
        if names:
            return [f"openai:{name}@{place}" for name in map(str, names[:_SHOWN])]
    return [f"openai:MODEL@{base}"]


def _asked(url: str) -> Any:
    """The JSON that a URL answers; None where it answers anything else. Raises ModelError."""
    request = urllib.request.Request(url, headers={"accept": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            return json.loads(answer.read(_LARGEST_ANSWER))
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except (OSError, http.client.HTTPException) as error:
        raise ModelError(
            f"the server cannot be reached: {getattr(error, 'reason', error)}",
            where=url,
            remedy="check that it runs, its address and its port",
        ) from error
    except ValueError:
        return None
