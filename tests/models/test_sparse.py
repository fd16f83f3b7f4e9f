"""Sparse encoders against the library's own similarity, search and evaluator."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_matrix

from benchharness.data.dataset import Dataset
from benchharness.errors import ModelError, UsageError
from benchharness.evaluation.measure import measure_system
from benchharness.measures import parse_measure
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import is_encoder
from benchharness.models.registry import open_model
from benchharness.models.sparse import Postings, SparseRanker, _row
from benchharness.testing import tiny_sparse_model, write_beir
from benchharness.train.prepare import trainable_encoder

DOCUMENTS = ["the red cat sleeps", "a dog runs in the garden", "", "one old horse eats", "fox fox"]
QUERIES = ["red cat", "the dog", "horse in a house"]


def _open(folder: Path, options: str = "") -> SparseRanker:
    found = open_model(f"{folder}{options}")
    assert isinstance(found, SparseRanker)
    return found


def _rows(ranker: SparseRanker, documents: Any = DOCUMENTS) -> np.ndarray[Any, Any]:
    return np.array(list(ranker.scores(documents, QUERIES)))


def _library(folder: Path, **settings: Any) -> Any:
    from sentence_transformers import SparseEncoder

    return SparseEncoder(str(folder), device="cpu", local_files_only=True, **settings)


def _vectors(model: Any, side: str, **options: Any) -> Any:
    """Dense tensors: the library's sparse ones warn that they are a beta."""
    encode, texts = getattr(model, f"encode_{side}"), QUERIES if side == "query" else DOCUMENTS
    return encode(texts, convert_to_sparse_tensor=False, **options)


def test_scores_are_the_librarys_similarity(sparse_model: Path) -> None:
    """Dot products of the vectors that the library gives for queries and documents."""
    model = _library(sparse_model)
    expected = model.similarity(_vectors(model, "query"), _vectors(model, "document"))

    found = _rows(_open(sparse_model))

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)


def test_a_model_of_cosine_similarity_keeps_it(tmp_path: Path) -> None:
    """Rule: vectors are compared as the model was trained to."""
    folder = tiny_sparse_model(tmp_path / "cosine", similarity="cosine")
    model = _library(folder)
    expected = model.similarity(_vectors(model, "query"), _vectors(model, "document"))

    found = _rows(_open(folder))

    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5)
    assert 0.0 < found.max() <= 1.0


def test_prompts_length_and_active_dimensions_are_those_of_the_options(sparse_model: Path) -> None:
    """The library is told the same by its own means."""
    model = _library(sparse_model, max_active_dims=2)
    model.max_seq_length = 4
    expected = model.similarity(
        _vectors(model, "query", prompt="old "), _vectors(model, "document", prompt="new ")
    ).numpy()

    options = "@max_active_dims=2,max_length=4,query_prompt=old ,document_prompt=new "
    found = _rows(_open(sparse_model, options))

    np.testing.assert_allclose(found, np.where(expected == 0, -np.inf, expected), rtol=1e-5)
    assert not np.allclose(found, _rows(_open(sparse_model)))


def test_the_models_own_number_of_active_dimensions_holds(tmp_path: Path) -> None:
    """Rule: an option that repeats it changes nothing, not even the fingerprint."""
    folder = tiny_sparse_model(tmp_path / "few", max_active_dims=3)
    own, repeated, other = (
        _open(folder, options) for options in ("", "@max_active_dims=3", "@max_active_dims=2")
    )

    rows = _rows(own)

    assert own.costs["bytes_per_vector"] == 3 * 8
    assert own.fingerprint == repeated.fingerprint != other.fingerprint
    np.testing.assert_array_equal(rows, _rows(repeated))


def test_no_common_dimension_is_not_retrieved(sparse_model: Path) -> None:
    """Worked out from the library's vectors: -inf, where the dot product would be 0."""
    model = _library(sparse_model, max_active_dims=1)
    asked, told = (_vectors(model, side).numpy().argmax(axis=1) for side in ("query", "document"))

    found = _rows(_open(sparse_model, "@max_active_dims=1"))

    assert (np.isneginf(found) == (asked[:, None] != told)).all()
    assert np.isneginf(found).any()


@pytest.mark.filterwarnings("ignore:Sparse")  # torch calls its sparse tensors a beta
def test_results_are_those_of_the_librarys_evaluator(sparse_model: Path, tmp_path: Path) -> None:
    """nDCG@10, MRR@10 and recall@3 of a small collection, by two implementations."""
    from sentence_transformers.sparse_encoder.evaluation import SparseInformationRetrievalEvaluator

    corpus = {f"d{n}": text for n, text in enumerate(DOCUMENTS)}
    queries = {f"q{n}": text for n, text in enumerate(QUERIES)}
    qrels = {"q0": {"d0": 1}, "q1": {"d1": 1, "d4": 1}, "q2": {"d3": 1}}
    evaluator = SparseInformationRetrievalEvaluator(
        queries, corpus, {query: set(found) for query, found in qrels.items()},
        precision_recall_at_k=[3], mrr_at_k=[10], ndcg_at_k=[10], name="tiny", write_csv=False,
    )  # fmt: skip
    expected = evaluator(_library(sparse_model))

    data = _dataset(write_beir(tmp_path, corpus, queries, qrels))
    names = ("recall@3", "mrr@10", "ndcg@10")
    result = measure_system(
        data, _open(sparse_model), [parse_measure(name) for name in names],
        name="tiny", cache=EmbeddingCache.none(),
    )  # fmt: skip

    means = [float(np.mean(result.values[name])) for name in names]
    keys = ("tiny_dot_recall@3", "tiny_dot_mrr@10", "tiny_dot_ndcg@10")
    np.testing.assert_allclose(means, [expected[key] for key in keys], rtol=1e-6)


def _dataset(folder: Path) -> Dataset:
    from benchharness import beir
    from benchharness.data.load import load

    return load(beir(str(folder)), folder)


def test_a_row_does_not_depend_on_the_other_queries(sparse_model: Path) -> None:
    """Bit for bit, whether queries come together or one by one."""
    ranker = _open(sparse_model)

    together = _rows(ranker)
    alone = [next(ranker.scores(DOCUMENTS, [query])) for query in QUERIES]

    np.testing.assert_array_equal(together, alone)


def test_scores_do_not_depend_on_the_order_of_documents(sparse_model: Path) -> None:
    """Bit for bit, so that ties stay ties."""
    there = _rows(_open(sparse_model))
    back = _rows(_open(sparse_model), DOCUMENTS[::-1])

    np.testing.assert_array_equal(there, back[:, ::-1])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 9))
def test_a_score_is_that_of_its_document_alone(seed: int, documents: int, width: int) -> None:
    """Rule: given the vectors, what else is in the matrix changes no bit; float64, then rounded."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(documents, width)).astype(np.float32)
    vectors[random.random(vectors.shape) < 0.5] = 0
    query = random.normal(size=width).astype(np.float32).astype(np.float64)
    query[random.random(width) < 0.3] = 0

    row = _row(Postings(csc_matrix(vectors), np.ones(documents)), query, cosine=False)

    for text, score in zip(vectors, row, strict=True):
        alone = _row(Postings(csc_matrix(text[None]), np.ones(1)), query, cosine=False)
        by_hand = 0.0
        for weight, own in zip(query.tolist(), text.tolist(), strict=True):
            by_hand += weight * own
        has_common = ((query != 0) & (text != 0)).any()
        assert score == alone[0] == (np.float32(by_hand) if has_common else -np.inf)


def test_documents_are_encoded_once_for_an_object(
    sparse_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: the same object is not encoded again, another one is, however equal."""
    ranker = _open(sparse_model)
    encoded: list[int] = []
    own = ranker.loaded.encode_document

    def counted(texts: list[str], **options: Any) -> Any:
        encoded.append(len(texts))
        return own(texts, **options)

    monkeypatch.setattr(ranker.loaded, "encode_document", counted)
    first = _rows(ranker)
    again = _rows(ranker)
    assert sum(encoded) == len(DOCUMENTS)
    other = _rows(ranker, list(DOCUMENTS))

    assert sum(encoded) == 2 * len(DOCUMENTS)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, other)


def test_nothing_is_asked_of_nothing(sparse_model: Path) -> None:
    """No query gives no row and loads no model, no document a row without a score."""
    ranker = _open(sparse_model)

    assert list(ranker.scores(DOCUMENTS, [])) == []
    assert ranker._model is None
    assert [row.tolist() for row in ranker.scores([], QUERIES[:1])] == [[]]


def test_costs_and_details_are_measured_of_the_documents(sparse_model: Path) -> None:
    """8 bytes for each active dimension, on average; nothing before documents are encoded."""
    ranker = _open(sparse_model, "@max_active_dims=7")
    before = dict(ranker.costs), dict(ranker.details)
    active = _vectors(_library(sparse_model, max_active_dims=7), "document") > 0

    _rows(ranker)

    assert set(before[0]) == {"size"}
    assert ranker.costs["bytes_per_vector"] == pytest.approx(8 * active.sum().item() / 5)
    assert ranker.details["kind"] == "sparse encoder"
    assert ranker.details["vocabulary"] == f"{active.shape[1]} dimensions"
    assert ranker.details["active dimensions of a document"] == "7.0 on average"
    assert "active dimensions of a document" not in before[1]
    assert "scipy" in ranker.encode_path


def test_the_fingerprint_is_of_content_and_options(sparse_model: Path, tmp_path: Path) -> None:
    """Rule: neither the path nor the device counts; a length, a prompt and a weight do."""
    copied = shutil.copytree(sparse_model, tmp_path / "elsewhere")
    own = _open(sparse_model).fingerprint
    changed = {
        _open(sparse_model, option).fingerprint
        for option in ("@max_length=8", "@query_prompt=a ", "@dtype=bfloat16", "@max_active_dims=9")
    }

    same = {_open(copied, option).fingerprint for option in ("", "@device=cpu", "@max_length=64")}
    other = tiny_sparse_model(tmp_path / "other", seed=9)

    assert same == {own}
    assert len(changed | {own, _open(other).fingerprint}) == 6


def test_a_sparse_encoder_is_a_ranker_that_cannot_be_trained(sparse_model: Path) -> None:
    """It opens as a system; what needs one dense vector says so."""
    ranker = open_model(str(sparse_model))

    assert not is_encoder(ranker)
    assert not ranker.trainable
    with pytest.raises(UsageError, match="no weights that could be trained here"):
        trainable_encoder(str(sparse_model), Path())


def test_a_sparse_encoder_opens_without_torch(sparse_model: Path) -> None:
    """What it is and its fingerprint come from small files and the weights' bytes."""
    code = (
        "import sys\n"
        "from benchharness.models.registry import open_model\n"
        f"found = open_model({str(sparse_model)!r})\n"
        "assert found.fingerprint and found.details and found.encode_path\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("dim=8", "unknown option 'dim'"),
        ("trust_remote_code=yes", "unknown option 'trust_remote_code'"),
        ("max_active_dims=0", "not a whole number of at least 1"),
        ("max_active_dims=few", "not a whole number of at least 1"),
        ("revision=main", "this is a directory"),
    ],
)
def test_wrong_options_are_named(sparse_model: Path, options: str, words: str) -> None:
    """Options of models with one vector are refused, not passed over."""
    with pytest.raises(UsageError, match=words):
        open_model(f"{sparse_model}@{options}")


def test_active_dimensions_are_no_option_of_an_encoder(static_model: Path) -> None:
    """A misplaced option is not passed over."""
    with pytest.raises(UsageError, match="unknown option 'max_active_dims'"):
        open_model(f"{static_model}@max_active_dims=3")


def test_more_tokens_than_positions_are_refused(sparse_model: Path) -> None:
    """The model would fail on the first long text, after minutes."""
    with pytest.raises(ModelError, match="above the 64 positions"):
        open_model(f"{sparse_model}@max_length=65")


def test_weights_that_are_no_numbers_are_an_error(sparse_model: Path, tmp_path: Path) -> None:
    """Rule: NaN never becomes a score."""
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(sparse_model, tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["cls.predictions.bias"].fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelError, match="not finite"):
        _rows(_open(folder))


def test_a_batch_beyond_the_memory_says_what_helps(
    sparse_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback of torch's."""
    import torch

    ranker = _open(sparse_model)

    def exhausted(_texts: list[str], **_options: Any) -> Any:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(ranker.loaded, "encode_document", exhausted)

    with pytest.raises(ModelError, match="does not fit into the memory of cpu") as caught:
        _rows(ranker)
    assert "@max_length" in caught.value.remedy


def test_a_pickle_is_never_read(sparse_model: Path, tmp_path: Path) -> None:
    """Weights come from safetensors only."""
    folder = shutil.copytree(sparse_model, tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(ModelError, match="pickle"):
        open_model(str(folder))
