"""The door of a private swarm: mutual TLS 1.3, and members only."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import cast

from cryptography import x509
from OpenSSL.SSL import Connection
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.tcp import Connection as TcpConnection
from twisted.logger import Logger
from zope.interface import implementer

from p2pfs.addresses import Address, host_of
from p2pfs.errors import HandshakeFailed
from p2pfs.membership import Member
from p2pfs.secure.contexts import ConnectionMaker, Credentials
from p2pfs.secure.door import Expected
from p2pfs.secure.member_transport import MemberTransport
from p2pfs.secure.threshold import Arrival, Check, Doorway, Entrance, Threshold
from p2pfs.wire import Admission, Notices
from p2pfs.wire.messages import Error, encode

IN_CLEAR = (
    "This swarm is private, and this connection is not; have an invitation made on the tracker "
    "with 'p2pfs tracker invite', and join with it by 'p2pfs join'."
)
"""What is said in clear, as a message of the protocol, to who speaks in clear."""

MOST_HALF_OPEN = 256
"""Connections of all listening sides whose handshake is under way; hosts share them."""


class TlsDoor:
    """Lets through who shows a certificate of the one authority that passes a check.

    It knows its connections: `keep_only` ends those of members that are none any more.
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
        self._half_open: Admission[Threshold] = Admission(half_open)
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

        doorway = self._doorway(strangers is not None, False)
        return _Guard(factory, lambda address: self._enter(factory, strangers, doorway, address))

    def connect(
        self, endpoint: IStreamClientEndpoint, factory: IProtocolFactory, expected: Expected
    ) -> Deferred[IProtocol]:
        """As `Door` says."""
        return Deferred.fromCoroutine(self._connect(endpoint, factory, expected))

    def keep_only(self, is_member: Callable[[Member], bool]) -> list[Member]:
        """As `MembersDoor` says."""
        dropped = []
        for transport in list(self._live):
            member = transport.member
            if member is not None and not is_member(member):
                dropped.append(member)
                transport.abortConnection()
        return dropped

    # A listening side

    def _enter(
        self,
        factory: IProtocolFactory,
        strangers: IProtocolFactory | None,
        doorway: Doorway,
        address: IAddress,
    ) -> Entrance | None:
        host, now = host_of(address), self._reactor.seconds()
        if not self._half_open.has_room(host, now):
            self._notices.note(host, "was turned away: too many are at the door.")
            return None

        def build(member: Member | None) -> IProtocol | None:
            wanted = strangers if member is None else factory
            return None if wanted is None else wanted.buildProtocol(address)

        entrance = Entrance(_place(address), build, doorway, partial(self._refused, host))
        evicted = self._half_open.add(host, entrance, now)
        if evicted is not None:
            evicted[0].leave()
        return entrance

    def _refused(self, host: str, threshold: Threshold, problem: HandshakeFailed) -> None:
        self._half_open.remove(threshold)
        self._notices.note(host, f"was not let in. {problem}")

    # A connecting side

    async def _connect(
        self, endpoint: IStreamClientEndpoint, factory: IProtocolFactory, expected: Expected
    ) -> IProtocol:
        doorway = self._doorway(False, True)

        def build(address: IAddress) -> Arrival:
            return Arrival(
                _place(address), lambda member: factory.buildProtocol(address), doorway, expected
            )

        # An endpoint may try several addresses; which connection it took it says in the end.
        taken: IProtocol = await endpoint.connect(_Guard(factory, build))
        return await cast(Arrival, taken).arrived

    # Both

    def _doorway(self, is_optional: bool, is_client: bool) -> Doorway:
        """A way through this door, by which TLS counts as it is when connections come."""

        def make(handle: socket.socket) -> Connection:
            return self._makers[is_optional].make(handle, is_client)

        def cover(threshold: Threshold, plain: TcpConnection) -> MemberTransport:
            in_clear = b"" if is_client else encode(Error(None, IN_CLEAR))
            return MemberTransport(
                plain, threshold, threshold.looked, make, self._has_ended, in_clear
            )

        return Doorway(self._reactor, self._check, cover, self._has_passed)

    def _has_passed(self, threshold: Threshold, transport: MemberTransport) -> None:
        self._half_open.remove(threshold)
        if transport.member is not None:
            self._live[transport] = None

    def _has_ended(self, transport: MemberTransport) -> None:
        self._live.pop(transport, None)


@implementer(IProtocolFactory)
class _Guard:
    """Has thresholds built before the protocols behind them."""

    def __init__(
        self, factory: IProtocolFactory, build: Callable[[IAddress], Threshold | None]
    ) -> None:
        self._factory = factory
        self._build = build

    def buildProtocol(self, addr: IAddress) -> Threshold | None:
        return self._build(addr)

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()


def _place(address: IAddress) -> str:
    """An address for people."""
    if isinstance(address, IPv4Address | IPv6Address):
        return str(Address(address.host, address.port))
    return host_of(address) or "this machine"
