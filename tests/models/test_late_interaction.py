"""Late interaction against the library's similarity and its evaluator."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchharness import beir
from benchharness.data.load import load
from benchharness.errors import ModelError, UsageError
from benchharness.evaluation.measure import measure_system
from benchharness.measures import parse_measure
from benchharness.models import late_interaction
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import is_encoder, scores_pairs
from benchharness.models.late_interaction import LateInteractionRanker
from benchharness.models.max_sim import LAST
from benchharness.models.registry import open_model
from benchharness.progress import Step
from benchharness.testing import tiny_late_interaction_model, write_beir
from benchharness.train.prepare import trainable_encoder

DOCUMENTS = ["the red cat sleeps", "a dog runs in the garden", "one old horse eats", "fox fox"]
QUERIES = ["red cat", "the dog", "horse in a house"]


def _open(folder: Path, options: str = "") -> LateInteractionRanker:
    found = open_model(f"{folder}{options}")
    assert isinstance(found, LateInteractionRanker)
    return found


def _rows(ranker: LateInteractionRanker, documents: Any = DOCUMENTS) -> NDArray[np.float32]:
    return np.array(list(ranker.scores(documents, QUERIES)))


def _library(folder: Path) -> Any:
    from sentence_transformers import MultiVectorEncoder

    return MultiVectorEncoder(str(folder), device="cpu", local_files_only=True)


def _expected(model: Any, **prompts: str) -> NDArray[np.float32]:
    queries = model.encode_query(QUERIES, prompt=prompts.get("query"))
    documents = model.encode_document(DOCUMENTS, prompt=prompts.get("document"))
    found: NDArray[np.float32] = model.similarity(queries, documents).numpy()
    return found


# --- models -------------------------------------------------------------------------------------


def test_scores_are_the_librarys_similarity(late_model: Path) -> None:
    """With a query expansion and words that are skipped, as the model says."""
    expected = _expected(_library(late_model))

    found = _rows(_open(late_model))

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_model_of_mean_maxsim_keeps_it(tmp_path: Path) -> None:
    """Rule: scores are those that the model was trained with."""
    folder = tiny_late_interaction_model(tmp_path / "mean", similarity="meanmaxsim")

    found = _rows(_open(folder))

    np.testing.assert_allclose(found, _expected(_library(folder)), rtol=1e-5)
    assert np.abs(found).max() <= 1.0


def test_prompts_and_the_length_of_documents_are_those_of_the_options(late_model: Path) -> None:
    """The library is told the same by its own means; queries keep their own length."""
    model = _library(late_model)
    model[0].document_length = 4
    expected = _expected(model, query="old ", document="new ")

    ranker = _open(late_model, "@max_length=4,query_prompt=old ,document_prompt=new ")

    np.testing.assert_allclose(_rows(ranker), expected, rtol=1e-5)
    assert not np.allclose(expected, _expected(_library(late_model)))


def test_the_models_own_length_of_documents_holds(tmp_path: Path) -> None:
    """Rule: an option that repeats it changes nothing, not even the fingerprint."""
    folder = tiny_late_interaction_model(tmp_path / "short", document_length=5)
    own, repeated, other = (
        _open(folder, options) for options in ("", "@max_length=5", "@max_length=6")
    )

    rows = _rows(own)

    assert own.max_length == 5
    assert own.fingerprint == repeated.fingerprint != other.fingerprint
    np.testing.assert_array_equal(rows, _rows(repeated))
    np.testing.assert_allclose(rows, _expected(_library(folder)), rtol=1e-5)


def test_directories_of_pylate_are_read(tmp_path: Path) -> None:
    """Its kind, its class and its prefixes under their old names, as the library reads them.

    Rule: a prefix comes before the prompt of its role, once.
    """
    folder = tiny_late_interaction_model(tmp_path / "pylate")
    settings_file, modules_file = (
        folder / f"{name}.json" for name in ("config_sentence_transformers", "modules")
    )
    saved = json.loads(settings_file.read_text()) | {
        "model_type": "ColBERT", "query_prefix": "red ", "document_prefix": "blue ",
        "query_length": 6, "document_length": 5, "do_query_expansion": False,
        "similarity_fn_name": "cosine", "prompts": {"query": "red old ", "document": "new "},
    }  # fmt: skip
    settings_file.write_text(json.dumps(saved))
    modules = json.loads(modules_file.read_text())[:2]
    modules[1]["type"] = "pylate.models.Dense.Dense"
    modules_file.write_text(json.dumps(modules))

    ranker = _open(folder)

    assert ranker.prompts == {"query": "red old ", "document": "blue new "}
    assert ranker.max_length == 5
    np.testing.assert_allclose(_rows(ranker), _expected(_library(folder)), rtol=1e-5)


def test_results_are_those_of_the_librarys_evaluator(late_model: Path, tmp_path: Path) -> None:
    """nDCG@10, MRR@10 and recall@2 of a small collection, by two implementations."""
    from sentence_transformers.multi_vector_encoder.evaluation import (
        MultiVectorInformationRetrievalEvaluator,
    )

    corpus = {f"d{n}": text for n, text in enumerate(DOCUMENTS)}
    queries = {f"q{n}": text for n, text in enumerate(QUERIES)}
    qrels = {"q0": {"d0": 1}, "q1": {"d1": 1, "d3": 1}, "q2": {"d2": 1}}
    evaluator = MultiVectorInformationRetrievalEvaluator(
        queries, corpus, {query: set(found) for query, found in qrels.items()},
        precision_recall_at_k=[2], mrr_at_k=[10], ndcg_at_k=[10], name="tiny", write_csv=False,
    )  # fmt: skip
    expected = evaluator(_library(late_model))

    folder = write_beir(tmp_path, corpus, queries, qrels)
    names = ("recall@2", "mrr@10", "ndcg@10")
    result = measure_system(
        load(beir(str(folder)), folder), _open(late_model), [parse_measure(one) for one in names],
        name="tiny", cache=EmbeddingCache.none(),
    )  # fmt: skip

    means = [float(np.mean(result.values[name])) for name in names]
    keys = ("tiny_maxsim_recall@2", "tiny_maxsim_mrr@10", "tiny_maxsim_ndcg@10")
    np.testing.assert_allclose(means, [expected[key] for key in keys], rtol=1e-6)


def test_a_row_does_not_depend_on_the_other_queries(late_model: Path) -> None:
    """Bit for bit, whether queries come together or one by one."""
    ranker = _open(late_model)

    together = _rows(ranker)
    alone = [next(ranker.scores(DOCUMENTS, [query])) for query in QUERIES]

    np.testing.assert_array_equal(together, alone)


def test_scores_do_not_depend_on_the_order_of_documents(late_model: Path) -> None:
    """Bit for bit, so that ties stay ties."""
    there = _rows(_open(late_model))
    back = _rows(_open(late_model), DOCUMENTS[::-1])

    np.testing.assert_array_equal(there, back[:, ::-1])


def test_a_document_of_skipped_words_ranks_last(tmp_path: Path) -> None:
    """No token of it has a vector; it is retrieved all the same, after all others."""
    folder = tiny_late_interaction_model(tmp_path / "skips", skipped=["[CLS]", "[SEP]", "the"])

    rows = _rows(_open(folder), ["red cat", "the the", ""])

    assert (rows == LAST).tolist() == [[False, True, True]] * 3


class _Counted:
    """Counts the texts that a model encodes, by side."""

    def __init__(self, ranker: LateInteractionRanker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: dict[str, list[str]] = {"query": [], "document": []}
        for side in self.texts:
            own = getattr(ranker.loaded, f"encode_{side}")
            monkeypatch.setattr(ranker.loaded, f"encode_{side}", self._counting(side, own))

    def _counting(self, side: str, own: Any) -> Any:
        def counted(texts: list[str], **options: Any) -> Any:
            self.texts[side] += texts
            return own(texts, **options)

        return counted


def test_documents_are_encoded_once_for_an_object(
    late_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: the same object is not encoded again, another one is, however equal."""
    ranker = _open(late_model)
    counted = _Counted(ranker, monkeypatch)
    first, again = _rows(ranker), _rows(ranker)
    assert sorted(counted.texts["document"]) == sorted(DOCUMENTS)

    other = _rows(ranker, list(DOCUMENTS))

    assert len(counted.texts["document"]) == 2 * len(DOCUMENTS)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, other)


def test_nothing_is_asked_of_nothing(late_model: Path) -> None:
    """No query gives no row and loads no model, no document a row without a score."""
    ranker = _open(late_model)

    assert list(ranker.scores(DOCUMENTS, [])) == []
    assert ranker.pair_scores([]).tolist() == []
    assert ranker._model is None
    assert [row.tolist() for row in ranker.scores([], QUERIES[:1])] == [[]]


def test_costs_and_details_are_measured_of_the_documents(late_model: Path) -> None:
    """4 bytes for each component of each token, on average; nothing before they are encoded."""
    ranker = _open(late_model)
    before = dict(ranker.costs)
    tokens = [len(one) for one in _library(late_model).encode_document(DOCUMENTS)]

    _rows(ranker)

    assert set(before) == {"size"}
    assert ranker.costs["bytes_per_vector"] == pytest.approx(4 * 16 * np.mean(tokens))
    assert ranker.details["dimension"] == "16 for each token"
    assert ranker.details["token vectors of a document"] == f"{np.mean(tokens):.1f} on average"


# --- pairs --------------------------------------------------------------------------------------

PAIRS = [(query, text) for query in QUERIES for text in DOCUMENTS]


def test_scores_of_pairs_are_the_librarys(late_model: Path) -> None:
    """The same MaxSim as over a corpus, a pair at a time."""
    found = _open(late_model).pair_scores(PAIRS)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, _expected(_library(late_model)).ravel(), rtol=1e-5)


def test_the_score_of_a_pair_depends_on_nothing_else(late_model: Path) -> None:
    """Rule: bit for bit, in whatever order, company and number of calls pairs come."""
    ranker = _open(late_model)
    together = ranker.pair_scores(PAIRS)

    back = _open(late_model).pair_scores([*PAIRS[::-1], PAIRS[0]])
    alone = [_open(late_model).pair_scores([pair])[0] for pair in PAIRS[:2]]

    np.testing.assert_array_equal(back[:-1][::-1], together)
    np.testing.assert_array_equal(alone, together[:2])
    assert back[-1] == together[0]


def test_a_text_of_many_pairs_is_encoded_once(
    late_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in later calls, until what is remembered fills its memory."""
    ranker = _open(late_model)
    counted = _Counted(ranker, monkeypatch)

    ranker.pair_scores(PAIRS)
    ranker.pair_scores(PAIRS[::-1])
    told = {side: sorted(texts) for side, texts in counted.texts.items()}

    assert told == {"query": sorted(QUERIES), "document": sorted(DOCUMENTS)}


def test_what_is_remembered_is_bounded(late_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: the texts used last stay; what was forgotten is encoded anew, to the same bits."""
    expected = _open(late_model).pair_scores(PAIRS)
    query = _open(late_model)._remembered(QUERIES[0], "query").nbytes
    monkeypatch.setattr(late_interaction, "_REMEMBERED_BYTES", 3 * query)
    ranker = _open(late_model)
    counted = _Counted(ranker, monkeypatch)

    found = ranker.pair_scores(PAIRS)
    asked = len(counted.texts["query"])
    for text in (QUERIES[0], QUERIES[1], QUERIES[0], QUERIES[2], "red", QUERIES[0]):
        ranker._remembered(text, "query")

    np.testing.assert_array_equal(found, expected)
    assert asked > len(QUERIES)
    assert sum(one.nbytes for one in ranker._single.values()) <= 3 * query
    assert ranker._single_bytes == sum(one.nbytes for one in ranker._single.values())
    assert ("query", QUERIES[0]) in ranker._single
    assert ("query", QUERIES[1]) not in ranker._single


def test_pairs_without_a_token_score_least(tmp_path: Path) -> None:
    """Rule: scores of pairs are finite, so that they can be kept and sorted."""
    folder = tiny_late_interaction_model(tmp_path / "skips", skipped=["[CLS]", "[SEP]"])

    found = _open(folder).pair_scores([("red cat", ""), ("red cat", "cat")])

    assert found[0] == LAST < found[1]


def test_progress_is_told_pair_by_pair(late_model: Path) -> None:
    """Each distinct pair once, and the end."""
    steps: list[Step] = []

    _open(late_model).pair_scores([PAIRS[0], PAIRS[1], PAIRS[0]], steps.append)

    assert [(step.done, step.total) for step in steps] == [(0, 2), (1, 2), (2, 2)]


# --- opening ------------------------------------------------------------------------------------


def test_late_interaction_is_a_ranker_that_reads_pairs(late_model: Path) -> None:
    """It opens as a system; what needs one dense vector says so."""
    ranker = open_model(str(late_model))

    assert not is_encoder(ranker)
    assert scores_pairs(ranker)
    assert not ranker.trainable
    with pytest.raises(UsageError, match="no weights that could be trained here"):
        trainable_encoder(str(late_model), Path())


def test_it_reranks_what_another_system_retrieves(late_model: Path, tmp_path: Path) -> None:
    """With every document in the first stage, the order is that of its own scores."""
    corpus = {f"d{n}": f"red {text}" for n, text in enumerate(DOCUMENTS)}
    folder = write_beir(tmp_path, corpus, {"q": "red cat"}, {"q": {"d0": 1}})
    data = load(beir(str(folder)), folder)
    measures = [parse_measure("ndcg@10")]

    runs = [
        measure_system(data, open_model(spec), measures, name="tiny", cache=EmbeddingCache.none())
        for spec in (str(late_model), f"rerank(bm25,{late_model})")
    ]

    own, reranked = (dict(zip(one.run.doc_ids[0], one.run.scores[0], strict=True)) for one in runs)
    assert list(own) == list(reranked)
    assert own == pytest.approx(reranked, rel=1e-5)


def test_late_interaction_opens_without_torch(late_model: Path) -> None:
    """What it is and its fingerprint come from small files and the weights' bytes."""
    code = (
        "import sys\n"
        "from benchharness.models.registry import open_model\n"
        f"found = open_model({str(late_model)!r})\n"
        "assert found.fingerprint and found.details and found.encode_path\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("option", ["dim=8", "pooling=mean", "max_active_dims=3", "batch_size=2"])
def test_options_of_other_models_are_refused(late_model: Path, option: str) -> None:
    """Not passed over: a dimension cannot be cut here, for one."""
    with pytest.raises(UsageError, match="unknown option"):
        open_model(f"{late_model}@{option}")


def test_code_of_the_model_is_not_run(late_model: Path, tmp_path: Path) -> None:
    """There is no option that would allow it, so none is proposed."""
    folder = shutil.copytree(late_model, tmp_path / "custom")
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "custom.Projection"
    (folder / "modules.json").write_text(json.dumps(modules))

    with pytest.raises(ModelError, match=r"custom\.Projection") as caught:
        open_model(str(folder))

    assert "trust_remote_code" not in caught.value.remedy


def test_weights_that_are_no_numbers_are_an_error(late_model: Path, tmp_path: Path) -> None:
    """Rule: NaN never becomes a score, of a corpus or of a pair."""
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(late_model, tmp_path / "broken")
    (dense,) = folder.glob("*_Dense/model.safetensors")
    weights = load_file(dense)
    weights["linear.weight"].fill_(float("nan"))
    save_file(weights, dense, metadata={"format": "pt"})
    ranker = _open(folder)

    with pytest.raises(ModelError, match="not finite"):
        _rows(ranker)
    with pytest.raises(ModelError, match="not finite"):
        ranker.pair_scores(PAIRS[:1])
