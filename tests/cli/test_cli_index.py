"""`benchharness index build | add | check | search`: another model is refused on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchharness.testing import HashEncoder, write_beir

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


@pytest.fixture
def index(shell: Shell) -> str:
    """An index of the 23 documents of faq."""
    assert shell("index", "build", "hash", "--suite", "faq", "--out", "idx").code == 0
    return "idx"


def test_an_index_is_built_and_searched(shell: Shell, index: str) -> None:
    """Rule: the query is encoded by the model that the manifest names."""
    ran = shell("index", "search", index, "green pear", "-k", "2")
    as_json = shell("index", "search", index, "green pear", "-k", "2", "--json")

    assert ran.code == 0
    assert [line.split() for line in ran.out.splitlines()][:2] == [
        ["rank", "score", "document"], ["1", "1.0000", "d1"],
    ]  # fmt: skip
    assert as_json.json[0]["doc_id"] == "d1"
    assert len(as_json.json) == 2


def test_the_manifest_says_what_is_in_it(shell: Shell, index: str) -> None:
    ran = shell("index", "check", index)

    written = json.loads((shell.folder / index / "manifest.json").read_text("utf-8"))
    assert ran.code == 0
    assert ran.out.startswith("idx: 23 documents of hash (")
    assert written["fingerprint"] == HashEncoder().fingerprint
    assert written["documents"] == 23
    assert shell("index", "check", index, "--json").json["manifest"] == {
        name: value for name, value in written.items() if name != "schema"
    }


def test_a_question_of_another_model_is_refused(shell: Shell, index: str) -> None:
    """Rule: equal dimensions; both fingerprints and the next command are named."""
    ran = shell("index", "search", index, "green pear", "--model", "hash@salt=b")

    assert ran.code == 2
    assert HashEncoder().fingerprint[:16] in ran.err
    assert HashEncoder(salt="b").fingerprint[:16] in ran.err
    assert "benchharness index build 'hash@salt=b'" in ran.err


def test_check_is_a_gate(shell: Shell, index: str) -> None:
    """Rule: 0 for the model of the index, 1 for another one, or a damaged file."""
    same = shell("index", "check", index, "hash@dim=64")
    other = shell("index", "check", index, "hash@salt=b")
    (vectors,) = (shell.folder / index).glob("vectors-*.npy")
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"\x7f")
    damaged = shell("index", "check", index)

    assert (same.code, other.code, damaged.code) == (0, 1, 1)
    assert "another model" in other.out
    assert vectors.name in damaged.out


def test_documents_are_added(shell: Shell, index: str) -> None:
    write_beir(shell.folder / "more", {"new": "submarine boat"}, {"q": "x"}, {"q": {"new": 1}})

    refused = shell("index", "add", index, "hash@salt=b", "--data", "beir:more")
    ran = shell("index", "add", index, "hash", "--data", "beir:more", "--json")
    again = shell("index", "add", index, "hash", "--data", "beir:more")

    assert refused.code == 2
    assert ran.json["documents"] == 24
    assert again.code == 2
    assert "document 'new' is in the index already" in again.err
    assert shell("index", "search", index, "submarine", "-k", "1", "--json").json[0]["doc_id"] == (
        "new"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "hash", "--suite", "faq", "--out", "idx"], "there is an index already, of hash"),
        (["build", "bm25", "--suite", "faq", "--out", "other"], "bm25 has no vectors of its own"),
        (["build", "hash", "--suite", "faq"], "arguments are required: --out"),
        (["search", "nowhere", "text"], "there is no manifest.json"),
        (["search", "idx", "text", "-k", "0"], "-k 0 is no number of documents"),
        (["check", "idx", "nonesuch"], "unknown model 'nonesuch'"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_usage_is_one_message(
    shell: Shell, index: str, arguments: list[str], message: str
) -> None:
    ran = shell("index", *arguments)

    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
