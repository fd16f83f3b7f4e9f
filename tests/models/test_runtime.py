"""What a device computes by itself, asked of torch."""

from types import SimpleNamespace

import pytest

from benchharness.models import runtime
from benchharness.models.runtime import computes


@pytest.fixture
def torch_of(monkeypatch):
    """Puts a torch in place that answers as told; an answer may be an exception."""

    def put(*, mkldnn=None, cuda=None):
        def answer(name):
            def ask(**options):
                value = (mkldnn or {})[name] if name != "cuda" else cuda
                if isinstance(value, Exception):
                    raise value
                return value if name != "cuda" else value[options["including_emulation"]]

            return ask

        ops = SimpleNamespace(
            **{f"_is_mkldnn_{name}_supported": answer(name) for name in mkldnn or {}}
        )
        fake = SimpleNamespace(
            ops=SimpleNamespace(mkldnn=ops),
            cuda=SimpleNamespace(is_bf16_supported=answer("cuda")),
        )
        monkeypatch.setattr(runtime, "prepare_torch", lambda: fake)

    return put


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("has", [True, False])
def test_a_cpu_is_asked_for_the_dtype_in_question(torch_of, dtype, has):
    other = {"bfloat16": "fp16", "float16": "bf16"}[dtype]
    own = {"bfloat16": "bf16", "float16": "fp16"}[dtype]
    torch_of(mkldnn={own: has, other: not has})

    assert computes(dtype, "cpu") is has


@pytest.mark.parametrize("unknown", [True, False])
@pytest.mark.parametrize(
    "mkldnn", [{}, {"bf16": RuntimeError("no mkldnn")}], ids=["no such question", "no answer"]
)
def test_a_torch_that_cannot_be_asked_gives_the_callers_guess(torch_of, mkldnn, unknown):
    """Rule: the question is not public; builds without it must not fail."""
    torch_of(mkldnn=mkldnn)

    assert computes("bfloat16", "cpu", unknown=unknown) is unknown
    assert computes("bfloat16", "mps", unknown=unknown) is unknown


@pytest.mark.parametrize("has", [True, False])
def test_a_graphics_card_that_only_emulates_does_not_compute(torch_of, has):
    """Rule: bfloat16 without emulation; every card has float16."""
    torch_of(cuda={False: has, True: True})

    assert computes("bfloat16", "cuda") is has
    assert computes("float16", "cuda")


def test_this_machine_answers():
    """Rule: the real torch, without a warning."""
    assert computes("bfloat16", "cpu") in (True, False)
