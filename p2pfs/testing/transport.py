"""A simulated connection, and each end of it as Twisted's transport.

An end behaves towards its protocol and producer as ``twisted.internet.tcp`` does, and
towards the other end as Linux does: what the system has taken from a program still
arrives after the program has closed the connection or died, unless it left something
unread, which resets the connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHalfCloseableProtocol,
    IProtocol,
    IPullProducer,
    IPushProducer,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pfs.membership import Member
from p2pfs.testing.streams import Arrivals, Mark, Segment, Stream

if TYPE_CHECKING:  # a network makes connections, so it imports this module
    from p2pfs.testing.network import Host, Network
    from p2pfs.testing.reactor import HostReactor

LOOPBACK = "127.0.0.1"
"""The address by which every host means itself."""

UNANSWERED_SECONDS = 900.0
"""How long TCP sends again what nobody acknowledges, before it gives a connection up."""


class Connection:
    """Both ends of a connection, and what can go wrong with it."""

    def __init__(self, network: Network, client: Host, server: Host) -> None:
        self.network = network
        self.is_cut = False
        self.latency = network.latency(client, server)
        """Seconds from one end to the other."""
        own = client is server
        self.client = End(self, client, own)
        self.server = End(self, server, own)

    def other(self, end: End) -> End:
        """The other end."""
        return self.server if end is self.client else self.client

    @property
    def passable(self) -> bool:
        """True while bytes get from one host to the other."""
        if self.is_cut:
            return False
        return self.network.reachable(self.client.host, self.server.host)

    # Faults

    def reset(self) -> None:
        """Break it as a middle box does: both ends are told at once."""
        for end in (self.client, self.server):
            end.lose("the connection was reset")

    def stall(self) -> None:
        """Deliver nothing any more, with both ends still open, until `go_on`."""
        self.client.stalled = self.server.stalled = True

    def go_on(self) -> None:
        """End a stall."""
        for end in (self.client, self.server):
            end.stalled = False
            end.deliver_soon()

    def cut(self) -> None:
        """Leave it half open, for good: nothing passes any more, and no end is told."""
        self.is_cut = True
        self.examine()

    def examine(self) -> None:
        """Whether bytes get through may have changed: send what was lost, or begin to doubt."""
        passable = self.passable
        for end in (self.client, self.server):
            if passable:
                end.trust()
                end.outgoing.send_again()
            else:
                end.doubt()


@implementer(ITCPTransport, IConsumer, IPushProducer)
class End:
    """One end of a connection: the transport that its protocol sees."""

    log = Logger()

    bufferSize = 64 * 1024
    """Weight unsent at which a producer is paused, as of Twisted's transports."""

    def __init__(self, connection: Connection, host: Host, own: bool) -> None:
        """``own``: both ends are on the same host."""
        self.connection = connection
        self.host = host
        self.reactor: HostReactor = host.reactor
        self.protocol: IProtocol | None = None
        self.member: Member | None = None
        """Who is at the other end, as the door of a private swarm found out."""
        self.gone = False
        """True once its process has nothing to do with it any more."""
        self.forgotten = False
        """True once its system, too, knows nothing of it."""
        self.stalled = False
        self.disconnecting = False
        self.local: Any = IPv4Address("TCP", host.address, 0)
        self.remote: Any = self.local
        self.accept: Callable[[End], None] = End.abortConnection
        """What becomes of the server's end once the connection stands."""
        self.on_lost: Callable[[Failure], None] | None = None
        """Called with the reason when the connection is lost, after the protocol was told."""
        uplink, downlink = (host.loopback, host.loopback) if own else (host.uplink, host.downlink)
        self.outgoing = Stream(connection, self, uplink)
        self._socket_buffer = connection.network.socket_buffer
        self._arrivals = Arrivals(self, downlink)
        self._inbox: deque[Segment] = deque()
        self._reading = True
        self._aborted = False
        self._half_closing = False
        self._keep_alive = False
        self._doubts = 0
        self._in_doubt = False
        self._no_delay = False
        self._producer: IPushProducer | IPullProducer | None = None
        self._streaming = False
        self._producer_paused = False
        self._look_due = False

    # The network's side: what comes in

    def open(self, build: Callable[[IAddress], IProtocol | None]) -> None:
        """Begin to deliver to a protocol; close if there is none to be had."""
        try:
            protocol = build(self.remote)
        except Exception:
            self.log.failure("No protocol for a connection from {remote}.", remote=self.remote)
            protocol = None
        self.protocol = protocol or Protocol()
        self._call(self.protocol.makeConnection, self)
        if protocol is None:
            self.loseConnection()
        self.deliver_soon()

    def arrived(self, segment: Segment) -> None:
        """A segment has come to this host."""
        self._arrivals.add(segment)

    def take(self, segment: Segment) -> None:
        """A segment is to be delivered, once it is read."""
        if self.gone:
            return
        if segment[0] is Mark.BEGIN:
            self.reactor.in_process(self.accept, self)
        else:
            self._inbox.append(segment)
            self.reactor.in_process(self._deliver)

    def deliver_soon(self) -> None:
        """Deliver what there is, but not before the caller has returned."""
        if self._inbox:
            self.reactor.soon(self._deliver)

    def _deliver(self) -> None:
        inbox = self._inbox
        while inbox and self._may_deliver():
            data, weight = inbox.popleft()
            protocol: Any = self.protocol
            if not isinstance(data, Mark):
                self.connection.other(self).outgoing.read(weight)
                self._call(protocol.dataReceived, data)
            elif IHalfCloseableProtocol.providedBy(protocol):
                self._call(protocol.readConnectionLost)
            else:
                self._close(Failure(ConnectionDone()))

    def _may_deliver(self) -> bool:
        waits = self.stalled or self.protocol is None or not self._reading
        return not (waits or self.gone or self.disconnecting)

    def _call(self, call: Callable[..., object], *args: object) -> None:
        """Call the protocol or producer; what it does not catch ends the connection."""
        try:
            call(*args)
        except Exception:
            self.log.failure("Unhandled error")
            self._close(Failure())

    # The network's side: the end

    def lose(self, reason: str) -> None:
        """The connection is broken; the protocol is told."""
        if not self.gone:
            self._forget()
            self.reactor.soon(self._tell_lost, Failure(ConnectionLost(reason)))

    def vanish(self) -> None:
        """The host has lost its power: nobody is left to be told."""
        self._forget()

    def process_ended(self) -> None:
        """The process this end belonged to is dead; its system closes the connection."""
        if not self.gone:
            self._leave()

    def _close(self, reason: Failure) -> None:
        """The program closes the connection; what the system has taken still arrives."""
        if not self.gone:
            self._leave()
            self._tell_lost(reason)

    def _leave(self) -> None:
        unread = any(not isinstance(data, Mark) for data, _ in self._inbox)
        if unread or self.protocol is None:
            self._forget()
            self._reset_other_soon()
            return
        self.gone = True
        self.outgoing.discard(keep=self._socket_buffer)
        if not self.outgoing.is_finished:
            self.outgoing.mark(Mark.END)
        self._inbox.clear()
        self.connection.network.closed(self)

    def _forget(self) -> None:
        self.gone = self.forgotten = True
        self.outgoing.abandon()
        self._inbox.clear()
        self.connection.network.closed(self)

    def _reset_other_soon(self) -> None:
        connection = self.connection
        connection.network.timeline.after(connection.latency, self._reset_other)

    def _reset_other(self) -> None:
        if self.connection.passable:
            self.connection.other(self).lose("the other side broke it off")

    def _tell_lost(self, reason: Failure) -> None:
        producer, self._producer = self._producer, None
        told: list[Callable[[], object]] = []
        if producer is not None:
            told.append(producer.stopProducing)
        if self.protocol is not None:
            protocol = self.protocol
            told.append(lambda: protocol.connectionLost(reason))
        if self.on_lost is not None:
            on_lost = self.on_lost
            told.append(lambda: on_lost(reason))
        for tell in told:
            try:
                tell()
            except Exception:
                self.log.failure("Unhandled error")

    # The network's side: whether anybody is there

    @property
    def patience(self) -> float:
        """Seconds until an other side that does not answer counts as gone."""
        return self.connection.network.keep_alive if self._keep_alive else UNANSWERED_SECONDS

    def doubt(self) -> None:
        """Nothing gets through any more: let keep-alive, if it is on, find out."""
        if not (self._in_doubt or self.gone):
            self._in_doubt = True
            self._doubts += 1
            self._probe()

    def trust(self) -> None:
        """Something gets through again, and is answered if the other system knows how."""
        if not self.connection.other(self).forgotten:
            self._in_doubt = False

    def _probe(self) -> None:
        if self._keep_alive and self._in_doubt:
            timeline = self.connection.network.timeline
            timeline.after(self.patience, self._unanswered, self._doubts)

    def _unanswered(self, doubt: int) -> None:
        if self._in_doubt and doubt == self._doubts:
            self.lose("nobody answers")

    # Twisted's side: writing

    def write(self, data: bytes) -> None:
        if not isinstance(data, (bytes, memoryview)):
            raise TypeError(f"Data must be bytes, not {type(data).__name__}.")
        if self.gone or self._aborted or self.outgoing.is_finished or not data:
            return
        self.outgoing.write(bytes(data))
        if self._producer is None:
            return
        if not self._streaming:
            self.drained()
        elif self.outgoing.unsent_bytes > self.bufferSize + self._socket_buffer:
            self._producer_paused = True
            cast(IPushProducer, self._producer).pauseProducing()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self._producer is not None:
            raise RuntimeError(
                f"Cannot register {producer}: {self._producer} was never unregistered."
            )
        if self.gone:
            producer.stopProducing()
            return
        self._producer, self._streaming = producer, streaming
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self._producer = None
        self.drained()

    def drained(self) -> None:
        """The system may have room for more; see to who waits for that."""
        wanted = self._producer is not None and (self._producer_paused or not self._streaming)
        if not (wanted or self.disconnecting or self._half_closing) or self._look_due:
            return
        if self.outgoing.unsent_bytes <= self._socket_buffer:
            self._look_due = True
            self.reactor.soon(self._look)

    def _look(self) -> None:
        self._look_due = False
        if self.outgoing.unsent_bytes > self._socket_buffer or self.gone or self._aborted:
            return
        if self._producer is not None and (self._producer_paused or not self._streaming):
            self._producer_paused = False
            self._call(self._producer.resumeProducing)
        elif self.disconnecting:
            self._close(Failure(ConnectionDone()))
        elif self._half_closing and not self.outgoing.is_finished:
            self.outgoing.mark(Mark.END)
            if IHalfCloseableProtocol.providedBy(self.protocol):
                self._call(cast(Any, self.protocol).writeConnectionLost)

    def loseConnection(self) -> None:
        if not (self.gone or self.disconnecting):
            self.disconnecting = True
            self.drained()

    def loseWriteConnection(self) -> None:
        self._half_closing = True
        self.drained()

    def abortConnection(self) -> None:
        if not (self.gone or self._aborted):
            self._aborted = True
            self.disconnecting = True
            self.outgoing.abandon()
            self._reset_other_soon()
            self.reactor.soon(self._abort)

    def _abort(self) -> None:
        if not self.gone:
            self._forget()
            self._tell_lost(Failure(ConnectionAborted()))

    # Twisted's side: reading, and what it is

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        if not (self._reading or self.gone or self.disconnecting):
            self._reading = True
            self.deliver_soon()

    def stopProducing(self) -> None:
        self.loseConnection()

    def getPeer(self) -> Any:
        return self.remote

    def getHost(self) -> Any:
        return self.local

    def getHandle(self) -> None:
        """There is no socket beneath it."""

    def getTcpNoDelay(self) -> bool:
        return self._no_delay

    def setTcpNoDelay(self, enabled: bool) -> None:
        self._no_delay = bool(enabled)

    def getTcpKeepAlive(self) -> bool:
        return self._keep_alive

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self._keep_alive = bool(enabled)
        self._probe()


def address_of(host: str, port: int | str) -> IAddress:
    """The address of a port: a number for TCP, a path for a UNIX socket."""
    return UNIXAddress(port) if isinstance(port, str) else IPv4Address("TCP", host, port)
