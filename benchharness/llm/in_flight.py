"""What was asked and never answered, so that the cost of a killed run is not forgotten.

    <journal>.asked     a line for each request before it is sent

A process that is killed outright loses the answers that were on their way. The service may have
charged them all the same, and they are asked once more: both count against the limit.
"""

from __future__ import annotations

from collections import Counter

from benchharness.llm.append_only import AppendOnly, Closing
from benchharness.llm.journal import Journal
from benchharness.llm.model import Usage

VERSION = 1


class InFlight(Closing):
    """The requests of earlier runs that were sent and left no answer in the journal.

    count: how many. usage: what they have cost at worst.

    Raises UsageError and DataError like the journal, whose folder and identity it shares.
    """

    def __init__(self, journal: Journal) -> None:
        path = journal.path.with_name(f"{journal.path.name}.asked")
        self.count = 0
        self.usage = Usage()
        self._file = AppendOnly(path, kind="asked", version=VERSION, identity=journal.identity)
        try:
            self._look_back(journal)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Lets the file go, for other processes to open it."""
        self._file.close()

    def note(self, key: str, worst: Usage) -> None:
        """Writes down that the request is sent now. Raises DataError where that cannot be done.

        Not forced to the disk: it must outlive the process, not the machine.
        """
        record = {"key": key, "worst": [worst.input_tokens, worst.output_tokens]}
        self._file.append(record, is_forced=False)

    def _look_back(self, journal: Journal) -> None:
        sent: Counter[str] = Counter()
        for number, (_, record) in enumerate(self._file.records(), start=2):
            try:
                key, (read, written) = str(record["key"]), record["worst"]
                worst = Usage(int(read), int(written), cache_write_tokens=int(read))
            except (KeyError, TypeError, ValueError):
                raise self._file.damaged("it is no request that was sent", number) from None
            sent[key] += 1
            if sent[key] > journal.times(key):
                self.count += 1
                self.usage += worst
