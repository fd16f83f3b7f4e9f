"""Texts of a service without the key that it was asked with."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "[key]"
_SHORTEST = 4  # characters: replacing shorter values would only garble the text
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_\-]{3,}|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=\-]{4,}"
)
_LONGEST = 500  # characters of a detail


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text as one line of at most 500 characters, without the secrets.

    What looks like a key goes as well: `sk-…`, and what follows `Bearer` or `Basic`.
    """
    # Before the text is shortened: half of a key is a secret too. Longer ones first, since one
    # may begin like another.
    for secret in sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    line = " ".join(_KEY_LIKE.sub(HIDDEN, text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
