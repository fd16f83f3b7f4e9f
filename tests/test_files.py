"""Files are whole or absent."""

import hashlib

import pytest

from benchharness.files import write_atomically


def test_file_holds_the_lines_and_their_sha256(tmp_path):
    """Folders are made, and lines end the same way on every system."""
    digest = write_atomically(tmp_path / "new" / "file", ["a\n", "b é\n"])

    content = (tmp_path / "new" / "file").read_bytes()
    assert content == "a\nb é\n".encode()
    assert digest == hashlib.sha256(content).hexdigest()


def test_crash_while_writing_leaves_the_old_file(tmp_path):
    """Half a file never takes the place of a whole one, and no draft stays."""
    path = tmp_path / "file"
    path.write_text("old")

    def lines():
        yield "half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, lines())

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
