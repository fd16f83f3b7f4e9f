"""The encoder of a model behind a URL."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from typing import TYPE_CHECKING

from benchharness.errors import ModelError, shortened
from benchharness.models.batches import Budget, cut, take, windows
from benchharness.models.encoder import Role
from benchharness.models.endpoint.address import Address
from benchharness.models.endpoint.counting import Exact, counting_of
from benchharness.models.endpoint.identity import (
    Acquaintance,
    Identity,
    check_dim,
    identify,
    quoted,
)
from benchharness.models.endpoint.line import Line, TooMuch
from benchharness.models.endpoint.memory import Memory
from benchharness.models.endpoint.options import EndpointOptions
from benchharness.models.endpoint.parallel import in_parallel
from benchharness.models.endpoint.probe import SENTINELS, TEXTS, TOLERANCE, agreement
from benchharness.models.endpoint.service import Service
from benchharness.models.endpoint.vectors import unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Raised whenever the code here changes what a model gives; part of every fingerprint.
ENCODE_VERSION = "endpoint/1"


@dataclass(frozen=True, eq=False)
class Batch:
    """Texts of one request, and where they stand; without texts, positions of blank ones."""

    positions: NDArray[np.int64]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Workload:
    """What it takes to encode some texts: requests, tokens (exact or about), USD where known."""

    requests: int
    tokens: int
    is_exact: bool
    price_usd: float | None


class EndpointEncoder:
    """The `Encoder` of a service; nothing is asked before the first use.

    A request holds, besides its texts, one of the probe's: a model that is exchanged in the middle
    of a run is noticed at the request where it happens. A blank text is not sent; its vector is
    zero.
    """

    trainable = False

    def __init__(
        self,
        spec: str,
        service: Service,
        line: Line,
        options: EndpointOptions,
        memory: Memory,
    ) -> None:
        self.spec = spec
        self.options = options
        self.line = line
        self._service = service
        self._counting = counting_of(options.tokenizer)
        self._acquaintance = Acquaintance(
            lambda: identify(service, line, options, memory, self._fingerprint, spec)
        )

    def __repr__(self) -> str:
        return f"EndpointEncoder({self.spec!r})"

    # --- facts ----------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        return self.line.address

    @property
    def fingerprint(self) -> str:
        """sha256 over what the service declares, the probe's coarse form, and the options.

        Asks the service. Raises ModelError where it cannot be used, or was changed silently.
        """
        return self._fingerprint(self._acquaintance.made())

    @property
    def cache_key(self) -> str:
        """The fingerprint and the very vectors that the probe's texts had at the first meeting.

        A fingerprint is coarse: vectors of a model that was changed a little, and accepted, must
        not stand beside those of before.
        """
        known = self._acquaintance.made().known
        return hashlib.sha256(f"{self.fingerprint} {known.digest}".encode()).hexdigest()

    @property
    def max_length(self) -> int | None:
        """Tokens that are read of a text; None where nobody can count them exactly.

        Asks a TEI server, where a tokenizer is given and no maximum.
        """
        if not isinstance(self._counting, Exact) or self.options.max_length is not None:
            return self.options.max_length
        return self._acquaintance.made().declared.max_length if self._says_length else None

    @property
    def _says_length(self) -> bool:
        return self.address.kind == "tei"

    @property
    def dim(self) -> int | None:
        """Components of a vector; None before the service was asked."""
        known = self._acquaintance.known
        return self.options.dim if known is None else known.dim

    @property
    def counts_are_exact(self) -> bool:
        """Whether a tokenizer counts; else counts are estimates, and no evidence."""
        return self._counting.is_exact

    @property
    def details(self) -> Mapping[str, str]:
        """For reports; what the service says of itself, once it was asked."""
        found = {
            "kind": "endpoint",
            "service": {"openai": "OpenAI API", "tei": "TEI"}[self.address.kind],
            "url": self.address.url,
            "dimension": "known once asked" if self.dim is None else str(self.dim),
            "max length": self._length_in_words(),
            "similarity": self.options.similarity,
            "query prompt": self._prompt_in_words("query"),
            "document prompt": self._prompt_in_words("document"),
            "token counts": self._counting.described,
        }
        if self.options.price is not None:
            found["price"] = f"{self.options.price:g} USD for a million tokens"
        known = self._acquaintance.known
        if known is not None:
            told = {**known.names, **known.declared.remarks}
            found |= {f"service says: {name}": text for name, text in told.items()}
        return found

    def _length_in_words(self) -> str:
        known = self._acquaintance.known
        if self.options.max_length is not None:
            return f"{self.options.max_length} tokens"
        if known is not None and known.declared.max_length is not None:
            return f"{known.declared.max_length} tokens, as the service says"
        return "the service does not say"

    def _prompt_in_words(self, role: Role) -> str:
        name = self.options.prompt_names[role]
        of_service = f"(the service's {name!r}) " if name else ""
        return f"{of_service}{self.options.prompts[role]}"

    @property
    def costs(self) -> Mapping[str, float]:
        """The "dimension" of a vector, where known."""
        return {} if self.dim is None else {"dimension": float(self.dim)}

    @property
    def encode_path(self) -> str:
        """Where and in which requests texts are encoded, and what the server says it runs."""
        known = self._acquaintance.known
        version = known.declared.remarks.get("version") if known is not None else None
        path = [
            f"{self.address.kind} at {self.address.url}" + (f" ({version})" if version else ""),
            str(self._budget()),
            f"httpx2 {metadata.version('httpx2')}",
        ]
        return ", ".join(path)

    def _fingerprint(self, identity: Identity) -> str:
        options = self.options
        content: dict[str, object] = {
            "encode": ENCODE_VERSION,
            "service": self.address.kind,
            "declared": dict(identity.names),
            "probe": identity.known.coarse,
            "dim": identity.dim,
            "similarity": options.similarity,
            "prompts": dict(options.prompts),
            "prompt names": {role: self._service.form(role) for role in _ROLES},
        }
        if options.max_length is not None:
            content["cut"] = [options.max_length, self._counting.digest]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    # --- tokens ---------------------------------------------------------------------------------

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """How many tokens each text has, by the tokenizer or about; 0 for a blank one; [n]."""
        import numpy as np

        counts = self._counting.counts(texts)
        blank = np.array([not text.strip() for text in texts], dtype=bool)
        counts[blank] = 0
        return counts

    def tokens_per_word(self, words: Sequence[str]) -> NDArray[np.int64]:
        return self._counting.counts(words, special=False)

    def workload(self, texts: Sequence[str], role: Role) -> Workload:
        """What it would take to encode the texts; asks the service for its identity at most."""
        requests, tokens = 0, 0
        for batch in self._batches(texts, role):
            if batch.texts:
                requests += 1
                tokens += int(self._sent_counts(batch.texts).sum()) + self._sentinel_tokens
        price = self.options.price
        return Workload(
            requests,
            tokens,
            self.counts_are_exact,
            None if price is None else tokens * price / 1e6,
        )

    @cached_property
    def _sentinel_tokens(self) -> int:
        return int(self._counting.counts(TEXTS[:SENTINELS]).max())

    def _sent_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return self._counting.counts(texts)

    # --- vectors --------------------------------------------------------------------------------

    def encode(
        self, texts: Sequence[str], role: Role
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Finished requests as (positions, vectors); see `benchharness.models.batches`.

        The cut into requests depends on the texts, the options and the limit that the service
        declares; requests come back in any order. Raises ModelError where the service refuses,
        does not answer, answers what cannot be true, or turns into another model. What was finished
        before, and what was under way, is yielded first.
        """
        if not len(texts):
            return
        self._acquaintance.made()
        stop = threading.Event()
        yield from in_parallel(
            lambda batch: (batch.positions, self._vectors(batch, role, stop)),
            self._batches(texts, role),
            self.options.concurrency,
            stop,
        )

    def _budget(self) -> Budget:
        known = self._acquaintance.known
        most = known.declared.most_texts if known is not None else None
        size = self.options.batch_size if most is None else min(self.options.batch_size, most - 1)
        return Budget(tokens=self.options.batch_tokens, texts=max(1, size))

    def _batches(self, texts: Sequence[str], role: Role) -> Iterator[Batch]:
        import numpy as np

        budget = self._budget()
        prompt = self.options.prompts[role]
        for window in windows(texts):
            raw = take(texts, window)
            is_blank = np.array([not text.strip() for text in raw], dtype=bool)
            if is_blank.any():
                yield Batch(window[is_blank], ())
            rows = window[~is_blank]
            strings = [self._sent(prompt + text) for text in raw if text.strip()]
            for batch in cut(strings, self._sent_counts(strings), budget):
                yield Batch(rows[batch], tuple(strings[row] for row in batch.tolist()))

    def _sent(self, text: str) -> str:
        """The text as it is sent: cut to `max_length`, "?" for half a surrogate pair."""
        text = text.encode("utf-8", "replace").decode()
        if self.options.max_length is None or not isinstance(self._counting, Exact):
            return text
        return self._counting.cut(text, self.options.max_length)

    def _vectors(self, batch: Batch, role: Role, stop: threading.Event) -> NDArray[np.float32]:
        import numpy as np

        if not batch.texts:
            dim = self._acquaintance.made().dim
            return np.zeros((len(batch.positions), dim), dtype=np.float32)
        return self._halved(batch.texts, role, stop)

    def _halved(
        self, texts: tuple[str, ...], role: Role, stop: threading.Event
    ) -> NDArray[np.float32]:
        """The vectors of the texts, asked for in halves where the service refuses them together."""
        import numpy as np

        try:
            return self._asked(texts, role, stop)
        except TooMuch as refusal:
            if len(texts) == 1:
                raise self._refused(texts[0], refusal) from None
        half = len(texts) // 2
        return np.concatenate(
            [self._halved(part, role, stop) for part in (texts[:half], texts[half:])]
        )

    def _refused(self, text: str, refusal: TooMuch) -> ModelError:
        count = int(self._sent_counts([text])[0])
        about = "" if self.counts_are_exact else "about "
        return self.line.error(
            f"the service refuses the text {shortened(text)} ({len(text):,} characters, "
            f"{about}{count:,} tokens): {refusal}",
            "shorten the text, or have texts cut: @max_length=N,tokenizer=DIR; batches finished "
            "before are kept in the cache",
        )

    def _asked(
        self, texts: tuple[str, ...], role: Role, stop: threading.Event
    ) -> NDArray[np.float32]:
        """The vectors of one request. Raises TooMuch, ModelError."""
        import numpy as np

        identity = self._acquaintance.made()
        # Which text of the probe goes along, and where: by the texts alone.
        digest = int.from_bytes(hashlib.sha256(texts[0].encode()).digest()[:8], "big")
        sentinel, place = digest % SENTINELS, digest // SENTINELS % (len(texts) + 1)
        sent = [*texts[:place], TEXTS[sentinel], *texts[place:]]
        answer = self.line.ask(self._service.path, self._service.body(sent, role), stop=stop)
        found = self._service.read(answer, len(sent), self.line)
        check_dim(found.vectors, self.options, self.line)
        reference = identity.known.vectors[self._service.form(role)][sentinel : sentinel + 1]
        cosine = agreement(
            found.vectors[place : place + 1], reference, length=self.options.similarity == "dot"
        )
        if cosine[0] < TOLERANCE or found.model != identity.answers_as:
            raise self._exchanged(found.vectors.shape[1], float(cosine[0]), found.model, identity)
        vectors = np.delete(found.vectors, place, axis=0)
        mute = np.flatnonzero(~vectors.any(axis=1))
        if len(mute):
            raise self.line.error(
                f"the vector of {shortened(texts[int(mute[0])])} is zero",
                "a zero vector has no direction; look at this text and at the service",
            )
        return unit(vectors) if self.options.similarity == "cosine" else vectors

    def _exchanged(self, dim: int, cosine: float, name: str, identity: Identity) -> ModelError:
        if dim != identity.dim:
            how = f"{dim} components in place of {identity.dim}"
        elif name != identity.answers_as:
            how = f"it answers as {name!r} in place of {identity.answers_as!r}"
        else:
            how = f"cosine {cosine:.4f} with its earlier vector of the same text"
        return self.line.error(
            f"another model answers than at the beginning: {how}; its vectors are not kept, those "
            "of before are",
            "let one model answer at this URL and type the same command again; if the change is "
            f"meant: benchharness cache forget {quoted(self.spec)}",
        )


_ROLES: tuple[Role, ...] = ("query", "document")
