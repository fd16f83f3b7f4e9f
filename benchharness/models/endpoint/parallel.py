"""Work done by a few threads; what is finished is never lost to the failure of another part."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(
    work: Callable[[T], R], parts: Iterable[T], workers: int, stop: threading.Event
) -> Iterator[R]:
    """What `work` makes of each part, as it is finished; at most `workers` parts are under way.

    After the first error no further part is begun; what is under way is finished and yielded, and
    then the error is raised. `stop` is set then, and when the caller goes away (Ctrl-C), so that
    whoever waits in `work` can give up. Threads do not keep the process alive.
    """
    inbox: queue.SimpleQueue[T | None] = queue.SimpleQueue()
    outbox: queue.SimpleQueue[tuple[R | None, BaseException | None]] = queue.SimpleQueue()

    def serve() -> None:
        while (part := inbox.get()) is not None:
            try:
                outbox.put((work(part), None))
            except BaseException as error:  # raised again by the caller's thread
                outbox.put((None, error))

    threads: list[threading.Thread] = []
    failure: BaseException | None = None
    waiting, under_way = iter(parts), 0
    try:
        while True:
            while failure is None and under_way < workers:
                try:
                    part = next(waiting)
                except StopIteration:
                    break
                inbox.put(part)
                under_way += 1
                if len(threads) < under_way:  # a single part needs a single thread
                    threads.append(threading.Thread(target=serve, name="endpoint", daemon=True))
                    threads[-1].start()
            if not under_way:
                break
            result, error = outbox.get()
            under_way -= 1
            if error is None:
                yield result  # type: ignore[misc]  # without an error there is a result
            elif failure is None:
                failure = error
                stop.set()
        if failure is not None:
            raise failure
    finally:
        stop.set()
        for _ in threads:
            inbox.put(None)
