"""A simulated TCP connection, and each end of it as Twisted's transport.

Bytes written wait in the sender, pass its uplink, take the latency, pass the
receiver's downlink, and are delivered unless the receiver has paused; a window
limits how many may be on their way or unread. So a slow reader slows the writer
down, whose producer is paused in turn.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    TimeoutError,
)
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IProtocol,
    IPullProducer,
    IPushProducer,
    ITCPTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pfs.testing.links import Flow, Link

if TYPE_CHECKING:  # a network makes connections, so it imports this module
    from p2pfs.testing.network import Host, Network
    from p2pfs.testing.reactor import HostReactor

SEGMENT = 16 * 1024
"""Most bytes that pass a link in one turn."""

WINDOW = 256 * 1024
"""Bytes of one direction of a connection that may be on their way or unread."""

SOCKET_BUFFER = 64 * 1024
"""Bytes that the system takes from a program before they leave the host."""

UNANSWERED_SECONDS = 900.0
"""How long TCP sends again what nobody acknowledges, before it gives a connection up."""

SEND_AGAIN_SECONDS = 0.2
"""How long TCP waits before it sends again what was lost, once it gets through."""

_END = b""
"""Stands in the stream for its end."""


class Connection:
    """Both ends of a connection, and what can go wrong with it."""

    def __init__(self, network: Network, client: Host, server: Host) -> None:
        self.network = network
        self.client = End(self, client)
        self.server = End(self, server)
        self.is_cut = False
        self.latency = network.latency(client, server)
        """Seconds from one end to the other."""

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
            end.lose(ConnectionLost("the connection was reset"))

    def stall(self) -> None:
        """Deliver nothing any more, with both ends still open, until `go_on`."""
        self.client.stalled = self.server.stalled = True

    def go_on(self) -> None:
        """End a stall."""
        for end in (self.client, self.server):
            end.stalled = False
            end.deliver_soon()

    def cut(self) -> None:
        """Leave it half open: nothing passes any more, and no end is told."""
        self.is_cut = True
        self.suspect()

    def suspect(self) -> None:
        """Something may not get through any more: let keep-alive find out."""
        for end in (self.client, self.server):
            end.probe()

    def retry(self) -> None:
        """Something may get through again: send what was lost."""
        for end in (self.client, self.server):
            end.outgoing.send_again()


class Stream(Flow):
    """One direction of a connection, as the sender's uplink sees it."""

    def __init__(self, connection: Connection, sender: End) -> None:
        self._connection = connection
        self._sender = sender
        self._unsent: deque[memoryview] = deque()
        self.unsent_bytes = 0
        self._on_the_way = 0
        self._sending = False
        self._segment = b""
        self._lost: deque[bytes] = deque()
        self._attempt = 0
        self._window = connection.network.window

    def write(self, data: bytes) -> None:
        """Take bytes to be sent."""
        self._unsent.append(memoryview(data))
        self.unsent_bytes += len(data)
        self._send()

    def finish(self) -> None:
        """Tell the other end, behind all that was written, that there is no more."""
        self._unsent.append(memoryview(_END))
        self._send()

    def discard(self) -> None:
        """Forget what has not left yet."""
        self._unsent.clear()
        self.unsent_bytes = 0

    def read(self, count: int) -> None:
        """The receiver has taken so many bytes: word of it is on its way back."""
        self._connection.network.timeline.after(self._connection.latency, self._read, count)

    # Out of the sender

    def begin(self) -> int:
        piece = self._unsent[0]
        self._segment = bytes(piece[:SEGMENT])
        if len(piece) > SEGMENT:
            self._unsent[0] = piece[SEGMENT:]
        else:
            self._unsent.popleft()
        count = len(self._segment)
        self.unsent_bytes -= count
        self._on_the_way += count
        return count

    def passed(self) -> bool:
        network = self._connection.network
        segment = self._segment
        if segment and self._sender.host.tamper is not None:
            segment = self._sender.host.tamper(self._connection, segment)
        network.timeline.after(self._connection.latency, self._arrive, segment)
        self._sending = self._ready
        if self.unsent_bytes <= SOCKET_BUFFER:
            self._sender.drained()
        return self._sending

    @property
    def _ready(self) -> bool:
        return bool(self._unsent) and self._on_the_way < self._window

    def _send(self) -> None:
        if self._ready and not self._sending:
            self._sending = True
            self._sender.uplink(self._connection).join(self)

    def _read(self, count: int) -> None:
        self._on_the_way -= count
        self._send()

    # Into the receiver

    def _arrive(self, segment: bytes) -> None:
        if self._lost or not self._connection.passable:
            self._lost.append(segment)
            self._wait_for_answer()
            return
        receiver = self._connection.other(self._sender)
        if receiver.gone:
            # The receiver's system does not know the connection and says so.
            latency = self._connection.latency
            self._connection.network.timeline.after(latency, self._refused)
        else:
            receiver.arrived(segment)

    def _refused(self) -> None:
        if self._connection.passable:
            self._sender.lose(ConnectionLost("the other side knows nothing of it"))

    def send_again(self) -> None:
        """Send what was lost, if it gets through."""
        if self._lost and self._connection.passable:
            self._attempt += 1
            lost, self._lost = self._lost, deque()
            for segment in lost:
                self._connection.network.timeline.after(SEND_AGAIN_SECONDS, self._arrive, segment)

    def _wait_for_answer(self) -> None:
        if len(self._lost) == 1:
            self._attempt += 1
            timeline = self._connection.network.timeline
            timeline.after(self._sender.patience, self._unanswered, self._attempt)

    def _unanswered(self, attempt: int) -> None:
        if attempt == self._attempt and self._lost:
            self._sender.lose(TimeoutError())


class Arrivals(Flow):
    """One direction of a connection, as the receiver's downlink sees it."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._segments: deque[bytes] = deque()

    def add(self, segment: bytes, link: Link) -> None:
        """Let a segment pass the link."""
        self._segments.append(segment)
        if len(self._segments) == 1:
            link.join(self)

    def begin(self) -> int:
        return len(self._segments[0])

    def passed(self) -> bool:
        # Its place in the queue is kept until it is handed over, or it would join twice.
        segment = self._segments[0]
        self._end.take(segment)
        self._segments.popleft()
        return bool(self._segments)


@implementer(ITCPTransport, IConsumer, IPushProducer)
class End:
    """One end of a connection: the transport that its protocol sees."""

    disconnecting = False
    bufferSize = 64 * 1024
    """Bytes unsent at which a producer is paused, as of Twisted's transports."""

    def __init__(self, connection: Connection, host: Host) -> None:
        self.connection = connection
        self.host = host
        self.reactor: HostReactor = host.reactor
        self.protocol: IProtocol | None = None
        self.gone = False
        """True once its system knows nothing of it any more."""
        self.stalled = False
        self.local: Any = IPv4Address("TCP", host.address, 0)
        self.remote: Any = self.local
        self.outgoing = Stream(connection, self)
        self.on_lost: Any = None
        """Called with the reason when the connection is lost, before the protocol hears of it."""
        self._arrivals = Arrivals(self)
        self._inbox: deque[bytes] = deque()
        self._reading = True
        self._aborted = False
        self._keep_alive = False
        self._no_delay = False
        self._producer: IPushProducer | IPullProducer | None = None
        self._streaming = False
        self._producer_paused = False

    # The network's side

    def uplink(self, connection: Connection) -> Link:
        """The link by which it sends."""
        other = connection.other(self)
        return self.host.loopback if other.host is self.host else self.host.uplink

    def open(self, protocol: IProtocol) -> None:
        """Begin to deliver to a protocol."""
        self.protocol = protocol
        protocol.makeConnection(self)
        self.deliver_soon()

    def arrived(self, segment: bytes) -> None:
        """A segment has come to this host."""
        other = self.connection.other(self)
        link = self.host.loopback if other.host is self.host else self.host.downlink
        self._arrivals.add(segment, link)

    def take(self, segment: bytes) -> None:
        """A segment is to be delivered, once it is read."""
        if not self.gone:
            self._inbox.append(segment)
            self.reactor.in_process(self._deliver)

    def deliver_soon(self) -> None:
        """Deliver what there is, but not before the caller has returned."""
        if self._inbox:
            self.reactor.soon(self._deliver)

    def _deliver(self) -> None:
        while self._inbox and self._may_deliver():
            data = self._inbox.popleft()
            if data:
                self.connection.other(self).outgoing.read(len(data))
                cast(IProtocol, self.protocol).dataReceived(data)
            else:
                self.lose(ConnectionDone())

    def _may_deliver(self) -> bool:
        waits = self.stalled or self.protocol is None or not self._reading
        return not (waits or self.gone or self._aborted)

    def lose(self, reason: Exception) -> None:
        """The connection is over; the protocol is told."""
        if self.gone:
            return
        self.gone = True
        self.outgoing.discard()
        self._inbox.clear()
        self.connection.network.closed(self)
        self.reactor.in_process(self._tell_lost, reason)

    def vanish(self) -> None:
        """The connection is over, and nobody is left to be told."""
        self.gone = True
        self.outgoing.discard()
        self._inbox.clear()
        self.connection.network.closed(self)

    def drained(self) -> None:
        """The system has room for more."""
        waits = self._producer_paused or (self._producer is not None and not self._streaming)
        if waits or self.disconnecting:
            self.reactor.soon(self._drained)

    @property
    def patience(self) -> float:
        """Seconds until an other side that does not answer counts as gone."""
        return self.connection.network.keep_alive if self._keep_alive else UNANSWERED_SECONDS

    def probe(self) -> None:
        """Ask, if keep-alive is on, whether the other side is there, and wait for an answer."""
        if self._keep_alive and not self.gone:
            self.connection.network.timeline.after(self.patience, self._probed)

    def _probed(self) -> None:
        if not self.connection.passable or self.connection.other(self).gone:
            self.lose(TimeoutError())

    def _tell_lost(self, reason: Exception) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            producer.stopProducing()
        failure = Failure(reason)
        if self.protocol is not None:
            self.protocol.connectionLost(failure)
        if self.on_lost is not None:
            self.on_lost(failure)

    # Twisted's side: writing

    def write(self, data: bytes) -> None:
        if self.gone or self._aborted or self.disconnecting or not data:
            return
        self.outgoing.write(data)
        full = self.outgoing.unsent_bytes > self.bufferSize + SOCKET_BUFFER
        if full and self._producer is not None and self._streaming and not self._producer_paused:
            self._producer_paused = True
            cast(IPushProducer, self._producer).pauseProducing()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self._producer is not None:
            raise RuntimeError("A producer is registered already.")
        if self.gone:
            producer.stopProducing()
            return
        self._producer, self._streaming, self._producer_paused = producer, streaming, False
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self._producer = None
        if self.disconnecting:
            self.reactor.soon(self._drained)

    def _drained(self) -> None:
        if self.outgoing.unsent_bytes > SOCKET_BUFFER or self.gone:
            return
        if self._producer is not None and (self._producer_paused or not self._streaming):
            self._producer_paused = False
            self._producer.resumeProducing()
        elif self._producer is None and self.disconnecting and not self._aborted:
            self.outgoing.finish()
            self._close(ConnectionDone())

    def loseConnection(self) -> None:
        if not (self.gone or self.disconnecting):
            self.disconnecting = True
            self.reactor.soon(self._drained)

    def loseWriteConnection(self) -> None:
        self.loseConnection()

    def abortConnection(self) -> None:
        if self.gone or self._aborted:
            return
        self._aborted = True
        self.disconnecting = True
        self.outgoing.discard()
        connection = self.connection
        connection.network.timeline.after(connection.latency, self._reset_other)
        self.reactor.soon(self._close, ConnectionAborted())

    def _close(self, reason: Exception) -> None:
        """Like `lose`, but what is on its way already still arrives at the other end."""
        if not self.gone:
            self.gone = True
            self._inbox.clear()
            self.connection.network.closed(self)
            self._tell_lost(reason)

    def _reset_other(self) -> None:
        if self.connection.passable:
            self.connection.other(self).lose(ConnectionLost("the other side aborted it"))

    def process_ended(self) -> None:
        """The process this end belonged to is dead; its system closes the connection."""
        if self.gone:
            return
        self.outgoing.discard()
        self.outgoing.finish()
        self.gone = True
        self._inbox.clear()
        self.connection.network.closed(self)

    # Twisted's side: reading, and what it is

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        if not self._reading and not self.gone:
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


def address_of(host: str, port: int | str) -> IAddress:
    """The address of a port: a number for TCP, a path for a UNIX socket."""
    return UNIXAddress(port) if isinstance(port, str) else IPv4Address("TCP", host, port)
