"""What a killed run must know of its batches."""

from __future__ import annotations

import pytest

from benchharness.errors import DataError, UsageError
from benchharness.llm.batch_log import BatchLog
from benchharness.llm.model import Usage

RUN = {"model": "m"}
WORST = Usage(100, 50, cache_write_tokens=100)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "batches.jsonl"


def test_every_step_is_known_after_the_process_ends(path):
    with BatchLog(path, RUN) as log:
        intent = log.intend(["a", "b"], WORST)
        sent = log.sent(log.intend(["c"], WORST), "batch-2")
        done = log.sent(log.intend(["d"], WORST), "batch-3")
        log.done(done)
        log.void(log.intend(["e"], WORST))

    with BatchLog(path, RUN) as log:
        assert log.unfinished() == [intent, sent]
        assert log.unfinished()[0].worst == WORST
        assert (intent.batch_id, sent.batch_id) == ("", "batch-2")
        assert [log.knows(name) for name in ("batch-2", "batch-3", "batch-4")] == [
            True,
            True,
            False,
        ]
        assert log.intend(["f"], WORST).number == 5


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "{}",
        '{"step":"done","number":7}',
        '{"step":"sent","number":7,"batch_id":"x"}',
        '{"step":"sung","number":1}',
        '{"step":"intent","number":2,"keys":["a"],"time":"noon","worst":[1,2]}',
    ],
)
def test_a_damaged_line_is_an_error_with_its_place(path, line):
    with BatchLog(path, RUN) as log:
        log.intend(["a"], WORST)
    path.write_text(path.read_text() + line + "\n")

    with pytest.raises(DataError) as caught:
        BatchLog(path, RUN)

    assert caught.value.where == f"{path}:3"


def test_a_log_of_another_model_is_refused(path):
    BatchLog(path, RUN)._file.close()

    with pytest.raises(UsageError, match="'m' there and 'n' now"):
        BatchLog(path, {"model": "n"})
