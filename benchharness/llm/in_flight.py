"""What was asked and left no answer, so that nothing is paid for twice without being told to.

    <journal>.asked     a line for each request before it is sent, and one where it cost nothing

A process that is killed outright loses the answers that were on their way. The service may have
charged them all the same, and cannot be asked: they count against the limit, and are sent once
more on request alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchharness.llm.append_only import AppendOnly, Closing
from benchharness.llm.journal import Journal
from benchharness.llm.model import Usage

VERSION = 1


@dataclass(frozen=True)
class Lost:
    """Requests that runs before this one sent, and that left no answer in the journal.

    count:      how many sendings; a request that was lost, sent again and lost again counts twice.
    usage:      what all of these have cost at worst.
    unanswered: key -> what asking once more costs at worst, of the keys that are not settled yet.
    """

    count: int = 0
    usage: Usage = field(default_factory=Usage)
    unanswered: Mapping[str, Usage] = field(default_factory=dict)


def lost_of(journal: Journal) -> Lost:
    """What the runs of the journal have lost so far; makes no file where they sent nothing.

    Raises UsageError and DataError like `InFlight`.
    """
    if not _path(journal).is_file():
        return Lost()
    with InFlight(journal) as flight:
        return flight.lost


class InFlight(Closing):
    """The requests that are sent; what earlier runs sent in vain is `lost`.

    Raises UsageError and DataError like the journal, whose folder and identity it shares.
    """

    def __init__(self, journal: Journal) -> None:
        self._file = AppendOnly(
            _path(journal), kind="asked", version=VERSION, identity=journal.identity
        )
        try:
            self.lost = self._look_back(journal)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Lets the file go, for other processes to open it."""
        self._file.close()

    def note(self, key: str, worst: Usage) -> None:
        """Returns when it is on the disk that the request is sent now.

        Raises DataError where that cannot be written.
        """
        self._file.append({"key": key, "worst": [worst.input_tokens, worst.output_tokens]})

    def free(self, key: str) -> None:
        """Writes down that the last sending of this key cost nothing, though it has no answer.

        Not forced to the disk: whoever loses the line leaves the request out and pays nothing.
        """
        self._file.append({"key": key, "charged": False}, is_forced=False)

    def _look_back(self, journal: Journal) -> Lost:
        sent: Counter[str] = Counter()
        for key, worst in self._steps():
            sent[key] += 1 if worst else -1
        surplus = {key: times - journal.times(key) for key, times in sent.items()}
        lost = {key: times for key, times in surplus.items() if times > 0}
        most = dict.fromkeys(lost, Usage())
        for key, worst in self._steps():
            if worst and key in most:
                most[key] = max(most[key], worst, key=lambda usage: usage.tokens)
        return Lost(
            count=sum(lost.values()),
            usage=sum((most[key] for key, times in lost.items() for _ in range(times)), Usage()),
            unanswered={key: most[key] for key in lost if not journal.settled(key)},
        )

    def _steps(self) -> Iterator[tuple[str, Usage | None]]:
        """Yields (key, worst case) of each sending, and (key, None) where the last one was free."""
        for number, (_, record) in enumerate(self._file.records(), start=2):
            try:
                key = str(record["key"])
                if record.get("charged") is False:
                    yield key, None
                    continue
                read, written = (int(tokens) for tokens in record["worst"])
            except (KeyError, TypeError, ValueError):
                raise self._file.damaged("it is no request that was sent", number) from None
            yield key, Usage(read, written, cache_write_tokens=read)


def _path(journal: Journal) -> Path:
    return journal.path.with_name(f"{journal.path.name}.asked")
