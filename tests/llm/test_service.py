"""What a status means, and how an address is shown."""

from __future__ import annotations

import pytest

from benchharness.llm.service import concern_of, remedy_for, shown_url


@pytest.mark.parametrize(
    ("status", "concern"),
    [
        (400, "request"),
        (401, "every"),
        (402, "every"),
        (403, "every"),
        (404, "every"),
        (408, "moment"),
        (409, "moment"),
        (413, "request"),
        (422, "request"),
        (429, "moment"),
        (499, "request"),
        (500, "moment"),
        (529, "moment"),
    ],
)
def test_a_status_concerns_every_request_or_one_or_the_moment(status, concern):
    assert concern_of(status) == concern


def test_every_remedy_is_another_one():
    remedies = {remedy_for(status, variable="SOME_KEY") for status in (401, 402, 403, 404)}

    assert len(remedies) == 4
    assert "SOME_KEY" in remedy_for(401, variable="SOME_KEY")


def test_a_url_is_shown_without_what_may_be_secret():
    assert shown_url("https://me:pw@host.example:8/v1/?key=abc#d") == "https://host.example:8/v1/"
