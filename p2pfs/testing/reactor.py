"""What a simulated host offers in place of Twisted's reactor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address
from twisted.internet.base import BaseConnector, DelayedCall
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError, ConnectionRefusedError, UserError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IListeningPort,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IReactorUNIX,
    IResolutionReceiver,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pfs.testing.threads import SimulatedThreads
from p2pfs.testing.transport import Connection, End, address_of

if TYPE_CHECKING:  # a host makes its reactor, so it imports this module
    from p2pfs.testing.network import Host

CONNECT_AGAIN_SECONDS = 1.0
"""How long TCP waits for an answer before it tries again to connect; doubled each time."""


@implementer(IReactorTime, IReactorTCP, IReactorUNIX, IReactorPluggableNameResolver)
class HostReactor:
    """Time, TCP, UNIX sockets and threads of one process on a simulated host.

    When the process dies nothing of it ever runs again; the host has a new one then.
    While it is frozen everything waits, and happens in order when it thaws.
    """

    running = True

    def __init__(self, host: Host) -> None:
        self.host = host
        self.is_dead = False
        self.ports: dict[int | str, SimulatedPort] = {}
        self._frozen = False
        self._backlog: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._calls: dict[DelayedCall, None] = {}
        self._threads = SimulatedThreads(self)

    # The process

    def in_process(self, call: Callable[..., None], *args: Any) -> None:
        """Do something that happens in this process: at once, once it thaws, or never."""
        if self._frozen or self.is_dead:
            self._backlog.append((call, args))
        else:
            call(*args)

    def soon(self, call: Callable[..., None], *args: Any) -> None:
        """Do it in this process when all that is due already has happened."""
        self.host.network.timeline.after(0, self.in_process, call, *args)

    def freeze(self) -> None:
        """Stop as upon SIGSTOP."""
        self._frozen = True

    def thaw(self) -> None:
        """Go on as upon SIGCONT."""
        if self.is_dead:
            return
        self._frozen = False
        backlog, self._backlog = self._backlog, []
        for call, args in backlog:
            self.soon(call, *args)

    def die(self) -> None:
        """End at once, as upon SIGKILL."""
        self.is_dead = True
        self.ports.clear()

    def stop(self) -> None:
        """The process ends itself."""
        self.host.kill()

    # IReactorTime

    def seconds(self) -> float:
        return self.host.network.timeline.now

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        call = DelayedCall(
            self.seconds() + delay,
            callable,
            args,
            kw,
            self._cancelled,
            self._schedule,
            self.seconds,
        )
        self._calls[call] = None
        self._schedule(call)
        return call

    def getDelayedCalls(self) -> list[DelayedCall]:
        return list(self._calls)

    def _schedule(self, call: DelayedCall) -> None:
        self.host.network.timeline.at(call.time, self.in_process, self._due, call, call.time)

    def _cancelled(self, call: DelayedCall) -> None:
        self._calls.pop(call, None)

    def _due(self, call: DelayedCall, time: float) -> None:
        if not call.active() or call.time != time:
            return
        if call.delayed_time > 0:
            call.activate_delay()
            self._schedule(call)
            return
        call.called = 1
        self._calls.pop(call, None)
        call.func(*call.args, **call.kw)

    # Threads

    def getThreadPool(self) -> SimulatedThreads:
        """The threads of this process."""
        return self._threads

    def callInThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        """Have something done by a thread; nobody learns of its end."""
        self._threads.callInThreadWithCallback(None, callable, *args, **kwargs)

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        """Do something in the thread of the reactor."""
        self.soon(lambda: callable(*args, **kwargs))

    # Connections

    def listenTCP(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        number = port or self.host.free_port()
        return self._listen(number, factory, interface)

    def listenUNIX(
        self,
        address: str,
        factory: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> IListeningPort:
        return self._listen(address, factory, "127.0.0.1")

    def _listen(
        self, number: int | str, factory: IProtocolFactory, interface: str
    ) -> IListeningPort:
        if number in self.ports:
            error = OSError(98, "Address already in use")
            raise CannotListenError(interface, number, error)
        port = SimulatedPort(self, number, factory, interface)
        port.startListening()
        return port

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30,
        bindAddress: tuple[str, int] | None = None,
    ) -> Connector:
        return self._connect(host, port, factory, timeout)

    def connectUNIX(
        self, address: str, factory: Any, timeout: float = 30, checkPID: bool = False
    ) -> Connector:
        return self._connect("127.0.0.1", address, factory, timeout)

    def _connect(self, host: str, port: int | str, factory: Any, timeout: float) -> Connector:
        connector = Connector(self, host, port, factory, timeout)
        connector.connect()
        return connector

    # Names

    @property
    def nameResolver(self) -> Names:
        """The names of all simulated hosts."""
        return Names(self)

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Not offered: the network knows its names."""
        raise NotImplementedError("The names of a simulated network are those of its hosts.")


@implementer(IListeningPort)
class SimulatedPort:
    """A port that a process listens at."""

    def __init__(
        self, reactor: HostReactor, number: int | str, factory: IProtocolFactory, interface: str
    ) -> None:
        self.reactor = reactor
        self.number = number
        self.factory = factory
        self.interface = interface

    def reachable_from(self, host: Host) -> bool:
        """Whether connections of that host come in here."""
        return host is self.reactor.host or not self.interface.startswith("127.")

    def accept(self, end: End) -> None:
        """Take a connection, or turn it away."""
        protocol = self.factory.buildProtocol(end.remote)
        if protocol is None:
            end.loseConnection()
        else:
            end.open(protocol)

    def startListening(self) -> None:
        self.reactor.ports[self.number] = self
        self.factory.doStart()

    def stopListening(self) -> Deferred[None]:
        if self.reactor.ports.pop(self.number, None) is not None:
            self.factory.doStop()
            if isinstance(self.number, str):
                Path(self.number).unlink(missing_ok=True)
        return succeed(None)

    def getHost(self) -> IAddress:
        return address_of(self.interface or "0.0.0.0", self.number)


class Connector(BaseConnector):
    """An attempt to connect, and the connection it leads to."""

    def __init__(
        self, reactor: HostReactor, host: str, port: int | str, factory: Any, timeout: float
    ) -> None:
        super().__init__(factory, timeout, reactor)  # type: ignore[arg-type]  # ours is no ReactorBase
        self._destination = address_of(host, port)
        self._target = reactor.host.network.host_at(host, reactor.host)
        self._port = port
        self._process = reactor

    def getDestination(self) -> IAddress:
        return self._destination

    def _makeTransport(self) -> Any:
        return Attempt(self, self._process, self._target, self._port)


class Attempt:
    """The transport of a connector until its connection stands."""

    def __init__(
        self, connector: Connector, reactor: HostReactor, target: Host | None, port: int | str
    ) -> None:
        self._connector = connector
        self._reactor = reactor
        self._target = target
        self._port = port
        self._timeline = reactor.host.network.timeline
        self._over = False
        self._end: End | None = None
        if target is None:
            return  # nobody has that address, so nobody answers
        self._connection = Connection(reactor.host.network, reactor.host, target)
        self._ask(CONNECT_AGAIN_SECONDS)

    def failIfNotConnected(self, reason: Exception) -> None:
        """Give up, unless the connection stands already."""
        if not self._over:
            self._over = True
            self._connector.connectionFailed(Failure(reason))
            if self._end is not None:
                self._end.abortConnection()

    def loseConnection(self) -> None:
        """Close the connection, or give up."""
        if self._end is not None:
            self._end.loseConnection()
        else:
            self.failIfNotConnected(UserError())

    def _ask(self, again: float) -> None:
        if not self._over and not self._reactor.is_dead:
            self._timeline.after(self._connection.latency, self._asked)
            if not self._connection.passable:
                self._timeline.after(again, self._ask, 2 * again)

    def _asked(self) -> None:
        """The request to connect has come to the other host, unless it was lost."""
        connection, target = self._connection, self._target
        assert target is not None
        if not connection.passable:
            return
        port = target.reactor.ports.get(self._port)
        answer = self._refused
        if port is not None and port.reachable_from(self._reactor.host):
            connection.network.established(connection, self._port)
            port.reactor.in_process(port.accept, connection.server)
            answer = self._accepted
        self._timeline.after(connection.latency, self._reactor.in_process, answer)

    def _refused(self) -> None:
        self.failIfNotConnected(ConnectionRefusedError())

    def _accepted(self) -> None:
        end = self._connection.client
        if self._over:
            end.abortConnection()
            return
        self._over = True
        self._end = end
        protocol = self._connector.buildProtocol(end.remote)
        end.on_lost = self._connector.connectionLost
        if protocol is None:
            end.loseConnection()
        else:
            end.open(protocol)


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
        resolution = _Resolution(hostName)
        found = self._reactor.host.network.named(hostName)

        def answer() -> None:
            resolutionReceiver.resolutionBegan(resolution)
            if found is not None:
                resolutionReceiver.addressResolved(IPv4Address("TCP", found.address, portNumber))
            resolutionReceiver.resolutionComplete()

        self._reactor.soon(answer)
        return resolution


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """It is over in no time."""
