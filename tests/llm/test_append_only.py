"""A file that only grows, and loses nothing that it has told to be kept."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchharness.errors import DataError, UsageError
from benchharness.llm.append_only import AppendOnly


def opened(path, identity=None, version=1):
    return AppendOnly(path, kind="ledger", version=version, identity=identity or {"model": "m"})


def kept(path):
    with opened(path) as file:
        return [record for _, record in file.records()]


def test_records_come_back_in_their_order_and_at_their_offsets(tmp_path):
    path = tmp_path / "new folder" / "a.jsonl"
    records = [{"n": 1}, {"text": "é\n\u2028🐈"}, {"n": 3}]

    with opened(path) as file:
        offsets = [file.append(record) for record in records]

        assert [file.record_at(offset) for offset in offsets] == records
    with opened(path) as file:
        assert list(file.records()) == list(zip(offsets, records, strict=True))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.data())
def test_a_file_cut_anywhere_keeps_every_whole_line(tmp_path, data):
    """Rule: a torn last line is cut off; the next record stands on a line of its own."""
    path = tmp_path / "a.jsonl"
    path.unlink(missing_ok=True)
    records = [{"n": number, "text": "x" * number} for number in range(5)]
    with opened(path) as file:
        for record in records:
            file.append(record)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    lines = max(0, whole[:cut].count(b"\n") - 1)

    with opened(path) as file:
        file.append({"n": "new"})

    assert kept(path) == [*records[:lines], {"n": "new"}]


def test_a_damaged_line_is_an_error_with_its_number(tmp_path):
    path = tmp_path / "a.jsonl"
    with opened(path) as file:
        file.append({"n": 1})
        file.append({"n": 2})
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + '{"n": \n' + lines[2])

    with opened(path) as file, pytest.raises(DataError) as caught:
        list(file.records())

    assert caught.value.where == f"{path}:2"


@pytest.mark.parametrize("content", ["hello", "hello\n", "[1]\n", '{"journal":1}\n', '{"x'])
def test_a_file_that_is_another_thing_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_text(content)

    with pytest.raises(DataError, match="not a ledger"):
        opened(path)

    assert path.read_text() == content


def test_another_identity_is_refused_with_both_named(tmp_path):
    path = tmp_path / "a.jsonl"
    opened(path, {"model": "old", "prompt": 1}).close()

    with pytest.raises(UsageError) as caught:
        opened(path, {"model": "new", "prompt": 1})

    assert "model 'old' there and 'new' now" in str(caught.value)
    assert "prompt" not in caught.value.message


def test_an_identity_is_compared_as_it_is_written(tmp_path):
    path = tmp_path / "a.jsonl"
    opened(path, {"kinds": ("a", "b")}).close()

    opened(path, {"kinds": ("a", "b")}).close()


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    opened(path, version=2).close()

    with pytest.raises(UsageError, match="version 2"):
        opened(path, version=1)


def test_another_process_is_kept_out_until_the_first_is_gone(tmp_path):
    path = tmp_path / "a.jsonl"
    program = (
        "import sys, pathlib; from benchharness.llm.append_only import AppendOnly\n"
        "f = AppendOnly(pathlib.Path(sys.argv[1]), kind='ledger', version=1, "
        "identity={'model': 'm'})\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"

    with pytest.raises(UsageError, match="another process works with this ledger"):
        opened(path)

    process.kill()
    process.communicate()
    opened(path).close()


def test_any_thread_may_let_the_file_go(tmp_path):
    file = opened(tmp_path / "a.jsonl")
    closing = threading.Thread(target=file.close)
    closing.start()
    closing.join()

    opened(tmp_path / "a.jsonl").close()


def test_an_error_in_opening_lets_the_lock_go(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("hello\n")
    with pytest.raises(DataError):
        opened(path)
    path.unlink()

    opened(path).close()


def test_threads_do_not_mix_their_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    with opened(path) as file:
        threads = [
            threading.Thread(
                target=lambda who=who: [file.append({"who": who, "n": n}) for n in range(20)]
            )
            for who in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    records = kept(path)
    assert len(records) == 160
    for who in range(8):
        assert [record["n"] for record in records if record["who"] == who] == list(range(20))


def test_a_full_disk_is_one_message_and_leaves_no_torn_line(tmp_path, monkeypatch):
    """Rule: after the disk has room again, the file goes on as if nothing had been tried."""
    path = tmp_path / "a.jsonl"
    with opened(path) as file:
        file.append({"n": 1})
        before = path.read_bytes()

        def full(handle):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(DataError, match="No space left on device") as caught:
                file.append({"n": 2})

        assert path.read_bytes() == before
        assert "not paid twice" in caught.value.remedy
        file.append({"n": 3})
    assert kept(path) == [{"n": 1}, {"n": 3}]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's size")
def test_a_write_that_the_system_cuts_leaves_no_torn_line(tmp_path):
    """Rule: a real refusal in mid-line, by a process that may write files of 100 bytes only."""
    path = tmp_path / "a.jsonl"
    program = (
        "import sys, pathlib, resource\n"
        "from benchharness.llm.append_only import AppendOnly\n"
        "from benchharness.errors import DataError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "f = AppendOnly(pathlib.Path(sys.argv[1]), kind='ledger', version=1, "
        "identity={'model': 'm'})\n"
        "f.append({'n': 1})\n"
        "try:\n    f.append({'n': 'x' * 80})\n"
        "except DataError as error:\n    print(error.message)\n"
        "f.append({'n': 2})\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )

    assert done.stdout == "the file cannot be written: File too large\n"
    assert kept(path) == [{"n": 1}, {"n": 2}]


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot be written"):
        opened(tmp_path / "file" / "a.jsonl")


def test_every_record_is_on_the_disk_before_the_call_returns(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle)))

    with opened(tmp_path / "a.jsonl") as file:
        begun = len(synced)
        file.append({"n": 1})

        assert begun >= 1
        assert len(synced) == begun + 1
        assert (tmp_path / "a.jsonl").read_text().endswith('{"n":1}\n')
