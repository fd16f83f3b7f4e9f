"""What a directory was saved as, and what the kinds call their own in its small files.

The directories here hold no real weights: nothing may be loaded to say any of this.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from benchharness.errors import ModelError
from benchharness.models.directory import read_directory
from benchharness.models.saved_kind import kind_of, role_prompts
from benchharness.models.spec import EncoderOptions

NONE = EncoderOptions()


def _listed(kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {"idx": n, "name": str(n), "path": f"{n}_{kind}" if n else "",
         "type": f"sentence_transformers.any.{kind}"}
        for n, kind in enumerate(kinds)
    ]  # fmt: skip


def _model(
    folder: Path,
    saved: dict[str, Any],
    kinds: tuple[str, ...] = ("Transformer", "Pooling"),
    **files: dict[str, Any],
) -> Path:
    """A directory of the modules; `saved` is what the library wrote of the whole model."""
    config = {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_size": 384,
        "vocab_size": 30522, "max_position_embeddings": 512, "pad_token_id": 0,
    }  # fmt: skip
    contents = {
        "config_sentence_transformers": saved,
        "modules": _listed(kinds),
        "config": config,
        **{name.replace("__", "/"): content for name, content in files.items()},
    }
    for name, content in contents.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    (folder / "model.safetensors").write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("saved_as", "kind"),
    [
        ("SentenceTransformer", "SentenceTransformer"),
        (None, "SentenceTransformer"),
        ("SomethingNew", "SentenceTransformer"),
        ("CrossEncoder", "CrossEncoder"),
        ("SparseEncoder", "SparseEncoder"),
        ("MultiVectorEncoder", "MultiVectorEncoder"),
        ("ColBERT", "MultiVectorEncoder"),
    ],
)
def test_the_kind_is_the_one_it_was_saved_as(
    tmp_path: Path, saved_as: str | None, kind: str
) -> None:
    """PyLate has a name of its own; models older than the kinds are encoders."""
    assert kind_of(_model(tmp_path, {"model_type": saved_as})) == kind


@pytest.mark.parametrize(
    ("saved_as", "words", "use"),
    [
        ("CrossEncoder", "a cross-encoder", "rerank(minilm,my/model)"),
        ("SparseEncoder", "a sparse encoder", "--miner my/model"),
        ("MultiVectorEncoder", "a late-interaction model", "rerank(minilm,my/model)"),
        ("ColBERT", "a late-interaction model", "rerank(minilm,my/model)"),
    ],
)
def test_other_families_are_named(tmp_path: Path, saved_as: str, words: str, use: str) -> None:
    """sentence-transformers and PyLate save them in directories that look alike.

    Rule: where an encoder is needed, the message says what the model can be used for instead.
    """
    folder = _model(tmp_path, {"model_type": saved_as})

    with pytest.raises(ModelError, match=f"this is {words}") as caught:
        read_directory(folder, NONE, shown="my/model")

    assert caught.value.where == "my/model"
    assert use in caught.value.remedy
    assert "an encoder is needed here" in caught.value.remedy


def test_an_encoder_is_no_sparse_encoder(tmp_path: Path) -> None:
    """The library would put an untrained layer over it; nobody asked for that."""
    with pytest.raises(ModelError, match="this is an embedding model"):
        read_directory(_model(tmp_path, {}), NONE, wanted="SparseEncoder")


@pytest.mark.parametrize(
    ("kinds", "files", "dim"),
    [
        (("Transformer", "SpladePooling"), {}, 30522),
        (("MLMTransformer", "SpladePooling"), {}, 30522),
        (("Transformer", "Pooling", "SparseAutoEncoder"), {"hidden_dim": 1536}, 1536),
        (("SparseStaticEmbedding",), {}, None),
    ],
)
def test_the_dimensions_of_a_sparse_encoder_are_its_vocabulary(
    tmp_path: Path, kinds: tuple[str, ...], files: dict[str, Any], dim: int | None
) -> None:
    """Or the width of its layer; None where only the loaded model knows. It compares by dot."""
    last = {f"{len(kinds) - 1}_{kinds[-1]}__config": files}
    _model(tmp_path, {"model_type": "SparseEncoder"}, kinds, **last)

    found = read_directory(tmp_path, NONE, wanted="SparseEncoder")

    assert (found.dim, found.similarity) == (dim, "dot")


@pytest.mark.parametrize("similarity", ["maxsim", "meanmaxsim", "cosine", None])
def test_late_interaction_is_described_without_its_weights(
    tmp_path: Path, similarity: str | None
) -> None:
    """Names of similarities of single vectors are passed over, as the library does."""
    saved = {
        "model_type": "MultiVectorEncoder", "similarity_fn_name": similarity,
        "prompts": {"query": "[Q] ", "document": "[D] "},
    }  # fmt: skip
    _model(
        tmp_path,
        saved,
        ("Transformer", "Dense", "MultiVectorMask", "Normalize"),
        sentence_bert_config={"max_seq_length": 256, "document_length": 180},
        **{"1_Dense__config": {"in_features": 384, "out_features": 48}},
    )

    found = read_directory(tmp_path, NONE, wanted="MultiVectorEncoder")

    expected = similarity if similarity in ("maxsim", "meanmaxsim") else "maxsim"
    assert (found.dim, found.max_length, found.similarity) == (48, 180, expected)
    assert found.prompts == {"query": "[Q] ", "document": "[D] "}


def test_a_sparse_encoder_of_another_similarity_is_refused(tmp_path: Path) -> None:
    """Euclidean distances would rank differently."""
    _model(tmp_path, {"model_type": "SparseEncoder", "similarity_fn_name": "euclidean"})

    with pytest.raises(ModelError, match="knows cosine and dot"):
        read_directory(tmp_path, NONE, wanted="SparseEncoder")


@pytest.mark.parametrize("kind", ["SparseEncoder", "MultiVectorEncoder"])
def test_a_ranker_without_its_modules_is_refused(tmp_path: Path, kind: Any) -> None:
    """The library would add layers of random weights, and the numbers would be of nobody's model"""
    (_model(tmp_path, {"model_type": kind}) / "modules.json").unlink()

    with pytest.raises(ModelError, match=r"there is no modules\.json"):
        read_directory(tmp_path, NONE, wanted=kind)


@pytest.mark.parametrize(
    ("prompts", "query", "document"),
    [
        ({}, "", ""),
        ({"query": "q: ", "document": "d: "}, "q: ", "d: "),
        ({"query": "q: ", "passage": "p: "}, "q: ", "p: "),
        ({"query": "q: ", "document": "", "passage": "p: "}, "q: ", "p: "),
        ({"corpus": "c: ", "default": "x: "}, "", "c: "),
        ({"query": None, "document": None}, "", ""),
    ],
)
def test_the_prompt_of_a_document_is_the_first_that_is_not_empty(
    prompts: dict[str, str | None], query: str, document: str
) -> None:
    """document, passage, corpus; a default prompt belongs to neither role."""
    assert role_prompts(prompts) == {"query": query, "document": document}
