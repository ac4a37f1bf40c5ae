"""The transport of a protocol behind a door: TLS on the socket of a TCP connection."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IProtocol, IReactorTime, ISystemHandle, ITCPTransport
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

from p2pfs.membership import Member
from p2pfs.secure.channel import LOST, Channel
from p2pfs.secure.handshake_failures import is_plain_text

UNREAD = 64 << 10
"""Bytes that are taken off a connection whose handshake failed, so that its end gets through."""


@implementer(ITCPTransport, ISystemHandle)
class MemberTransport(FileDescriptor):
    """Reads and writes in the place of a TCP connection of Twisted's, which it ends in the end.

    At first it is that of the door's own protocol; `hand_over` puts another in its place.
    Twisted's own TLS goes by way of memory, which costs more than twice as much, and is not to be
    used by any thread but the reactor's (docs/performance.md).
    """

    member: Member | None = None
    """Who is at the other end; None when that has not been shown."""

    def __init__(
        self,
        plain: Connection,
        threshold: IProtocol,
        shaken: Callable[[], None],
        make: Callable[[socket.socket], SSL.Connection],
        ended: Callable[[MemberTransport], None],
        in_clear: bytes = b"",
    ) -> None:
        """``plain`` is a connection that was just made, of ``threshold``, the door's protocol.

        ``shaken`` is called when OpenSSL is content with the other side. ``make`` makes the TLS
        side of the connection, which knows what side of the handshake that is. ``ended`` is called
        when the connection is lost. ``in_clear`` is what is said to who does not speak TLS.
        """
        super().__init__(plain.reactor)
        self._time = cast(IReactorTime, plain.reactor)
        self.protocol: IProtocol = threshold
        self._plain: Connection | None = plain
        self._handle: socket.socket = plain.getHandle()
        self._tls = make(self._handle)
        self.channel = Channel(self._tls, self._handle)
        """What is read and written."""
        self._ended = ended
        self._in_clear = in_clear
        self._shaken: Callable[[], None] | None = shaken
        """None once it was called."""
        self._is_paused = self._is_aborting = False
        # There is something to read only once something was written, which is under way.
        self._writes_to_read = False
        self.fileno: Callable[[], int] = self._handle.fileno
        self._peer, self._host = plain.getPeer(), plain.getHost()

    def begin(self) -> None:
        """Shake hands; for the door's protocol."""
        assert self._plain is not None
        self._plain.stopReading()
        self._plain.protocol = Protocol()
        self.connected = 1
        FileDescriptor.startReading(self)
        reason = self._shake_hands()
        if reason is not None:
            self._time.callLater(0, self._lose, reason)

    @property
    def verify_error(self) -> int:
        """What OpenSSL had against the certificates that came: an ``X509_V_ERR``, or 0."""
        return self.channel.verify_error

    def verified_chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates that OpenSSL found to lead up to the authority; none if none came."""
        return tuple(self._tls.get_verified_chain(as_cryptography=True) or ())

    def hand_over(self, protocol: IProtocol, already_came: bytes) -> None:
        """From now on this is the connection of ``protocol``, which gets what already came."""
        self.protocol = protocol
        protocol.makeConnection(self)
        if already_came and not self.disconnecting:
            protocol.dataReceived(already_came)

    # Twisted's: a transport

    def getPeer(self) -> Any:
        """As of TCP."""
        return self._peer

    def getHost(self) -> Any:
        """As of TCP."""
        return self._host

    def getHandle(self) -> socket.socket:
        """The socket, for its options: what goes over it is for TLS only."""
        return self._handle

    def getTcpNoDelay(self) -> bool:
        """As of TCP."""
        return bool(self._handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """As of TCP."""
        with suppress(OSError):
            self._handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, enabled)

    def getTcpKeepAlive(self) -> bool:
        """As of TCP."""
        return bool(self._handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """As of TCP."""
        self._handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, enabled)

    def pauseProducing(self) -> None:
        """Read no more."""
        self._is_paused = True
        FileDescriptor.pauseProducing(self)

    def resumeProducing(self) -> None:
        """Read on."""
        self._is_paused = False
        if self.connected and not (self.disconnecting or self._writes_to_read):
            FileDescriptor.startReading(self)
            # Of that the reactor learns nothing.
            if self.channel.has_more:
                self._time.callLater(0, self._read_more)

    def abortConnection(self) -> None:
        """End it at once; what waits to be written is not."""
        if self._is_aborting or not self.connected:
            return
        self._is_aborting = True
        FileDescriptor.stopReading(self)
        FileDescriptor.stopWriting(self)
        self._time.callLater(0, self._lose, ConnectionAborted())

    # Twisted's: a descriptor

    def doRead(self) -> Exception | None:
        """There is something to read, or the end; returns what the connection is lost with."""
        if self._is_aborting:
            return None
        if self._shaken is not None:
            return self._shake_hands()
        try:
            data = self.channel.read(self.bufferSize)
        except LOST as reason:
            return reason
        self._look_at_wishes()
        if data:
            self.protocol.dataReceived(data)
            if self.channel.has_more:
                self._time.callLater(0, self._read_more)
        return None

    def doWrite(self) -> Any:
        """There is room to write; returns what the connection is lost with."""
        if self._is_aborting:
            return None
        if self._writes_to_read:
            self._writes_to_read = False
            if not self._is_paused:
                self.resumeProducing()
        if self._shaken is not None:
            FileDescriptor.stopWriting(self)
            return self._shake_hands()
        return FileDescriptor.doWrite(self)

    def writeSomeData(self, data: bytes) -> Any:
        """Write what there is room for; how many bytes that is, or what the connection is lost
        with.
        """
        piece = memoryview(data)[: self.SEND_LIMIT]
        try:
            return len(piece) if piece and self.channel.write(piece) else 0
        except LOST as reason:
            return reason

    def connectionLost(self, reason: Failure) -> None:
        """The connection is no more."""
        plain, self._plain = self._plain, None
        if plain is None:
            return
        FileDescriptor.connectionLost(self, reason)
        if reason.check(SSL.Error) and self._shaken is not None:
            # With bytes unread it would be a reset, which can overtake the reason given.
            with suppress(OSError):
                self._handle.recv(UNREAD)
                # OpenSSL has said nothing itself then.
                if self._in_clear and is_plain_text(reason.value):
                    self._handle.send(self._in_clear)
        elif not reason.check(ConnectionAborted):
            self.channel.say_goodbye()
        self._ended(self)
        protocol, self.protocol = self.protocol, plain.protocol
        # It closes the socket, and knows who else is to be told.
        plain.connectionLost(reason)
        protocol.connectionLost(reason)

    # Inside

    def _shake_hands(self) -> Exception | None:
        """Go on with the handshake; returns what the connection is lost with."""
        try:
            is_complete = self.channel.shake_hands()
        except LOST as reason:
            return reason
        self._look_at_wishes()
        if is_complete and self._shaken is not None:
            shaken, self._shaken = self._shaken, None
            shaken()
        return None

    def _look_at_wishes(self) -> None:
        if self.channel.wants_to_write:
            self._writes_to_read = True
            FileDescriptor.stopReading(self)
            FileDescriptor.startWriting(self)

    def _read_more(self) -> None:
        can_read = self.connected and not (self._is_paused or self._writes_to_read)
        if can_read and not self.disconnecting:
            reason = self.doRead()
            if reason is not None:
                self._lose(reason)

    def _lose(self, reason: Exception) -> None:
        self.connectionLost(Failure(reason))


def channel_of(transport: object) -> Channel | None:
    """What is read and written of a protocol's transport; None where it is not behind a door."""
    if isinstance(transport, MemberTransport) and transport.connected:
        return transport.channel
    return None
