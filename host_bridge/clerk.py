"""Who does the desk's work: beside the line, which must be served meanwhile, however long a disk or another system
takes."""

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol, Self

Answer = tuple[int, bytes]
"""Kind and body."""
Job = Callable[[], Answer]
"""Raises nothing."""
Done = Callable[[Answer], None]


class Clerk(Protocol):
    """Does one job after the other."""

    def do(self, job: Job, done: Done) -> None:
        """Do it, now or soon; `done` is given its answer in the thread that asked."""


class AtOnce:
    """Does it while one waits. Implements Clerk."""

    def do(self, job: Job, done: Done) -> None:
        done(job())


class Aside:
    """Does it in a thread of its own. Implements Clerk. Use as a context manager: at the end the job under way is
    finished, and its answer nobody's."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called in that thread when there is something to `collect`."""
        self._wake = wake
        self._jobs: queue.SimpleQueue[tuple[Job, Done] | None] = queue.SimpleQueue()
        self._finished: deque[tuple[Done, Answer]] = deque()
        self._thread = threading.Thread(target=self._run, name="clerk")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.put(None)
        self._thread.join()

    def do(self, job: Job, done: Done) -> None:
        self._jobs.put((job, done))

    def collect(self) -> None:
        """Hand on what has been finished."""
        while self._finished:
            done, answer = self._finished.popleft()
            done(answer)

    def _run(self) -> None:
        while (given := self._jobs.get()) is not None:
            job, done = given
            self._finished.append((done, job()))
            self._wake()
