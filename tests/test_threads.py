"""Work for threads, when the system allows no thread, no further one, or too little memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.threadpool import ThreadPool

from p2pfs.errors import OutOfResources
from p2pfs.threads import BackgroundThreads, in_thread


class Starved:
    """The reactor, with a pool of its own whose threads can be started only as long as allowed."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.pool = ThreadPool(0, 10, "starved")
        self.pool.threadFactory = self._thread  # type: ignore[assignment]  # its seam for this
        self.pool.start()

    def getThreadPool(self) -> ThreadPool:
        return self.pool

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def _thread(self, *args: Any, **kwargs: Any) -> threading.Thread:
        return _Thread(self, *args, **kwargs)


class _Thread(threading.Thread):
    def __init__(self, system: Starved, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._system = system

    def start(self) -> None:
        if not self._system.allowed:
            raise RuntimeError("can't start new thread")  # as Python says it
        self._system.allowed -= 1
        super().start()


@pytest.fixture
def starved(request: pytest.FixtureRequest) -> Iterator[Starved]:
    system = Starved(request.param)
    yield system
    system.pool.stop()  # which waits for each of its threads


@pytest.mark.parametrize("starved", [0], indirect=True)
@ensureDeferred
async def test_without_any_thread_it_ends_with_a_sentence(starved: Starved) -> None:
    """And works once there can be threads."""
    with pytest.raises(OutOfResources, match=r"No thread can be started .* raise the limits"):
        await in_thread(starved, lambda: 1)
    starved.allowed = 1
    assert await in_thread(starved, lambda: 2) == 2


@pytest.mark.parametrize("starved", [2], indirect=True)
@ensureDeferred
async def test_without_a_further_thread_it_waits_for_one(starved: Starved) -> None:
    """All of it is done, by those there are."""
    go_on = threading.Event()
    works = [in_thread(starved, lambda n=n: (go_on.wait(10), n)[1]) for n in range(8)]  # type: ignore[misc]
    assert starved.pool.workers == 2
    go_on.set()
    assert [await work for work in works] == list(range(8))
    assert starved.pool.max == 10  # more threads later, when the system allows them
    starved.allowed = 1
    held = threading.Event()
    busy = [in_thread(starved, held.wait, 10) for _ in range(3)]
    assert starved.pool.workers == 3
    held.set()
    for work in busy:
        await work


@ensureDeferred
async def test_the_same_for_long_computations(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have a pool of their own."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    background = BackgroundThreads(reactor, 2)
    background.start()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        failed: Deferred[int] = background.run(lambda: 1)
        with pytest.raises(OutOfResources):
            await failed
    assert await background.run(lambda: 1) == 1
    background.stop()


@ensureDeferred
async def test_without_memory_it_ends_with_a_sentence() -> None:
    """What runs out of memory in a thread is no defect, and no traceback in a log."""

    def greedy() -> bytes:
        raise MemoryError

    with pytest.raises(OutOfResources, match="not enough memory"):
        await in_thread(reactor, greedy)
