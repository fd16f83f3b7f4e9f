"""Lines of judgments: written as they are read."""

import pytest

from benchharness.data.judgments import HEAD, read_tsv, tsv_line
from benchharness.errors import DataError


def test_written_judgments_are_read_back(tmp_path):
    """Rule: ids of any letters, with blanks, quotes and commas."""
    ids = [("q 1", "d,1"), ("ü", '"d"'), ("東京", "a|b")]
    lines = [HEAD, *(tsv_line(query_id, doc_id, 2) for query_id, doc_id in ids)]
    (tmp_path / "test.tsv").write_text("".join(lines), encoding="utf-8")

    found = [
        (query_id, doc_id, grade) for query_id, doc_id, grade, _ in read_tsv(tmp_path / "test.tsv")
    ]

    assert found == [(query_id, doc_id, 2) for query_id, doc_id in ids]


@pytest.mark.parametrize("broken", ["a\tb", "a\nb", "a\rb"])
def test_an_id_that_would_break_the_line_is_refused(broken):
    """Rule: whichever of both it is; it would be read as another judgment."""
    for ids in ((broken, "d"), ("q", broken)):
        with pytest.raises(DataError, match="tab or a line break"):
            tsv_line(*ids)
