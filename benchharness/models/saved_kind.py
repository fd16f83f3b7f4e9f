"""What a sentence-transformers directory was saved as, and what each kind calls its own.

The four kinds lie in directories that look alike; a name in one small file tells them apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from benchharness.errors import ModelError

RankerKind = Literal["SparseEncoder", "MultiVectorEncoder"]
Kind = Literal["SentenceTransformer", "CrossEncoder"] | RankerKind
# What each is, and what it can be used for where something else is needed.
_KINDS: dict[str, tuple[str, str]] = {
    "SentenceTransformer": (
        "an embedding model: it turns each text into one vector",
        "open it as an encoder: {place}",
    ),
    "CrossEncoder": (
        "a cross-encoder: it scores pairs and gives no vectors",
        "use it to rerank, rerank(minilm,{place}), or to check negatives: benchharness mine "
        "--cross-encoder {place}; an encoder is needed here, such as minilm",
    ),
    "SparseEncoder": (
        "a sparse encoder: its vectors have one component for each word",
        "measure it as a model of a suite, or mine with it (--miner {place}); an encoder is needed "
        "here, such as minilm",
    ),
    "MultiVectorEncoder": (
        "a late-interaction model: it gives one vector for each token",
        "measure it as a model of a suite, or rerank with it, rerank(minilm,{place}); an encoder "
        "is needed here, such as minilm",
    ),
}
# Similarities by kind, the one of a model that names none first.
_SIMILARITIES = {
    "SentenceTransformer": ("cosine", "dot"),
    "SparseEncoder": ("dot", "cosine"),
    "MultiVectorEncoder": ("maxsim", "meanmaxsim"),
}
# PyLate, whose directories are read as well, saved late-interaction models under another name.
_LATE_INTERACTION = ("MultiVectorEncoder", "ColBERT")


def kind_of(folder: Path) -> Kind:
    """What the directory was saved as; an encoder where nothing says otherwise."""
    config = json_object(folder / "config.json")
    architectures = [str(name) for name in config.get("architectures") or ()]
    is_classifier = any(name.endswith("ForSequenceClassification") for name in architectures)
    if is_classifier and not (folder / "modules.json").is_file():
        return "CrossEncoder"
    named = saved_settings(folder).get("model_type")
    if named in _LATE_INTERACTION:
        return "MultiVectorEncoder"
    return cast("Kind", named) if named in _KINDS else "SentenceTransformer"


def saved_settings(folder: Path) -> dict[str, Any]:
    """What sentence-transformers saved beside the modules: kind, prompts, similarity …"""
    return json_object(folder / "config_sentence_transformers.json")


def refuse_other_kinds(kind: Kind, wanted: Kind, place: str) -> None:
    """Raises ModelError where the model is of another kind: what it is, and what it is good for."""
    if kind == wanted:
        return
    words, remedy = _KINDS[kind]
    raise ModelError(f"this is {words}", where=place, remedy=remedy.format(place=place))


def similarity_of(sentence: Mapping[str, Any], wanted: Kind, place: str) -> str:
    """The similarity of the model. Raises ModelError for one that is not known here."""
    known = _SIMILARITIES[wanted]
    name = sentence.get("similarity_fn_name") or known[0]
    if wanted == "MultiVectorEncoder" and name not in known:
        return known[0]  # the library too passes over the names of single vectors
    if name not in known:
        raise ModelError(
            f"the model compares vectors by {name!r}; the search here knows "
            f"{' and '.join(sorted(known))}",
            where=place,
            remedy="set similarity_fn_name in config_sentence_transformers.json, if the model "
            "was trained for one of these",
        )
    return str(name)


def prompts_of(sentence: Mapping[str, Any], wanted: Kind) -> dict[str, str]:
    """What the model puts before each text, by role; see `role_prompts`.

    A prefix that PyLate saved comes before the prompt of its role.
    """
    prompts = dict(sentence.get("prompts") or {})
    if wanted == "MultiVectorEncoder":
        for role in ("query", "document"):
            prefix = sentence.get(f"{role}_prefix")
            if prefix:
                prompts[role] = prefix + (prompts.get(role) or "").removeprefix(prefix)
    return role_prompts(prompts)


def role_prompts(prompts: Mapping[str, str | None]) -> dict[str, str]:
    """What the model puts before a query and before a document, "" for nothing.

    A document's prompt is the first of "document", "passage" and "corpus" that is not empty:
    sentence-transformers adds an empty "document" to models that only name "passage", and then
    uses that.
    """
    document = next(
        (prompts[name] for name in ("document", "passage", "corpus") if prompts.get(name)), ""
    )
    return {"query": prompts.get("query") or "", "document": document or ""}


def json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path.name} is not valid JSON", where=str(path),
                         remedy="save the model again") from error  # fmt: skip
    return value if isinstance(value, dict) else {}
