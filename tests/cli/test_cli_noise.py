"""`benchharness noise`: one model under other batch sizes, thread counts and dtypes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from benchharness.cli.conditions import conditions_of, torch_threads
from benchharness.models.registry import register
from benchharness.models.spec import with_option
from benchharness.testing import HashEncoder

if TYPE_CHECKING:
    from benchharness.models.spec import ModelSpec
    from tests.cli.conftest import Shell

SUITE = """
words = Suite(
    name="words",
    dataset=beir("data/words"),
    models=["{model}"],
    measures=["recall@10"],
    gates=[Gate.regression("recall@10", margin={margin})],
)
"""


@dataclass(eq=False)
class ShakyEncoder(HashEncoder):
    """The hash encoder as far as batches are large; in batches of one it loses a document."""

    batch_size: str | None = None
    dtype: str = "float32"

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"shaky {self.dim} {self.dtype}".encode()).hexdigest()

    @property
    def cache_key(self) -> str:
        return hashlib.sha256(f"{self.fingerprint} {self.batch_size}".encode()).hexdigest()

    def encode(self, texts: Any, role: Any) -> Iterator[Any]:
        for positions, vectors in super().encode(texts, role):
            if role == "document" and self.batch_size == "1":
                lost = [row for row, text in enumerate(texts) if text == "word007"]
                vectors[lost] = -vectors[lost]
            yield positions, vectors


def _shaky(spec: ModelSpec) -> ShakyEncoder:
    spec.refuse_options(("batch_size", "dtype"))
    dtype = spec.option("dtype") or "float32"
    return ShakyEncoder(dim=512, spec=spec.text, batch_size=spec.option("batch_size"), dtype=dtype)


class Torch:
    """What the command needs of torch: a number of threads, and no other device than the CPU."""

    cuda = SimpleNamespace(is_available=lambda: False)
    backends = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: False))
    ops = SimpleNamespace(
        mkldnn=SimpleNamespace(
            _is_mkldnn_bf16_supported=lambda: True, _is_mkldnn_fp16_supported=lambda: False
        )
    )

    def __init__(self) -> None:
        self.threads = 8
        self.seen: list[int] = []

    def get_num_threads(self) -> int:
        return self.threads

    def set_num_threads(self, count: int) -> None:
        self.threads = count
        self.seen.append(count)


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> Torch:
    double = Torch()
    for place in ("cli.conditions", "models.runtime"):
        monkeypatch.setattr(f"benchharness.{place}.prepare_torch", lambda: double)
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    return double


@pytest.fixture
def words(shell: Shell) -> Shell:
    """100 queries, all of them answered by the shaky encoder; a margin above one flip."""
    register("shaky", _shaky)
    shell.write_words("words", 100)
    shell.write_suite("words", SUITE.format(model="shaky", margin=0.05))
    return shell


def test_each_condition_is_held_against_the_plain_run(words: Shell) -> None:
    """One of 100 queries flips in batches of one: a difference of 0.01, and that is the noise."""
    ran = words("noise", "words", "shaky", "--json")

    found = ran.json[0]
    assert ran.code == 0
    variants = {one["name"]: one for one in found["variants"]}
    assert list(variants) == [
        "batch_size=1",
        "batch_size=64",
        "1 thread",
        "2 threads",
        "dtype=bfloat16",
    ]
    assert variants["batch_size=1"]["differences"]["recall@10"] == pytest.approx(-0.01)
    assert variants["batch_size=1"]["flipped"]["recall@10"] == 1
    assert variants["batch_size=64"]["flipped"]["recall@10"] == 0
    assert found["noise"]["recall@10"] == pytest.approx(0.01)
    assert found["held"][0]["sentence"] == ""


def test_another_dtype_is_another_model(words: Shell) -> None:
    """Shown, and not part of the noise; one that the CPU only emulates is not run."""
    ran = words("noise", "words")

    assert "another fingerprint: no noise" in ran.out
    assert "dtype=float16: not run: this CPU only emulates it" in ran.out


def test_a_margin_below_the_noise_is_exit_code_1(words: Shell) -> None:
    """With both numbers."""
    words.write_suite("words", SUITE.format(model="shaky", margin=0.005))

    ran = words("noise", "words", "shaky")

    assert ran.code == 1
    assert (
        "TOO SMALL regression-recall@10: the margin 0.005 is not above the noise 0.0100 "
        "that the same model shows under other batch sizes or threads"
    ) in ran.out


def test_the_guard_of_another_suite_is_held_too(words: Shell) -> None:
    """A suite beside this one guards it with a margin below the noise."""
    words.write_suite(
        "other",
        'other = Suite(name="other", dataset=beir("data/faq"), models=["shaky"],\n'
        '    gates=[Gate.guard("words", "recall@10", margin=0.004)])\n',
    )

    ran = words("noise", "words", "shaky")

    assert ran.code == 1
    assert "TOO SMALL guard-words-recall@10 of other: the margin 0.004 " in ran.out
    assert "regression-recall@10: the margin 0.05 is above the noise 0.0100" in ran.out


def test_a_slice_is_held_against_its_own_noise(words: Shell) -> None:
    """The flip is one of ten queries in its slice: 0.1."""
    words.write_suite(
        "words",
        'words = Suite(name="words", dataset=beir("data/words"), models=["shaky"],\n'
        '    gates=[Gate.slice("recall@10", by="tens", margin=0.05, at_least=10)])\n',
    )
    file = words.folder / "suites" / "data" / "words" / "queries.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for place, row in enumerate(rows):
        row["metadata"] = {"tens": str(place // 10)}
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    ran = words("noise", "words", "shaky", "--json")

    assert ran.code == 1
    assert ran.json[0]["noise"]["recall@10"] == pytest.approx(0.01)
    assert ran.json[0]["held"][0]["noise"] == pytest.approx(0.1)


def test_record_writes_the_noise_into_the_baseline(words: Shell) -> None:
    """Nothing else of the file changes; gates refuse such a margin from then on."""
    kept = words.keep("shaky", "words")
    before = json.loads(kept.read_text(encoding="utf-8"))

    ran = words("noise", "words", "shaky", "--record")

    after = json.loads(kept.read_text(encoding="utf-8"))
    assert ran.code == 0
    assert "recorded in baselines/words/shaky.json" in ran.out
    assert after.pop("noise")["recall@10"] == pytest.approx(0.01)
    assert (before.pop("noise"), after) == ({}, before)
    words.write_suite("words", SUITE.format(model="shaky", margin=0.01))
    refused = words("measure", "--suite", "words")
    assert refused.code == 1
    assert words.verdict()["results"][0]["gates"][0]["outcome"] == "error"


def test_without_a_baseline_nothing_can_be_recorded(words: Shell) -> None:
    """Exit code 2 with the command that writes one, before anything is measured."""
    ran = words("noise", "words", "shaky", "--record", "-q")

    assert ran.code == 2
    assert "pytest suites/suite_words.py --bench-model=shaky --bench-update" in ran.err


def test_the_noise_of_another_model_is_not_recorded(words: Shell) -> None:
    """The baseline has the name, but was made by other weights."""
    kept = words.keep("hash@dim=512", "words", name="shaky")
    before = kept.read_bytes()

    ran = words("noise", "words", "shaky", "--record")

    assert ran.code == 2
    assert "the baseline is of another model" in ran.err
    assert kept.read_bytes() == before


def test_a_limit_judges_and_records_nothing(words: Shell) -> None:
    """A quick look is exit code 0, whatever the margin."""
    words.write_suite("words", SUITE.format(model="shaky", margin=0.0001))

    ran = words("noise", "words", "shaky", "--limit", "50")

    assert ran.code == 0
    assert "words / shaky: 50 queries (limited)" in ran.out
    assert "TOO SMALL" not in ran.out


def test_a_system_that_encodes_nothing_has_no_such_noise(shell: Shell) -> None:
    """bm25: said, exit code 0."""
    ran = shell("noise", "faq", "bm25")

    assert ran.code == 0
    assert ran.out.startswith("faq / bm25: encodes nothing, so ")


def test_a_model_without_the_options_is_run_under_threads_alone(shell: Shell) -> None:
    """What it does not take is named; the suite's own models are looked at by default."""
    ran = shell("noise", "suites/suite_faq.py", "--json")

    hashed, lexical = ran.json
    assert (hashed["model"], lexical["model"]) == ("hash", "bm25")
    assert [one["name"] for one in hashed["variants"]] == ["1 thread", "2 threads"]
    reasons = {one["name"]: one["reason"] for one in hashed["skipped"]}
    assert reasons["batch_size=1"] == "unknown option 'batch_size'"


def test_threads_are_set_around_the_run_and_put_back(words: Shell, torch: Torch) -> None:
    """One, back to eight, two, back to eight."""
    words("noise", "words", "shaky")

    assert torch.seen == [1, 8, 2, 8]


def test_threads_are_put_back_after_an_error(torch: Torch) -> None:
    """Whatever happens in between."""
    with pytest.raises(RuntimeError, match="no"), torch_threads(1):
        raise RuntimeError("no")

    assert torch.threads == 8


def test_other_threads_take_no_vector_from_the_cache(
    words: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cached vectors were made with as many threads as there are."""
    encoded: list[str] = []
    original = ShakyEncoder.encode

    def watched(self: ShakyEncoder, texts: Any, role: Any) -> Iterator[Any]:
        encoded.append(f"{self.spec} {role}")
        return original(self, texts, role)

    monkeypatch.setattr(ShakyEncoder, "encode", watched)
    words("noise", "words", "shaky")
    encoded.clear()

    words("noise", "words", "shaky")

    assert encoded == ["shaky document", "shaky query"] * 2


def test_what_the_spec_says_already_is_no_other_condition() -> None:
    """A model in bfloat16 is compared with float16 only, in batches of 64 with 1."""
    found = conditions_of("minilm@dtype=bfloat16,batch_size=64")

    assert [one.name for one in found] == ["batch_size=1", "1 thread", "2 threads", "dtype=float16"]


def test_an_option_replaces_what_the_spec_said() -> None:
    """The others stay, encoded as they must be."""
    assert (
        with_option("minilm@dim=8,batch_size=2", "batch_size", "1") == "minilm@batch_size=1,dim=8"
    )
    assert with_option("a/b@query_prompt=x%2Cy", "dtype", "float16") == (
        "a/b@query_prompt=x%2Cy,dtype=float16"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["words"], "no suite 'words'"),
        (["faq", "hash", "--limit", "0"], "--limit 0 keeps no query"),
        (["faq", "hash", "--limit", "2", "--record"], "the noise of some is not that of all"),
        (["faq", "nonesuch"], "unknown model 'nonesuch'"),
        (["faq", "hash@a=1,a=2"], "'a' is given twice"),
        ([], "the following arguments are required: SUITE"),
    ],
)
def test_wrong_usage_is_one_message(shell: Shell, arguments: list[str], message: str) -> None:
    """Exit code 2, the message on stderr, no traceback."""
    ran = shell("noise", *arguments)

    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_nothing_is_recorded_in_ci(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A baseline is written where it can be committed."""
    monkeypatch.setenv("CI", "true")

    ran = shell("noise", "faq", "hash", "--record")

    assert ran.code == 2
    assert "--record is refused in CI" in ran.err
