"""`open_model`: from a model spec to a system. Light: nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module, metadata
from pathlib import Path
from typing import cast

from benchharness.errors import ModelError, UsageError, did_you_mean
from benchharness.models.encoder import Encoder, Ranker, System
from benchharness.models.spec import CALLS, KNOWN_OPTIONS, EncoderOptions, ModelSpec, parse_spec

Factory = Callable[[ModelSpec], Encoder | Ranker]

ENTRY_POINTS = "benchharness.models"
_BUILT_IN = {
    "minilm": "benchharness.models.packaged:minilm",
    "wordllama": "benchharness.models.packaged:wordllama",
    "bm25": "benchharness.models.bm25:bm25",
}
# Models behind a URL; what follows the colon is theirs.
_PREFIXES = {
    "openai:": "benchharness.models.endpoint.opening:openai_endpoint",
    "tei:": "benchharness.models.endpoint.opening:tei_endpoint",
}
_registered: dict[str, Factory] = {}


def open_model(spec: str, base: Path | None = None) -> System:
    """The system that a spec names; its weights are loaded when it first encodes.

    A call such as `hybrid(bm25,minilm)` is a pipeline of other specs; `openai:MODEL@URL` and
    `tei:URL` are models behind a URL, which is not asked before they are used. Another name is
    looked for among the names of this process (`register`), the built-in ones (minilm, wordllama,
    bm25) and the entry points of the group `benchharness.models`; then as a directory relative to
    `base` or to the working folder; then, where it reads `owner/name`, on the Hub. A directory with
    the name of a built-in is written `./minilm`.

    Raises UsageError for a wrong option, MissingDependency for an absent package, and
    ModelError for a name that stands for nothing or a model that cannot be used.
    """
    parsed = parse_spec(spec)
    if parsed.name in CALLS:
        from benchharness.models.pipelines import open_pipeline

        return open_pipeline(parsed, base)
    factory = _factory(parsed.name)
    if factory is not None:
        return factory(parsed)
    return _open_files(parsed, base)


def known_names() -> tuple[str, ...]:
    """The names that stand for a system, sorted; directories and Hub ids come on top."""
    plugged = (entry.name for entry in metadata.entry_points(group=ENTRY_POINTS))
    return tuple(sorted({*_BUILT_IN, *_registered, *plugged}))


def register(name: str, factory: Factory) -> None:
    """Makes `name` stand for what `factory` gives, in this process only.

    Raises UsageError for the name of a built-in system or one that no spec can spell.
    """
    if name in _BUILT_IN or name in CALLS:
        raise UsageError(f"{name!r} is a built-in model", remedy="register another name")
    if parse_spec(name).name != name:
        raise UsageError(f"{name!r} reads as a name with options", remedy="register a plain name")
    _registered[name] = factory


def _factory(name: str) -> Factory | None:
    if name in _registered:
        return _registered[name]
    place = _BUILT_IN.get(name) or next(
        (place for prefix, place in _PREFIXES.items() if name.startswith(prefix)), None
    )
    if place is not None:
        module, _, function = place.partition(":")
        return cast("Factory", getattr(import_module(module), function))
    for entry in metadata.entry_points(group=ENTRY_POINTS, name=name):
        try:
            return cast("Factory", entry.load())
        except (ImportError, AttributeError) as error:
            raise ModelError(
                f"the entry point {entry.value!r} of the model {name!r} cannot be imported: "
                f"{error}",
                where=entry.dist.name if entry.dist is not None else ENTRY_POINTS,
                remedy="install that package again, or remove it",
            ) from error
    return None


def _open_files(spec: ModelSpec, base: Path | None) -> Encoder | Ranker:
    from benchharness.models.directory import read_directory
    from benchharness.models.late_interaction import LateInteractionRanker
    from benchharness.models.saved_kind import kind_of
    from benchharness.models.sentence_transformer import SentenceTransformerEncoder
    from benchharness.models.sparse import MAX_ACTIVE_DIMS, SparseRanker

    shared = tuple(option for option in spec.options if option[0] != MAX_ACTIVE_DIMS)
    options = EncoderOptions.of(replace(spec, options=shared))
    folder = _existing(spec.name, base)
    if folder is not None:
        if options.revision is not None:
            raise UsageError(
                f"revision={options.revision!r} chooses among versions of a Hub model, and this "
                "is a directory",
                where=spec.text,
                remedy="leave @revision out",
            )
    elif _is_hub_id(spec.name):
        from benchharness.models.hub import snapshot

        folder = snapshot(spec.name, options.revision, wanted_as=spec.name)
    else:
        raise _unknown(spec, base)
    kind = kind_of(folder)
    if kind == "SparseEncoder":
        blueprint = read_directory(folder, options, shown=spec.name, wanted=kind)
        return SparseRanker.of(spec, blueprint, options)
    if kind == "MultiVectorEncoder":
        blueprint = read_directory(folder, options, shown=spec.name, wanted=kind)
        return LateInteractionRanker.of(spec, blueprint, options)
    spec.refuse_options(KNOWN_OPTIONS)
    blueprint = read_directory(folder, options, shown=spec.name)
    return SentenceTransformerEncoder(spec.text, blueprint, options)


def _existing(name: str, base: Path | None) -> Path | None:
    path = Path(name).expanduser()
    places = [path] if path.is_absolute() else [(base or Path()) / path, Path() / path]
    return next((place for place in places if place.exists()), None)


def _is_hub_id(name: str) -> bool:
    owner, slash, model = name.partition("/")
    return bool(slash and owner and model) and "/" not in model and owner[0] not in ".~"


def _unknown(spec: ModelSpec, base: Path | None) -> ModelError:
    if any(mark in spec.name for mark in ("/", "\\")):
        start = f" (looked in {base or Path.cwd()})" if not Path(spec.name).is_absolute() else ""
        return ModelError(
            f"there is no such directory{start}", where=spec.text, remedy="check the path"
        )
    hint = did_you_mean(spec.name.partition("@")[0], known_names())
    if "@" in spec.name:
        hint += "; options read NAME@option=value,option=value (a comma in a value is %2C)"
    return ModelError(
        f"unknown model {spec.name!r}: neither a known name, nor a directory, nor a Hub id "
        "(owner/name)",
        where=spec.text,
        remedy=hint,
    )
