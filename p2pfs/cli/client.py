"""A blocking client of the control socket, for the ``p2pfs`` program.

It uses plain sockets and does without Twisted, so that a command line answers
in a fraction of a second.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from types import TracebackType

import msgspec

from p2pfs import errors
from p2pfs.console.control.messages import (
    MAX_REQUEST_BYTES,
    SOCKET_NAME,
    AnswerMessage,
    ProgressMessage,
    Request,
    Response,
    socket_path_fits,
)
from p2pfs.errors import P2pfsError, StartupProblem, UsageProblem


class DaemonUnavailable(P2pfsError):
    """No daemon answers on the control socket, or it went away before it answered."""


class InternalError(P2pfsError):
    """The daemon met an error that it did not expect; its log has the details."""


SLICE = 0.5
"""Seconds to wait at a time. A Ctrl-C in the moment before a wait begins does not end it: Python
comes to it only afterwards."""

OnProgress = Callable[[ProgressMessage], None]


def connect(state: Path, role: str = "peer", timeout: float | None = None) -> ControlClient:
    """Connect to the daemon whose state directory is ``state``.

    ``role`` is "peer" or "tracker", for the text of errors. With ``timeout``, a daemon
    that says nothing for so many seconds counts as gone. Raises
    `DaemonUnavailable` when none answers, `StartupProblem` when the directory's
    path is too long for a socket.
    """
    path = state / SOCKET_NAME
    if not socket_path_fits(path):
        raise StartupProblem(
            f"The path {path} is too long for a socket; use a state directory with a shorter path."
        )
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        connection.connect(str(path))
    except PermissionError as error:
        connection.close()
        raise DaemonUnavailable(
            f"The p2pfs {role} at {state} belongs to another user; only they, root and members of "
            "the group that it was started for with --group may use its console."
        ) from error
    except OSError as error:
        connection.close()
        raise DaemonUnavailable(
            f"No p2pfs {role} answers at {state}; "
            f"start one with 'p2pfs-{role}' or give its directory with --state."
        ) from error
    return ControlClient(connection)


class ControlClient:
    """One connection to a daemon; closing it cancels the command that runs on it."""

    def __init__(self, connection: socket.socket) -> None:
        """Take over a connected socket."""
        self._connection = connection
        self._waits = select.poll()
        self._waits.register(connection, select.POLLIN)
        self._unread = bytearray()

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def request(self, words: Sequence[str], on_progress: OnProgress) -> AnswerMessage:
        """Run a command and wait for it; ``on_progress`` is called as it reports.

        Raises the `P2pfsError` that the command failed with, or
        `DaemonUnavailable` when the daemon goes away.
        """
        self._send(Request(words=list(words)))
        return self._answer(on_progress)

    def _answer(self, on_progress: OnProgress) -> AnswerMessage:
        while True:
            response = self._receive()
            if response.error is not None:
                raise _error(response.kind or "", response.error)
            if response.answer is not None:
                return response.answer
            if response.progress is None:
                raise _unexpected()
            on_progress(response.progress)

    def _send(self, request: Request) -> None:
        try:
            line = msgspec.json.encode(request)
        except UnicodeEncodeError:
            raise UsageProblem(
                "The command has bytes in it that are not UTF-8 text; rename that file, or give "
                "the directory that it is in."
            ) from None
        if len(line) > MAX_REQUEST_BYTES:
            raise UsageProblem(f"The command is longer than {MAX_REQUEST_BYTES} bytes.")
        try:
            self._connection.sendall(line + b"\n")
        except BrokenPipeError:
            pass  # it hung up: if it said why, that is there to be read
        except OSError as error:
            raise _gone() from error

    def _receive(self) -> Response:
        try:
            return msgspec.json.decode(self._receive_line(), type=Response)
        except msgspec.DecodeError as error:
            raise _unexpected() from error

    def _receive_line(self) -> bytes:
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0:
            searched = len(self._unread)
            try:
                self._wait()
                received = self._connection.recv(1 << 16)
            except OSError as error:
                raise _gone() from error
            if not received:
                raise _gone()
            self._unread += received
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line

    def _wait(self) -> None:
        """Return when there is something to receive; raises ``TimeoutError``."""
        timeout = self._connection.gettimeout()
        left = inf if timeout is None else timeout
        while not self._waits.poll(1000 * min(SLICE, left)):
            left -= SLICE
            if left <= 0:
                raise TimeoutError


def _error(kind: str, sentence: str) -> P2pfsError:
    """The exception a daemon's error line stands for."""
    if kind == InternalError.__name__:
        return InternalError(sentence)
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, P2pfsError):
        return found(sentence)
    return P2pfsError(sentence)


def _gone() -> DaemonUnavailable:
    return DaemonUnavailable("The daemon went away before it answered; see its log for the reason.")


def _unexpected() -> DaemonUnavailable:
    return DaemonUnavailable(
        "The daemon's answer is not understood; it may be of another version of p2pfs."
    )
