"""Listening and connecting on simulated hosts, and their names."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address
from twisted.internet.base import BaseConnector
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError, DNSLookupError, UserError, getConnectError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IListeningPort,
    IProtocolFactory,
    IResolutionReceiver,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pfs.addresses import is_loopback
from p2pfs.testing.streams import Mark
from p2pfs.testing.transport import LOOPBACK, Connection, End, address_of

if TYPE_CHECKING:  # a reactor listens and connects, so it imports this module
    from p2pfs.testing.reactor import HostReactor

CONNECT_AGAIN_SECONDS = 1.0
"""How long TCP waits for an answer before it tries again to connect; doubled each time."""

_ANY = ("", "0.0.0.0")


@implementer(IListeningPort)
class SimulatedPort:
    """A port that a process listens at: a number for TCP, a path for a UNIX socket."""

    def __init__(
        self, reactor: HostReactor, number: int | str, factory: IProtocolFactory, interface: str
    ) -> None:
        """``interface`` is the one address it listens at, or empty for all of the host's."""
        self.reactor = reactor
        self.number = number
        self.factory = factory
        self.interface = LOOPBACK if interface == "localhost" else interface

    def reachable_at(self, address: str) -> bool:
        """Whether connections to that address of its host come in here."""
        return self.interface in (*_ANY, address)

    def accept(self, end: End) -> None:
        """Take a connection, or turn it away."""
        if self.reactor.ports.get(self.number) is self:
            end.open(self.factory.buildProtocol)
        else:
            end.abortConnection()

    def startListening(self) -> None:
        """Begin to take connections; raises ``CannotListenError`` as Twisted's ports do."""
        own = (*_ANY, LOOPBACK, self.reactor.host.address)
        if isinstance(self.number, int) and not 0 <= self.number <= 65535:
            raise OverflowError("The port must be 0-65535.")
        if self.interface not in own:
            raise self._unusable(errno.EADDRNOTAVAIL)
        if self.number in self.reactor.ports:
            raise self._unusable(errno.EADDRINUSE)
        self.number = self.number or self.reactor.host.free_port()
        self.reactor.ports[self.number] = self
        self.factory.doStart()

    def stopListening(self) -> Deferred[None]:
        """Take no more connections; those that stand go on."""
        if self.reactor.ports.pop(self.number, None) is not None:
            self.factory.doStop()
            if isinstance(self.number, str):
                Path(self.number).unlink(missing_ok=True)
        return succeed(None)

    def getHost(self) -> IAddress:
        """Where it listens."""
        return address_of(self.interface or "0.0.0.0", self.number)

    def _unusable(self, number: int) -> CannotListenError:
        return CannotListenError(self.interface, self.number, OSError(number, os.strerror(number)))


class Connector(BaseConnector):
    """An attempt to connect, and the connection it leads to."""

    def __init__(
        self, reactor: HostReactor, host: str, port: int | str, factory: Any, timeout: float
    ) -> None:
        super().__init__(factory, timeout, reactor)  # type: ignore[arg-type]  # ours is no ReactorBase
        self.process = reactor
        self.host = host
        self.port = port

    def getDestination(self) -> IAddress:
        return address_of(self.host, self.port)

    def _makeTransport(self) -> Any:
        return Attempt(self, self.process, self.host, self.port)


class Attempt:
    """The transport of a connector until its connection stands: one round trip."""

    def __init__(
        self, connector: Connector, reactor: HostReactor, host: str, port: int | str
    ) -> None:
        self._connector = connector
        self._reactor = reactor
        self._timeline = reactor.host.network.timeline
        self._over = False
        self._end: End | None = None
        self._address = reactor.host.network.resolve(host)
        reactor.attempts[self] = None
        if self._address is None:
            reactor.soon(self.failIfNotConnected, DNSLookupError(f"no host is called {host}"))
            return
        target = reactor.host.network.target_of(self._address, port, reactor.host)
        if target is not None:  # or else nobody ever answers
            other, self._port = target
            self._asked_for = self._address, port
            # A router that passes it on has another address than who gets it.
            self._at = self._address if is_loopback(self._address) else other.address
            self._connection = Connection(reactor.host.network, reactor.host, other)
            self._ask(CONNECT_AGAIN_SECONDS)

    def failIfNotConnected(self, reason: Exception) -> None:
        """Give up, unless the connection stands already."""
        if not self._over:
            self._finish()
            self._connector.connectionFailed(Failure(reason))

    def loseConnection(self) -> None:
        """Close the connection, or give up."""
        if self._end is not None:
            self._end.loseConnection()
        else:
            self.failIfNotConnected(UserError())

    def _finish(self) -> None:
        self._over = True
        self._reactor.attempts.pop(self, None)

    def _ask(self, again: float) -> None:
        if not self._over and not self._reactor.is_dead:
            self._timeline.after(self._connection.latency, self._asked, again)

    def _ask_again(self, again: float) -> None:
        self._timeline.after(again, self._ask, 2 * again)

    def _asked(self, again: float) -> None:
        """The request to connect has come to the other host, unless it was lost."""
        connection = self._connection
        if not connection.passable:
            self._ask_again(again)
            return
        reactor = connection.server.host.reactor
        port = reactor.ports.get(self._port)
        accepts = port is not None and port.reachable_at(self._at)
        self._timeline.after(connection.latency, self._answered, again, port if accepts else None)

    def _answered(self, again: float, port: SimulatedPort | None) -> None:
        """The answer has come back, unless it was lost."""
        if not self._connection.passable:
            self._ask_again(again)
        elif port is None:
            number = errno.ECONNREFUSED
            error = getConnectError((number, os.strerror(number)))
            self._reactor.in_process(self.failIfNotConnected, error)
        elif not (self._over or self._reactor.is_dead):
            connection = self._connection
            connection.network.established(connection, port, *self._asked_for)
            connection.client.outgoing.mark(Mark.BEGIN)
            self._reactor.in_process(self._connected)

    def _connected(self) -> None:
        end = self._connection.client
        if self._over:  # it was given up while the process did not run
            end.abortConnection()
            return
        self._finish()
        self._end = end
        end.on_lost = self._connector.connectionLost
        end.open(self._connector.buildProtocol)


@implementer(IHostnameResolver)
class Names:
    """Finds simulated hosts by their names."""

    def __init__(self, reactor: HostReactor) -> None:
        self._reactor = reactor

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Tell the address of a host; all of them have one of IPv4."""
        resolution = _Resolution(hostName)
        address = self._reactor.host.network.resolve(hostName)

        def answer() -> None:
            resolutionReceiver.resolutionBegan(resolution)
            if address is not None:
                resolutionReceiver.addressResolved(IPv4Address("TCP", address, portNumber))
            resolutionReceiver.resolutionComplete()

        self._reactor.soon(answer)
        return resolution


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """It is over in no time."""
