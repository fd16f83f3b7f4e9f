"""What the status of a service's answer means for a run, and how its address is shown."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

# Whom an error concerns:
#   every     every request: asking the next one is in vain
#   request   this one, for good
#   moment    this one, for now: retries did not help
Concern = Literal["every", "request", "moment"]

_EVERY = frozenset({401, 402, 403, 404})
_MOMENT = frozenset({408, 409, 429})


def concern_of(status: int) -> Concern:
    """Whom an answer with this HTTP status concerns."""
    if status in _EVERY:
        return "every"
    return "moment" if status in _MOMENT or status >= 500 else "request"


def remedy_for(status: int, *, variable: str) -> str:
    """What to do about an error that concerns every request; `variable` holds the key."""
    resume = "then type the same command again: what was answered is not paid twice"
    if status == 401:
        return f"set {variable} to a valid key of this service"
    if status == 404:
        return "check the name of the model, and the URL of the service"
    if status == 403:
        return f"ask the service for access to this model, or use another key; {resume}"
    return f"add credit or raise the limit at the service; {resume}"


def shown_url(url: str) -> str:
    """The URL without a name and password, and without what follows a question mark."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
