"""Specs of models behind a URL: what they name, and what they must not hold."""

from __future__ import annotations

import pytest

from benchharness.errors import UsageError
from benchharness.models.endpoint.address import Address, address_of
from benchharness.models.endpoint.options import EndpointOptions, known_options
from benchharness.models.spec import parse_spec

SECRET = "sk-proj-abcdefgh12345678"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            "openai:text-embedding-3-small",
            Address("openai", "https://api.openai.com/v1", "text-embedding-3-small"),
        ),
        ("openai:m@http://h:8000/v1", Address("openai", "http://h:8000/v1", "m")),
        ("openai:m@http://h:8000/v1/", Address("openai", "http://h:8000/v1", "m")),
        ("openai:m@http://h:7997", Address("openai", "http://h:7997", "m")),
        ("openai:BAAI/bge@http://h/v1@dim=64", Address("openai", "http://h/v1", "BAAI/bge")),
        ("openai:nomic:latest@http://h/v1", Address("openai", "http://h/v1", "nomic:latest")),
        ("openai:m@dim=64", Address("openai", "https://api.openai.com/v1", "m")),
        ("tei:https://h", Address("tei", "https://h")),
        ("tei:http://[::1]:80/x", Address("tei", "http://[::1]:80/x")),
        (
            "openai:m@https://h/openai?api-version=2024-10-21",
            Address("openai", "https://h/openai?api-version=2024-10-21", "m"),
        ),
    ],
)
def test_a_spec_names_a_service_and_a_model(spec, expected):
    """Rule: the model up to `@http`, the URL without a slash at its end, options after it."""
    assert address_of(parse_spec(spec)) == expected


def test_paths_are_put_before_a_query():
    """Rule: some services want ?api-version=… at every URL."""
    address = address_of(parse_spec("openai:m@https://h/v1?api-version=2"))

    assert address.join("/embeddings") == "https://h/v1/embeddings?api-version=2"
    assert str(address) == "openai:m@https://h/v1?api-version=2"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost:1", True),
        ("http://127.8.0.1", True),
        ("http://[::1]:8080", True),
        ("http://10.0.0.1", False),
        ("https://localhost.example.com", False),
    ],
)
def test_loopback_is_this_machine(url, loopback):
    """Rule: there a key may go without encryption."""
    assert Address("tei", url).is_loopback is loopback


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("openai:", "the model is not named"),
        ("openai:@http://h/v1", "the model is not named"),
        ("openai:m@localhost:8000/v1", "neither as a model nor as a URL"),
        ("openai:http://h/v1", "neither as a model nor as a URL"),
        ("tei:", "no URL"),
        ("tei:localhost:8080", "no URL"),
        ("tei:ftp://h", "no URL"),
        ("tei:http://", "no URL"),
        ("tei:http://h:port", "no URL"),
        ("tei:http://h h", "no URL"),
        ("tei:http://h#a", "fragment"),
        ("tei:http://h/embed", "names /embed itself"),
        ("openai:m@http://h/v1/embeddings", "names /embeddings itself"),
    ],
)
def test_what_is_no_address_is_refused(spec, said):
    """Rule: with an example of one that is."""
    with pytest.raises(UsageError, match=said) as caught:
        address_of(parse_spec(spec))

    assert caught.value.remedy


@pytest.mark.parametrize(
    "spec",
    [
        f"openai:m@https://user:{SECRET}@h/v1",
        f"tei:https://{SECRET}@h",
        f"tei:https://h?api_key={SECRET}",
        f"tei:https://h?x={SECRET}",
        f"openai:m@https://h/v1?access_token={SECRET}",
        f"openai:m@https://h/v1@api_key={SECRET}",
        f"openai:m@https://h/v1@key={SECRET}",
        f"openai:m@https://h/v1@key_env={SECRET}",
        f"tei:https://h@dim=3,token={SECRET}",
    ],
)
def test_a_secret_in_a_spec_is_refused_and_not_repeated(spec):
    """Rule: specs are written into reports; the variable is what may be named."""
    with pytest.raises(UsageError) as caught:
        address_of(parse_spec(spec))

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert "key_env=NAME_OF_THE_VARIABLE" in caught.value.remedy


def test_options_have_defaults_by_kind_of_service():
    """Rule: OpenAI's key is the default for its API, none for TEI, whose requests are small."""
    openai = EndpointOptions.of(parse_spec("openai:m"), "openai")
    tei = EndpointOptions.of(parse_spec("tei:http://h"), "tei")

    assert (openai.key_env, openai.batch_size) == ("OPENAI_API_KEY", 64)
    assert (tei.key_env, tei.batch_size) == ("", 31)
    assert tei.similarity == "cosine"


def test_every_option_is_read():
    """Rule: values may be percent-encoded; an empty key_env means no key."""
    text = (
        "tei:http://h@dim=8,query_prompt=q%3A ,document_prompt=d%2C ,query_prompt_name=q,"
        "document_prompt_name=d,similarity=dot,batch_size=9,batch_tokens=99,concurrency=3,"
        "rate=1.5,timeout=2.5,tokenizer=minilm,max_length=7,key_env=,price=0.02"
    )

    assert EndpointOptions.of(parse_spec(text), "tei") == EndpointOptions(
        dim=8, query_prompt="q: ", document_prompt="d, ", query_prompt_name="q",
        document_prompt_name="d", similarity="dot", batch_size=9, batch_tokens=99, concurrency=3,
        rate=1.5, timeout_s=2.5, tokenizer="minilm", max_length=7, key_env="", price=0.02,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("dim=0", "a whole number"),
        ("dim=x", "a whole number"),
        ("batch_size=²", "a whole number"),
        ("concurrency=65", "from 1 to 64"),
        ("rate=0", "a number above 0"),
        ("rate=nan", "a number above 0"),
        ("timeout=inf", "a number above 0"),
        ("price=-1", "a price in USD"),
        ("similarity=euclid", "cosine or dot"),
        ("encoding=int8", "float or base64"),
        ("max_length=9", "no tokenizer to count"),
        ("dimm=9", "did you mean"),
        ("query_prompt_name=q", "unknown option"),
    ],
)
def test_wrong_options_are_named(option, said):
    """Rule: the value, what it should be, and how it is written."""
    with pytest.raises(UsageError) as caught:
        EndpointOptions.of(parse_spec(f"openai:m@{option}"), "openai")

    assert said in str(caught.value)
    assert caught.value.where == f"openai:m@{option}"


def test_each_kind_knows_its_own_options():
    """Rule: prompt names belong to TEI, the encoding of answers to OpenAI's API."""
    only_tei = set(known_options("tei")) - set(known_options("openai"))
    only_openai = set(known_options("openai")) - set(known_options("tei"))

    assert only_tei == {"query_prompt_name", "document_prompt_name"}
    assert only_openai == {"encoding"}
