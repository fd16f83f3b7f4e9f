"""What is asked for, checked at construction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from benchharness.errors import ModelError, UsageError
from benchharness.pairs.written.setting import TYPES, Setting
from benchharness.testing import HashEncoder


@dataclass(eq=False)
class Short(HashEncoder):
    length: int = 100

    @property
    def max_length(self) -> int:
        return self.length


def test_types_are_in_one_order() -> None:
    """Rule: the order in which types are named changes no prompt, and so no key."""
    assert Setting(types=("misspelt", "question")).types == ("question", "misspelt")


def test_types_have_first_letters_of_their_own() -> None:
    """Rule: a request's key names its types by their first letters."""
    assert len({name[0] for name in TYPES}) == len(TYPES)


def test_an_unknown_type_says_what_was_meant() -> None:
    with pytest.raises(UsageError, match="did you mean question"):
        Setting(types=("questoin",))


@pytest.mark.parametrize(
    "wrong",
    [
        {"types": ()}, {"types": ("question", "question")}, {"queries": 0}, {"queries": 11},
        {"passage_tokens": 15}, {"overlap": -1}, {"overlap": 129}, {"min_words": -1},
        {"passages": 0}, {"round_trip": -1}, {"answer_tokens": 49},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Setting(**wrong)

    assert caught.value.remedy


def test_a_passage_is_no_longer_than_the_model_reads() -> None:
    setting = Setting(passage_tokens=256)

    assert setting.capacity(HashEncoder()) == 256
    assert setting.capacity(Short()) == 100
    assert Setting(passage_tokens=64).capacity(Short()) == 64


def test_a_model_that_reads_hardly_a_sentence_is_refused() -> None:
    with pytest.raises(ModelError, match="reads 8 tokens"):
        Setting().capacity(Short(length=8))
