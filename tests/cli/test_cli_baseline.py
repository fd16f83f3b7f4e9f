"""`benchharness baseline list | show | prune`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from benchharness.baseline.record import Acceptance
from benchharness.baseline.store import FolderBaselines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell


def _accept(shell: Shell, reason: str) -> None:
    """Writes an accepted drop and noise into the baseline of faq / hash."""
    store = FolderBaselines(shell.folder / "baselines")
    found = store.find("faq", "hash")
    assert found is not None
    drop = Acceptance("2026-11-23", "recall@10", 0.75, 2 / 3, reason)
    store.write(dataclasses.replace(found, accepted=(drop,), noise={"recall@10": 0.0012}))


def _files(shell: Shell) -> list[str]:
    folder = shell.folder / "baselines"
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_list_is_one_line_a_file(shell: Shell) -> None:
    """Suite, model, queries, means, accepted drops."""
    models = 'dataset=beir("data/faq"), models=["hash"], measures=["recall@10"]'
    shell.write_suite("faq", f'faq = Suite(name="faq", {models})\n')
    shell.keep("bm25")
    shell.keep("hash")
    _accept(shell, "ticket 12")

    ran = shell("baseline", "list")

    assert ran.code == 0
    assert ran.out.splitlines() == [
        "faq / bm25: 3 queries, recall@10 0.6667",
        "faq / hash: 3 queries, recall@10 0.6667; 1 accepted drop",
    ]


def test_list_says_what_cannot_be_read(shell: Shell) -> None:
    """Damaged, or a copy under another model's name: exit code 2."""
    kept = shell.keep("hash")
    kept.with_name("copy.json").write_bytes(kept.read_bytes())
    shell.keep("bm25").write_text("{}", encoding="utf-8")

    ran = shell("baseline", "list")
    rows = shell("baseline", "list", "--json").json

    assert ran.code == 2
    assert "baselines/faq/bm25.json: CANNOT BE READ: the baseline cannot be used" in ran.out
    assert (
        "baselines/faq/copy.json: CANNOT BE READ: the file is the baseline of faq / hash" in ran.out
    )
    assert [row["readable"] for row in rows] == [False, False, True]


def test_an_empty_folder_is_said(shell: Shell) -> None:
    """With the command that writes baselines."""
    (shell.folder / "baselines").mkdir()

    ran = shell("baseline", "list")

    assert ran.code == 0
    assert ran.out == "baselines holds no baseline; pytest suites/ --bench-update writes them\n"


def test_show_tells_what_made_it_and_what_was_accepted(shell: Shell) -> None:
    """Fingerprints, environment, noise and the log of drops, with a reason on one line."""
    shell.keep("hash")
    _accept(shell, "ticket 12:\nnew chunks")

    out = shell("baseline", "show", "faq", "hash").out

    assert out.startswith("faq / hash: 3 queries, ")
    assert "  file: baselines/faq/hash.json\n" in out
    assert "    python: " in out
    assert "  noise:\n    recall@10: 0.0012\n" in out
    assert "    2026-11-23 recall@10 0.7500 → 0.6667: ticket 12:\\nnew chunks\n" in out


def test_show_as_json_has_whole_fingerprints(shell: Shell) -> None:
    """All models of the suite where none is named."""
    shell.keep("hash")
    shell.keep("bm25")

    found = shell("baseline", "show", "faq", "--json").json

    assert [one["model"] for one in found] == ["bm25", "hash"]
    assert all(len(one["fingerprints"]["corpus"]) == 64 for one in found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "fak"], "did you mean faq?"),
        (["show", "faq", "hush"], "did you mean hash?"),
        (["show", "faq", "hash", "--baselines", "elsewhere"], "there is no folder elsewhere"),
        (["list", "--baselines", "elsewhere"], "there is no folder elsewhere"),
        (["prune", "--baselines", "elsewhere"], "there is no folder elsewhere"),
    ],
)
def test_what_is_not_there_is_named(shell: Shell, arguments: list[str], message: str) -> None:
    """Exit code 2, with what was meant."""
    shell.keep("hash")

    ran = shell("baseline", *arguments)

    assert ran.code == 2
    assert message in ran.err


def test_prune_deletes_what_no_suite_knows(shell: Shell) -> None:
    """An unknown suite with its folder, an unknown model; each path printed, the rest kept."""
    shell.keep("hash")
    shell.keep("bm25")
    shell.keep("hash@salt=old")
    _old_suite(shell)

    ran = shell("baseline", "prune")

    assert ran.code == 0
    assert ran.out.splitlines() == [
        "deleted baselines/faq/hash%40salt%3Dold.json",
        "deleted baselines/old/hash.json",
    ]
    assert _files(shell) == ["faq", "faq/bm25.json", "faq/hash.json"]


def test_a_dry_run_deletes_nothing(shell: Shell) -> None:
    """The same paths, all still there."""
    _old_suite(shell)
    before = _files(shell)

    ran = shell("baseline", "prune", "--dry-run")

    assert ran.out == "would delete baselines/old/hash.json\n"
    assert _files(shell) == before


def test_prune_leaves_what_is_no_baseline(shell: Shell) -> None:
    """Other files, damaged ones and misnamed ones: told, not touched."""
    old = _old_suite(shell)
    old.with_name("misnamed.json").write_bytes(old.read_bytes())
    old.with_name("notes.json").write_text('{"a": 1}', encoding="utf-8")
    old.with_name("README.md").write_text("why", encoding="utf-8")

    ran = shell("baseline", "prune", "--json")

    assert ran.json["deleted"] == ["baselines/old/hash.json"]
    assert ran.json["not_baselines"] == ["baselines/old/misnamed.json", "baselines/old/notes.json"]
    assert _files(shell) == ["old", "old/README.md", "old/misnamed.json", "old/notes.json"]


def test_the_baseline_of_a_guard_is_kept(shell: Shell) -> None:
    """A guard compares the models of its own suite on another one, which does not name them."""
    shell.keep("hash@salt=x")
    shell.write_suite(
        "tuned",
        'tuned = Suite(name="tuned", dataset=beir("data/faq"), models=["hash@salt=x"],\n'
        '    gates=[Gate.guard("faq", "recall@10", margin=0.1)])\n',
    )

    ran = shell("baseline", "prune")

    assert ran.out == "nothing to delete: ./suites knows every baseline\n"
    assert _files(shell) == ["faq", "faq/hash%40salt%3Dx.json"]


@pytest.mark.parametrize(
    "text",
    ["import nonesuch_package\n", "faq = (\n", 'Suite(name="a b")\n', "raise ValueError('no')\n"],
    ids=["import", "syntax", "suite", "anything"],
)
def test_a_suite_file_that_cannot_be_imported_refuses_all(shell: Shell, text: str) -> None:
    """What it would have named is not known, so nothing is deleted."""
    _old_suite(shell)
    shell.write_suite("broken", text)
    before = _files(shell)

    ran = shell("baseline", "prune")

    assert ran.code == 2
    assert "nothing was deleted: suites/suite_broken.py cannot be imported" in ran.err
    assert "Traceback" not in ran.err
    assert _files(shell) == before


def test_without_suites_nothing_is_deleted(shell: Shell) -> None:
    """In the wrong folder everything would look unknown."""
    _old_suite(shell)
    (shell.folder / "suites" / "suite_faq.py").unlink()

    ran = shell("baseline", "prune")

    assert ran.code == 2
    assert "nothing was deleted: suites/ holds no suite" in ran.err
    assert _files(shell) == ["old", "old/hash.json"]


def _old_suite(shell: Shell) -> Path:
    """The baseline of a suite that is no more."""
    kept = shell.keep("hash", folder="elsewhere")
    old = dataclasses.replace(_found(kept.parent.parent), suite="old")
    return FolderBaselines(shell.folder / "baselines").write(old)


def _found(folder: Path):
    return FolderBaselines(folder).find("faq", "hash")
