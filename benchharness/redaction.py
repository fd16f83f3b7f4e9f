"""Secrets: out of the texts of a service, and refused where they would end in a report."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "[key]"
NO_SECRETS = (
    "specs are written into reports: export it as a variable, and name that: "
    "@key_env=NAME_OF_THE_VARIABLE"
)
_SHORTEST = 4  # characters: replacing shorter values would only garble the text
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|hf|gsk)[-_][A-Za-z0-9_\-*]{3,}"
    r"|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=\-]{4,}"
)
# An @ before `name=` begins the options of a spec.
_USERINFO = re.compile(r"://[^/?#\s@]*@(?![A-Za-z_]\w*=)")
_NAMED_SECRET = re.compile(
    r"[?&@,](?:api[_-]?key|key|token|access[_-]?token|secret|password)=", re.IGNORECASE
)
_LONGEST = 500  # characters of a detail


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text as one line of at most 500 characters, without the secrets.

    What looks like a key goes as well: `sk-…`, `hf_…`, and what follows `Bearer` or `Basic`.
    """
    # Before the text is shortened: half of a key is a secret too. Longer ones first, since one
    # may begin like another.
    for secret in sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    line = " ".join(_KEY_LIKE.sub(HIDDEN, text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def holds_secret(spec: str) -> bool:
    """Whether a model spec spells a password or a key, which reports would then repeat."""
    return bool(_USERINFO.search(spec) or _NAMED_SECRET.search(spec))
