"""What a command called from Python comes to, once that is known."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from p2pfs.console.command import Answer
from p2pfs.console.problems import Problem
from p2pfs.errors import Cancelled, P2pfsError
from p2pfs.waiters import Waiters


class NotKnownYet(P2pfsError):
    """The command has not come to its end."""


class Outcome:
    """What a command comes to: at the prompt it looks as the answer does, elsewhere as its data.

    It can be gone through and indexed like the data. Before the end that raises `NotKnownYet`;
    after a failure, the error. To wait for the end, ``await`` it in a coroutine, or take
    `when_known`.
    """

    def __init__(
        self, name: str, running: Deferred[Answer], problem_of: Callable[[Failure], Problem]
    ) -> None:
        """``running`` is the command of that name; ``problem_of`` says what a failure means."""
        self._name = name
        self._running = running
        self._problem_of = problem_of
        self._answer: Answer | None = None
        self._error: P2pfsError | None = None
        self._ended: Waiters[None] = Waiters()
        self.seen = False
        """Whether the end has been shown or raised."""
        running.addCallbacks(self._answered, self._failed)

    @property
    def known(self) -> bool:
        """Whether the command has come to its end."""
        return self._answer is not None or self._error is not None

    @property
    def data(self) -> Any:
        """Plain data: lists, dictionaries, texts and numbers."""
        if self._error is not None:
            self.seen = True
            raise self._error
        if self._answer is None:
            raise NotKnownYet(
                f"'{self._name}' has not answered yet; look again, or await it in a coroutine."
            )
        self.seen = True
        return self._answer.data

    @property
    def failed(self) -> bool:
        """Whether the command came to nothing."""
        return self._error is not None

    def when_ended(self) -> Deferred[None]:
        """Fires when the end is known, at once if it is already."""
        return succeed(None) if self.known else self._ended.wait()

    def when_known(self) -> Deferred[Any]:
        """Fires with the data, or with the command's error."""
        return Deferred.fromCoroutine(self._wait())

    def cancel(self) -> None:
        """Stop the command, if it still runs."""
        self._running.cancel()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._wait().__await__()

    def __repr__(self) -> str:
        if not self.known:
            return f"<{self._name}: not known yet>"
        self.seen = True
        if self._answer is None:
            return str(self._error)
        return "\n".join(self._answer.lines) or repr(self._answer.data)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data)

    def __getitem__(self, key: Any) -> Any:
        return self.data[key]

    def __contains__(self, item: object) -> bool:
        return item in self.data

    def __bool__(self) -> bool:
        return bool(self.data)

    async def _wait(self) -> Any:
        await self.when_ended()
        return self.data

    def _answered(self, answer: Answer) -> None:
        self._answer = answer
        self._ended.fire(None)

    def _failed(self, failure: Failure) -> None:
        problem = self._problem_of(failure)
        if isinstance(failure.value, P2pfsError):
            self._error = failure.value
        else:
            kind = Cancelled if problem.kind == Cancelled.__name__ else P2pfsError
            self._error = kind(problem.sentence)
        self._ended.fire(None)
