"""The history of baselines in a real repository of git."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from benchharness.baseline.committed import MOST, SHALLOW, committed_history, history_of
from benchharness.baseline.record import Acceptance, Baseline, KeptQuery
from benchharness.baseline.store import FolderBaselines, relative_name

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
PAIR = ("faq", "org/mini lm@dim=64")


class Repository:
    """A working tree whose `baselines` are written and committed."""

    def __init__(self, folder):
        self.folder = folder
        self.baselines = folder / "deep" / "baselines"
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments, day="2026-11-01"):
        names = {"GIT_AUTHOR_NAME": "a", "GIT_COMMITTER_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
                 "GIT_COMMITTER_EMAIL": "a@b", "GIT_AUTHOR_DATE": f"{day}T12:00:00Z",
                 "GIT_COMMITTER_DATE": f"{day}T12:00:00Z", "GIT_CONFIG_GLOBAL": os.devnull,
                 "GIT_CONFIG_SYSTEM": os.devnull}  # fmt: skip
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments], capture_output=True, text=True,
            check=True, env={**os.environ, **names},
        )  # fmt: skip
        return done.stdout.strip()

    def write(self, hits, pair=PAIR, reasons=()):
        values = np.array(hits, dtype=np.float64)
        baseline = Baseline(
            suite=pair[0],
            model_spec=pair[1],
            place="",
            corpus="c",
            template="t",
            model="m",
            depth=100,
            drop_same_id=False,
            environment={},
            values={"recall@10": values},
            queries={f"q{row}": KeptQuery("d", {}, ()) for row in range(len(hits))},
            accepted=tuple(Acceptance("2026-11-01", "recall@10", 1.0, 0.5, one) for one in reasons),
        )
        return FolderBaselines(self.baselines).write(baseline)

    def commit(self, day="2026-11-01"):
        self.git("add", "-A", day=day)
        self.git("commit", "-q", "-m", "x", "--allow-empty", day=day)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def test_a_point_is_what_a_commit_left(repository):
    """Oldest first, with commit, day, means and n; commits that touch other files are none."""
    repository.write([1.0, 0.0])
    first = repository.commit("2026-11-02")
    (repository.folder / "README").write_text("x", encoding="utf-8")
    repository.commit("2026-11-03")
    repository.write([1.0, 1.0, 0.0, 1.0])
    second = repository.commit("2026-11-04")

    (found,) = history_of(repository.baselines, [PAIR])

    assert (found.suite, found.model, found.note) == (*PAIR, "")
    assert [(one.day, dict(one.means), one.n) for one in found.points] == [
        ("2026-11-02", {"recall@10": 0.5}, 2), ("2026-11-04", {"recall@10": 0.75}, 4),
    ]  # fmt: skip
    assert first.startswith(found.points[0].commit)
    assert second.startswith(found.points[1].commit)
    assert 7 <= len(found.points[0].commit) <= 12


def test_what_is_not_committed_is_no_point(repository):
    """Neither a changed file nor one that is only staged."""
    repository.write([1.0])
    repository.commit()
    repository.write([0.0])
    repository.git("add", "-A")

    (found,) = history_of(repository.baselines, [PAIR])

    assert [one.means["recall@10"] for one in found.points] == [1.0]


def test_the_reason_of_an_accepted_drop_stands_at_its_commit(repository):
    """Once: the log in the file grows, the note is of what is new in it."""
    repository.write([1.0, 1.0])
    repository.commit()
    repository.write([1.0, 0.0], reasons=["re-chunked"])
    repository.commit()
    repository.write([1.0, 1.0], reasons=["re-chunked"])
    repository.commit()
    repository.write([0.0, 0.0], reasons=["re-chunked", "smaller model", "smaller model"])
    repository.commit()

    (found,) = history_of(repository.baselines, [PAIR])

    assert [one.note for one in found.points] == ["", "re-chunked", "", "smaller model"]


def test_the_latest_points_are_kept(repository):
    """And the note of the first that is kept is its own, not that of all before."""
    for number in range(5):
        repository.write([1.0] * number + [0.0], reasons=[f"r{one}" for one in range(number)])
        repository.commit(f"2026-11-{number + 1:02}")

    (found,) = history_of(repository.baselines, [PAIR], most=2)

    assert [one.day for one in found.points] == ["2026-11-04", "2026-11-05"]
    assert [one.note for one in found.points] == ["r2", "r3"]


def test_pairs_are_told_in_their_order_and_only_those_that_have_points(repository):
    others = [("b", "x"), ("a", "y"), ("never", "committed")]
    for pair in others[:2]:
        repository.write([1.0], pair)
    repository.commit()

    assert [(one.suite, one.model) for one in history_of(repository.baselines, others)] == others[
        :2
    ]


def test_a_file_that_was_deleted_and_written_again_has_both_points(repository):
    path = repository.write([1.0])
    repository.commit("2026-11-01")
    path.unlink()
    repository.commit("2026-11-02")
    repository.write([0.0])
    repository.commit("2026-11-03")

    (found,) = history_of(repository.baselines, [PAIR])

    assert [one.day for one in found.points] == ["2026-11-01", "2026-11-03"]


def test_a_deletion_takes_no_place_among_the_latest(repository):
    """The version before the first that is kept is known, so that its note is its own."""
    repository.write([1.0], reasons=["a"])
    repository.commit("2026-11-01")
    path = repository.write([0.5], reasons=["a", "b"])
    repository.commit("2026-11-02")
    path.unlink()
    repository.commit("2026-11-03")
    repository.write([0.0], reasons=["a", "b"])
    repository.commit("2026-11-04")

    (found,) = history_of(repository.baselines, [PAIR], most=2)

    assert [(one.day, one.note) for one in found.points] == [
        ("2026-11-02", "b"), ("2026-11-04", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "nonsense", '{"means": {"recall@10": 0.5}}', '{"suite": 1, "queries": {}}'],
)
def test_a_version_that_is_no_baseline_is_left_out(repository, text):
    """One that was damaged, or merged badly, hides no other."""
    path = repository.write([1.0])
    repository.commit("2026-11-01")
    path.write_text(text, encoding="utf-8")
    repository.commit("2026-11-02")
    repository.write([0.0])
    repository.commit("2026-11-03")

    (found,) = history_of(repository.baselines, [PAIR])

    assert [one.day for one in found.points] == ["2026-11-01", "2026-11-03"]


@pytest.mark.parametrize(
    "change",
    [{"means": {"recall@10": "high"}}, {"means": {"recall@10": float("nan")}}, {"n": None},
     {"accepted": [3]}, {"means": 3}, {"model": "another"}, {"suite": "another"}],
)  # fmt: skip
def test_a_version_with_a_wrong_field_is_left_out(repository, change):
    """Also the baseline of another suite or model, copied there."""
    path = repository.write([1.0])
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **change}), encoding="utf-8")
    repository.commit()

    assert history_of(repository.baselines, [PAIR]) == ()


def test_a_file_in_another_layout_is_read_whole(repository):
    """Formatted by another program, its queries first."""
    path = repository.write([1.0, 0.0])
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(dict(reversed(content.items()))), encoding="utf-8")
    repository.commit()

    (found,) = history_of(repository.baselines, [PAIR])

    assert dict(found.points[0].means) == {"recall@10": 0.5}


def test_a_shallow_clone_has_fewer_points_and_says_so(repository, tmp_path_factory):
    for number in range(3):
        repository.write([1.0] * number + [0.0])
        repository.commit()
    clone = tmp_path_factory.mktemp("clone") / "shallow"
    source = f"file://{repository.folder}"
    subprocess.run(["git", "clone", "-q", "--depth", "1", source, clone], check=True)

    (found,) = history_of(clone / "deep" / "baselines", [PAIR])

    assert len(found.points) == 1
    assert found.note == SHALLOW


def test_outside_a_repository_there_is_a_reason_and_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    (found,) = history_of(tmp_path, [PAIR])

    assert found.points == ()
    assert "git has no history here: fatal: not a git repository" in found.note
    assert committed_history(tmp_path, [PAIR]) == ()


def test_a_repository_without_a_commit_has_no_points(repository):
    repository.write([1.0])

    assert committed_history(repository.baselines, [PAIR]) == ()


def test_without_git_there_is_a_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    (found,) = history_of(tmp_path, [PAIR])

    assert (found.points, found.note) == ((), "there is no git here")


def test_without_the_folder_or_without_pairs_nothing_is_asked(tmp_path, monkeypatch):
    """No process is started: most sessions have no baselines."""

    def called(*_, **__):
        raise AssertionError("git was asked")

    monkeypatch.setattr("benchharness.baseline.committed.subprocess.run", called)

    assert history_of(tmp_path / "absent", [PAIR]) == ()
    assert history_of(tmp_path, []) == ()


def test_settings_of_the_user_change_nothing(repository):
    """Colour, signatures, renames and quoting are set in many homes."""
    names = {"color.ui": "always", "log.showSignature": "true", "diff.renames": "copies",
             "core.quotePath": "true", "core.abbrev": "4", "log.date": "relative",
             "diff.noprefix": "true", "log.follow": "true"}  # fmt: skip
    for name, value in names.items():
        repository.git("config", name, value)
    pair = ("código", "modèle")
    repository.write([1.0], pair)
    repository.commit()
    repository.write([0.0], pair)
    repository.commit()

    (found,) = history_of(repository.baselines, [pair])

    assert [one.means["recall@10"] for one in found.points] == [1.0, 0.0]


def test_git_is_asked_three_times_for_any_number_of_files(repository, monkeypatch):
    """Rule: one log, one look for a shallow clone, one reader of all contents."""
    pairs = [("faq", f"m{row:03}") for row in range(200)]
    for number in range(3):
        for row, pair in enumerate(pairs):
            repository.write([1.0] * number + [0.0] * (1 + row % 3), pair)
        repository.commit(f"2026-11-{number + 1:02}")
    asked = []

    class Counting(subprocess.Popen):
        def __init__(self, arguments, *rest, **options):
            asked.append(arguments)
            super().__init__(arguments, *rest, **options)

    monkeypatch.setattr(subprocess, "Popen", Counting)

    found = history_of(repository.baselines, pairs)

    assert len(asked) == 3
    assert [len(one.points) for one in found] == [3] * 200
    assert [(one.suite, one.model) for one in found] == pairs


def test_many_pairs_are_asked_for_by_their_folder(repository):
    """A command line has an end."""
    repository.write([1.0])
    repository.commit()
    pairs = [PAIR, *(("x" * 100, f"{row}") for row in range(3000))]

    (found,) = history_of(repository.baselines, pairs)

    assert len(found.points) == 1


def test_names_of_files_are_those_of_the_store():
    """Or nothing would ever be found."""
    assert relative_name(*PAIR) == "faq/org%2Fmini%20lm%40dim%3D64.json"
    assert MOST == 50
