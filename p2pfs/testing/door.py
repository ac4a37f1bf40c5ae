"""The door of a private swarm without its cryptography: certificates are shown in plain text.

All checks of certificates, roles and revocations are made as by the real one. What is left out
is TLS: nobody proves to have the key of what it shows, and nothing is kept from who listens in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import cast

import msgspec
from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from p2pfs.errors import HandshakeFailed, P2pfsError
from p2pfs.membership import Member, encode_chain, read_certificate
from p2pfs.secure import Credentials, Expected
from p2pfs.testing.transport import End

PATIENCE = 10.0
"""Seconds until both sides have to be content."""

Check = Callable[[Sequence[x509.Certificate]], Member]


class PlainDoor:
    """As `TlsDoor`, for simulated networks."""

    def __init__(
        self,
        reactor: IReactorTime,
        authority: x509.Certificate,
        credentials: Credentials,
        check: Check,
    ) -> None:
        self.reactor = reactor
        self.credentials = credentials
        self.check = check
        self.live: dict[_Threshold, Member] = {}
        """The connections of members."""

    def use(self, credentials: Credentials) -> None:
        """As `MembersDoor` says."""
        self.credentials = credentials

    def keep_only(self, is_member: Callable[[Member], bool]) -> list[Member]:
        """As `MembersDoor` says."""
        dropped = []
        for threshold, member in list(self.live.items()):
            if not is_member(member):
                dropped.append(member)
                threshold.abort()
        return dropped

    def guard(
        self, factory: IProtocolFactory, strangers: IProtocolFactory | None = None
    ) -> IProtocolFactory:
        """As `Door` says."""
        return _Entrances(self, factory, strangers)

    def connect(
        self, endpoint: IStreamClientEndpoint, factory: IProtocolFactory, expected: Expected
    ) -> Deferred[IProtocol]:
        """As `Door` says."""
        return Deferred.fromCoroutine(self._connect(endpoint, factory, expected))

    async def _connect(
        self, endpoint: IStreamClientEndpoint, factory: IProtocolFactory, expected: Expected
    ) -> IProtocol:
        made = Factory.forProtocol(lambda: _Arrival(self, factory, expected))
        made.noisy = False
        arrival = cast(_Arrival, await endpoint.connect(made))
        return await arrival.arrived

    def shown(self) -> bytes:
        """What this side shows, as a line."""
        return msgspec.json.encode(encode_chain(self.credentials.chain)) + b"\n"


class _Threshold(Protocol, ABC):
    """Reads lines until both sides are content; then another protocol has what comes."""

    transport: End

    def __init__(self, door: PlainDoor) -> None:
        self.door = door
        self.member: Member | None = None
        self._inner: IProtocol | None = None
        self._came = b""
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._timer = self.door.reactor.callLater(PATIENCE, self._too_late)

    def dataReceived(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        self._came += data
        while self._inner is None and b"\n" in self._came:
            line, _, self._came = self._came.partition(b"\n")
            self.lineReceived(line)

    @abstractmethod
    def lineReceived(self, line: bytes) -> None:
        """A line has come."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.stop_timer()
        self.door.live.pop(self, None)
        if self._inner is not None:
            self._inner.connectionLost(reason)

    def abort(self) -> None:
        self.transport.abortConnection()

    def see(self, line: bytes) -> None:
        """Note who is at the other end; raises `P2pfsError`."""
        chain = tuple(map(read_certificate, msgspec.json.decode(line, type=list[bytes])))
        if chain:
            self.member = self.door.check(chain)
            self.door.live[self] = self.member

    def hand_over(self, protocol: IProtocol) -> None:
        self.stop_timer()
        self.transport.member = self.member  # for `member_of`
        self._inner, rest, self._came = protocol, self._came, b""
        protocol.makeConnection(self.transport)
        if rest:
            protocol.dataReceived(rest)

    def stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        self.abort()


class _Entrance(_Threshold):
    def __init__(
        self,
        door: PlainDoor,
        build: Callable[[Member | None], IProtocol | None],
    ) -> None:
        super().__init__(door)
        self._build = build

    def lineReceived(self, line: bytes) -> None:
        try:
            self.see(line)
        except (P2pfsError, msgspec.MsgspecError) as error:
            self._sorry(str(error))
            return
        protocol = self._build(self.member)
        if protocol is None:
            self._sorry("there is no room, or none for strangers")
            return
        self.transport.write(self.door.shown() + b"+\n")
        self.hand_over(protocol)

    def _sorry(self, reason: str) -> None:
        self.transport.write(self.door.shown() + b"-" + reason.encode() + b"\n")
        self.transport.loseConnection()


class _Entrances(Factory):
    noisy = False

    def __init__(
        self, door: PlainDoor, members: IProtocolFactory, strangers: IProtocolFactory | None
    ) -> None:
        self._door = door
        self._members = members
        self._strangers = strangers

    def buildProtocol(  # type: ignore[override]  # more than Twisted's own factories ask for
        self, addr: IAddress | None
    ) -> IProtocol:
        def build(member: Member | None) -> IProtocol | None:
            factory = self._strangers if member is None else self._members
            assert addr is not None
            return None if factory is None else factory.buildProtocol(addr)

        return _Entrance(self._door, build)


class _Arrival(_Threshold):
    def __init__(self, door: PlainDoor, factory: IProtocolFactory, expected: Expected) -> None:
        super().__init__(door)
        self._factory = factory
        self._expected = expected
        self._seen = False
        self._problem = "it closed the connection"
        self._failed = False
        self.arrived: Deferred[IProtocol] = Deferred(lambda _: self.abort())

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.write(self.door.shown())

    def lineReceived(self, line: bytes) -> None:
        if self._failed:
            return
        if not self._seen:
            self._look(line)
        elif line == b"+":
            protocol = self._factory.buildProtocol(self.transport.getPeer())
            if protocol is None:
                self.fail("all connections are in use here")
                return
            self.hand_over(protocol)
            self.arrived.callback(protocol)
        else:
            self.fail(f"it does not let this side in: {line[1:].decode()}")

    def fail(self, problem: str) -> None:
        self._problem, self._failed = problem, True
        self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if not self.arrived.called:
            self.arrived.errback(
                HandshakeFailed(f"There is no secure connection: {self._problem}.")
            )

    def _look(self, line: bytes) -> None:
        self._seen = True
        try:
            self.see(line)
        except (P2pfsError, msgspec.MsgspecError) as error:
            self.fail(str(error).rstrip("."))
            return
        member, expected = self.member, self._expected
        if (
            member is None
            or member.role not in expected.roles
            or expected.name not in (None, member.name)
        ):
            self.fail("it is not who was expected")
