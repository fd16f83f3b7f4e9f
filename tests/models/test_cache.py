"""The embedding cache: what it keeps, what it never mixes, and what a crash costs."""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.errors import CacheError, ModelError
from benchharness.models import wanted
from benchharness.models.cache import CacheWarning, EmbeddingCache, default_cache_folder
from benchharness.models.encoder import Role
from benchharness.models.registry import open_model
from benchharness.progress import Step
from benchharness.testing import HashEncoder

TEXTS = [f"text number {n}" for n in range(10)]


@dataclass(eq=False)
class Counting(HashEncoder):
    """Remembers what it was asked to encode; `stop_after` batches of one text it raises."""

    asked: list[str] = field(default_factory=list)
    stop_after: int | None = None
    error: BaseException = field(default_factory=KeyboardInterrupt)

    def encode(self, texts: Sequence[str], role: Role) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for row in range(len(texts)):
            if self.stop_after is not None and row >= self.stop_after:
                raise self.error
            self.asked.append(texts[row])
            ((_, vectors),) = super().encode([texts[row]], role)
            yield np.array([row]), vectors


def _plain(texts: Sequence[str], encoder: HashEncoder) -> np.ndarray:
    return np.concatenate([v for _, v in HashEncoder(encoder.dim).encode(texts, "document")])


def test_what_was_encoded_once_is_read_bit_for_bit(tmp_path: Path) -> None:
    """Another cache object on the same folder asks the encoder for nothing."""
    first, second = Counting(), Counting()

    written = EmbeddingCache(tmp_path).encode(first, TEXTS, "document")
    read = EmbeddingCache(tmp_path).encode(second, TEXTS, "document")

    assert written.tobytes() == read.tobytes() == _plain(TEXTS, first).tobytes()
    assert sorted(first.asked) == sorted(TEXTS)
    assert second.asked == []


def test_only_new_texts_are_encoded(tmp_path: Path) -> None:
    """A changed corpus costs its changed texts, in whatever order it stands."""
    cache, encoder = EmbeddingCache(tmp_path), Counting()
    cache.encode(encoder, TEXTS[:6], "document")
    encoder.asked.clear()

    vectors = cache.encode(encoder, TEXTS[::-1], "document")

    assert sorted(encoder.asked) == TEXTS[6:]
    assert vectors.tobytes() == _plain(TEXTS[::-1], encoder).tobytes()


def test_equal_texts_are_encoded_once(tmp_path: Path) -> None:
    """Each of them has the vector in its row, cached or not."""
    texts = ["a b", "c", "a b", "a b", "c"]
    for cache in (EmbeddingCache(tmp_path), EmbeddingCache.none()):
        encoder = Counting()

        vectors = cache.encode(encoder, texts, "query")

        assert sorted(encoder.asked) == ["a b", "c"]
        assert vectors.tobytes() == _plain(texts, encoder).tobytes()


@settings(max_examples=30)
@given(st.lists(st.lists(st.text(max_size=3), max_size=8), max_size=4))
def test_any_history_gives_the_vectors_of_no_cache(histories: list[list[str]]) -> None:
    """Whatever was asked before, the answer is that of the encoder."""
    import tempfile

    encoder = Counting(dim=4)
    with tempfile.TemporaryDirectory() as folder:
        cache = EmbeddingCache(Path(folder), flush_rows=2)
        for texts in histories:
            vectors = cache.encode(encoder, texts, "document")
            assert vectors.tobytes() == (_plain(texts, encoder).tobytes() if texts else b"")


def test_roles_and_fingerprints_never_meet(tmp_path: Path) -> None:
    """Another role or another model finds nothing."""
    cache = EmbeddingCache(tmp_path)
    cache.encode(HashEncoder(), TEXTS, "document")
    for encoder, role in ((Counting(), "query"), (Counting(salt="x"), "document")):
        cache.encode(encoder, TEXTS, role)  # type: ignore[arg-type]

        assert sorted(encoder.asked) == sorted(TEXTS)
    folders = {path.parent.relative_to(tmp_path) for path in tmp_path.rglob("*.safetensors")}
    assert len(folders) == 3


def test_a_fingerprint_that_is_no_plain_name_still_names_a_folder(tmp_path: Path) -> None:
    """A plug-in's encoder may call itself anything; nothing is written outside of the cache."""

    class Odd(Counting):
        @property
        def fingerprint(self) -> str:
            return "../../odd model"

    cache, encoder = EmbeddingCache(tmp_path / "cache"), Odd()
    cache.encode(encoder, TEXTS, "document")
    cache.encode(encoder, TEXTS, "document")

    assert len(encoder.asked) == len(TEXTS)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_an_encoder_may_ask_for_a_place_of_its_own(tmp_path: Path) -> None:
    """Equal fingerprints, other keys: the vectors of one are not taken for the other's."""

    @dataclass(eq=False)
    class Keyed(Counting):
        cache_key: str = "one"

        @property
        def encode_path(self) -> str:
            return f"made as {self.cache_key}"

    cache = EmbeddingCache(tmp_path)
    one, other, again = Keyed(), Keyed(cache_key="other"), Keyed()
    for encoder in (one, other, again):
        cache.encode(encoder, TEXTS, "document")

    assert one.fingerprint == other.fingerprint
    assert [len(encoder.asked) for encoder in (one, other, again)] == [10, 10, 0]
    assert cache.encode_paths(one, "document") == ("made as one",)
    assert cache.encode_paths(other, "document") == ("made as other",)


def test_no_folder_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`EmbeddingCache.none()` encodes every time and writes nowhere."""
    monkeypatch.chdir(tmp_path)
    cache, encoder = EmbeddingCache.none(), Counting()
    for _ in range(2):
        cache.encode(encoder, TEXTS, "document")

    assert len(encoder.asked) == 2 * len(TEXTS)
    assert list(tmp_path.iterdir()) == []
    assert cache.info().models == ()
    assert cache.prune(all=True) == 0


def test_a_full_hit_imports_no_torch(tmp_path: Path, static_model: Path) -> None:
    """Knowing a model and reading its vectors needs none of the heavy libraries."""
    cache_folder = tmp_path / "cache"
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from benchharness.models.cache import EmbeddingCache\n"
        "from benchharness.models.registry import open_model\n"
        f"model = open_model({str(static_model)!r})\n"
        f"cache = EmbeddingCache(Path({str(cache_folder)!r}))\n"
        "vectors = cache.encode(model, ['red cat', 'dog'], 'document')\n"
        "print(vectors.tobytes().hex(), 'torch' in sys.modules)\n"
    )

    def run() -> list[str]:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              check=True)  # fmt: skip
        return done.stdout.split()

    cold, warm = run(), run()

    assert (cold[1], warm[1]) == ("True", "False")
    assert cold[0] == warm[0]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ModelError("odd"), RuntimeError("odd")])
def test_an_interruption_keeps_what_is_finished(tmp_path: Path, error: BaseException) -> None:
    """Ctrl-C included: the next run only encodes the rest."""
    cache, stopping = EmbeddingCache(tmp_path), Counting(stop_after=4, error=error)
    with pytest.raises(type(error)):
        cache.encode(stopping, TEXTS, "document")
    resumed = Counting()

    vectors = cache.encode(resumed, TEXTS, "document")

    assert len(resumed.asked) == len(TEXTS) - 4
    assert sorted(resumed.asked + stopping.asked) == sorted(TEXTS)
    assert vectors.tobytes() == _plain(TEXTS, resumed).tobytes()


_SLOW = """
import sys, time
from pathlib import Path
from benchharness.models.cache import EmbeddingCache
from benchharness.testing import HashEncoder

class Slow(HashEncoder):
    def encode(self, texts, role):
        for row in range(len(texts)):
            time.sleep({delay})
            with open({log!r}, "a") as log:
                log.write(texts[row] + "\\n")
            ((positions, vectors),) = super().encode([texts[row]], role)
            yield positions + row, vectors

texts = [f"text number {{n}}" for n in range({count})]
steps = []
cache = EmbeddingCache(Path({folder!r}), flush_rows={flush})
vectors = cache.encode(Slow(), texts, "document", steps.append)
print(vectors.tobytes().hex())
print(sum("wait" in step.stage for step in steps))
"""


def _slow(
    folder: Path, log: Path, *, delay: float, count: int, flush: int
) -> subprocess.Popen[str]:
    code = _SLOW.format(folder=str(folder), log=str(log), delay=delay, count=count, flush=flush)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_a_killed_process_loses_only_what_was_not_written(tmp_path: Path) -> None:
    """After kill -9 its shards are used and its lock is free."""
    folder, log = tmp_path / "cache", tmp_path / "log"
    with _slow(folder, log, delay=0.05, count=100, flush=3) as process:
        deadline = time.monotonic() + 60
        while len(list(folder.rglob("*.safetensors"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    cache, encoder = EmbeddingCache(folder), Counting()
    kept = cache.info().entries
    texts = [f"text number {n}" for n in range(100)]

    vectors = cache.encode(encoder, texts, "document")

    assert 6 <= kept < 100
    assert len(encoder.asked) == 100 - kept
    assert vectors.tobytes() == _plain(texts, encoder).tobytes()
    assert not list(folder.rglob("*.unfinished"))


def test_two_processes_at_once_encode_each_text_once(tmp_path: Path) -> None:
    """The second waits, says so, and reads what the first wrote."""
    folder, log = tmp_path / "cache", tmp_path / "log"
    processes = [_slow(folder, log, delay=0.1, count=12, flush=100) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]

    assert sorted(log.read_text().splitlines()) == sorted(f"text number {n}" for n in range(12))
    assert outputs[0][0] == outputs[1][0]
    assert sorted(output[1] for output in outputs) == ["0", "1"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "header"])
def test_a_damaged_file_is_deleted_and_its_texts_encoded_again(tmp_path: Path, damage: str) -> None:
    """A flipped bit is found by the checksum; the warning names the file."""
    cache, encoder = EmbeddingCache(tmp_path), Counting()
    cache.encode(encoder, TEXTS, "document")
    (shard,) = tmp_path.rglob("*.safetensors")
    content = bytearray(shard.read_bytes())
    if damage == "flip":
        content[-5] ^= 1
    elif damage == "header":
        content[0] ^= 255
    shard.write_bytes(content[: {"truncate": -20, "empty": 0}.get(damage, len(content))])
    encoder.asked.clear()

    with pytest.warns(CacheWarning, match=f"damaged file .* was deleted.*{shard.name}"):
        vectors = cache.encode(encoder, TEXTS, "document")

    assert sorted(encoder.asked) == sorted(TEXTS)
    assert vectors.tobytes() == _plain(TEXTS, encoder).tobytes()
    assert not shard.exists()


def test_a_folder_that_cannot_be_written_to_only_costs_the_keeping(tmp_path: Path) -> None:
    """One warning; the vectors are right."""
    (tmp_path / "file").write_text("not a folder")
    cache, encoder = EmbeddingCache(tmp_path / "file"), Counting()

    with pytest.warns(CacheWarning, match="vectors are not kept") as caught:
        vectors = cache.encode(encoder, TEXTS, "document")

    assert len(caught) == 1
    assert "BENCHHARNESS_CACHE" in str(caught[0].message)
    assert vectors.tobytes() == _plain(TEXTS, encoder).tobytes()


def test_a_full_disk_only_costs_the_keeping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, however many batches follow, and leaves no unfinished file."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    cache, encoder = EmbeddingCache(tmp_path, flush_rows=2), Counting()

    with pytest.warns(CacheWarning, match="No space left on device") as caught:
        vectors = cache.encode(encoder, TEXTS, "document")

    assert len(caught) == 1
    assert vectors.tobytes() == _plain(TEXTS, encoder).tobytes()
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".safetensors",
                                                                        ".unfinished")]  # fmt: skip


def test_vectors_that_are_not_finite_are_not_kept(tmp_path: Path) -> None:
    """A glitch of a device must not stop every later run."""

    class Glitch(Counting):
        def encode(self, texts: Sequence[str], role: Role) -> Iterator[tuple[np.ndarray, ...]]:  # type: ignore[override]
            for positions, vectors in super().encode(texts, role):
                yield positions, vectors * (np.nan if texts[positions[0]] == TEXTS[3] else 1)

    cache, encoder = EmbeddingCache(tmp_path), Counting()

    broken = cache.encode(Glitch(), TEXTS, "document")
    mended = cache.encode(encoder, TEXTS, "document")

    assert np.isnan(broken[3]).all()
    assert encoder.asked == [TEXTS[3]]
    assert np.isfinite(mended).all()


def test_a_text_that_the_encoder_leaves_out_is_an_error() -> None:
    """Its row would be a zero vector that nobody asked for."""

    class Lazy(Counting):
        def encode(self, texts: Sequence[str], role: Role) -> Iterator[tuple[np.ndarray, ...]]:  # type: ignore[override]
            yield from list(super().encode(texts, role))[1:]

    with pytest.raises(ModelError, match="no vector for 1 of 10 texts"):
        EmbeddingCache.none().encode(Lazy(), TEXTS, "document")


def test_a_change_of_dimension_is_an_error(tmp_path: Path) -> None:
    """One fingerprint has one dimension."""

    class Liar(Counting):
        @property
        def fingerprint(self) -> str:
            return "the same"

    cache = EmbeddingCache(tmp_path)
    cache.encode(Liar(dim=8), TEXTS[:5], "document")

    with pytest.raises(ModelError, match="shape 1 x 4, and earlier ones had 8"):
        cache.encode(Liar(dim=4), TEXTS, "document")


def test_the_listener_hears_how_far_it_is(tmp_path: Path) -> None:
    """Distinct texts, known ones counted as done from the start."""
    cache, steps = EmbeddingCache(tmp_path), list[Step]()
    cache.encode(Counting(), TEXTS[:8], "query")

    cache.encode(Counting(), [*TEXTS, TEXTS[0]], "query", steps.append)
    cache.encode(Counting(), TEXTS, "query", steps.append)

    assert steps == [Step("encode queries", done, 10, "queries") for done in (8, 9, 10, 10)]


def test_a_large_result_is_mapped_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the limit the array is a memory map with the same bytes."""
    monkeypatch.setattr(wanted, "_IN_MEMORY_BYTES", 100)
    encoder = Counting()

    vectors = EmbeddingCache(tmp_path).encode(encoder, TEXTS, "document")

    assert isinstance(vectors, np.memmap)
    assert vectors.tobytes() == _plain(TEXTS, encoder).tobytes()


# --- info and prune -----------------------------------------------------------------------------


def _fill(cache: EmbeddingCache, *salts: str) -> None:
    for age, salt in enumerate(salts):
        cache.encode(HashEncoder(salt=salt, spec=f"hash@salt={salt}"), TEXTS, "document")
        for marker in cache.folder.rglob("last-used"):  # type: ignore[union-attr]
            if marker.stat().st_mtime > 1_000_000:
                os.utime(marker, (age, age))


def _specs(cache: EmbeddingCache) -> list[str]:
    return [model.spec for model in cache.info().models]


def test_info_counts_what_is_there_by_last_use(tmp_path: Path) -> None:
    """Entries and bytes, least recently used first."""
    cache = EmbeddingCache(tmp_path)
    _fill(cache, "b", "a")
    info = cache.info()

    assert [model.spec for model in info.models] == ["hash@salt=b", "hash@salt=a"]
    assert [model.entries for model in info.models] == [10, 10]
    assert info.entries == 20
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    stored = [path for path in files if "locks" not in path.parts]
    assert info.size_bytes == sum(path.stat().st_size for path in stored)
    assert info.models[0].fingerprint == HashEncoder(salt="b").fingerprint
    assert info.models[0].role == "document"


def test_prune_deletes_the_least_recently_used_first(tmp_path: Path) -> None:
    """A hit makes a model young again."""
    cache = EmbeddingCache(tmp_path)
    _fill(cache, "a", "b", "c")
    one = cache.info().models[0].size_bytes
    cache.encode(HashEncoder(salt="a"), TEXTS, "document")

    freed = cache.prune(max_bytes=one)

    assert freed == 2 * one
    assert _specs(cache) == ["hash@salt=a"]


def test_prune_all_leaves_nothing(tmp_path: Path) -> None:
    """And the next run encodes again."""
    cache, encoder = EmbeddingCache(tmp_path), Counting()
    _fill(cache, "a", "b")

    freed = cache.prune(all=True)
    cache.encode(encoder, TEXTS, "document")

    assert freed > 0
    assert len(encoder.asked) == len(TEXTS)
    assert len(cache.info().models) == 1


def test_a_cache_above_its_size_drops_what_is_oldest_after_writing(tmp_path: Path) -> None:
    """What was just written stays, even where it alone is too large."""
    cache = EmbeddingCache(tmp_path, max_bytes=1)

    _fill(cache, "a", "b")

    assert _specs(cache) == ["hash@salt=b"]


def test_prune_leaves_alone_what_is_being_encoded(tmp_path: Path) -> None:
    """Another process holds the lock; its folder survives even `all`."""
    folder, log = tmp_path / "cache", tmp_path / "log"
    with _slow(folder, log, delay=0.05, count=30, flush=2) as process:
        deadline = time.monotonic() + 60
        while not list(folder.rglob("*.safetensors")) and time.monotonic() < deadline:
            time.sleep(0.02)
        freed = EmbeddingCache(folder).prune(all=True)
        process.communicate(timeout=60)

    assert freed == 0
    assert EmbeddingCache(folder).info().entries == 30


def test_what_cannot_be_deleted_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for in so many words, a prune does not fail in silence."""
    cache = EmbeddingCache(tmp_path)
    _fill(cache, "a")

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)

    with pytest.raises(CacheError, match="cannot be deleted: Permission denied"):
        cache.prune(all=True)


def test_the_encode_path_is_kept_with_the_vectors(tmp_path: Path) -> None:
    """A result from the cache can still say how its vectors were made."""
    cache = EmbeddingCache(tmp_path)
    encoder = HashEncoder()
    cache.encode(encoder, TEXTS, "document")

    assert cache.encode_paths(encoder, "document") == ("benchharness.testing",)
    assert cache.encode_paths(encoder, "query") == ()
    assert EmbeddingCache.none().encode_paths(encoder, "query") == ()


def test_what_is_missing_is_known_beforehand(tmp_path: Path) -> None:
    """Rule: positions of the texts that encoding would ask for, each once; nothing is asked."""
    cache, encoder = EmbeddingCache(tmp_path), Counting()
    cache.encode(encoder, ["b", "d"], "document")
    encoder.asked.clear()
    texts = ["c", "b", "a", "c", "d", "a"]

    rows, distinct = cache.missing(encoder, texts, "document")

    assert rows.tolist() == [0, 2]
    assert distinct == 4
    assert encoder.asked == []
    cache.encode(encoder, texts, "document")
    assert sorted(encoder.asked) == sorted(texts[row] for row in rows)
    assert cache.missing(encoder, texts, "query")[0].tolist() == [0, 1, 2, 4]
    assert EmbeddingCache.none().missing(encoder, [], "query")[1] == 0


def test_the_default_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`BENCHHARNESS_CACHE` first, then the platform's own place."""
    monkeypatch.setenv("BENCHHARNESS_CACHE", "~/elsewhere")
    chosen = default_cache_folder()
    monkeypatch.delenv("BENCHHARNESS_CACHE")

    assert chosen == Path.home() / "elsewhere"
    assert default_cache_folder().name == "benchharness"


def test_nothing_is_warned_of_in_a_usual_run(tmp_path: Path) -> None:
    """Warnings are for what was not kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EmbeddingCache(tmp_path).encode(HashEncoder(), TEXTS, "document")
        shapes = EmbeddingCache(tmp_path).encode(HashEncoder(), [], "document").shape

    assert shapes == (0, 0)


def test_one_encode_serves_every_cut(tmp_path, static_model):
    """Rule: of `SPEC@dim=…` the whole vectors are kept, and cut when they are asked for."""
    cache = EmbeddingCache(tmp_path)
    texts = ["alpha beta", "gamma", "delta alpha"]
    whole = cache.encode(open_model(str(static_model)), texts, "document")
    written = sorted(path.name for path in tmp_path.rglob("*.safetensors"))

    encoder = open_model(f"{static_model}@dim=4")
    cut = cache.encode(encoder, texts, "document")

    own = np.zeros((3, 4), dtype=np.float32)
    for rows, vectors in encoder.encode(texts, "document"):
        own[rows] = vectors
    assert whole.shape[1] > 4
    assert cut == pytest.approx(own, abs=1e-6)
    assert sorted(path.name for path in tmp_path.rglob("*.safetensors")) == written
    assert cache.missing(encoder, texts, "document") == (pytest.approx([]), 3)
