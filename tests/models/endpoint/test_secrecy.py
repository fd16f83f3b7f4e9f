"""Where the key comes from, and that it is taken out of what services say."""

from __future__ import annotations

import pytest

from benchharness.errors import ModelError
from benchharness.models.endpoint.address import OPENAI_URL, Address
from benchharness.models.endpoint.secrecy import EndpointWarning, key_of

LOCAL = Address("tei", "http://127.0.0.1:8080")


def test_the_key_is_read_when_it_is_needed(monkeypatch):
    """Rule: from the named variable, without blanks around; no name, no key."""
    monkeypatch.setenv("MY_KEY", " abc \n")

    assert key_of(LOCAL, "MY_KEY") == "abc"
    assert key_of(LOCAL, "") == ""
    assert key_of(LOCAL, "NO_SUCH_VARIABLE") == ""


def test_the_official_service_wants_a_key(monkeypatch):
    """Rule: said before anything is sent."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(ModelError, match="OPENAI_API_KEY is not set") as caught:
        key_of(Address("openai", OPENAI_URL, "m"), "OPENAI_API_KEY")

    assert "export OPENAI_API_KEY=" in caught.value.remedy


@pytest.mark.parametrize("value", ["abc\ndef", "schlüssel", "two words"])
def test_what_no_header_can_hold_is_refused_unseen(monkeypatch, value):
    """Rule: the message does not repeat it."""
    monkeypatch.setenv("MY_KEY", value)

    with pytest.raises(ModelError, match="what is in MY_KEY is no key") as caught:
        key_of(LOCAL, "MY_KEY")

    assert value not in str(caught.value)


def test_a_key_without_encryption_is_warned_of(monkeypatch):
    """Rule: to another machine over http; this machine and https are fine."""
    monkeypatch.setenv("MY_KEY", "abcdef")

    with pytest.warns(EndpointWarning, match="without encryption") as caught:
        key_of(Address("tei", "http://10.0.0.1"), "MY_KEY")
    key_of(Address("tei", "https://10.0.0.1"), "MY_KEY")
    key_of(Address("tei", "http://10.0.0.1"), "NO_SUCH_VARIABLE")

    assert "abcdef" not in str(caught[0].message)
