"""No two runs share a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.report.files import run_names

pairs = st.lists(st.tuples(st.text(min_size=1, max_size=6), st.text(min_size=1, max_size=6)))


@pytest.mark.parametrize(
    ("suite", "model", "name"),
    [
        ("faq", "minilm@dim=64", "faq.minilm%40dim%3D64.trec"),
        ("faq", "BAAI/bge-small-en-v1.5", "faq.BAAI%2Fbge-small-en-v1.5.trec"),
        ("faq", "../../etc/passwd", "faq...%2F..%2Fetc%2Fpasswd.trec"),
    ],
)
def test_model_is_percent_encoded(suite, model, name):
    """A spec may hold what a file name may not."""
    assert run_names([(suite, model)]) == [name]


@pytest.mark.parametrize(
    "two",
    [
        [("a", "b.c"), ("a.b", "c")],
        [("faq", "Model"), ("faq", "model")],
        [("faq", "Model"), ("faq", "MODEL")],
        [("faq", "/" + "x" * 300), ("faq", "/" + "x" * 301)],
    ],
)
def test_names_that_would_meet_are_told_apart(two):
    """Also where case does not count, and where a long name is cut."""
    one, other = run_names(two)

    assert one.lower() != other.lower()
    assert len(one) < 255


@given(pairs.map(lambda found: list(dict.fromkeys(found))))
def test_no_two_names_are_equal(found):
    """Whatever the suites and models are called."""
    names = run_names(found)

    assert len({name.lower() for name in names}) == len(found)
    assert all("/" not in name for name in names)
