"""A listening side with room for a number of connections, and what hosts share of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, cast

from twisted.internet.interfaces import IAddress, INegotiated, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from p2pfs.addresses import host_of
from p2pfs.wire.admission import Admission
from p2pfs.wire.budget import Budget
from p2pfs.wire.handling import Handling
from p2pfs.wire.host_rates import HostRates
from p2pfs.wire.messages import Error, encode
from p2pfs.wire.notices import Notices
from p2pfs.wire.protocol import MessageProtocol

C = TypeVar("C", bound=MessageProtocol)

TURNED_AWAY = "was turned away: all connections are in use."
EVICTED = "lost its idlest connection to a newcomer: all are in use."
"""What the log says of a host."""

FULL = "All connections are in use here; try again later."
"""What a newcomer is told for whom there is no room."""


LEAVING = 8
"""Connections that are on their way out at a time: turned away and told so, or made room for
somebody. Each has a descriptor until then, so further newcomers are closed without a word."""


class Reception(Factory, Generic[C]):
    """Takes connections, knows those that are open, and turns away whom there is no room for."""

    log = Logger()
    noisy = False

    def __init__(self, reactor: IReactorTime, limit: int, rates: HostRates | None = None) -> None:
        """At most ``limit`` connections are open at a time; ``rates`` are of their messages."""
        self._clock = reactor
        # In the order of their coming; a set would have another order in every process.
        self.connections: dict[C, None] = {}
        self._limit = limit
        self._turned_away = 0
        self.admission: Admission[C] = Admission(limit, self.in_use)
        self.budget = Budget()
        self.handling = Handling(reactor, self.budget, rates)
        self.offences = Notices(reactor, self.log.warn)

    def receive(self, host: str) -> C:
        """The protocol of a new connection of that host; for subclasses."""
        raise NotImplementedError

    def in_use(self, connection: C) -> bool:
        """Whether a connection that has not done anything for a while waits for something."""
        return False

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        host, now = host_of(addr), self._clock.seconds()
        if not self.admission.has_room(host, now):
            self.offences.note(host, TURNED_AWAY)
            if self._turned_away >= LEAVING:
                return None
            self._turned_away += 1
            return TurnedAway(self._gone)
        if len(self.connections) >= self._limit + LEAVING:
            return None
        connection = self.receive(host)
        self.connections[connection] = None
        evicted = self.admission.add(host, connection, now)
        if evicted is not None:
            victim, victims_host = evicted
            self.offences.note(victims_host, EVICTED)
            victim.abort()
        return connection

    def forget(self, connection: C) -> None:
        """Drop a connection that ended."""
        self.connections.pop(connection, None)
        self.admission.remove(connection)

    def _gone(self) -> None:
        self._turned_away -= 1


class TurnedAway(Protocol):
    """A connection for which there is no room: told so where that takes no waiting, and closed."""

    def __init__(self, gone: Callable[[], None]) -> None:
        """``gone`` is called when it is closed."""
        self._gone = gone

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._gone()

    def connectionMade(self) -> None:
        transport = self.transport
        assert transport is not None
        if INegotiated.providedBy(transport):
            # TLS: a handshake that the other side never ends would keep the connection open.
            cast(ITCPTransport, transport).abortConnection()
            return
        transport.write(encode(Error(None, FULL)))
        transport.loseConnection()
