"""How those who mean harm get at others: with what they show at the doors of a private swarm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography import x509
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from p2pfs.identity import PeerKey
from p2pfs.membership import encode_chain
from p2pfs.testing import Host

LET_IN = b"+"
"""What a `PlainDoor` says to who may come in."""


@dataclass(frozen=True)
class Papers:
    """What somebody shows who connects, or is connected to."""

    shown: bytes | None = None
    """A line for a `PlainDoor`; None for who has never heard of doors, or needs not to."""
    key: PeerKey | None = None
    """What a member registers with."""

    @classmethod
    def of(cls, chain: tuple[x509.Certificate, ...], key: PeerKey | None = None) -> Papers:
        """Those that show that chain, which may be empty."""
        return cls(msgspec.json.encode(encode_chain(chain)) + b"\n", key)

    def at_the_door(self, protocol: Protocol) -> Protocol:
        """A protocol that connects and shows them; the other one has the connection then."""
        return protocol if self.shown is None else _Coming(protocol, self.shown)

    def listen(self, host: Host, port: int, factory: Factory) -> None:
        """Have a factory's protocols take connections, after both sides have shown theirs."""
        guarded = factory if self.shown is None else _Guarded(factory, self.shown)
        host.reactor.listenTCP(port, guarded)


class _Showing(Protocol):
    """Reads so many lines; then another protocol has what comes."""

    transport: Any
    lines = 1

    def __init__(self, inner: IProtocol, shown: bytes) -> None:
        self.shown = shown
        self._inner = inner
        self._inside = False
        self._came = b""

    def dataReceived(self, data: bytes) -> None:
        if self._inside:
            self._inner.dataReceived(data)
            return
        self._came += data
        *lines, rest = self._came.split(b"\n", self.lines)
        if len(lines) == self.lines:
            if not self.may_go_on(lines[-1]):
                self.transport.loseConnection()
                return
            self._inside = True
            self._inner.makeConnection(self.transport)
            if rest:
                self._inner.dataReceived(rest)

    def may_go_on(self, line: bytes) -> bool:
        """Whether the other protocol is to be connected, by the last line."""
        raise NotImplementedError

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._inside:
            self._inner.connectionLost(reason)


class _Coming(_Showing):
    lines = 2

    def connectionMade(self) -> None:
        self.transport.write(self.shown)

    def may_go_on(self, line: bytes) -> bool:
        return line == LET_IN


class _Letting(_Showing):
    def may_go_on(self, line: bytes) -> bool:
        """Whoever it is."""
        self.transport.write(self.shown + LET_IN + b"\n")
        return True


class _Guarded(Factory):
    noisy = False

    def __init__(self, factory: Factory, shown: bytes) -> None:
        self._factory = factory
        self._shown = shown

    def buildProtocol(self, addr: Any) -> Protocol | None:
        protocol = self._factory.buildProtocol(addr)
        return None if protocol is None else _Letting(protocol, self._shown)
