"""Both ends of connections on this machine: doors, and protocols that keep what they get."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from p2pfs.membership import Member
from p2pfs.secure import A_PEER, Credentials, Expected, TlsDoor, member_of
from tests.secure.certificates import Authority


class Keeper(Protocol):
    """Keeps what it gets, and tells when it has a connection, data, and none any more."""

    def __init__(self, first_words: bytes = b"") -> None:
        self.first_words = first_words
        self.member: Member | None = None
        self.got = bytearray()
        self.made: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()
        self.reason: type[BaseException] | None = None
        """What the connection was lost with."""
        self.sought = 0
        self.enough: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.member = member_of(self.transport)
        self.transport.write(self.first_words)
        self.made.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        if len(self.got) >= self.sought and not self.enough.called:
            self.enough.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reason = reason.type
        self.lost.callback(None)

    async def gets(self, size: int) -> bytes:
        """That many bytes, when they have come."""
        self.sought = size
        if len(self.got) < size:
            self.enough = Deferred()
            await self.enough
        return bytes(self.got)


class Keepers(Factory):
    """Makes them, and knows them."""

    noisy = False

    def __init__(self) -> None:
        self.made: list[Keeper] = []
        self.has_room = True
        self.first_words = b""

    def buildProtocol(self, addr: object) -> Keeper | None:
        if not self.has_room:
            return None
        self.made.append(Keeper(self.first_words))
        return self.made[-1]


class Listening:
    """A listening side behind a door."""

    def __init__(self) -> None:
        self.factory = Keepers()
        self.strangers = Keepers()
        self.door: TlsDoor | None = None
        self.port: IListeningPort | None = None

    def begin(
        self,
        authority: Authority,
        credentials: Credentials,
        takes_strangers: bool = False,
        make: Callable[..., TlsDoor] = TlsDoor,
        **settings: int,
    ) -> TlsDoor:
        """Listen with what a member shows; returns the door."""
        door = make(reactor, authority.certificate, credentials, authority.check, **settings)
        self.door = door
        self.listen(door.guard(self.factory, self.strangers if takes_strangers else None))
        return door

    def listen(self, factory: object) -> None:
        """Listen with any factory."""
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")

    @property
    def endpoint(self) -> TCP4ClientEndpoint:
        """How to get there."""
        assert self.port is not None
        return TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)

    async def knock(
        self,
        authority: Authority,
        credentials: Credentials | None,
        expected: Expected = A_PEER,
    ) -> Keeper:
        """Connect by a door of one's own."""
        door = TlsDoor(reactor, authority.certificate, credentials, authority.check)
        keeper = await door.connect(self.endpoint, Keepers(), expected)
        assert isinstance(keeper, Keeper)
        return keeper


async def turn() -> None:
    """Let the reactor go round."""
    await deferLater(reactor, 0)
