"""TREC collections: SGML documents and topics, and their plainer forms."""

import pytest

from benchharness.data import trec
from benchharness.errors import DataError

CORPUS = """<DOC>
<DOCNO> FT-2 </DOCNO>
<HEADLINE>Bees &amp; honey</HEADLINE>
<TEXT>
<P>Bees make
honey.</P>
</TEXT>
</DOC>
<doc><docno>FT-1</docno><text>one line</text></doc><DOC><DOCNO>FT-3</DOCNO>
no text element
</DOC>
"""
TOPICS = """<top>
<num> Number: 301
<title> Topic: who makes
honey
<desc> Description:
Not this.
</top>

<top><num>302</num><title>cats</title></top>
"""
QRELS = "301 0 FT-2 1\n302 0 FT-1 0\n302\t0\tFT-3 2\n"


@pytest.fixture
def files(tmp_path):
    def write(corpus=CORPUS, topics=TOPICS, qrels=QRELS):
        paths = [tmp_path / name for name in ("corpus.trec", "topics.txt", "qrels.txt")]
        for path, content in zip(paths, (corpus, topics, qrels), strict=True):
            path.write_text(content)
        return paths

    return write


def test_sgml_becomes_plain_text(files):
    """Rule: title + " " + text; tags and entities resolved, line breaks are layout."""
    dataset = trec.read(*files())

    assert dict(zip(dataset.corpus.ids, dataset.corpus.texts, strict=True)) == {
        "FT-1": "one line",
        "FT-2": "Bees & honey Bees make honey.",
        "FT-3": "no text element",
    }
    assert [dataset.corpus.line_at(row) for row in range(3)] == [9, 1, 9]


def test_a_topic_is_its_number_and_title(files):
    """Rule: descriptions and narratives are not part of the query."""
    assert trec.read(*files()).queries == {"301": "who makes honey", "302": "cats"}


def test_qrels_have_four_columns(files):
    """Rule: query, iteration, document, relevance, separated by any blanks."""
    qrels = trec.read(*files()).qrels

    assert qrels.doc_ids == ("FT-2", "FT-1", "FT-3")
    assert qrels.relevance.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    "topics", ["301\twho makes honey\n302\tcats\n", '{"id": 301, "text": "who makes honey"}\n']
)
def test_topics_may_be_a_table_or_json_lines(files, topics):
    """Rule: the first line tells the form."""
    assert trec.read(*files(topics=topics)).queries["301"] == "who makes honey"


def test_the_corpus_may_be_json_lines(files):
    """Rule: as in BEIR's layout."""
    dataset = trec.read(*files(corpus='{"docno": "FT-1", "title": "a", "text": "b"}\n'))

    assert list(dataset.corpus.texts) == ["a b"]


def test_the_corpus_may_be_a_folder(files, tmp_path):
    """Rule: every file below it is read; the order of the files changes nothing."""
    whole, topics, qrels = files()
    parts = tmp_path / "disks" / "part"
    parts.mkdir(parents=True)
    at = CORPUS.index("<doc>")
    (parts / "1").write_text(CORPUS[at:])
    (parts / "2").write_text(CORPUS[:at])

    apart = trec.read(tmp_path / "disks", topics, qrels)

    assert apart.corpus.fingerprint == trec.read(whole, topics, qrels).corpus.fingerprint
    assert apart.name == "disks"


@pytest.mark.parametrize(
    ("part", "content", "line", "words"),
    [
        ("corpus", "<DOC>\n<TEXT>x</TEXT>\n</DOC>", 1, "no <DOCNO>"),
        ("corpus", "\n<DOC>\n<DOCNO>a</DOCNO>\n", 2, "not closed"),
        ("corpus", "plain text\n", 1, "no <DOC> in the file"),
        ("topics", "<top>\n<title> x\n</top>", 1, "no <num>"),
        ("topics", "\n<top>\n<num> 1\n</top>", 2, "no <title>"),
        ("topics", "1\ta\n2 b\n", 2, "no tab"),
        ("topics", "nothing known\n", 1, "no <top> in the file"),
        ("qrels", "301 0 FT-2\n", 1, "3 columns, not 4"),
        ("qrels", "301 0 FT-2 1\n301 0 FT-1 x\n", 2, "'x' is not a whole number"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(files, part, content, line, words):
    """Rule: file:line of the element that is wrong."""
    paths = dict(zip(("corpus", "topics", "qrels"), files(**{part: content}), strict=True))

    with pytest.raises(DataError) as caught:
        trec.read(*paths.values())

    assert caught.value.where == f"{paths[part]}:{line}"
    assert words in caught.value.message
