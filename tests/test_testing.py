"""The published doubles: quick, exact and the same everywhere."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchharness.errors import UsageError
from benchharness.models import registry
from benchharness.models.registry import open_model
from benchharness.testing import (
    HashEncoder,
    install_doubles,
    tiny_late_interaction_model,
    tiny_model,
    tiny_sparse_model,
    write_beir,
)


@pytest.fixture(autouse=True)
def _own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


def _encode(encoder: HashEncoder, *texts: str) -> np.ndarray:
    return np.concatenate([vectors for _, vectors in encoder.encode(texts, "query")])


def test_texts_that_share_words_are_nearer() -> None:
    """Equal words in any order or case are equal vectors; other words are at right angles."""
    fox, same, part, other = _encode(
        HashEncoder(1024), "red fox", "Fox, RED", "red house", "blue sky"
    )

    assert fox.tobytes() == same.tobytes()
    assert fox @ part == pytest.approx(0.5)
    assert fox @ other == pytest.approx(0.0)


def test_the_vectors_are_the_same_on_every_machine() -> None:
    r"""The sha256 of "\0fox" begins fb, 0xfb mod 8 is 3; its ninth byte is 6d, odd: plus."""
    vector = _encode(HashEncoder(8), "fox")[0]

    assert vector.tolist() == [0, 0, 0, 1, 0, 0, 0, 0]


def test_a_text_without_words_has_no_token_and_the_zero_vector() -> None:
    """As in a static model."""
    encoder = HashEncoder()

    assert not _encode(encoder, " ...")[0].any()
    assert encoder.token_counts([" ...", "two words"]).tolist() == [0, 2]


def test_parameters_are_the_fingerprint() -> None:
    """Another dimension or salt is another model; the spec's spelling is not."""
    assert HashEncoder(spec="x").fingerprint == HashEncoder().fingerprint
    assert len({HashEncoder(d, s).fingerprint for d in (8, 16) for s in ("", "x")}) == 4


def test_installed_doubles_open_by_spec() -> None:
    """`--bench-model hash@dim=16` in a test of a test."""
    install_doubles()
    install_doubles()  # a conftest may be imported twice

    found = open_model("hash@dim=16,salt=a")

    assert isinstance(found, HashEncoder)
    assert (found.dim, found.salt, found.spec) == (16, "a", "hash@dim=16,salt=a")


@pytest.mark.parametrize("spec", ["hash@dim=0", "hash@dim=x", "hash@size=3"])
def test_wrong_options_of_the_double_are_refused(spec: str) -> None:
    """As those of a real model are."""
    install_doubles()

    with pytest.raises(UsageError):
        open_model(spec)


def test_a_written_data_set_has_beirs_format(tmp_path: Path) -> None:
    """Read back by hand, line by line; a second split is added."""
    corpus = {"d1": "red fox", "d2": ("Sky", "blue é")}
    folder = write_beir(tmp_path / "data", corpus, {"q1": "fox"}, {"q1": {"d1": 1, "d2": 0}})
    write_beir(folder, corpus, {"q1": "fox"}, {"q1": {"d2": 2}}, split="train")
    rows = [json.loads(line) for line in (folder / "corpus.jsonl").read_text("utf-8").splitlines()]

    assert rows == [
        {"_id": "d1", "title": "", "text": "red fox"},
        {"_id": "d2", "title": "Sky", "text": "blue é"},
    ]
    assert json.loads((folder / "queries.jsonl").read_text()) == {"_id": "q1", "text": "fox"}
    header = "query-id\tcorpus-id\tscore\n"
    assert (folder / "qrels" / "test.tsv").read_text() == header + "q1\td1\t1\nq1\td2\t0\n"
    assert (folder / "qrels" / "train.tsv").read_text() == header + "q1\td2\t2\n"


@pytest.mark.parametrize("kind", ["static", "bert"])
def test_a_tiny_model_is_a_real_one_and_follows_its_seed(tmp_path: Path, kind: str) -> None:
    """Equal seeds are equal models; torch's own random state is left alone."""
    import torch

    state = torch.random.get_rng_state()
    models = [open_model(str(tiny_model(tmp_path / f"{n}", seed, kind=kind)))
              for n, seed in enumerate((5, 5, 6))]  # fmt: skip

    assert models[0].fingerprint == models[1].fingerprint != models[2].fingerprint
    assert models[0].trainable
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("make", [tiny_sparse_model, tiny_late_interaction_model])
def test_a_tiny_ranker_is_a_real_one_and_follows_its_seed(tmp_path: Path, make: Any) -> None:
    """Equal seeds give equal models; each ranks the document of the query's own words first."""
    specs = [str(make(tmp_path / str(n), seed)) for n, seed in enumerate((0, 0, 1))]

    one, same, other = (open_model(spec) for spec in specs)
    (row,) = one.scores(["a dog runs", "red cat"], ["red cat"])

    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert row.argmax() == 1


def test_an_unknown_kind_of_tiny_model_is_refused(tmp_path: Path) -> None:
    """The message says which there are."""
    with pytest.raises(UsageError, match="kind 'lstm'"):
        tiny_model(tmp_path, kind="lstm")
