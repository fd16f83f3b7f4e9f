"""The folder of a run: one question, one process, and what is finished stays finished."""

import json
import subprocess
import sys

import pytest
from safetensors import SafetensorError

from benchharness.errors import UsageError
from benchharness.train import run_folder
from benchharness.train.run_folder import finish, finished, opened, replace_folder, write_lines

QUESTION = {"model": "m", "recipe": {"epochs": 2, "matryoshka": (128, 64)}, "pairs": "ab" * 32}


def test_a_new_folder_is_made_and_remembers_its_question(tmp_path):
    """Rule: the question, and the versions of the libraries that answer it."""
    with opened(tmp_path / "deep" / "run", QUESTION) as folder:
        kept = json.loads((folder / "run.json").read_text())

    assert kept.pop("versions").keys() >= {"torch", "sentence-transformers"}
    assert kept == json.loads(json.dumps(QUESTION))


def test_the_same_question_goes_on_in_its_folder(tmp_path):
    """Rule: a tuple read back as a list is no difference; the file is not written again."""
    with opened(tmp_path / "run", QUESTION) as folder:
        before = (folder / "run.json").stat()

    with opened(tmp_path / "run", QUESTION) as folder:
        after = (folder / "run.json").stat()

    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (QUESTION | {"model": "n"}, "model was 'm', now 'n'"),
        (QUESTION | {"recipe": {"epochs": 3, "matryoshka": (128, 64)}},
         "recipe epochs was 2, now 3"),
        (QUESTION | {"recipe": {"epochs": 2}}, "recipe matryoshka was [128, 64], now None"),
        (QUESTION | {"seed": 1}, "seed was None, now 1"),
    ],
    ids=["value", "nested", "one less", "one more"],
)  # fmt: skip
def test_another_question_is_refused_with_what_differs(tmp_path, asked, words):
    """Rule: a folder serves one question; what is there is left alone."""
    with opened(tmp_path / "run", QUESTION) as folder:
        finish(folder / "fold-1", {"value": 1})

    with pytest.raises(UsageError) as caught, opened(tmp_path / "run", asked):
        pytest.fail("opened")

    assert words in caught.value.message
    assert "--out" in caught.value.remedy
    assert finished(tmp_path / "run" / "fold-1") == {"value": 1}


def test_other_libraries_are_another_question(tmp_path, monkeypatch):
    """Rule: other versions give other bits, and the message names the library."""
    with opened(tmp_path / "run", QUESTION):
        pass
    monkeypatch.setattr(run_folder.metadata, "version", lambda _: "0.1")

    with pytest.raises(UsageError, match=r"versions accelerate was '.*', now '0\.1'"):
        opened(tmp_path / "run", QUESTION).__enter__()


def test_many_differences_are_told_as_three(tmp_path):
    with opened(tmp_path / "run", dict.fromkeys("abcdef", 1)):
        pass

    with pytest.raises(UsageError) as caught:
        opened(tmp_path / "run", dict.fromkeys("abcdef", 2)).__enter__()

    assert caught.value.message.endswith("a was 1, now 2; b was 1, now 2; c was 1, now 2")


@pytest.mark.parametrize("content", [b"{", b"", b"[]", b"\xff\xfe"], ids=repr)
def test_a_damaged_folder_is_never_taken_for_the_same_run(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)

    with pytest.raises(UsageError, match="holds another run"):
        opened(tmp_path, QUESTION).__enter__()


def test_a_second_process_is_sent_away(tmp_path):
    """Rule: while the first one works; afterwards the folder is free again."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom benchharness.errors import UsageError\n"
        "from benchharness.train.run_folder import opened\n"
        "try:\n    with opened(Path(sys.argv[1]), {'a': 1}): print('opened')\n"
        "except UsageError as error: print(error.message)\n"
    )

    def second():
        return subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True
        ).stdout.strip()

    with opened(tmp_path, {"a": 1}):
        during = second()

    assert during == "another process is fine-tuning into this folder"
    assert second() == "opened"


def test_a_failure_inside_frees_the_folder_and_passes_through(tmp_path):
    """Rule: only what the disk says is put into words."""
    with pytest.raises(ZeroDivisionError), opened(tmp_path, QUESTION):
        raise ZeroDivisionError

    with opened(tmp_path, QUESTION) as folder:
        assert folder == tmp_path


def test_a_full_disk_is_told_with_the_way_on(tmp_path):
    """Rule: what is finished is kept, so the same command goes on."""
    with pytest.raises(UsageError) as caught, opened(tmp_path, QUESTION):
        raise OSError(28, "No space left on device", "x/model.safetensors")

    assert caught.value.message == "the run cannot be written: No space left on device"
    assert caught.value.where == "x/model.safetensors"
    assert "same command" in caught.value.remedy


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "run").write_text("")

    with pytest.raises(UsageError, match="cannot be written"):
        opened(tmp_path / "run", QUESTION).__enter__()


# Stages


def test_a_stage_is_finished_once_its_result_is_there(tmp_path):
    before = finished(tmp_path / "fold-1")

    finish(tmp_path / "fold-1", {"values": {"q1": 0.1}, "é": None})

    assert before is None
    assert finished(tmp_path / "fold-1") == {"values": {"q1": 0.1}, "é": None}


def test_numbers_of_a_stage_come_back_bit_for_bit(tmp_path):
    """Rule: a run that went on gives the numbers of one that was not killed."""
    values = [0.1 + 0.2, 1e-300, float("inf"), 2 / 3]

    finish(tmp_path, {"values": values})

    assert finished(tmp_path)["values"] == values


@pytest.mark.parametrize("content", [b"", b'{"value": 1', b"\xff"], ids=repr)
def test_a_result_that_is_cut_off_is_not_finished(tmp_path, content):
    """Rule: the stage is done again."""
    (tmp_path / "result.json").write_bytes(content)

    assert finished(tmp_path) is None


def test_a_finished_stage_takes_its_checkpoints_away_and_nothing_else(tmp_path):
    """Rule: those of rounds too; files and other folders stay."""
    for name in ("checkpoint-10", "checkpoint-20/deep", "round-1/checkpoint-5", "best"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "model.safetensors").write_text("weights")
    (tmp_path / "checkpoint-note.txt").write_text("a file")

    finish(tmp_path, {})

    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert left == [
        "best", "best/model.safetensors", "checkpoint-note.txt", "result.json", "round-1",
    ]  # fmt: skip


@pytest.mark.parametrize("is_there", [True, False])
def test_a_new_folder_replaces_the_old_one_whole(tmp_path, is_there):
    """Rule: no file of the old one is left."""
    old, new = tmp_path / "candidate", tmp_path / "candidate.part"
    if is_there:
        old.mkdir()
        (old / "stale").write_text("")
    new.mkdir()
    (new / "fresh").write_text("")

    replace_folder(old, new)

    assert [path.name for path in old.iterdir()] == ["fresh"]
    assert not new.exists()


def test_lines_are_written_whole_or_not_at_all(tmp_path):
    """Rule: a writer that fails leaves what was there."""
    file = tmp_path / "pairs.jsonl"
    write_lines(file, ["old\n"])

    def failing():
        yield "new\n"
        raise ValueError

    with pytest.raises(ValueError):
        write_lines(file, failing())

    assert file.read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.jsonl"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        ),
        RuntimeError("[enforce fail] . PytorchStreamWriter failed writing file data/0"),
    ],
    ids=["python", "safetensors", "torch"],
)
def test_a_full_disk_is_one_message_and_loses_nothing(tmp_path, error):
    """Rule: whichever library meets it; what is finished stays, and the command is typed again."""
    with pytest.raises(UsageError, match="cannot be written") as caught:  # noqa: SIM117, PT012
        with opened(tmp_path / "run", QUESTION) as folder:
            finish(folder / "fold-1", {"value": 1})
            raise error

    assert "make room" in caught.value.remedy
    assert finished(tmp_path / "run" / "fold-1") == {"value": 1}


@pytest.mark.parametrize("error", [RuntimeError("a defect"), FileNotFoundError(2, "gone", "x")])
def test_what_is_no_full_disk_is_not_called_one(tmp_path, error):
    """Rule: another error keeps its own words."""
    with pytest.raises(type(error), match=r"defect|gone"), opened(tmp_path / "run", QUESTION):
        raise error
