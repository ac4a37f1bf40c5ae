"""A client of the control socket, for tests."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from tests.console.toy import TIMEOUT, Daemon, Event


class Client(LineReceiver):
    """Sends requests as they are written in the protocol, and collects lines."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 24

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.closed = Event()
        self._waiting: list[Deferred[dict[str, Any]]] = []

    def lineReceived(self, line: bytes) -> None:
        message = json.loads(line)
        if self._waiting:
            self._waiting.pop(0).callback(message)
        else:
            self.lines.append(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.happen()
        for waiting in self._waiting:
            waiting.errback(AssertionError("the connection was closed"))

    def ask(self, request: dict[str, Any]) -> Deferred[dict[str, Any]]:
        self.sendLine(json.dumps(request).encode())
        return self.next()

    def next(self) -> Deferred[dict[str, Any]]:
        deferred: Deferred[dict[str, Any]] = Deferred()
        if self.lines:
            deferred.callback(self.lines.pop(0))
        else:
            self._waiting.append(deferred)
            deferred.addTimeout(TIMEOUT, reactor)
        return deferred

    def hang_up(self) -> Deferred[None]:
        self.transport.loseConnection()
        return self.closed.wait()


async def connected(daemon: Daemon) -> Client:
    endpoint = UNIXClientEndpoint(reactor, str(daemon.state / "control"))
    return await connectProtocol(endpoint, Client())
