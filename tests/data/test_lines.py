"""Lines of plain and compressed files, and what is said of those that cannot be read."""

import gzip
import sys

import pytest
import zstandard

from benchharness.data.lines import find_file, numbered_lines
from benchharness.errors import DataError, MissingDependency

TEXT = "one\n\ntwo \u2028 still two\r\n  \nthree".encode()


def pack(path, content):
    if path.suffix == ".gz":
        content = gzip.compress(content)
    elif path.suffix == ".zst":
        content = zstandard.compress(content[:4]) + zstandard.compress(content[4:])
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_lines_are_numbered_as_an_editor_numbers_them(tmp_path, suffix):
    """Rule: only a line feed ends a line; blank lines are skipped but counted."""
    path = pack(tmp_path / f"a.jsonl{suffix}", TEXT)

    found = list(numbered_lines(path))

    assert found == [(1, "one"), (3, "two \u2028 still two"), (5, "three")]


def test_a_byte_order_mark_is_dropped(tmp_path):
    """Rule: files from Windows editors read like others."""
    path = pack(tmp_path / "a", "\ufeffone".encode())

    assert list(numbered_lines(path)) == [(1, "one")]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: whole[: len(whole) // 2] + b"\xff" * (len(whole) // 2),
    ],
    ids=["half", "all but a byte", "overwritten"],
)
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_damaged_file_is_a_data_error(tmp_path, suffix, damage):
    """Rule: a truncated download names its file, without a traceback of the library."""
    lines = b"".join(b"line %d\n" % (number * number) for number in range(20_000))
    whole = pack(tmp_path / f"a{suffix}", lines).read_bytes()
    broken = tmp_path / f"b{suffix}"
    broken.write_bytes(damage(whole))

    with pytest.raises(DataError, match="damaged") as caught:
        list(numbered_lines(broken))

    assert caught.value.where.startswith(f"{broken}:")


def test_not_compressed_at_all_is_a_data_error(tmp_path):
    """Rule: a plain file that is called .gz is named as damaged."""
    path = tmp_path / "a.gz"
    path.write_bytes(b"plain")

    with pytest.raises(DataError, match="damaged"):
        list(numbered_lines(path))


def test_bytes_that_are_not_utf8_name_their_line(tmp_path):
    """Rule: file, line, byte and the command that converts the file."""
    path = pack(tmp_path / "a", b"fine\ncaf\xe9\n")

    with pytest.raises(DataError, match="0xe9 at byte 4") as caught:
        list(numbered_lines(path))

    assert caught.value.where == f"{path}:2"
    assert "iconv" in caught.value.remedy


def test_the_plain_file_comes_before_its_compressed_twins(tmp_path):
    """Rule: name, name.gz, name.zst, the first that exists."""
    for name in ("a.zst", "a.gz"):
        (tmp_path / name).touch()

    packed = find_file(tmp_path / "a")
    (tmp_path / "a").touch()

    assert packed == tmp_path / "a.gz"
    assert find_file(tmp_path / "a") == tmp_path / "a"


def test_a_missing_file_says_what_was_looked_for(tmp_path):
    """Rule: the path as given, and the names that would have done."""
    with pytest.raises(DataError) as caught:
        find_file(tmp_path / "corpus.jsonl")

    assert caught.value.where == str(tmp_path / "corpus.jsonl")
    assert "corpus.jsonl, corpus.jsonl.gz, corpus.jsonl.zst" in caught.value.message


def test_zst_without_the_package_names_the_extra(tmp_path, monkeypatch):
    """Rule: an optional package is asked for by the command that installs it."""
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(MissingDependency) as caught:
        list(numbered_lines(tmp_path / "a.zst"))

    assert "benchharness[zstd]" in caught.value.remedy


def test_a_folder_in_place_of_a_file_is_named_as_one(tmp_path):
    """Rule: "no such file" would send a reader to look for a wrong path."""
    with pytest.raises(DataError, match="this is a folder"):
        find_file(tmp_path)
