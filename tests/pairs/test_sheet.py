"""The sheet of mined negatives: what a person reads, text by text."""

from benchharness.pairs.sheet import sheet_lines


def test_each_negative_stands_with_its_query_and_positive():
    """Rule: texts are quoted line by line, so that nothing in them is Markdown."""
    lines = "".join(sheet_lines([("how?", "# so\nand so", "other", 12)]))

    assert lines == (
        "# Mined negatives\n\nDoes one of them answer its query? Then raise the margin.\n"
        "\n---\n\nquery:\n\n    how?\n\npositive:\n\n    # so\n    and so\n"
        "\nnegative, rank 12:\n\n    other\n"
    )
