"""Small protocols that write down what happens to them, and networks to have them on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from p2pfs.peer.storage import is_part_name
from p2pfs.testing import Host, Network

PORT = 7000


class Notes(Protocol):
    """Writes down what happens on its connection, and when."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.received = bytearray()
        self.events: list[tuple[float, str]] = []
        self.lost: Failure | None = None
        self.lost_at: float | None = None
        self.largest = 0

    def note(self, event: str) -> None:
        self.events.append((self.network.timeline.now, event))

    def connectionMade(self) -> None:
        self.note("made")

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self.largest = max(self.largest, len(data))
        self.note(f"{len(data)} bytes")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert self.lost is None, "connectionLost was called twice"
        self.lost = reason
        self.lost_at = self.network.timeline.now
        self.note(f"lost: {reason.type.__name__}")

    @property
    def times(self) -> dict[str, float]:
        """When each kind of event happened first."""
        return {event: time for time, event in reversed(self.events)}


class Servers(Factory):
    """Makes protocols, and keeps those it made."""

    noisy = False

    def __init__(self, make: Any) -> None:
        self.make = make
        self.made: list[Any] = []

    def buildProtocol(self, addr: object) -> Any:
        protocol = self.make()
        if protocol is not None:
            self.made.append(protocol)
        return protocol


class Pair:
    """A connection from one host to another, with `Notes` at both ends."""

    def __init__(self, client: Host, server: Host, make: Any = None, port: int = PORT) -> None:
        self.network = network = client.network
        self.servers = Servers(make or (lambda: Notes(network)))
        if port not in server.reactor.ports:
            TCP4ServerEndpoint(server.reactor, port).listen(self.servers)
        else:
            self.servers = server.reactor.ports[port].factory  # type: ignore[assignment]
        clients = Servers(lambda: Notes(network))
        known = len(self.servers.made)
        connected = TCP4ClientEndpoint(client.reactor, server.address, port).connect(clients)
        self.client: Notes = network.result_of(connected, 60)
        network.run(1)
        self.server: Notes = self.servers.made[known]
        self.connection = self.client.transport.connection  # type: ignore[union-attr]


class Stuffing:
    """A push producer that writes as much as it may, up to a total."""

    def __init__(self, transport: Any, total: int, piece: int = 10_000) -> None:
        self.transport = transport
        self.left = total
        self.piece = piece
        self.paused = False
        self.stopped = False
        self.pauses = 0
        transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        while self.left and not self.paused:
            size = min(self.piece, self.left)
            self.left -= size
            self.transport.write(b"x" * size)
        if not self.left:
            self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        self.paused = True
        self.pauses += 1

    def stopProducing(self) -> None:
        self.stopped = True


def part_files(directory: Path) -> list[Path]:
    """The part files of downloads to a directory."""
    return [path for path in directory.iterdir() if is_part_name(path.name)]


def outcome_of(network: Network, work: Deferred[Any], within: float = 60) -> Any:
    """What became of it: its result, or the exception."""
    try:
        return network.result_of(work, within)
    except Exception as error:
        return error
