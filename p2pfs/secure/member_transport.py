"""TLS between a socket and a protocol: who is at the other end, and bounds until that is known."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from OpenSSL.SSL import Connection
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure

from p2pfs.membership import Member

MOST_BYTES = 64 * 1024
"""Bytes that may come, and one read more, before a connection is let in; certificates are most."""


class MemberTransport(BufferingTLSTransport):
    """The transport of a protocol behind a door.

    At first the protocol that it wraps is the door's own; `hand_over` puts another in its
    place, after which data takes the way that it takes through any TLS of Twisted's.
    """

    member: Member | None = None
    """Who is at the other end; None when that has not been shown."""
    verify_error = 0
    """What OpenSSL had against the certificates that came: an ``X509_V_ERR``, or 0."""
    chain: tuple[x509.Certificate, ...] = ()
    """The certificates by which that is known, the member's own first."""

    def __init__(
        self,
        factory: TLSMemoryBIOFactory,
        threshold: IProtocol,
        ended: Callable[[MemberTransport], None],
    ) -> None:
        """``threshold`` is the door's protocol; ``ended`` is called when the connection is lost."""
        super().__init__(factory, threshold)
        self._ended = ended
        self._bytes = 0
        # Of this one object, until it is handed over: the class's costs no call more.
        self.dataReceived = self._data_before_handing_over  # type: ignore[method-assign]

    def verified_chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates that OpenSSL found to lead up to the authority; none if none came."""
        connection = BufferingTLSTransport.getHandle(self)
        assert isinstance(connection, Connection)
        return tuple(connection.get_verified_chain(as_cryptography=True) or ())

    def hand_over(self, protocol: IProtocol, already_came: bytes) -> None:
        """From now on this is the connection of ``protocol``, which gets what already came."""
        del self.dataReceived  # the instance's
        self.wrappedProtocol = protocol
        protocol.makeConnection(self)
        if already_came and not self.disconnecting:
            protocol.dataReceived(already_came)

    def abortConnection(self) -> None:
        """As Twisted has it."""
        super().abortConnection()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """As Twisted has it."""
        super().connectionLost(reason)
        self._ended(self)

    def _data_before_handing_over(self, data: bytes) -> None:
        if self._bytes > MOST_BYTES:
            self.abortConnection()
            return
        self._bytes += len(data)
        BufferingTLSTransport.dataReceived(self, data)
