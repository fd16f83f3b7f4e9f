"""Where a service answers: `openai:MODEL@URL` and `tei:URL` taken apart, without secrets."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from benchharness.errors import UsageError
from benchharness.models.spec import ModelSpec

Kind = Literal["openai", "tei"]

OPENAI_URL = "https://api.openai.com/v1"
_EXAMPLES = {"openai": "openai:MODEL@http://localhost:8000/v1", "tei": "tei:http://localhost:8080"}
_URL_START = re.compile(r"@(?=https?://)", re.IGNORECASE)
# Names of a query's parameters, and of options, that hold what nobody else may read.
_SECRET_NAME = re.compile(r"key|token|secret|passw|auth|credential|^sig|^code$", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"^(?:sk|pk|rk|hf|gsk)[-_][\w-]{8,}")
_HARMLESS_OPTIONS = ("key_env", "tokenizer", "batch_tokens")


@dataclass(frozen=True)
class Address:
    """A service and, for OpenAI's API, the model that is asked of it.

    url: without a slash at its end; for OpenAI's API up to and including /v1.
    """

    kind: Kind
    url: str
    model: str = ""

    @property
    def is_loopback(self) -> bool:
        """Whether the service runs on this machine."""
        host = urlsplit(self.url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def is_encrypted(self) -> bool:
        return urlsplit(self.url).scheme == "https"

    def join(self, path: str) -> str:
        """The URL of a path below the service's; a query such as ?api-version=1 stays behind it."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=parts.path + path))

    def __str__(self) -> str:
        return f"{self.kind}:{self.model}@{self.url}" if self.model else f"{self.kind}:{self.url}"


def address_of(spec: ModelSpec) -> Address:
    """The address that a spec names.

    Raises UsageError where there is no model or no URL, where the URL is none, and, without
    repeating it, where the spec holds a password or a key.
    """
    kind: Kind = "openai" if spec.name.startswith("openai:") else "tei"
    _refuse_secret_options(spec, kind)
    rest = spec.name.removeprefix(f"{kind}:")
    if kind == "tei":
        return Address(kind, _checked(kind, rest))
    start = _URL_START.search(rest)
    model, url = (rest[: start.start()], rest[start.end() :]) if start else (rest, OPENAI_URL)
    if not model or "@" in model or "://" in model:
        raise UsageError(
            "the model is not named" if not model else "this reads neither as a model nor as a URL",
            where=f"{kind}:{shown(url if start else rest)}",
            remedy=f"write openai:MODEL, or {_EXAMPLES[kind]}",
        )
    return Address(kind, _checked(kind, url), model)


def shown(url: str) -> str:
    """The URL as a message may repeat it: no name, password, query or fragment."""
    bare = url.partition("?")[0].partition("#")[0]
    scheme, slashes, rest = bare.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}" if slashes else bare.rpartition("@")[2]


def _checked(kind: Kind, url: str) -> str:
    """The URL without a slash at its end. Raises UsageError."""
    where = f"{kind}:{shown(url)}"
    try:
        parts = urlsplit(url)
        is_url = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # raises where it is no number
    except ValueError:
        is_url = False
    if not is_url or any(letter.isspace() for letter in url):
        raise UsageError(
            "this is no URL that begins with http:// or https://",
            where=where,
            remedy=f"write {_EXAMPLES[kind]}",
        )
    if "@" in parts.netloc:
        raise _secret(where, "a name or password before the host")
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if _SECRET_NAME.search(name) or _SECRET_VALUE.search(value):
            raise _secret(where, f"what looks like a key in its query ({name})")
    if parts.fragment:
        raise UsageError("the URL has a fragment (#…)", where=where, remedy="leave it out")
    path = parts.path.rstrip("/")
    last = path.rpartition("/")[2]
    if last in ("embeddings", "embed"):
        raise UsageError(
            f"the URL names /{last} itself",
            where=where,
            remedy=f"leave /{last} out: {_EXAMPLES[kind]}",
        )
    return urlunsplit(parts._replace(path=path))


def _refuse_secret_options(spec: ModelSpec, kind: Kind) -> None:
    for name, value in spec.options:
        is_secret = _SECRET_NAME.search(name) and name not in _HARMLESS_OPTIONS
        if is_secret or (name == "key_env" and not re.fullmatch(r"(?:[A-Za-z_]\w*)?", value)):
            raise UsageError(
                f"the option {name!r} would put a key into every report",
                where=f"{kind}:{shown(spec.name.removeprefix(f'{kind}:'))}",
                remedy="export the key as a variable, and name that: key_env=NAME_OF_THE_VARIABLE",
            )


def _secret(where: str, what: str) -> UsageError:
    return UsageError(
        f"the URL holds {what}, and a spec is written into reports",
        where=where,
        remedy="export the key as a variable, and name that: @key_env=NAME_OF_THE_VARIABLE",
    )
