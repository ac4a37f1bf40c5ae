"""The door of a private swarm: mutual TLS 1.3, and members only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from cryptography import x509
from OpenSSL.SSL import Connection
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from p2pfs.addresses import Address, host_of
from p2pfs.errors import HandshakeFailed, P2pfsError
from p2pfs.membership import Member
from p2pfs.secure.contexts import ConnectionMaker, Credentials
from p2pfs.secure.door import Expected
from p2pfs.secure.member_transport import MemberTransport
from p2pfs.secure.threshold import Arrival, Check, Entrance
from p2pfs.wire import Admission, Notices

MOST_HALF_OPEN = 256
"""Connections of all listening sides whose handshake is under way; hosts share them."""


class TlsDoor:
    """Lets through who shows a certificate of the one authority that passes a check.

    It knows its connections: `recheck` ends those of members that are none any more.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        authority: x509.Certificate,
        credentials: Credentials | None,
        check: Check,
        half_open: int = MOST_HALF_OPEN,
    ) -> None:
        """``credentials`` are this side's own, None while it has not joined; with those of
        others ``check`` does what OpenSSL does not."""
        self._reactor = reactor
        self._authority = authority
        self._check = check
        self._live: dict[MemberTransport, None] = {}
        self._half_open: Admission[MemberTransport] = Admission(half_open)
        self._notices = Notices(reactor, self.log.warn)
        self._makers: dict[bool, ConnectionMaker] = {}
        self.use(credentials)

    @property
    def half_open(self) -> int:
        """Connections of listening sides whose handshake is under way."""
        return len(self._half_open)

    def use(self, credentials: Credentials | None) -> None:
        """As `MembersDoor` says; None is for showing nothing."""
        self._makers = {
            is_optional: ConnectionMaker(self._authority, credentials, is_optional)
            for is_optional in (False, True)
        }

    def guard(
        self, factory: IProtocolFactory, strangers: IProtocolFactory | None = None
    ) -> IProtocolFactory:
        """As `Door` says.

        ``factory`` is asked for a protocol once the other side was checked; a connection
        costs its own room only from then on.
        """

        def build(wrapping: _TlsFactory, address: IAddress) -> MemberTransport | None:
            return self._enter(factory, strangers, wrapping, address)

        creator = _Creator(lambda: self._makers[strangers is not None].make())
        return cast(IProtocolFactory, _TlsFactory(creator, False, factory, self._reactor, build))

    def connect(
        self, endpoint: IStreamClientEndpoint, factory: IProtocolFactory, expected: Expected
    ) -> Deferred[IProtocol]:
        """As `Door` says."""
        return Deferred.fromCoroutine(self._connect(endpoint, factory, expected))

    def recheck(self) -> list[Member]:
        """As `MembersDoor` says."""
        dropped = []
        for transport in list(self._live):
            try:
                self._check(transport.chain)
            except P2pfsError:
                if transport.member is not None:
                    dropped.append(transport.member)
                transport.abortConnection()
        return dropped

    # A listening side

    def _enter(
        self,
        factory: IProtocolFactory,
        strangers: IProtocolFactory | None,
        wrapping: _TlsFactory,
        address: IAddress,
    ) -> MemberTransport | None:
        host, now = host_of(address), self._reactor.seconds()
        if not self._half_open.has_room(host, now):
            self._notices.note(host, "was turned away: too many are at the door.")
            return None

        def build(member: Member | None) -> IProtocol | None:
            wanted = strangers if member is None else factory
            return None if wanted is None else wanted.buildProtocol(address)

        threshold = Entrance(
            self._reactor,
            _place(address),
            self._check,
            build,
            self._has_passed,
            partial(self._refused, host),
        )
        transport = MemberTransport(wrapping, threshold, self._has_ended)
        evicted = self._half_open.add(host, transport, now)
        if evicted is not None:
            evicted[0].abortConnection()
        return transport

    def _refused(self, host: str, problem: HandshakeFailed) -> None:
        self._notices.note(host, f"was not let in. {problem}")

    # A connecting side

    async def _connect(
        self, endpoint: IStreamClientEndpoint, factory: IProtocolFactory, expected: Expected
    ) -> IProtocol:
        arrivals: dict[MemberTransport, Arrival] = {}

        def build(wrapping: _TlsFactory, address: IAddress) -> MemberTransport:
            arrival = Arrival(
                self._reactor,
                _place(address),
                self._check,
                lambda member: factory.buildProtocol(address),
                self._has_passed,
                expected,
            )
            transport = MemberTransport(wrapping, arrival, self._has_ended)
            arrivals[transport] = arrival
            return transport

        creator = _Creator(lambda: self._makers[False].make())
        wrapping = _TlsFactory(creator, True, factory, self._reactor, build)
        # An endpoint may try several addresses; which connection it took it says in the end.
        taken: IProtocol = await endpoint.connect(cast(IProtocolFactory, wrapping))
        return await arrivals.pop(cast(MemberTransport, taken)).arrived

    # Both

    def _has_passed(self, transport: MemberTransport) -> None:
        self._half_open.remove(transport)
        if transport.member is not None:
            self._live[transport] = None

    def _has_ended(self, transport: MemberTransport) -> None:
        self._half_open.remove(transport)
        self._live.pop(transport, None)


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class _Creator:
    """Makes OpenSSL's side of connections in the way that counts when they come."""

    def __init__(self, make: Callable[[], Connection]) -> None:
        self._make = make

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Connection:
        return self._make()

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Connection:
        return self._make()


class _TlsFactory(TLSMemoryBIOFactory):
    """Twisted's, which here has the protocol behind it built only later."""

    def __init__(
        self,
        creator: _Creator,
        is_client: bool,
        wrapped: IProtocolFactory,
        reactor: IReactorTime,
        build: Callable[[_TlsFactory, IAddress], MemberTransport | None],
    ) -> None:
        super().__init__(creator, is_client, wrapped, reactor)
        self._build = build

    def buildProtocol(  # type: ignore[override]
        self, addr: IAddress | None
    ) -> MemberTransport | None:
        assert addr is not None
        return self._build(self, addr)


def _place(address: IAddress) -> str:
    """An address for people."""
    if isinstance(address, IPv4Address | IPv6Address):
        return str(Address(address.host, address.port))
    return host_of(address) or "this machine"
