"""Where baselines are: names that are no paths, whole files, and refs of git."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchharness.baseline.file import lines_of
from benchharness.baseline.record import Baseline, KeptQuery
from benchharness.baseline.store import FolderBaselines, GitBaselines, relative_name, shown
from benchharness.errors import DataError, UsageError

BASELINE = Baseline(
    suite="faq",
    model_spec="minilm",
    place="",
    corpus="c",
    template="t",
    model="m",
    depth=100,
    drop_same_id=False,
    environment={},
    values={"recall@10": np.array([1.0, 0.5])},
    queries={"q1": KeptQuery("a", {}, ()), "q2": KeptQuery("b", {}, ())},
)


@pytest.fixture
def store(tmp_path):
    return FolderBaselines(tmp_path / "baselines")


# Names.


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("minilm", "minilm"),
        ("minilm@dim=64,max_length=128", "minilm%40dim%3D64%2Cmax_length%3D128"),
        ("BAAI/bge-m3", "BAAI%2Fbge-m3"),
        ("models/größe v1_2~b", "models%2Fgr%C3%B6%C3%9Fe%20v1_2~b"),
        ("openai:m@https://h:1/v1", "openai%3Am%40https%3A%2F%2Fh%3A1%2Fv1"),
        ("..", "%2E."),
        (".", "%2E"),
        (".hidden", "%2Ehidden"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("C:\\models", "C%3A%5Cmodels"),
        ("50%", "50%25"),
        ("", "%"),
    ],
)
def test_a_file_is_named_by_suite_and_model_percent_encoded(model, name):
    """Letters, digits and _ . - ~ stay; a leading dot goes, which names folders or hides files."""
    assert relative_name("faq", model) == f"faq/{name}.json"


def test_case_is_kept():
    """Hub ids have capital letters; where a file system takes two for one, the check refuses."""
    assert relative_name("faq", "MiniLM") != relative_name("faq", "minilm")


def test_long_names_are_cut_and_told_apart_by_a_hash():
    """File systems end names at 255 bytes; the draft of a file needs a few of its own."""
    one, other = "x" * 4000 + "1", "x" * 4000 + "2"

    names = {relative_name("faq", model) for model in (one, other, "x" * 201, "x" * 200)}

    assert len(names) == 4
    assert max(map(len, names)) <= len("faq/") + 200 + 1 + 12 + len(".json")
    assert relative_name("faq", one) == relative_name("faq", one)


def test_a_long_name_is_no_way_out_either():
    assert relative_name("faq", "../" * 100).startswith("faq/%2E.%2F..%2F")


@given(st.text(st.characters()), st.text(st.characters()))
@example("..", "..")
@example("", "/etc/passwd")
@example("/", "." * 300)
@example("a", "\udcff")
def test_no_name_leads_out_of_the_folder(suite, model):
    """Exactly one folder and one visible file below, in letters of every file system."""
    name = relative_name(suite, model)

    path = PurePosixPath(name)
    assert len(path.parts) == 2
    assert not path.is_absolute()
    assert not any(part.startswith(".") or part == ".." for part in path.parts)
    assert name.isascii()
    assert not set(name) & set('\\:*?"<>|\0')
    assert all(len(part) <= 218 for part in path.parts)


@given(st.text(max_size=16), st.text(max_size=16))
def test_two_models_never_share_a_name(one, other):
    names = [relative_name("faq", model) for model in (one, other)]

    assert (names[0] == names[1]) == (one == other)
    if one:
        assert unquote(names[0]) == f"faq/{one}.json"


# A folder.


def test_what_was_written_is_found_again(store):
    path = store.write(BASELINE)

    found = store.find("faq", "minilm")

    assert path == store.folder / "faq" / "minilm.json"
    assert found is not None
    assert found.place == shown(path)
    assert found.queries == BASELINE.queries
    assert found.values["recall@10"].tolist() == [1.0, 0.5]
    assert store.size("faq", "minilm") == 2


def test_where_nothing_is_there_is_none(store):
    assert store.find("faq", "minilm") is None
    assert store.size("faq", "minilm") is None
    assert list(store.files()) == []


def test_the_place_is_shown_from_the_working_folder(store, monkeypatch, tmp_path):
    """With forward slashes, so that a message is the same on every machine."""
    monkeypatch.chdir(tmp_path)

    assert store.describe("faq", "a/b") == "baselines/faq/a%2Fb.json"
    assert shown(Path("/elsewhere/x")) == "/elsewhere/x"


def test_files_are_listed_in_order_of_path(store):
    for suite, model in (("z", "a"), ("a", "z"), ("a", "b/c")):
        store.write(replace(BASELINE, suite=suite, model_spec=model))
    (store.folder / "a" / ".draft.json.1.tmp").write_text("half")
    (store.folder / "README.md").write_text("read me")

    listed = [path.relative_to(store.folder).as_posix() for path in store.files()]

    assert listed == ["a/b%2Fc.json", "a/z.json", "z/a.json"]


def test_a_copied_baseline_is_refused(store):
    """The file of another model under this model's name judges nothing."""
    path = store.write(BASELINE)
    shutil.copy(path, path.with_name("bm25.json"))

    with pytest.raises(DataError, match="the baseline of faq / minilm, not of faq / bm25") as found:
        store.find("faq", "bm25")

    assert found.value.where.endswith("faq/bm25.json")
    assert "--bench-update=all" in found.value.remedy


def test_a_damaged_file_names_its_place(store):
    path = store.write(BASELINE)
    path.write_text(path.read_text()[:-20])

    for read in (store.find, store.size):
        with pytest.raises(DataError, match="the baseline cannot be used") as caught:
            read("faq", "minilm")
        assert caught.value.where == shown(path)


def test_a_file_that_cannot_be_read_is_a_data_error_with_a_remedy(store):
    """Bytes that are no text, and a folder in the place of the file."""
    store.write(BASELINE).write_bytes(b"\xff\xfe\x00")
    store.path("faq", "folder").mkdir()

    for model in ("minilm", "folder"):
        with pytest.raises(DataError, match="the baseline cannot be read") as caught:
            store.find("faq", model)
        assert "restore the file from git" in caught.value.remedy


def test_a_failing_write_leaves_the_old_file(store, monkeypatch):
    """No half file, and no draft beside it."""
    path = store.write(BASELINE)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match="cannot be written: No space left on device") as caught:
        store.write(replace(BASELINE, corpus="new"))

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["minilm.json"]
    assert "--bench-baselines" in caught.value.remedy


def test_a_baseline_that_has_no_text_leaves_the_old_file(store):
    """A value that is no number is noticed in the middle of the file."""
    path = store.write(BASELINE)
    before = path.read_bytes()
    broken = replace(BASELINE, noise={"recall@10": float("nan")})

    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write(broken)

    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_a_file_in_the_place_of_the_folder_is_a_usage_error(store):
    store.folder.write_text("a file")

    with pytest.raises(UsageError, match="cannot be written"):
        store.write(BASELINE)


# A ref of git.

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Runs git in a repository of its own, whatever the user's settings are."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "repository"
    folder.mkdir()

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)

    git("init", "--initial-branch=main")
    git("commit", "--allow-empty", "--message=empty")
    git("tag", "empty")
    return folder, git


@pytest.fixture
def committed(repository):
    """The repository with a baseline on main (tag v1), which the working folder has changed."""
    folder, git = repository
    store = FolderBaselines(folder / "baselines")
    store.write(BASELINE)
    store.write(replace(BASELINE, model_spec="models/a b@dim=64"))
    git("add", ".")
    git("commit", "--message=baselines")
    git("tag", "v1")
    git("checkout", "-b", "work")
    store.write(replace(BASELINE, corpus="changed"))
    return store.folder, git


@needs_git
@pytest.mark.parametrize("ref", ["main", "v1", "HEAD", "work", "main~0"])
def test_a_baseline_is_read_as_a_branch_tag_or_commit_has_it(committed, ref):
    """Not as it lies in the working folder."""
    folder, _ = committed

    found = GitBaselines.at(ref, folder).find("faq", "minilm")

    assert found is not None
    assert found.corpus == "c"
    assert found.place == f"git:{ref}:{shown(folder)}/faq/minilm.json"
    assert GitBaselines.at(ref, folder).size("faq", "minilm") == 2
    now = FolderBaselines(folder).find("faq", "minilm")
    assert now is not None
    assert now.corpus == "changed"


@needs_git
def test_encoded_names_are_found_in_a_ref(committed):
    found = GitBaselines.at("main", committed[0]).find("faq", "models/a b@dim=64")

    assert found is not None
    assert found.model_spec == "models/a b@dim=64"


@needs_git
def test_a_file_that_the_ref_does_not_have_is_none(committed):
    folder, _ = committed

    for ref, model in (("empty", "minilm"), ("main", "bm25")):
        there = GitBaselines.at(ref, folder)

        assert there.find("faq", model) is None
        assert there.size("faq", model) is None


@needs_git
def test_a_folder_that_is_in_the_ref_alone_is_found(committed):
    """As after a checkout of a commit without baselines."""
    folder, _ = committed
    shutil.rmtree(folder)

    found = GitBaselines.at("v1", folder).find("faq", "minilm")

    assert found is not None
    assert found.corpus == "c"


@needs_git
def test_a_repository_in_a_folder_of_another_project_is_no_matter(committed, monkeypatch):
    """Paths are from the folder of baselines, not from the top of the repository."""
    folder, git = committed
    inner = folder.parent / "packages" / "one" / "baselines"
    FolderBaselines(inner).write(replace(BASELINE, corpus="inner"))
    git("add", ".")
    git("commit", "--message=inner")
    monkeypatch.chdir(inner.parent)

    found = GitBaselines.at("work", Path.cwd() / "baselines").find("faq", "minilm")

    assert found is not None
    assert (found.corpus, found.place) == ("inner", "git:work:baselines/faq/minilm.json")


@needs_git
@pytest.mark.parametrize(
    ("ref", "command"),
    [("nowhere", "git fetch origin nowhere"), ("origin/main", "git fetch origin main")],
)
def test_a_ref_that_is_not_there_is_a_usage_error_with_the_fetch_command(committed, ref, command):
    folder, _ = committed

    with pytest.raises(UsageError, match=f"git knows no commit '{ref}' here") as caught:
        GitBaselines.at(ref, folder)

    assert command in caught.value.remedy
    assert "fetch-depth: 0" in caught.value.remedy
    assert caught.value.where == shown(folder)


@needs_git
@pytest.mark.parametrize("ref", ["-h", "--git-dir=/elsewhere", "--help", "", "main:baselines"])
def test_a_ref_is_never_taken_for_an_option_or_a_path(committed, ref):
    with pytest.raises(UsageError, match="git knows no commit"):
        GitBaselines.at(ref, committed[0])


@pytest.mark.parametrize("ref", ["-h", "--upload-pack=touch x"])
def test_git_does_not_even_see_a_ref_that_looks_like_an_option(tmp_path, monkeypatch, ref):
    def run(*_, **__):
        raise AssertionError("git was called")

    monkeypatch.setattr(subprocess, "run", run)

    with pytest.raises(UsageError, match="git knows no commit"):
        GitBaselines.at(ref, tmp_path)


@needs_git
def test_a_folder_outside_of_any_repository_is_a_usage_error(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    with pytest.raises(UsageError, match="git knows no commit 'main' here"):
        GitBaselines.at("main", tmp_path)


def test_without_git_there_is_a_usage_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(UsageError, match="there is no git here"):
        GitBaselines.at("main", tmp_path)


@needs_git
@pytest.mark.parametrize(
    "content", [b"{}", b"", b"\xff\xfe", b'{"schema": 1, "suite": "\xff"}'], ids=repr
)
def test_a_damaged_file_in_a_ref_is_a_data_error_that_names_the_ref(repository, content):
    folder, git = repository
    path = folder / "baselines" / "faq" / "minilm.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    git("add", ".")
    git("commit", "--message=damaged")

    with pytest.raises(DataError, match="the baseline cannot be used") as caught:
        GitBaselines.at("main", folder / "baselines").find("faq", "minilm")

    assert caught.value.where.startswith("git:main:")


@needs_git
def test_bytes_that_are_no_text_damage_a_file_in_a_ref(repository):
    """They are not read as some other id."""
    folder, git = repository
    path = folder / "baselines" / "faq" / "minilm.json"
    path.parent.mkdir(parents=True)
    path.write_bytes("".join(lines_of(BASELINE)).encode().replace(b'"q1"', b'"q\xff"'))
    git("add", ".")
    git("commit", "--message=damaged")

    with pytest.raises(DataError, match="the baseline cannot be used"):
        GitBaselines.at("main", folder / "baselines").find("faq", "minilm")


@needs_git
def test_a_copied_baseline_in_a_ref_is_refused(committed):
    folder, git = committed
    shutil.copy(folder / "faq" / "minilm.json", folder / "faq" / "bm25.json")
    git("add", ".")
    git("commit", "--message=copied")

    with pytest.raises(DataError, match="a copied baseline judges nothing"):
        GitBaselines.at("work", folder).find("faq", "bm25")
