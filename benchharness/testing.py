"""Doubles for tests: an encoder that needs no model, tiny data sets and tiny real models.

from benchharness.testing import install_doubles, write_beir

install_doubles()                       # in a conftest.py: pytest --bench-model hash
write_beir(tmp_path, {"d1": "red fox"}, {"q1": "fox"}, {"q1": {"d1": 1}})
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import UsageError
from benchharness.models.encoder import Role
from benchharness.models.registry import register
from benchharness.models.spec import ModelSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer

    from benchharness.baseline.record import Baseline
    from benchharness.evaluation.result import Result
    from benchharness.evaluation.throughput import RelativeSpeed

_WORD = re.compile(r"\w+")
_BATCH_TEXTS = 256
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

_LEARNABLE = 30
LEARNABLE_WORDS = tuple(f"{side}{word}" for side in ("old", "new") for word in range(_LEARNABLE))


@dataclass(eq=False)
class HashEncoder:
    """An encoder that hashes words: quick, exact and the same on every machine.

    A text's vector is the sum of one signed unit vector for each word, at length 1, so that texts
    rank by shared words. A text without a word has the zero vector. `salt` makes another model.
    """

    dim: int = 64
    salt: str = ""
    spec: str = "hash"

    @property
    def trainable(self) -> bool:
        return False

    @property
    def max_length(self) -> int | None:
        return None

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"hash/1 dim={self.dim} salt={self.salt}".encode()).hexdigest()

    @property
    def details(self) -> Mapping[str, str]:
        return {"kind": "test double", "dimension": str(self.dim), "pooling": "sum of words"}

    @property
    def costs(self) -> Mapping[str, float]:
        return {"dimension": float(self.dim), "size": 4.0 * self.dim}

    @property
    def encode_path(self) -> str:
        return "benchharness.testing"

    def encode(
        self,
        texts: Sequence[str],
        role: Role,  # noqa: ARG002 (both roles are alike)
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """The vectors, up to 256 texts at a time and in order; both roles are alike."""
        import numpy as np

        for start in range(0, len(texts), _BATCH_TEXTS):
            block = list(texts[start : start + _BATCH_TEXTS])
            vectors = np.zeros((len(block), self.dim), dtype=np.float64)
            for row, text in enumerate(block):
                for word in _words(text):
                    place, sign = self._place(word)
                    vectors[row, place] += sign
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            norms[norms == 0] = 1.0
            positions = np.arange(start, start + len(block), dtype=np.int64)
            yield positions, (vectors / norms).astype(np.float32)

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        import numpy as np

        return np.array([len(_words(text)) for text in texts], dtype=np.int64)

    def tokens_per_word(self, words: Sequence[str]) -> NDArray[np.int64]:
        return self.token_counts(words)

    def _place(self, word: str) -> tuple[int, float]:
        digest = hashlib.sha256(f"{self.salt}\0{word}".encode()).digest()
        return int.from_bytes(digest[:8], "little") % self.dim, 1.0 if digest[8] & 1 else -1.0


@dataclass(frozen=True)
class StoredReferences:
    """What a result is compared with, given beforehand; see `judge.case.References`.

    baselines: (suite, model) -> Baseline. results: (suite, model) -> Result of another system.
    """

    baselines: Mapping[tuple[str, str], Baseline] = field(default_factory=dict)
    results: Mapping[tuple[str, str], Result] = field(default_factory=dict)
    suite: str = "faq"
    speeds: Mapping[str, RelativeSpeed] = field(default_factory=dict)

    def baseline(self, suite: str, model: str) -> Baseline | None:
        return self.baselines.get((suite, model))

    def baseline_place(self, suite: str, model: str) -> str:
        return f"baselines/{suite}/{model}.json"

    def measured(self, model: str) -> Result:
        return self.guarded(self.suite, model)

    def guarded(self, suite: str, model: str) -> Result:
        if (suite, model) not in self.results:
            raise UsageError(f"no result of {model} on {suite}", remedy="give one in `results`")
        return self.results[suite, model]

    def speed(self, model: str, against: str, limit: float) -> RelativeSpeed:
        del against, limit
        return self.speeds[model]


def install_doubles() -> None:
    """Makes the spec `hash` (options `dim` and `salt`) open a `HashEncoder` in this process."""
    register("hash", _hash_encoder)


def write_beir(
    folder: Path,
    corpus: Mapping[str, str | tuple[str, str]],
    queries: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    split: str = "test",
) -> Path:
    """The folder, with `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv` in BEIR's format.

    corpus: doc_id -> text, or (title, text). queries: query_id -> text.
    qrels:  query_id -> doc_id -> relevance. Called again with another split, adds its qrels.
    """
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    documents = []
    for doc_id, given in corpus.items():
        title, text = ("", given) if isinstance(given, str) else given
        documents.append({"_id": doc_id, "title": title, "text": text})
    _write_jsonl(folder / "corpus.jsonl", documents)
    _write_jsonl(
        folder / "queries.jsonl", [{"_id": name, "text": text} for name, text in queries.items()]
    )
    rows = ["query-id\tcorpus-id\tscore"]
    for query_id, judged in qrels.items():
        rows += [f"{query_id}\t{doc_id}\t{grade}" for doc_id, grade in judged.items()]
    (folder / "qrels" / f"{split}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def write_learnable(folder: Path, *, train: int = 180, test: int = 100) -> Path:
    """The folder, in BEIR's layout: a task that a random model fails and learns in a second.

    A document holds three words of one language, its query the same three in another. Splits
    "train" and "test" ask for different documents of one corpus. `LEARNABLE_WORDS` are the words.
    """
    total = train + test
    triples: dict[tuple[int, ...], None] = {}
    for number in itertools.count():
        chosen = sorted(random.Random(number).sample(range(_LEARNABLE), 3))  # noqa: S311
        triples.setdefault(tuple(chosen))
        if len(triples) == total:
            break
    corpus, queries = {}, {}
    for number, triple in enumerate(triples):
        corpus[f"d{number:03}"] = " ".join(f"old{word}" for word in triple)
        queries[f"q{number:03}"] = " ".join(f"new{word}" for word in triple)
    for split, numbers in (("train", range(train)), ("test", range(train, total))):
        qrels = {f"q{number:03}": {f"d{number:03}": 1} for number in numbers}
        write_beir(folder, corpus, queries, qrels, split=split)
    return folder


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
    import tempfile

    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

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
    )
    with tempfile.TemporaryDirectory() as scratch, loading(str(folder)):
        BertModel(config).save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        transformer = Transformer(scratch)
        pooling = Pooling(transformer.get_embedding_dimension(), "mean")
        return SentenceTransformer(
            modules=[transformer, pooling], device="cpu", similarity_fn_name="cosine"
        )


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


def _hash_encoder(spec: ModelSpec) -> HashEncoder:
    spec.refuse_options(("dim", "salt"))
    dim = spec.option("dim") or "64"
    if not dim.isdecimal() or int(dim) < 1:
        raise UsageError(
            f"dim={dim!r} is not a whole number of at least 1",
            where=spec.text,
            remedy="write hash@dim=64",
        )
    return HashEncoder(dim=int(dim), salt=spec.option("salt") or "", spec=spec.text)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _write_jsonl(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
