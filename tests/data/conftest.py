"""Small collections on disk, written by the tests themselves."""

import json

import pytest

DOCUMENTS = [
    {"_id": "d2", "title": "", "text": "bees make honey"},
    {"_id": "d1", "title": "Cats", "text": "sleep all day"},
    {"_id": "d10", "text": "no title here"},
]
QUERIES = [{"_id": "q1", "text": "who sleeps"}, {"_id": "q2", "text": "who makes honey"}]


@pytest.fixture
def make_beir(tmp_path):
    """Writes a BEIR folder of three documents; each part may be given as rows, text or bytes."""

    def make(name="set", corpus=DOCUMENTS, queries=QUERIES, qrels="q1\td1\t1\nq2\td2\t2\n"):
        folder = tmp_path / name
        (folder / "qrels").mkdir(parents=True, exist_ok=True)
        parts = {"corpus.jsonl": corpus, "queries.jsonl": queries, "qrels/test.tsv": qrels}
        for path, content in parts.items():
            listed = isinstance(content, list)
            text = "".join(json.dumps(row) + "\n" for row in content) if listed else content
            (folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    return make
