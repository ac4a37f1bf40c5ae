"""Sockets in the hands of somebody who does as he likes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.swarm.foreign import ForeignConnection, ForeignSource
from tests.swarm.harness import until

HOSTILE = "127.0.0.66"
"""The host that attackers come from."""

AT_A_TIME = 40
"""Connections attempted at the same time; a port's queue has 50 places."""


class RawClient(Protocol):
    """A connection that sends bytes as they are, and keeps the lines that come."""

    transport: Any

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.closed = False
        self._rest = b""

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.transport.write(data)

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.send(json.dumps(message).encode() + b"\n")

    def dataReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.lines += lines

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True

    @property
    def heard(self) -> list[dict[str, Any]]:
        """The messages that came so far."""
        return [json.loads(line) for line in self.lines]

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message; the next one that comes."""
        count = len(self.lines)
        self.say(**message)
        await until(lambda: len(self.lines) > count or self.closed)
        answer: dict[str, Any] = json.loads(self.lines[count])
        return answer

    def deaf(self) -> None:
        """Read nothing any more."""
        self.transport.pauseProducing()

    async def hang_up(self) -> None:
        """End the connection at once."""
        self.transport.abortConnection()
        await until(lambda: self.closed)


async def connect(port: int, host: str = HOSTILE) -> RawClient:
    """A connection to a port of this machine, from another of its addresses."""
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port, 10, (host, 0))
    client: RawClient = await connectProtocol(endpoint, RawClient())
    return client


async def crowd(port: int, count: int, host: str = HOSTILE) -> list[RawClient]:
    """Many connections, made as many at a time as a port's queue holds."""
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port, 10, (host, 0))
    clients: list[RawClient] = []
    while len(clients) < count:
        some = min(AT_A_TIME, count - len(clients))
        clients += await gatherResults(
            [connectProtocol(endpoint, RawClient()) for _ in range(some)]
        )
    return clients


async def disperse(clients: list[RawClient]) -> None:
    """End all these connections."""
    for client in clients:
        client.transport.abortConnection()
    await until(lambda: all(client.closed for client in clients))


def buffered(connection: Any) -> int:
    """Bytes that one of our protocols and its transport keep for the other side, or of it."""
    transport = connection.transport
    out = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
    return out + len(connection._buffer)


class Lying(ForeignSource):
    """A source that answers one kind of request with what is no answer to it."""

    def __init__(
        self, data: bytes, instead_of: str, lie: Callable[[LyingConnection, dict[str, Any]], None]
    ) -> None:
        super().__init__(data)
        self.instead_of = instead_of
        self.lie = lie
        self.lies = 0
        """How often it lied."""

    def buildProtocol(self, addr: object) -> LyingConnection:
        connection = LyingConnection(self)
        self.connections.append(connection)
        return connection


class LyingConnection(ForeignConnection):
    """One downloader of a `Lying` source."""

    source: Lying

    def connectionLost(self, reason: Any = None) -> None:
        self.connected = 0

    def lineReceived(self, line: bytes) -> None:
        request = json.loads(line)
        if request["type"] == self.source.instead_of:
            self.source.lies += 1
            self.source.lie(self, request)
        elif request["type"] != "ERROR":
            super().lineReceived(line)
