"""A sentence-transformers directory as a `Blueprint`, read from its small files only.

What cannot be what is wanted is refused here by name, before any weight is loaded.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from benchharness.errors import ModelError
from benchharness.models.blueprint import Blueprint
from benchharness.models.content import content_digest, weight_bytes
from benchharness.models.local_ranker import load_ranker
from benchharness.models.runtime import load_directory, load_tokenizer
from benchharness.models.saved_kind import (
    Kind,
    RankerKind,
    json_object,
    kind_of,
    prompts_of,
    refuse_other_kinds,
    saved_settings,
    similarity_of,
)
from benchharness.models.spec import EncoderOptions

_TRANSFORMER_CONFIGS = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
# Position embeddings of this family start behind the padding token.
_OFFSET_POSITIONS = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer",
                     "roberta-prelayernorm", "data2vec-text", "ibert", "luke"}  # fmt: skip
_LEGACY_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# sentence-transformers reads this class of PyLate's as its own.
_PYLATE = "pylate.models.Dense.Dense"
_WIDTHLESS = ("Normalize", "LayerNorm", "Dropout", "MultiVectorMask")
# Above this a tokenizer's limit means that none was set (transformers writes 1e30).
_NO_LIMIT = 1_000_000


@dataclass(frozen=True)
class _Module:
    """One line of modules.json: the class without its package, and its folder."""

    kind: str
    reference: str
    folder: Path


def read_directory(
    folder: Path,
    options: EncoderOptions,
    *,
    shown: str = "",
    wanted: Literal["SentenceTransformer"] | RankerKind = "SentenceTransformer",
) -> Blueprint:
    """What the directory's configuration says of the model.

    `shown` is the name for messages (default: the path), `wanted` what it must be: an encoder, or
    one of the rankers. Raises ModelError where the directory is no model or another kind of one,
    and says which and what that can be used for.
    """
    place = shown or str(folder)
    _refuse_no_model(folder, place)
    sentence = saved_settings(folder)
    modules = _modules(folder, place)
    root = modules[0].folder if modules else folder
    config = json_object(root / "config.json")
    refuse_other_kinds(kind_of(folder), wanted, place)
    if not modules:
        _refuse_no_modules(config, options, wanted, place)
    _refuse_custom_code(modules, config, options, place, wanted)
    is_static = bool(modules) and modules[0].kind == "StaticEmbedding"
    _refuse_unsafe_weights(root, place)

    own = _first_json(root, _TRANSFORMER_CONFIGS)
    tokenizer = next(
        (path for path in (root / "tokenizer.json", folder / "tokenizer.json") if path.is_file()),
        None,
    )
    limit = _position_limit(config)
    prompts = prompts_of(sentence, wanted)
    if wanted == "SentenceTransformer":
        load = load_directory
    else:
        load = functools.partial(load_ranker, wanted)
    return Blueprint(
        place=place,
        content=lambda: content_digest(folder),
        load=lambda chosen: load(folder, chosen, _effective(prompts, chosen)),
        dim=_dimension(modules, config, root, sentence, options),
        max_length=_length(wanted, sentence, own, root, limit, tokenizer, is_static=is_static),
        position_limit=limit,
        similarity=similarity_of(sentence, wanted, place),
        pooling=_pooling(modules, options),
        tokenizer=tokenizer,
        slow_tokenizer=lambda: load_tokenizer(root, options),
        prompts=prompts,
        lower_case=bool(own.get("do_lower_case")),
        special_tokens=not is_static,
        padded=not is_static,
        size_bytes=weight_bytes(folder),
        folder=folder,
        first_module=modules[0].kind if modules else "Transformer",
    )


def _effective(prompts: Mapping[str, str], options: EncoderOptions) -> dict[str, str]:
    query, document = options.query_prompt, options.document_prompt
    return {
        "query": prompts["query"] if query is None else query,
        "document": prompts["document"] if document is None else document,
    }


# --- refusals -----------------------------------------------------------------------------------


def _refuse_no_model(folder: Path, place: str) -> None:
    if not folder.is_dir():
        raise ModelError("this is a file, not a model directory", where=place,
                         remedy="give the directory that holds modules.json")  # fmt: skip
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            "this is an adapter (LoRA) without the model that it adapts",
            where=place,
            remedy="merge it into its base model (merge_and_unload) and save the whole model",
        )
    if not (folder / "modules.json").is_file() and not (folder / "config.json").is_file():
        raise ModelError(
            "this directory holds no model: neither modules.json nor config.json is in it",
            where=place,
            remedy="give the directory that SentenceTransformer.save_pretrained wrote",
        )


def _refuse_no_modules(
    config: Mapping[str, Any], options: EncoderOptions, wanted: Kind, place: str
) -> None:
    if wanted != "SentenceTransformer":
        raise ModelError("there is no modules.json, which says what the model is made of",
                         where=place, remedy="save the model again")  # fmt: skip
    if options.pooling is not None:
        return
    architectures = [str(name) for name in config.get("architectures") or ()]
    kind = architectures[0] if architectures else "unknown architecture"
    mode = "lasttoken" if kind.endswith("ForCausalLM") else "mean"
    raise ModelError(
        f"this is a plain language model ({kind}) without pooling: nothing says how its token "
        "vectors become one",
        where=place,
        remedy=f"choose a pooling, such as {place}@pooling={mode}",
    )


def _refuse_custom_code(
    modules: Sequence[_Module],
    config: Mapping[str, Any],
    options: EncoderOptions,
    place: str,
    wanted: Kind,
) -> None:
    if options.trust_remote_code:
        return
    known = (_PYLATE,) if wanted == "MultiVectorEncoder" else ()
    foreign = [module.reference for module in modules if module.reference not in known
               and not module.reference.startswith("sentence_transformers.")]  # fmt: skip
    own = str(config.get("model_type") or "")
    if config.get("auto_map") and not _transformers_knows(own):
        foreign.append(str(next(iter(config["auto_map"].values()))))
    if foreign:
        is_ranker = wanted in get_args(RankerKind)
        raise ModelError(
            f"the model needs Python code of its own ({foreign[0]})",
            where=place,
            remedy="such code is not run here for this kind of model; take another one"
            if is_ranker
            else "read that code, then allow it with @trust_remote_code=yes",
        )


def _transformers_knows(model_type: str) -> bool:
    """Whether transformers has the architecture, told from its folders without importing it."""
    found = importlib.util.find_spec("transformers")
    folders = list(found.submodule_search_locations or ()) if found else []
    name = model_type.replace("-", "_")
    return bool(name) and any((Path(folder) / "models" / name).is_dir() for folder in folders)


def _refuse_unsafe_weights(root: Path, place: str) -> None:
    if any(root.glob("*.safetensors")):
        return
    # A first module that is a router or a bag of words keeps its weights in folders of its own.
    if not (root / "config.json").is_file() and any(root.glob("*/*.safetensors")):
        return
    if any(root.glob("*.bin")) or any(root.glob("*.pt")):
        raise ModelError(
            "the weights are only there as a pickle (.bin), which can run code when it is read",
            where=place,
            remedy="convert them: SentenceTransformer(dir).save_pretrained(new, "
            "safe_serialization=True)",
        )
    raise ModelError(
        "the directory holds no weights: no *.safetensors file is in it",
        where=place,
        remedy="save the model with save_pretrained; weights in other formats are not read",
    )


# --- facts --------------------------------------------------------------------------------------


def _modules(folder: Path, place: str) -> tuple[_Module, ...]:
    path = folder / "modules.json"
    if not path.is_file():
        return ()
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        modules = tuple(
            _Module(str(entry["type"]).rpartition(".")[2], str(entry["type"]),
                    folder / str(entry["path"]))
            for entry in listed
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError("modules.json cannot be read", where=place,
                         remedy="save the model again") from error  # fmt: skip
    if not modules:
        raise ModelError("modules.json names no module", where=place, remedy="save the model again")
    return modules


def _dimension(
    modules: Sequence[_Module],
    config: Mapping[str, Any],
    root: Path,
    sentence: Mapping[str, Any],
    options: EncoderOptions,
) -> int | None:
    """The dimension of the last module that has one, as far as configurations tell."""
    found: Any = None
    for module in modules:
        own = json_object(module.folder / "config.json")
        if module.kind == "Dense":
            found = own.get("out_features")
        elif module.kind == "Pooling":
            width = own.get("embedding_dimension", own.get("word_embedding_dimension"))
            modes = 1 if options.pooling else len(_pooling_modes(own))
            found = width * modes if isinstance(width, int) else None
        elif module.kind == "StaticEmbedding":
            found = _static_dimension(root)
        elif module.kind in ("Transformer", "MLMTransformer"):
            found = config.get("hidden_size")
        elif module.kind == "SpladePooling":
            found = config.get("vocab_size")
        elif module.kind == "SparseAutoEncoder":
            found = own.get("hidden_dim")
        elif module.kind not in _WIDTHLESS:
            return None
    if not modules:
        found = config.get("hidden_size", config.get("dim", config.get("d_model")))
    if not isinstance(found, int):
        return None
    own_cut = sentence.get("truncate_dim")
    return min(found, own_cut) if isinstance(own_cut, int) else found


def _static_dimension(root: Path) -> int | None:
    """The width of the embedding table, from the header of its safetensors file."""
    for path in sorted(root.glob("*.safetensors")):
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            try:
                header = json.loads(stream.read(min(size, 1 << 24)))
            except ValueError:
                return None
        for name in ("embedding.weight", "embeddings"):
            if name in header:
                return int(header[name]["shape"][1])
    return None


def _pooling_modes(config: Mapping[str, Any]) -> tuple[str, ...]:
    named = config.get("pooling_mode")
    if named:
        return (named,) if isinstance(named, str) else tuple(named)
    return tuple(mode for key, mode in _LEGACY_POOLING.items() if config.get(key)) or ("mean",)


def _pooling(modules: Sequence[_Module], options: EncoderOptions) -> str:
    if options.pooling is not None:
        return options.pooling
    for module in modules:
        if module.kind == "Pooling":
            return "+".join(_pooling_modes(json_object(module.folder / "config.json")))
    is_static = bool(modules) and modules[0].kind == "StaticEmbedding"
    return "mean over tokens" if is_static else "the model's own"


def _position_limit(config: Mapping[str, Any]) -> int | None:
    limit = config.get("max_position_embeddings")
    if not isinstance(limit, int) or limit < 1:
        return None
    if config.get("model_type") in _OFFSET_POSITIONS:
        limit -= int(config.get("pad_token_id") or 1) + 1
    return limit


def _max_length(own: Mapping[str, Any], root: Path, limit: int | None) -> int | None:
    """The length that sentence-transformers would read, never above the position embeddings."""
    processor = own.get("processor_kwargs") or own.get("tokenizer_args") or {}
    candidates = (
        processor.get("model_max_length"),
        own.get("max_seq_length"),
        json_object(root / "tokenizer_config.json").get("model_max_length"),
    )
    chosen = next((value for value in candidates if isinstance(value, int | float)), None)
    length = int(chosen) if chosen is not None and 0 < chosen < _NO_LIMIT else None
    known = [value for value in (length, limit) if value is not None]
    return min(known) if known else None


def _length(
    wanted: Kind,
    sentence: Mapping[str, Any],
    own: Mapping[str, Any],
    root: Path,
    limit: int | None,
    tokenizer: Path | None,
    *,
    is_static: bool,
) -> int | None:
    """Tokens that are read of a document; None for no limit."""
    if is_static:
        return _static_limit(tokenizer)
    general = _max_length(own, root, limit)
    if wanted != "MultiVectorEncoder":
        return general
    documents = own.get("document_length") or sentence.get("document_length")
    return general if documents is None else int(documents)


def _static_limit(tokenizer: Path | None) -> int | None:
    """Where the tokenizer of a static model cuts; the module uses the file as it is."""
    if tokenizer is None:
        return None
    cut = json_object(tokenizer).get("truncation") or {}
    return cast("int | None", cut.get("max_length"))


def _first_json(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    return next((found for name in names if (found := json_object(folder / name))), {})
