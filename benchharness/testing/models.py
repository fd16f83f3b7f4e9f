"""Tiny real models, made in seconds: static, BERT, sparse, late interaction, a cross-encoder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import UsageError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TINY_WORDS = (
    *[
        "the",
        "a",
        "of",
        "and",
        "to",
        "in",
        "is",
        "it",
        "for",
        "with",
        "one",
        "two",
        "three",
        "red",
        "green",
        "blue",
        "small",
        "large",
        "old",
        "new",
    ],
    *[
        "cat",
        "dog",
        "fox",
        "bird",
        "fish",
        "horse",
        "tree",
        "river",
        "stone",
        "house",
        "road",
        "city",
        "garden",
        "bridge",
        "window",
    ],
    *[
        "runs",
        "sleeps",
        "eats",
        "sees",
        "finds",
        "builds",
        "breaks",
        "opens",
        "closes",
        "reads",
        "writes",
        "sings",
    ],
)


def tiny_model(
    folder: Path,
    seed: int = 0,
    *,
    kind: str = "static",
    words: Sequence[str] = TINY_WORDS,
    dim: int = 32,
) -> Path:
    """The folder, with a small real sentence-transformers model of random, seeded weights.

    kind:  "static" (one vector a word, mean) or "bert" (one layer, mean pooling, 64 tokens).
    words: the vocabulary; every other word is unknown.
    Needs torch. Raises UsageError for another kind.
    """
    from benchharness.models.runtime import loading, prepare_torch

    if kind not in ("static", "bert"):
        raise UsageError(f"kind {kind!r} of tiny_model", remedy="use 'static' or 'bert'")
    torch = prepare_torch()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _static(words, dim) if kind == "static" else _bert(folder, words, dim)
        with loading(str(folder)):
            model.save_pretrained(str(folder), create_model_card=False)
    return folder


def tiny_sparse_model(
    folder: Path,
    seed: int = 0,
    *,
    words: Sequence[str] = TINY_WORDS,
    similarity: str = "dot",
    max_active_dims: int | None = None,
) -> Path:
    """The folder, with a small real sparse encoder (SPLADE over one BERT layer) of seeded weights.

    words: the vocabulary, and with four special tokens the dimensions of its vectors.
    similarity: "dot" or "cosine". max_active_dims: of the model itself; None for no limit.
    Needs torch.
    """
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import SpladePooling
    from transformers import BertForMaskedLM

    def made(transformer: Any) -> Any:
        return SparseEncoder(
            modules=[transformer, SpladePooling("max")],
            device="cpu",
            similarity_fn_name=similarity,
            max_active_dims=max_active_dims,
        )

    return _save_over_bert(
        folder, seed, words, 32, BertForMaskedLM, {"transformer_task": "fill-mask"}, made
    )


def tiny_late_interaction_model(
    folder: Path,
    seed: int = 0,
    *,
    words: Sequence[str] = TINY_WORDS,
    dim: int = 16,
    similarity: str = "maxsim",
    skipped: Sequence[str] = (),
    expanded_to: int | None = None,
    document_length: int | None = None,
) -> Path:
    """The folder, with a small real late-interaction model over one BERT layer, seeded weights.

    dim: of a token's vector. similarity: "maxsim" or "meanmaxsim". skipped: words of a document
    that get no vector. expanded_to: tokens of every query, filled up with the unknown word; None
    for the query's own. document_length: tokens that are read of a document; None for 64.
    Needs torch.
    """
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
    from sentence_transformers.sentence_transformer.modules import Normalize
    from torch.nn import Identity
    from transformers import BertModel

    def made(transformer: Any) -> Any:
        projection = Dense(
            32,
            dim,
            bias=False,
            activation_function=Identity(),
            module_input_name="token_embeddings",
        )
        return MultiVectorEncoder(
            modules=[
                transformer,
                projection,
                MultiVectorMask(skiplist_words=list(skipped)),
                Normalize(module_input_name="token_embeddings"),
            ],
            device="cpu",
            similarity_fn_name=similarity,
        )

    options: dict[str, Any] = {"document_length": document_length}
    if expanded_to is not None:
        options["query_expansion"] = {
            "strategy": "fixed", "attend": False, "length": expanded_to, "token": "[UNK]",
        }  # fmt: skip
    return _save_over_bert(folder, seed, words, 32, BertModel, options, made)


def _save_over_bert(
    folder: Path,
    seed: int,
    words: Sequence[str],
    dim: int,
    kind: Any,
    options: dict[str, Any],
    made: Callable[[Any], Any],
) -> Path:
    """Saves what is made over a transformer of one layer with seeded weights.

    kind: transformers' class with its head; options: of the library's Transformer module. The
    weights are spread so widely that texts are far apart.
    """
    from benchharness.models.runtime import loading, prepare_torch

    torch = prepare_torch()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with loading(str(folder)):
            model = made(_transformer(folder, words, dim, kind, options, spread=0.5))
            model.save_pretrained(str(folder), create_model_card=False)
    return folder


def tiny_cross_encoder(
    folder: Path,
    seed: int = 0,
    *,
    words: Sequence[str] = TINY_WORDS,
    labels: int = 1,
    taught: Sequence[tuple[str, str, float]] = (),
    steps: int = 60,
) -> Path:
    """The folder, with a small real cross-encoder (one BERT layer) of seeded weights.

    words:  the vocabulary. labels: scores that it gives for each pair.
    taught: (query, text, 0 to 1): trained on for `steps` steps, all at once; a second or two.
    Needs torch.
    """
    from transformers import BertConfig, BertForSequenceClassification

    from benchharness.models.runtime import loading, prepare_torch

    torch = prepare_torch()
    with torch.random.fork_rng(devices=[]), loading(str(folder)):
        torch.manual_seed(seed)
        tokenizer = _pair_tokenizer(words)
        make: Callable[..., Any] = BertConfig
        config = make(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=64, num_labels=labels,
        )  # fmt: skip
        model: Any = BertForSequenceClassification(config)
        if taught:
            _teach_pairs(model, tokenizer, taught, steps)
        model.save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
    return folder


def _pair_tokenizer(words: Sequence[str]) -> Any:
    """A tokenizer of `words` that marks which of two texts a token is from."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    content = json.loads(_word_level(words))
    mark = {name: {"SpecialToken": {"id": name, "type_id": 0}} for name in ("[CLS]", "[SEP]")}
    first, second = ({"Sequence": {"id": one, "type_id": n}} for n, one in enumerate("AB"))
    last = {"SpecialToken": {"id": "[SEP]", "type_id": 1}}
    pair = [mark["[CLS]"], first, mark["[SEP]"], second, last]
    content["post_processor"]["pair"] = pair
    roles = {f"{role}_token": f"[{role.upper()}]" for role in ("unk", "pad", "cls", "sep")}
    make: Callable[..., Any] = PreTrainedTokenizerFast
    return make(
        tokenizer_object=Tokenizer.from_str(json.dumps(content)),
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **roles,
    )


def _teach_pairs(
    model: Any, tokenizer: Any, taught: Sequence[tuple[str, str, float]], steps: int
) -> None:
    import torch

    features = tokenizer(
        [query for query, _, _ in taught], [text for _, text, _ in taught], padding=True,
        return_tensors="pt",
    )  # fmt: skip
    wanted = torch.tensor([[grade] for _, _, grade in taught])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model.eval()  # without dropout: few steps are enough, and the same ones
    for _ in range(steps):
        scores = model(**features).logits
        loss: Any = torch.nn.functional.binary_cross_entropy_with_logits(scores, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _static(words: Sequence[str], dim: int) -> SentenceTransformer:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(_word_level(words))
    weights = torch.randn(tokenizer.get_vocab_size(), dim)
    bag = StaticEmbedding(tokenizer, embedding_weights=weights)
    return SentenceTransformer(modules=[bag], device="cpu", similarity_fn_name="cosine")


def _bert(folder: Path, words: Sequence[str], dim: int) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertModel

    transformer = _transformer(folder, words, dim, BertModel, {})
    pooling = Pooling(transformer.get_embedding_dimension(), "mean")
    return SentenceTransformer(
        modules=[transformer, pooling], device="cpu", similarity_fn_name="cosine"
    )


def _transformer(
    folder: Path,
    words: Sequence[str],
    dim: int,
    kind: Any,
    options: dict[str, Any],
    spread: float = 0.02,
) -> Any:
    """The library's module of one BERT layer with a tokenizer of `words`; 64 positions.

    spread: standard deviation of the weights.
    """
    import tempfile

    from sentence_transformers.sentence_transformer.modules import Transformer
    from tokenizers import Tokenizer
    from transformers import BertConfig, PreTrainedTokenizerFast

    from benchharness.models.runtime import loading

    roles = {"unk": "[UNK]", "pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]"}
    make: Callable[..., Any] = PreTrainedTokenizerFast
    tokenizer = make(
        tokenizer_object=Tokenizer.from_str(_word_level(words)),
        model_max_length=64,
        **{f"{role}_token": name for role, name in roles.items()},
    )
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=dim,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * dim,
        max_position_embeddings=64,
        initializer_range=spread,
    )
    with tempfile.TemporaryDirectory() as scratch, loading(str(folder)):
        kind(config).save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        return Transformer(scratch, **options)


def _word_level(words: Sequence[str]) -> str:
    """A tokenizer.json that splits at white space and punctuation and knows only `words`."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: row for row, word in enumerate(dict.fromkeys([*special, *words]))}
    ids = {name: vocabulary[name] for name in special}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": row, "content": name, "special": True, "single_word": False,
                 "lstrip": False, "rstrip": False, "normalized": False}
                for name, row in ids.items()
            ],
            "normalizer": {"type": "Lowercase"},
            "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                ],
                "pair": [
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"Sequence": {"id": "B", "type_id": 1}},
                ],
                "special_tokens": {
                    name: {"id": name, "ids": [ids[name]], "tokens": [name]}
                    for name in ("[CLS]", "[SEP]")
                },
            },
            "decoder": None,
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
        }
    )  # fmt: skip
