"""The encoder of sentence-transformers models, on two tiny real ones."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchharness.errors import ModelError, UsageError
from benchharness.models import sentence_transformer
from benchharness.models.batches import Budget
from benchharness.models.encoder import Role
from benchharness.models.registry import open_model
from benchharness.models.sentence_transformer import SentenceTransformerEncoder
from benchharness.testing import tiny_model

TEXTS = [
    "the red cat sleeps", "a dog", "", "one two three", "the house of the bird in the garden",
    "zebra", "a red fox eats a fish", "small stone", "the red cat sleeps",
]  # fmt: skip


def _open(folder: Path, options: str = "") -> SentenceTransformerEncoder:
    found = open_model(f"{folder}@{options}" if options else str(folder))
    assert isinstance(found, SentenceTransformerEncoder)
    return found


def _encode(
    encoder: SentenceTransformerEncoder, texts: list[str], role: Role = "document"
) -> np.ndarray:
    vectors: dict[int, np.ndarray] = {}
    for positions, batch in encoder.encode(texts, role):
        assert batch.dtype == np.float32
        vectors |= dict(zip(positions.tolist(), batch, strict=True))
    assert sorted(vectors) == list(range(len(texts)))
    return np.array([vectors[row] for row in range(len(texts))])


def _changed(model: Path, to: Path, name: str, **values: object) -> Path:
    """A copy with other values in one of its JSON files."""
    shutil.copytree(model, to)
    content = json.loads((to / name).read_text())
    (to / name).write_text(json.dumps(content | values))
    return to


@pytest.mark.parametrize("kind", ["static_model", "bert_model"])
def test_vectors_are_those_of_sentence_transformers(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """Cosine above 0.999999 with the library's own encode, whatever the batches."""
    from sentence_transformers import SentenceTransformer

    folder = request.getfixturevalue(kind)
    ours = _encode(_open(folder), TEXTS)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(
        TEXTS, normalize_embeddings=True, show_progress_bar=False
    )

    has_tokens = np.linalg.norm(theirs, axis=1) > 0
    assert has_tokens.sum() >= 8
    assert (ours[has_tokens] * theirs[has_tokens]).sum(axis=1).min() > 0.999999
    np.testing.assert_allclose(np.linalg.norm(ours[has_tokens], axis=1), 1, atol=1e-6)


def test_the_order_of_the_texts_changes_no_bit(bert_model: Path) -> None:
    """Batches are cut by the texts alone; a second run and another object agree too."""
    first = _encode(_open(bert_model), TEXTS)
    again = _encode(_open(bert_model), TEXTS[::-1])[::-1]

    assert first.tobytes() == again.tobytes()


def test_a_text_without_tokens_has_the_zero_vector_in_a_static_model(static_model: Path) -> None:
    """Nothing is averaged; `check_vectors` lets it pass because it has no token."""
    encoder = _open(static_model)

    assert not _encode(encoder, ["", "cat"])[0].any()
    assert encoder.token_counts(["", "cat"]).tolist() == [0, 1]


def test_no_texts_need_no_model(tmp_path: Path, static_model: Path) -> None:
    """An empty list is encoded even where the weights cannot be loaded."""
    broken = shutil.copytree(static_model, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no weights")

    assert list(_open(broken).encode([], "query")) == []


def test_fewer_components_are_normalised_again(bert_model: Path) -> None:
    """The first components of the full vector, at length 1."""
    full, cut = _encode(_open(bert_model), TEXTS), _encode(_open(bert_model, "dim=8"), TEXTS)

    expected = full[:, :8] / np.linalg.norm(full[:, :8], axis=1, keepdims=True)
    np.testing.assert_allclose(cut, expected, atol=1e-6)


def test_a_dot_product_model_is_not_normalised(static_model: Path, tmp_path: Path) -> None:
    """Its lengths are part of its scores."""
    folder = _changed(
        static_model, tmp_path / "dot", "config_sentence_transformers.json",
        similarity_fn_name="dot",
    )  # fmt: skip

    raw, unit = _encode(_open(folder), ["cat"]), _encode(_open(static_model), ["cat"])

    assert np.linalg.norm(raw) > 2
    np.testing.assert_allclose(raw / np.linalg.norm(raw), unit, atol=1e-6)


@pytest.mark.parametrize("kind", ["static_model", "bert_model"])
def test_max_length_cuts_texts(kind: str, request: pytest.FixtureRequest) -> None:
    """Words behind the limit change nothing; special tokens count."""
    folder = request.getfixturevalue(kind)
    encoder = _open(folder, "max_length=4")
    words = 4 if kind == "static_model" else 2

    text = ["one two three red cat", " ".join(["one", "two", "three", "red"][:words])]

    assert encoder.max_length == 4
    np.testing.assert_allclose(*_encode(encoder, text), atol=1e-6)
    assert not np.allclose(*_encode(_open(folder), text), atol=1e-3)


def test_prompts_of_the_model_stand_before_the_texts(static_model: Path, tmp_path: Path) -> None:
    """Per role; "passage" serves for documents."""
    folder = _changed(
        static_model, tmp_path / "prompts", "config_sentence_transformers.json",
        prompts={"query": "one ", "document": "", "passage": "two "},
    )  # fmt: skip
    encoder = _open(folder)
    plain = _encode(_open(static_model), ["one cat", "two cat"])

    assert _encode(encoder, ["cat"], "query").tobytes() == plain[:1].tobytes()
    assert _encode(encoder, ["cat"], "document").tobytes() == plain[1:].tobytes()
    assert encoder.details["query prompt"] == "one "
    assert encoder.details["document prompt"] == "two "
    assert encoder.load_sentence_transformer().prompts["document"] == "two "


def test_options_replace_and_switch_off_prompts(static_model: Path, tmp_path: Path) -> None:
    """An empty option is a prompt too: none."""
    folder = _changed(
        static_model, tmp_path / "prompts", "config_sentence_transformers.json",
        prompts={"query": "one ", "document": "two "},
    )  # fmt: skip
    encoder = _open(folder, "query_prompt=,document_prompt=three%2C ")
    plain = _encode(_open(static_model), ["cat", "three, cat"])

    assert _encode(encoder, ["cat"], "query").tobytes() == plain[:1].tobytes()
    assert _encode(encoder, ["cat"], "document").tobytes() == plain[1:].tobytes()


def test_pooling_replaces_the_models_own(bert_model: Path) -> None:
    """The first token's vector instead of the mean."""
    model = _open(bert_model).load_sentence_transformer()
    states = model.encode(["red cat"], output_value="token_embeddings", show_progress_bar=False)
    first = states[0][0].numpy()

    vector = _encode(_open(bert_model, "pooling=cls"), ["red cat"])[0]

    np.testing.assert_allclose(vector, first / np.linalg.norm(first), atol=1e-6)


def test_a_plain_language_model_encodes_with_a_pooling(bert_model: Path, tmp_path: Path) -> None:
    """Without modules.json the option makes it an encoder; mean is what the tiny model has."""
    plain = shutil.copytree(bert_model, tmp_path / "plain")
    for name in ("modules.json", "config_sentence_transformers.json"):
        (plain / name).unlink()

    found, expected = (
        _encode(_open(plain, "pooling=mean"), TEXTS),
        _encode(_open(bert_model), TEXTS),
    )

    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_another_dtype_gives_nearly_the_same_in_float32(bert_model: Path) -> None:
    """Arithmetic in bfloat16; what comes out is float32 at length 1."""
    full = _encode(_open(bert_model), TEXTS)
    short = _encode(_open(bert_model, "dtype=bfloat16"), TEXTS)

    assert 0.99 < (full * short).sum(axis=1).min() < 1.0001
    assert full.tobytes() != short.tobytes()
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, atol=1e-6)


# --- identity -----------------------------------------------------------------------------------


def test_the_fingerprint_is_content(bert_model: Path, tmp_path: Path) -> None:
    """A copy is the same model; other weights are another one, under the same name too."""
    copied = shutil.copytree(bert_model, tmp_path / "copy")
    other = tiny_model(tmp_path / "other", seed=3, kind="bert")
    same_seed = tiny_model(tmp_path / "again", seed=2, kind="bert")

    assert _open(copied).fingerprint == _open(bert_model).fingerprint
    assert _open(same_seed).fingerprint == _open(bert_model).fingerprint
    assert _open(other).fingerprint != _open(bert_model).fingerprint


@pytest.mark.parametrize(
    "options", ["max_length=64", "dim=32", "dtype=float32", "query_prompt=", "device=cpu",
                "document_prompt=,dim=32,max_length=64", "pooling=mean"],
)  # fmt: skip
def test_an_option_with_the_models_own_value_is_no_other_model(
    bert_model: Path, options: str
) -> None:
    """What is in force counts, not how it was spelled; the device never does."""
    assert _open(bert_model, options).fingerprint == _open(bert_model).fingerprint


def test_every_option_that_changes_vectors_is_another_model(bert_model: Path) -> None:
    """All of them differ from one another."""
    options = ["", "max_length=32", "dim=16", "dtype=bfloat16", "dtype=float16", "query_prompt=a",
               "document_prompt=a", "pooling=cls", "pooling=max"]  # fmt: skip

    assert len({_open(bert_model, option).fingerprint for option in options}) == len(options)


def test_a_dimension_above_the_models_names_both(bert_model: Path) -> None:
    """Known from the configuration, before anything is loaded."""
    with pytest.raises(UsageError, match="dim=33 is above the model's 32"):
        _open(bert_model, "dim=33")


def test_a_length_above_the_position_embeddings_names_both(bert_model: Path) -> None:
    """Deep in torch it would be an index error."""
    with pytest.raises(ModelError, match="max_length=65 is above the 64 positions"):
        _open(bert_model, "max_length=65")


# --- tokens ---------------------------------------------------------------------------------


def test_tokens_are_counted_with_special_ones_and_nothing_cut_off(bert_model: Path) -> None:
    """[CLS] and [SEP] count; 100 words count although the model reads 64 tokens."""
    encoder = _open(bert_model)

    assert encoder.token_counts(["red cat", "", "cat " * 100]).tolist() == [4, 2, 102]
    assert encoder.tokens_per_word(["cat", "cat-like"]).tolist() == [1, 3]


@pytest.mark.filterwarnings("ignore:Deprecated in 0.9.0:DeprecationWarning")
def test_tokens_are_counted_through_transformers_without_a_tokenizer_json(
    bert_model: Path, tmp_path: Path
) -> None:
    """A model that only has a vocabulary; the details say how it was loaded."""
    folder = shutil.copytree(bert_model, tmp_path / "old")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "cat"]))
    settings = {"tokenizer_class": "BertTokenizer", "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    encoder = _open(folder)

    assert encoder.token_counts(["red cat", "red " * 70]).tolist() == [4, 72]
    assert encoder.tokens_per_word(["red"]).tolist() == [1]
    assert "transformers" in encoder.details["tokenizer"]


def test_a_model_that_lower_cases_counts_lower_case(bert_model: Path, tmp_path: Path) -> None:
    """`do_lower_case` of the module works on top of a tokenizer that keeps capitals."""
    folder = _changed(bert_model, tmp_path / "cased", "tokenizer.json", normalizer=None)
    spread = "RED"  # unknown as it stands, one token of its own either way
    cased = _open(folder)
    lowered = _open(
        _changed(folder, tmp_path / "lower", "sentence_bert_config.json", do_lower_case=True)
    )

    same = _encode(lowered, [spread, "red"])
    other = _encode(cased, [spread, "red"])

    np.testing.assert_allclose(same[0], same[1], atol=1e-6)
    assert not np.allclose(other[0], other[1], atol=1e-3)
    assert lowered.token_counts([spread]).tolist() == [3]


def test_a_broken_tokenizer_is_named(static_model: Path, tmp_path: Path) -> None:
    """The file is in the message's place."""
    folder = shutil.copytree(static_model, tmp_path / "broken")
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')

    with pytest.raises(ModelError, match="the tokenizer cannot be read") as caught:
        _open(folder).token_counts(["a"])

    assert caught.value.where == str(folder / "tokenizer.json")


# --- loading and memory -------------------------------------------------------------------------


def test_weights_that_cannot_be_loaded_are_named(static_model: Path, tmp_path: Path) -> None:
    """What the library says stands in one line."""
    folder = shutil.copytree(static_model, tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"no weights")

    with pytest.raises(ModelError, match="the model cannot be loaded: SafetensorError") as caught:
        _encode(_open(folder), ["a"])

    assert "\n" not in caught.value.message


def test_a_device_that_is_not_there_is_named(static_model: Path) -> None:
    """torch's own message is kept."""
    with pytest.raises(ModelError, match="device 'cuda:7' cannot be used"):
        _encode(_open(static_model, "device=cuda:7"), ["a"])


def test_loading_shows_no_progress_bar(bert_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Front ends own the terminal."""
    _encode(_open(bert_model), ["a"])

    assert capfd.readouterr() == ("", "")


def test_a_model_to_train_is_a_new_one_with_the_options(bert_model: Path) -> None:
    """Training must not change the encoder that measures the base."""
    encoder = _open(bert_model, "max_length=16,dim=8,query_prompt=one ")
    first, second = encoder.load_sentence_transformer(), encoder.load_sentence_transformer()

    assert first is not second
    assert (first.max_seq_length, first.truncate_dim) == (16, 8)
    assert first.prompts["query"] == "one "
    assert all(parameter.requires_grad for parameter in first.parameters())


def _short_of_memory(
    encoder: SentenceTransformerEncoder, monkeypatch: pytest.MonkeyPatch, fits: int
) -> None:
    """Lets batches of more than `fits` texts fail as a full GPU would."""
    import torch

    whole = encoder._forward

    def forward(model: object, texts: list[str], role: Role) -> np.ndarray:
        if len(texts) > fits:
            raise torch.OutOfMemoryError
        return whole(model, texts, role)  # type: ignore[arg-type]

    monkeypatch.setattr(encoder, "_forward", forward)


def test_a_batch_that_does_not_fit_is_halved(
    bert_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vectors are there, and the encode path says that batches were cut differently."""
    encoder = _open(bert_model)
    _short_of_memory(encoder, monkeypatch, fits=3)

    found = _encode(encoder, TEXTS)

    np.testing.assert_allclose(found, _encode(_open(bert_model), TEXTS), atol=1e-6)
    # 9 texts -> 4 + 5 -> 2 + 2 and 2 + 3.
    assert "halved 3 times because memory ran out" in encoder.encode_path


def test_a_text_that_does_not_fit_alone_is_an_error(
    bert_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy names the options that help."""
    encoder = _open(bert_model)
    _short_of_memory(encoder, monkeypatch, fits=0)

    with pytest.raises(ModelError, match="does not fit into the memory of cpu") as caught:
        _encode(encoder, ["red cat"])

    assert "@max_length" in caught.value.remedy


def test_many_texts_are_cut_into_windows_that_do_not_depend_on_their_order(
    bert_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With windows of five texts and batches of two, the bits still follow from the texts."""

    def small(texts: list[str]) -> Iterator[np.ndarray]:
        return windows(texts, 5)

    windows = sentence_transformer.windows
    monkeypatch.setattr(sentence_transformer, "windows", small)
    monkeypatch.setattr(sentence_transformer, "CPU", Budget(tokens=64, texts=2))
    words = ["red", "cat", "dog", "one", "two", "house", "of", "the", "a", "fish", "bird", "road"]
    texts = [" ".join(words[: 1 + n % 7]) + f" {words[n % 12]}" for n in range(23)]

    there = _encode(_open(bert_model), texts)
    back = _encode(_open(bert_model), texts[::-1])[::-1]

    assert there.tobytes() == back.tobytes()


def test_the_encode_path_names_versions_device_and_batches(bert_model: Path) -> None:
    """Before loading it says that nothing was loaded, and imports nothing for that."""
    import torch

    encoder = _open(bert_model)
    before = encoder.encode_path
    _encode(encoder, ["a"])

    assert before.endswith("not loaded")
    assert f"torch {torch.__version__}" in encoder.encode_path
    assert encoder.encode_path.startswith("cpu (")
    assert encoder.encode_path.endswith("batches of at most 2048 tokens and 64 texts")


def test_a_batch_size_is_the_same_model_with_vectors_of_its_own(bert_model: Path) -> None:
    """Its last bits may differ, so they are kept apart; the fingerprint says what is judged."""
    usual, one, two = (
        _open(bert_model, options) for options in ("", "batch_size=1", "batch_size=2")
    )

    assert usual.fingerprint == one.fingerprint == two.fingerprint
    assert usual.cache_key == usual.fingerprint
    assert len({usual.cache_key, one.cache_key, two.cache_key}) == 3
    assert _open(bert_model, "batch_size=2").cache_key == two.cache_key
    assert _open(bert_model, "batch_size=2,dim=8").cache_key != two.cache_key


@pytest.mark.parametrize(
    ("options", "sizes"), [("batch_size=1", [1] * 9), ("batch_size=4", [4, 4, 1])]
)
def test_a_batch_size_is_the_number_of_texts_in_a_batch(
    bert_model: Path, options: str, sizes: list[int]
) -> None:
    """However long they are; the vectors are nearly the same."""
    encoder = _open(bert_model, options)

    batches = [len(positions) for positions, _ in encoder.encode(TEXTS, "document")]

    assert batches == sizes
    np.testing.assert_allclose(
        _encode(encoder, TEXTS), _encode(_open(bert_model), TEXTS), atol=1e-6
    )
    assert f"batches of at most {sizes[0]} texts" in encoder.encode_path


def test_costs_are_the_dimension_in_force_and_the_bytes_of_the_weights(bert_model: Path) -> None:
    """A cut dimension is cheaper to search, its weights are as large."""
    size = (bert_model / "model.safetensors").stat().st_size

    assert _open(bert_model).costs == {"dimension": 32.0, "size": size}
    assert _open(bert_model, "dim=8").costs == {"dimension": 8.0, "size": size}


def test_the_costs_of_minilm_are_the_published_ones() -> None:
    """384 components; model.safetensors on the Hub has 90,868,376 bytes."""
    encoder = open_model("minilm")
    assert isinstance(encoder, SentenceTransformerEncoder)

    assert encoder.costs == {"dimension": 384.0, "size": 90_868_376.0}


# --- training -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["static_model", "bert_model"])
def test_around_a_model_in_memory_vectors_are_those_of_its_own_encode(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """Cosine above 0.999999, before and after a weight has moved: nothing is kept of earlier."""
    import torch

    encoder = _open(request.getfixturevalue(kind))
    model = encoder.load_for_training()
    before = _encode(encoder.around(model), TEXTS)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.manual_seed(9)))

    found = _encode(encoder.around(model), TEXTS)

    theirs = model.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    has_tokens = np.linalg.norm(theirs, axis=1) > 0
    assert (found[has_tokens] * theirs[has_tokens]).sum(axis=1).min() > 0.999999
    assert not np.allclose(found, before, atol=1e-3)
    np.testing.assert_allclose(before, _encode(encoder, TEXTS), atol=1e-6)


@pytest.mark.parametrize("options", ["dim=8", "max_length=4", "query_prompt=one "])
def test_around_keeps_the_options_of_the_spec(bert_model: Path, options: str) -> None:
    """A model is judged in training as it will be opened afterwards."""
    encoder = _open(bert_model, options)

    live = encoder.around(encoder.load_for_training())

    assert live.spec == encoder.spec
    for role in ("query", "document"):
        np.testing.assert_allclose(
            _encode(live, TEXTS, role), _encode(encoder, TEXTS, role), atol=1e-6
        )


def test_around_changes_nothing_of_the_model(bert_model: Path) -> None:
    """A model that is looked at with fewer components is still trained with all."""
    encoder = _open(bert_model, "dim=8")
    model = encoder.load_for_training()

    vectors = _encode(encoder.around(model), TEXTS)

    assert vectors.shape[1] == 8
    assert model.truncate_dim is None
    assert model.encode("cat", show_progress_bar=False).shape == (32,)


def test_around_does_not_pass_for_the_model_on_disk(static_model: Path) -> None:
    """Its fingerprint is another one, and the encoder that it was made from is unchanged."""
    encoder = _open(static_model)
    before = encoder.fingerprint

    live = encoder.around(encoder.load_for_training())

    assert live.fingerprint != before
    assert _open(static_model).fingerprint == encoder.fingerprint == before


def test_a_model_to_be_trained_has_all_components_in_float32(bert_model: Path) -> None:
    """Whatever the spec says: rates are too small for bfloat16, and every component learns."""
    import torch

    model = _open(bert_model, "dtype=bfloat16,dim=8").load_for_training()

    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert model.encode("cat", show_progress_bar=False).shape == (32,)


def test_every_training_begins_with_the_weights_on_disk(static_model: Path) -> None:
    """No training sees what an earlier one left."""
    encoder = _open(static_model)
    first = encoder.load_for_training()
    first.load_state_dict({name: 0 * value for name, value in first.state_dict().items()})

    again = encoder.load_for_training()

    assert again is not first
    assert all(value.any() for value in again.state_dict().values())


@pytest.mark.parametrize("kind", ["static_model", "bert_model"])
@pytest.mark.parametrize("options", ["", "max_length=4,query_prompt=one ,document_prompt=two "])
def test_what_is_saved_of_a_trained_model_keeps_the_options(
    kind: str, options: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Prompts and the length that is read: opened without a word, it gives the same vectors."""
    encoder = _open(request.getfixturevalue(kind), options)
    texts = [*TEXTS, "one two three red cat dog " * 30]

    encoder.load_for_training().save_pretrained(str(tmp_path / "saved"), create_model_card=False)

    saved = _open(tmp_path / "saved")
    assert saved.prompts == encoder.prompts
    for role in ("query", "document"):
        np.testing.assert_allclose(
            _encode(saved, texts, role), _encode(encoder, texts, role), atol=1e-6
        )


def test_what_is_saved_of_a_trained_model_keeps_its_pooling(
    bert_model: Path, tmp_path: Path
) -> None:
    encoder = _open(bert_model, "pooling=cls")

    encoder.load_for_training().save_pretrained(str(tmp_path / "saved"), create_model_card=False)

    np.testing.assert_allclose(
        _encode(_open(tmp_path / "saved"), TEXTS), _encode(encoder, TEXTS), atol=1e-6
    )


def test_a_trainable_model_knows_its_kind_and_its_folder(
    static_model: Path, bert_model: Path
) -> None:
    """A bag of token vectors trains at other rates."""
    assert (_open(static_model).is_static, _open(bert_model).is_static) == (True, False)
    assert _open(bert_model, "dim=8").folder == bert_model
