"""A sentence-transformers cross-encoder: it reads a query and a text together and scores the pair.

It gives no vectors, so it cannot search a corpus; it is a second opinion on few pairs. Everything
but `pair_scores` works without torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import ModelError, UsageError
from benchharness.models.content import content_digest
from benchharness.models.registry import known_names
from benchharness.models.runtime import checked_device, loading, prepare_torch
from benchharness.models.spec import EncoderOptions, ModelSpec, parse_spec
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import CrossEncoder

# Raised whenever the code here changes what a model gives; part of every fingerprint.
SCORE_VERSION = "cross-encoder/1"
BATCH_PAIRS = 32
_OPTIONS = ("device", "max_length", "revision")
_NO_LIMIT = 1_000_000  # above this a tokenizer's limit means that none was set
_REMEDY = "give a cross-encoder, such as a directory that CrossEncoder.save_pretrained wrote"


class CrossEncoderScorer:
    """Scores pairs of a query and a text; the weights are loaded with the first pair.

    spec:        the model spec it was opened from.
    fingerprint: sha256 (hex) of weights, tokenizer and the length that is read.
    """

    def __init__(self, spec: str, folder: Path, options: EncoderOptions) -> None:
        self.spec = spec
        self._folder = folder
        self._options = options
        self._loaded: CrossEncoder | None = None

    @cached_property
    def fingerprint(self) -> str:
        identity = {
            "score": SCORE_VERSION,
            "content": content_digest(self._folder),
            "max_length": self._options.max_length,
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def pair_scores(
        self, pairs: Sequence[tuple[str, str]], listener: Listener = silent
    ) -> NDArray[np.float32]:
        """The sigmoid of the model's score of each (query, text), in their order; [n], 0 to 1.

        Equal pairs are scored once. Batches are cut by the texts alone, so that the order in
        which pairs are given changes no bit. Raises ModelError where the model cannot be loaded
        or gives a score that is no number.
        """
        import numpy as np

        distinct = sorted(set(pairs), key=lambda pair: (len(pair[0]) + len(pair[1]), pair))
        if not distinct:
            return np.zeros(0, dtype=np.float32)
        model = self._model()
        score_of: dict[tuple[str, str], float] = {}
        for start in range(0, len(distinct), BATCH_PAIRS):
            listener(Step(f"{self.spec} · check", start, len(distinct), "pairs"))
            batch = distinct[start : start + BATCH_PAIRS]
            found = model.predict(batch, batch_size=len(batch), show_progress_bar=False)
            score_of.update(zip(batch, found.tolist(), strict=True))
        listener(Step(f"{self.spec} · check", len(distinct), len(distinct), "pairs"))
        scores = np.array([score_of[pair] for pair in pairs], dtype=np.float32)
        if not np.isfinite(scores).all():
            broken = pairs[int(np.flatnonzero(~np.isfinite(scores))[0])]
            raise ModelError(
                f"the cross-encoder gave a score that is no number, of the query {broken[0]!r}",
                where=self.spec, remedy="its weights are broken: take another model",
            )  # fmt: skip
        return scores

    def _model(self) -> CrossEncoder:
        if self._loaded is None:
            self._loaded = _load(self._folder, self._options, self.spec)
        return self._loaded


def open_cross_encoder(spec: str, base: Path | None = None) -> CrossEncoderScorer:
    """The cross-encoder of a spec: a directory, relative to `base` or here, or a Hub id.

    Options: device, max_length, revision. Weights are read from safetensors only, and no Python
    code that comes with a model is run. Raises UsageError for a wrong option, ModelError where
    the spec is no cross-encoder that scores a pair with one number; no weight is loaded for that.
    """
    parsed = parse_spec(spec)
    if parsed.name in known_names():
        raise ModelError(
            f"{parsed.name} is no cross-encoder: it scores no pairs by reading both texts together",
            where=spec, remedy=_REMEDY,
        )  # fmt: skip
    parsed.refuse_options(_OPTIONS)
    options = EncoderOptions.of(parsed)
    folder = _folder_of(parsed, options, base)
    _refuse_others(folder, spec)
    return CrossEncoderScorer(spec, folder, options)


def is_cross_encoder(spec: str, base: Path | None = None) -> bool:
    """Whether the spec names a directory, relative to `base` or here, that holds a cross-encoder.

    Also True of a Hub id whose files say so. Raises UsageError for a wrong option.
    """
    parsed = parse_spec(spec)
    if parsed.name in known_names() or parsed.parts or ":" in parsed.name:
        return False
    try:
        folder = _folder_of(parsed, EncoderOptions.of(parsed), base)
    except ModelError:
        return False
    return _is_cross_encoder(folder)


def _folder_of(parsed: ModelSpec, options: EncoderOptions, base: Path | None) -> Path:
    path = Path(parsed.name).expanduser()
    found = next((one for one in ((base or Path()) / path, path) if one.is_dir()), None)
    if found is not None:
        if options.revision is not None:
            raise UsageError(
                "revision chooses among versions of a Hub model, and this is a directory",
                where=parsed.text, remedy="leave @revision out",
            )  # fmt: skip
        return found
    owner, slash, model = parsed.name.partition("/")
    if not (slash and owner and model) or "/" in model or owner[0] in ".~":
        raise ModelError(
            "there is no such directory, and this is no Hub id (owner/name)",
            where=parsed.text, remedy=_REMEDY,
        )  # fmt: skip
    from benchharness.models.hub import snapshot

    return snapshot(parsed.name, options.revision, wanted_as=parsed.name)


def _refuse_others(folder: Path, spec: str) -> None:
    """Raises ModelError where the small files say that this is something else."""
    config, sentence = _json(folder / "config.json"), _sentence_config(folder)
    if not _is_cross_encoder(folder):
        kind = "an embedding model" if _is_embedding(folder, sentence) else "no cross-encoder"
        more = ": it turns each text into a vector by itself" if "embedding" in kind else ""
        raise ModelError(f"this is {kind}{more}", where=spec, remedy=_REMEDY)
    if len(config.get("id2label") or {"": ""}) > 1:
        raise ModelError(
            f"the model sorts pairs into {len(config['id2label'])} classes, and one score of each "
            "pair is needed",
            where=spec, remedy="give a cross-encoder with one label (num_labels=1)",
        )  # fmt: skip
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            "the directory holds no safetensors weights; pickles (.bin) can run code when they are "
            "read",
            where=spec, remedy="convert them: CrossEncoder(dir).save_pretrained(new)",
        )  # fmt: skip


def _is_cross_encoder(folder: Path) -> bool:
    architectures = [str(name) for name in _json(folder / "config.json").get("architectures") or ()]
    is_saved_as_one = _sentence_config(folder).get("model_type") == "CrossEncoder"
    is_classifier = any(name.endswith("ForSequenceClassification") for name in architectures)
    return is_saved_as_one or (is_classifier and not (folder / "modules.json").is_file())


def _is_embedding(folder: Path, sentence: Mapping[str, Any]) -> bool:
    return (folder / "modules.json").is_file() or bool(sentence)


def _sentence_config(folder: Path) -> dict[str, Any]:
    return _json(folder / "config_sentence_transformers.json")


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(
            f"{path.name} is not valid JSON", where=str(path), remedy="save the model again"
        ) from error
    return value if isinstance(value, dict) else {}


def _load(folder: Path, options: EncoderOptions, spec: str) -> CrossEncoder:
    torch = prepare_torch()
    from sentence_transformers import CrossEncoder

    with loading(str(folder)):
        model: CrossEncoder = CrossEncoder(
            str(folder),
            device=checked_device(options.device),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
            # Whatever was saved: a share of the positive's score means something from 0 to 1 only.
            activation_fn=torch.nn.Sigmoid(),
        )
    if model.num_labels != 1:
        raise ModelError(
            f"the model gives {model.num_labels} scores of each pair, and one is needed",
            where=spec, remedy="give a cross-encoder with one label (num_labels=1)",
        )  # fmt: skip
    _set_length(model, options.max_length, spec)
    model.eval()
    return model


def _set_length(model: CrossEncoder, asked: int | None, spec: str) -> None:
    """Sets how many tokens of both texts are read, never more than the model has positions."""
    config: Any = model.config
    limit = getattr(config, "max_position_embeddings", None)
    has = model.max_seq_length
    if asked is not None and limit is not None and asked > limit:
        raise ModelError(
            f"max_length={asked} is above the {limit} positions of the model",
            where=spec, remedy=f"use at most @max_length={limit}",
        )  # fmt: skip
    if asked is not None:
        model.max_seq_length = asked
    elif limit is not None and (has is None or has >= _NO_LIMIT):
        model.max_seq_length = limit
