"""Files of pairs: read line by line, refused by line, written and read back."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.errors import DataError
from benchharness.pairs.pair import JUDGMENTS, Pair, pair_lines, read_pairs


@pytest.fixture
def pairs_file(tmp_path):
    """Writes rows (as JSON) or raw lines into a file of pairs."""

    def write(*rows, name="clicks.jsonl"):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        file = tmp_path / name
        file.write_bytes("".join(f"{line}\n" for line in lines).encode())
        return file

    return write


def test_a_query_and_a_positive_are_enough(pairs_file):
    """Rule: the source is the file's name without its endings; all else has defaults."""
    file = pairs_file({"query": "reset my pin", "positive": "To reset the PIN, …"})

    assert read_pairs(file) == (Pair("reset my pin", "To reset the PIN, …", source="clicks"),)


def test_every_field_is_read(pairs_file):
    row = {
        "query": "q", "positive": "p", "query_id": "1", "doc_id": "d", "negatives": ["n", "m"],
        "source": "logs", "weight": 2, "synthetic": True,
    }  # fmt: skip

    found = read_pairs(pairs_file(row))

    assert found == (Pair("q", "p", "1", "d", ("n", "m"), "logs", 2.0, True),)  # noqa: FBT003


def test_pairs_keep_the_order_of_the_file_and_repeats(pairs_file):
    """Rule: who gathers removes repeats, and counts them."""
    rows = [{"query": name, "positive": "p"} for name in ("b", "a", "b")]

    assert [pair.query for pair in read_pairs(pairs_file(*rows))] == ["b", "a", "b"]


def test_texts_are_read_as_they_stand(pairs_file):
    """Rule: no blank is stripped, no case folded, a line break in a text is a text's."""
    row = {"query": "  Ünïcode ß 東京 \u2028", "positive": "two\nlines\t"}

    (found,) = read_pairs(pairs_file(row))

    assert (found.query, found.positive) == (row["query"], row["positive"])


@pytest.mark.parametrize("name", ["clicks.jsonl.gz", "clicks.jsonl"], ids=["named", "found"])
def test_a_compressed_file_is_read(tmp_path, name):
    """Rule: as every other input, under its own name or without the ending."""
    packed = gzip.compress(b'\xef\xbb\xbf{"query": "q", "positive": "p"}\r\n\n')
    (tmp_path / "clicks.jsonl.gz").write_bytes(packed)

    assert read_pairs(tmp_path / name) == (Pair("q", "p", source="clicks"),)


SOUND = {"query": "q", "positive": "p"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("no json", "no JSON object"),
        ('["q", "p"]', "no JSON object"),
        ('"text"', "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ('{"query": "q", "positive": "p"', "no JSON object"),
        ({"query": "q"}, "positive is None"),
        ({"positive": "p"}, "query is None"),
        (SOUND | {"query": ""}, "query is ''"),
        (SOUND | {"positive": " \n"}, "positive is ' \\n'"),
        (SOUND | {"query": 5}, "query is 5"),
        (SOUND | {"negative": "n"}, "unknown field 'negative'"),
        (SOUND | {"query_id": 7}, "query_id is 7"),
        (SOUND | {"doc_id": None}, "doc_id is None"),
        (SOUND | {"source": 1}, "source is 1"),
        (SOUND | {"negatives": "n"}, "negatives is 'n'"),
        (SOUND | {"negatives": [""]}, "negatives is ['']"),
        (SOUND | {"negatives": [None]}, "negatives is [None]"),
        (SOUND | {"negatives": None}, "negatives is None"),
        (SOUND | {"weight": 0}, "weight is 0"),
        (SOUND | {"weight": -1}, "weight is -1"),
        (SOUND | {"weight": "2"}, "weight is '2'"),
        (SOUND | {"weight": True}, "weight is True"),
        ('{"query": "q", "positive": "p", "weight": NaN}', "weight is nan"),
        ('{"query": "q", "positive": "p", "weight": 1e999}', "weight is inf"),
        ('{"query": "q", "positive": "p", "weight": 1' + "0" * 400 + "}", "weight is 1000"),
        (SOUND | {"synthetic": "yes"}, "synthetic is 'yes'"),
        (SOUND | {"synthetic": 1}, "synthetic is 1"),
        (SOUND | {"provenance": "llm"}, "provenance is 'llm'"),
        (SOUND | {"provenance": {"n": 1}}, "provenance is {'n': 1}"),
        (SOUND | {"provenance": {"n": "\ud83d"}}, "half of a surrogate pair"),
        (SOUND | {"query": "half \ud83d"}, "half of a surrogate pair"),
        (SOUND | {"negatives": ["n", "\ud83d"]}, "half of a surrogate pair"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
def test_a_wrong_line_is_refused_with_its_number(pairs_file, line, words):
    """Rule: file and line, what is wrong, and what to write; blank lines count."""
    file = pairs_file(SOUND, "", line)

    with pytest.raises(DataError) as caught:
        read_pairs(file)

    assert caught.value.where == f"{file}:3"
    assert words in caught.value.message
    assert caught.value.remedy


def test_a_column_too_many_says_why_it_matters(pairs_file):
    """Rule: the library would take it for a negative, silently."""
    with pytest.raises(DataError, match="would be taken for a negative"):
        read_pairs(pairs_file(SOUND | {"score": 0.7}))


@pytest.mark.parametrize("content", [b"", b"\n \n"], ids=["empty", "blank"])
def test_a_file_without_pairs_shows_how_one_is_written(tmp_path, content):
    file = tmp_path / "none.jsonl"
    file.write_bytes(content)

    with pytest.raises(DataError, match="holds no pair") as caught:
        read_pairs(file)

    assert '{"query": "…", "positive": "…"}' in caught.value.remedy


def test_a_file_that_is_not_there_is_a_wrong_path(tmp_path):
    with pytest.raises(DataError, match="no such file") as caught:
        read_pairs(tmp_path / "clicks.jsonl")

    assert "check the path" in caught.value.remedy


def test_a_file_of_another_encoding_is_refused(tmp_path):
    file = tmp_path / "latin.jsonl"
    file.write_bytes('{"query": "größe", "positive": "p"}\n'.encode("latin-1"))

    with pytest.raises(DataError, match="not UTF-8"):
        read_pairs(file)


def test_a_written_file_has_the_same_fields_in_every_line():
    """Rule: a field that no pair needs is left out; text is readable, one line each."""
    made = (("model", "m"), ("passage", "ab12"))
    pairs = [Pair("größe?", "eine\nAntwort"), Pair("q", "p", source="", provenance=made)]

    lines = list(pair_lines(pairs))

    assert lines == [
        '{"query": "größe?", "positive": "eine\\nAntwort", "source": "judgments", '
        '"provenance": {"model": "", "passage": ""}}\n',
        '{"query": "q", "positive": "p", "source": "", '
        '"provenance": {"model": "m", "passage": "ab12"}}\n',
    ]


def test_named_fields_are_written_for_pairs_that_come_one_by_one():
    """Rule: with `fields`, nothing is gathered first."""
    lines = pair_lines(iter([Pair("q", "p", weight=2.0)]), fields=["synthetic"])

    assert list(lines) == ['{"query": "q", "positive": "p", "synthetic": false}\n']


@pytest.mark.parametrize("is_mined", [True, False], ids=["all-mined", "one-mined"])
def test_datasets_loads_a_written_file(tmp_path, is_mined):
    """Rule: its blocks of 10 MB agree; a list that is empty in the first needs its type named."""
    datasets = pytest.importorskip("datasets")
    own = ("n",) if is_mined else ()
    pairs = [Pair(f"q{n}", "p " * 2_000, negatives=own) for n in range(3_000)]
    pairs.append(Pair("last", "p", negatives=("n",), provenance=(("model", "m"),)))
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(pair_lines(pairs)), encoding="utf-8", newline="")
    text = datasets.Value("string")
    fields = {"query": text, "positive": text, "negatives": [text]}
    fields |= {"source": text, "provenance": {"model": text}}

    loaded = datasets.load_dataset(
        "json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"),
        features=None if is_mined else datasets.Features(fields),
    )  # fmt: skip

    assert file.stat().st_size > 10 << 20
    assert loaded.num_rows == len(pairs)
    assert loaded[-1]["negatives"] == ["n"]


texts = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)
made_pairs = st.builds(
    Pair,
    query=texts,
    positive=texts,
    query_id=st.text(st.characters(codec="utf-8")),
    doc_id=st.text(st.characters(codec="utf-8")),
    negatives=st.lists(texts, max_size=2).map(tuple),
    source=texts | st.just(JUDGMENTS),
    weight=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    synthetic=st.booleans(),
    provenance=st.dictionaries(st.text(st.characters(codec="utf-8")), texts, max_size=2).map(
        lambda made: tuple(sorted(made.items()))
    ),
)


@given(st.lists(made_pairs, min_size=1, max_size=4))
def test_pairs_read_back_as_they_were_written(tmp_path_factory, pairs):
    """Rule: every field, every character, in order."""
    file = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    file.write_text("".join(pair_lines(pairs)), encoding="utf-8", newline="")

    assert read_pairs(file) == tuple(pairs)
