"""What is kept of the last object, and when it is made anew."""

from benchharness.models.kept import Kept


def test_a_value_is_made_once_for_an_object() -> None:
    """Asking again about the same object makes nothing."""
    kept: Kept[list[int], list[int]] = Kept()
    source = [1, 2]

    first, again = kept.of(source, list), kept.of(source, list)

    assert first is again
    assert first == [1, 2]


def test_an_equal_object_is_another_one() -> None:
    """Rule: identity counts, so that no content is compared; only the last one is kept."""
    kept: Kept[list[int], list[int]] = Kept()
    one, other = [1], [1]

    found = [kept.of(source, list) for source in (one, other, one)]

    assert len({id(value) for value in found}) == 3


def test_what_cannot_be_made_is_tried_again() -> None:
    """A failure is not kept in place of a value."""
    kept: Kept[list[int], float] = Kept()
    source = [0]
    tries: list[int] = []

    def divided(values: list[int]) -> float:
        tries.append(1)
        return 1 / values[0]

    for _ in range(2):
        try:
            kept.of(source, divided)
        except ZeroDivisionError:
            continue

    assert len(tries) == 2
