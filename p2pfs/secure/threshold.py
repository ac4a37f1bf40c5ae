"""The protocols that have a connection until both sides are content with each other.

In TLS 1.3 a client is done before the server has looked at its certificate. So the listening
side says when it is: by one line before anything else, `WELCOME` or `SORRY` with a sentence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IReactorTime,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure

from p2pfs.errors import HandshakeFailed, P2pfsError
from p2pfs.membership import Member
from p2pfs.printable import printable
from p2pfs.secure.door import Expected
from p2pfs.secure.handshake_failures import explain, failed
from p2pfs.secure.member_transport import MemberTransport

HANDSHAKE_SECONDS = 10.0
"""How long it may take from the connection to the welcome."""

WELCOME = b"+\n"
SORRY = b"-"
"""What the listening side's line is, or begins with."""

LONGEST_LINE = 512
"""Bytes of that line at the most, with its end."""

FULL = "all connections are in use there; try again later"

Check = Callable[[Sequence[x509.Certificate]], Member]
"""Which member it is that certificates show, its own first; raises `P2pfsError` if it is none.

OpenSSL has found them to lead up to the authority: what is left is what they say, whether they
are valid now, and not revoked.
"""


Build = Callable[[Member | None], IProtocol | None]
"""Makes the protocol for that member, or somebody unknown; gives None when there is no room."""


Cover = Callable[["Threshold", Connection], MemberTransport]
"""Puts TLS on a connection that has just come to a threshold."""


@dataclass(frozen=True)
class Doorway:
    """What all thresholds of one way through a door have in common."""

    reactor: IReactorTime
    check: Check
    cover: Cover
    passed: Callable[[Threshold, MemberTransport], None]
    """Called when both sides are content, before another protocol has the connection."""


class Threshold(Protocol, ABC):
    """What both sides do: bound the time, and hand the connection over or fail."""

    def __init__(self, where: str, build: Build, doorway: Doorway) -> None:
        """``where`` is the other side, for errors; ``build`` makes the protocol that is to have the
        connection."""
        self._where = where
        self._build = build
        self._doorway = doorway
        self._timer: IDelayedCall | None = None
        self._problem: HandshakeFailed | None = None

    # For subclasses

    @abstractmethod
    def looked(self) -> None:
        """The handshake is complete, and `identify` may be called."""

    @abstractmethod
    def ended(self, problem: HandshakeFailed) -> None:
        """The connection is gone and nobody had it."""

    # Twisted's

    def makeConnection(self, transport: ITransport) -> None:
        """Begin the handshake, and to wait for it."""
        if not isinstance(transport, Connection) or transport.TLS:
            cast(ITCPTransport, transport).abortConnection()
            self.ended(failed(self._where, "it is not by TCP alone; change the address"))
            return
        self._timer = self._doorway.reactor.callLater(HANDSHAKE_SECONDS, self._too_late)
        covered = self._doorway.cover(self, transport)
        super().makeConnection(covered)  # type: ignore[no-untyped-call]  # Twisted's
        covered.begin()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Say why nothing came of it."""
        if self.transport is None:
            return
        self._stop_timer()
        problem = self._problem or explain(self._where, reason, self._over.verify_error)
        # Its transport knows it no more; without this neither could go by itself.
        self.transport = None
        self.ended(problem)

    # Parts

    @property
    def _over(self) -> MemberTransport:
        return cast(MemberTransport, self.transport)

    def identify(self) -> None:
        """Find out which member is at the other end, if any; raises what the check does."""
        chain = self._over.verified_chain()
        if chain:
            self._over.member = self._doorway.check(chain)

    def give_up(self, reason: str) -> None:
        """End the connection at once."""
        self.blame(reason)
        self.leave()

    def leave(self) -> None:
        """The same, whatever the reason."""
        if self.transport is not None:
            self._over.abortConnection()

    def blame(self, reason: str) -> None:
        """Have that be the reason when the connection ends."""
        self._problem = failed(self._where, reason)

    def hand_over(self, protocol: IProtocol, already_came: bytes = b"") -> None:
        """This is through."""
        self._stop_timer()
        transport, self.transport = self._over, None
        self._doorway.passed(self, transport)
        transport.hand_over(protocol, already_came)

    def _too_late(self) -> None:
        self._timer = None
        if self._problem is None:
            self.blame(f"it was not secure within {HANDSHAKE_SECONDS:.0f} s; try again later")
        self.leave()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Entrance(Threshold):
    """The listening side's."""

    def __init__(
        self,
        where: str,
        build: Build,
        doorway: Doorway,
        refused: Callable[[Threshold, HandshakeFailed], None],
    ) -> None:
        """``refused`` is told why somebody was not let in."""
        super().__init__(where, build, doorway)
        self._refused = refused

    def looked(self) -> None:
        """Let the other side in, or say why not."""
        try:
            self.identify()
        except P2pfsError as error:
            self._say_sorry(str(error))
            return
        protocol = self._build(self._over.member)
        if protocol is None:
            self._say_sorry(FULL)
            return
        self._over.writeSequence([WELCOME])
        self.hand_over(protocol)

    def ended(self, problem: HandshakeFailed) -> None:
        self._refused(self, problem)

    def _say_sorry(self, reason: str) -> None:
        self.blame(reason)
        sentence = " ".join(printable(reason).split()).encode()[: LONGEST_LINE - 2]
        self._over.writeSequence([SORRY, sentence, b"\n"])
        # The other side may take nothing of it all the same: until the time is up.
        cast(ITransport, self._over).loseConnection()


class Arrival(Threshold):
    """The connecting side's."""

    def __init__(self, where: str, build: Build, doorway: Doorway, expected: Expected) -> None:
        super().__init__(where, build, doorway)
        self._expected = expected
        self._line = b""
        self.arrived: Deferred[IProtocol] = Deferred(lambda _: self.leave())
        """Fires with the protocol that has the connection; fails with `HandshakeFailed`."""

    def looked(self) -> None:
        """Nothing was said yet to whoever is there: leave if it is somebody else."""
        try:
            self.identify()
        except P2pfsError as error:
            self.give_up(str(error))
            return
        objection = self._objection(self._over.member)
        if objection:
            self.give_up(objection)

    def dataReceived(self, data: bytes) -> None:
        """The listening side's line."""
        if self._problem is not None:
            return
        self._line += data
        line, end, rest = self._line.partition(b"\n")
        if not end and len(line) < LONGEST_LINE:
            return
        if line + end == WELCOME:
            self._go_in(rest)
        elif line.startswith(SORRY) and len(line) < LONGEST_LINE:
            said = printable(line[len(SORRY) :].decode(errors="replace"))
            self.give_up(f"it does not let this side in: {said}")
        else:
            self.give_up("it is private, but not a p2pfs; check what listens there")

    def ended(self, problem: HandshakeFailed) -> None:
        if not self.arrived.called:
            self.arrived.errback(problem)

    def _go_in(self, rest: bytes) -> None:
        protocol = self._build(self._over.member)
        if protocol is None:
            self.give_up("all connections are in use here; try again later")
            return
        self.hand_over(protocol, rest)
        self.arrived.callback(protocol)

    def _objection(self, member: Member | None) -> str:
        """Why this is not who it has to be; '' if it is."""
        if member is None:
            return "it does not show who it is; check what listens there"
        name, roles = self._expected.name, self._expected.roles
        if name is not None and member.name != name:
            return f"it is {member.name}, and not {name}; check the address"
        if member.role not in roles:
            wanted = " or ".join(sorted(role.value for role in roles))
            return f"it is a {member.role.value}, and not a {wanted}; check the address"
        return ""
