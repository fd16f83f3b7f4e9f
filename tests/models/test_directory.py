"""What a model directory's small files say, and which directories are refused by name.

The directories here hold no real weights: nothing may be loaded to say any of this.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from benchharness.errors import ModelError
from benchharness.models.directory import read_directory
from benchharness.models.spec import EncoderOptions

_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]
NONE = EncoderOptions()


def _write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(json.dumps(content))
    return folder


def _model(folder: Path, **changes: Any) -> Path:
    """A directory like those of the Hub; `changes` replace files (None deletes)."""
    files: dict[str, Any] = {
        "modules.json": _MODULES,
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": 384,
            "max_position_embeddings": 512,
            "pad_token_id": 0,
        },
        "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {}},
        "1_Pooling/config.json": {
            "word_embedding_dimension": 384,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
        },
        "tokenizer.json": {},
        "model.safetensors": b"",
    }
    _write(folder, files)
    return _write(folder, {name.replace("__", "/") + ".json": v for name, v in changes.items()})


def test_a_usual_directory_is_described_without_its_weights(tmp_path: Path) -> None:
    """Dimension, length, pooling, similarity and prompts, as minilm has them."""
    found = read_directory(_model(tmp_path), NONE)

    assert (found.dim, found.max_length, found.position_limit) == (384, 256, 512)
    assert (found.pooling, found.similarity) == ("mean", "cosine")
    assert found.prompts == {"query": "", "document": ""}
    assert found.tokenizer == tmp_path / "tokenizer.json"
    assert found.special_tokens
    assert found.padded
    assert not found.lower_case


def test_several_pooling_modes_are_concatenated(tmp_path: Path) -> None:
    """Each mode adds the width of a token vector."""
    pooling = {"embedding_dimension": 8, "pooling_mode": ["cls", "mean"]}
    found = read_directory(_model(tmp_path, **{"1_Pooling__config": pooling}), NONE)

    assert (found.dim, found.pooling) == (16, "cls+mean")


def test_a_dense_layer_decides_the_dimension(tmp_path: Path) -> None:
    """The last module with a width counts, Normalize has none."""
    kind = "sentence_transformers.models."
    modules = [
        *_MODULES,
        {"idx": 2, "name": "2", "path": "2_Dense", "type": kind + "Dense"},
        {"idx": 3, "name": "3", "path": "3_Normalize", "type": kind + "Normalize"},
    ]
    dense = {"in_features": 384, "out_features": 48}
    _model(tmp_path, modules=modules, **{"2_Dense__config": dense})

    assert read_directory(tmp_path, NONE).dim == 48


def test_a_model_that_cuts_its_own_vectors_has_that_dimension(tmp_path: Path) -> None:
    """`truncate_dim` in the configuration is the model's own dimension."""
    _model(tmp_path, config_sentence_transformers={"truncate_dim": 64})

    assert read_directory(tmp_path, NONE).dim == 64


@pytest.mark.parametrize(
    ("own", "tokenizer", "positions", "expected"),
    [
        ({"max_seq_length": 128}, {"model_max_length": 512}, 512, 128),
        ({}, {"model_max_length": 200}, 512, 200),
        ({}, {"model_max_length": 10**30}, 512, 512),
        ({"max_seq_length": 514}, {}, 512, 512),
        ({}, {"model_max_length": 10**30}, -1, None),
        ({"tokenizer_args": {"model_max_length": 64}, "max_seq_length": 128}, {}, 512, 64),
    ],
)
def test_the_length_is_what_sentence_transformers_would_read(
    tmp_path: Path,
    own: dict[str, Any],
    tokenizer: dict[str, Any],
    positions: int,
    expected: int | None,
) -> None:
    """Module before tokenizer, never above the position embeddings; 1e30 means no limit."""
    config = {"hidden_size": 8, "model_type": "bert", "max_position_embeddings": positions}
    _model(tmp_path, sentence_bert_config=own, tokenizer_config=tokenizer, config=config)

    assert read_directory(tmp_path, NONE).max_length == expected


def test_positions_of_the_roberta_family_start_behind_the_padding(tmp_path: Path) -> None:
    """514 positions with padding id 1 leave 512 for tokens."""
    config = {
        "hidden_size": 8, "model_type": "xlm-roberta", "max_position_embeddings": 514,
        "pad_token_id": 1,
    }  # fmt: skip
    _model(tmp_path, config=config, sentence_bert_config={"max_seq_length": 514})
    found = read_directory(tmp_path, NONE)

    assert (found.position_limit, found.max_length) == (512, 512)


def test_a_dot_product_model_is_kept_as_one(tmp_path: Path) -> None:
    """Its vectors are not to be normalised."""
    _model(tmp_path, config_sentence_transformers={"similarity_fn_name": "dot"})

    assert read_directory(tmp_path, NONE).similarity == "dot"


def test_a_static_model_reads_everything_but_what_its_tokenizer_cuts(tmp_path: Path) -> None:
    """The module uses tokenizer.json as it is, its truncation included."""
    kind = "sentence_transformers.models.StaticEmbedding"
    table = b'{"embedding.weight":{"dtype":"F32","shape":[10,24],"data_offsets":[0,960]}}'
    _write(
        tmp_path,
        {
            "modules.json": [{"idx": 0, "name": "0", "path": "", "type": kind}],
            "model.safetensors": len(table).to_bytes(8, "little") + table,
            "tokenizer.json": {"truncation": {"max_length": 512}},
        },
    )
    found = read_directory(tmp_path, NONE)

    assert (found.dim, found.max_length, found.pooling) == (24, 512, "mean over tokens")
    assert not found.special_tokens
    assert not found.padded


# --- refusals ---------------------------------------------------------------------------------


def _refusal(folder: Path, options: EncoderOptions = NONE) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read_directory(folder, options, shown="my/model")
    assert caught.value.where.startswith(("my/model", str(folder)))
    assert caught.value.remedy
    return caught.value


def test_a_file_is_no_model(tmp_path: Path) -> None:
    """The path of the weights is a usual mistake."""
    (tmp_path / "model.safetensors").write_bytes(b"")

    assert "a file, not a model directory" in _refusal(tmp_path / "model.safetensors").message


def test_a_folder_without_configuration_is_no_model(tmp_path: Path) -> None:
    """The folder above the model is a usual mistake."""
    assert "neither modules.json nor config.json" in _refusal(tmp_path).message


@pytest.mark.parametrize(
    "changes",
    [
        {"modules": None, "config": {"architectures": ["BertForSequenceClassification"]}},
        {"config_sentence_transformers": {"model_type": "CrossEncoder"}},
    ],
)
def test_a_cross_encoder_is_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Whether it was saved by transformers or by sentence-transformers."""
    assert "this is a cross-encoder" in _refusal(_model(tmp_path, **changes)).message


@pytest.mark.parametrize(
    ("architecture", "mode"), [("BertForMaskedLM", "mean"), ("Qwen3ForCausalLM", "lasttoken")]
)
def test_a_plain_language_model_asks_for_its_pooling(
    tmp_path: Path, architecture: str, mode: str
) -> None:
    """Mean pooling by silent default would benchmark a model that nobody trained."""
    config = {"architectures": [architecture], "model_type": "bert", "hidden_size": 8}
    refusal = _refusal(_model(tmp_path, modules=None, config=config))

    assert architecture in refusal.message
    assert refusal.remedy.endswith(f"my/model@pooling={mode}")


def test_a_plain_language_model_with_pooling_is_taken(tmp_path: Path) -> None:
    """The option says what the files do not."""
    config = {"architectures": ["BertForMaskedLM"], "model_type": "bert", "hidden_size": 8}
    _model(tmp_path, modules=None, config=config)
    found = read_directory(tmp_path, EncoderOptions(pooling="cls"))

    assert (found.dim, found.pooling) == (8, "cls")


def test_weights_that_are_only_a_pickle_are_refused(tmp_path: Path) -> None:
    """A pickle can run code when it is read."""
    _model(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")

    refusal = _refusal(tmp_path)

    assert "pickle" in refusal.message
    assert "safe_serialization=True" in refusal.remedy


def test_a_directory_without_weights_is_refused(tmp_path: Path) -> None:
    """A half-finished download is found before the libraries stumble over it."""
    _model(tmp_path)
    (tmp_path / "model.safetensors").unlink()

    assert "holds no weights" in _refusal(tmp_path).message


def test_an_adapter_is_refused(tmp_path: Path) -> None:
    """Its base model lies elsewhere, and so would most of its identity."""
    _model(tmp_path, adapter_config={"base_model_name_or_path": "somewhere"})

    assert "an adapter (LoRA)" in _refusal(tmp_path).message


@pytest.mark.parametrize(
    "changes",
    [
        {"modules": [{"idx": 0, "name": "0", "path": "", "type": "custom.Encoder"}, *_MODULES]},
        {"config": {"model_type": "brand_new", "auto_map": {"AutoModel": "custom.Encoder"}}},
    ],
)
def test_code_of_the_model_needs_permission(tmp_path: Path, changes: dict[str, Any]) -> None:
    """The class is named; the option allows it."""
    _model(tmp_path, **changes)

    refusal = _refusal(tmp_path)
    allowed = read_directory(tmp_path, EncoderOptions(trust_remote_code=True))

    assert "custom.Encoder" in refusal.message
    assert "@trust_remote_code=yes" in refusal.remedy
    assert allowed.similarity == "cosine"


def test_code_that_transformers_has_itself_needs_no_permission(tmp_path: Path) -> None:
    """`auto_map` stays in the files of models that were adopted later."""
    config = {"model_type": "bert", "hidden_size": 8, "auto_map": {"AutoModel": "old.Model"}}

    assert read_directory(_model(tmp_path, config=config), NONE).dim == 384


def test_another_similarity_is_refused(tmp_path: Path) -> None:
    """The search ranks by dot products; Euclidean distances would rank differently."""
    _model(tmp_path, config_sentence_transformers={"similarity_fn_name": "euclidean"})

    assert "'euclidean'" in _refusal(tmp_path).message


@pytest.mark.parametrize("content", ["{broken", "[]", '[{"idx": 0}]', "{}"])
def test_a_broken_modules_file_is_named(tmp_path: Path, content: str) -> None:
    """Broken JSON, no module, a module without a type."""
    _model(tmp_path)
    (tmp_path / "modules.json").write_text(content)

    assert "modules.json" in _refusal(tmp_path).message


def test_a_broken_configuration_is_named(tmp_path: Path) -> None:
    """The file is in the message's place."""
    _model(tmp_path)
    (tmp_path / "config.json").write_text("{broken")

    assert _refusal(tmp_path).where == str(tmp_path / "config.json")
