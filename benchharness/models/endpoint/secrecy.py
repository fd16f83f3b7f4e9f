"""The key of a service: read when it is needed, sent to that service, shown to nobody."""

from __future__ import annotations

import os
import warnings

from benchharness.errors import ModelError
from benchharness.models.endpoint.address import OPENAI_URL, Address


class EndpointWarning(UserWarning):
    """What a user should know of a service; results are not affected."""


def key_of(address: Address, variable: str) -> str:
    """The key in the environment variable; "" without one, which a service of one's own may allow.

    Raises ModelError where the official service would refuse, and for a key that no header can
    hold. Warns where the key is going to be readable on its way.
    """
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        if address.kind == "openai" and address.url == OPENAI_URL:
            raise ModelError(
                f"there is no key: {variable} is not set",
                where=str(address),
                remedy=f"export {variable}=..., or name your own service: openai:MODEL@URL",
            )
        return ""
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ModelError(
            f"what is in {variable} is no key: it has characters that no header can hold",
            where=str(address),
            remedy=f"export {variable} again",
        )
    if not (address.is_encrypted or address.is_loopback):
        warnings.warn(
            f"the key in {variable} is sent to {address.url} without encryption; use https://, or "
            "key_env= to send none",
            EndpointWarning,
            stacklevel=2,
        )
    return key
