"""A downloader that takes turns and makes nothing of them: as much as it can get, for nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from random import Random
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.protocols.basic import LineOnlyReceiver, LineReceiver

from p2pfs.testing import Host
from p2pfs.testing.swarm import PEER_PORT, TRACKER_PORT
from tests.soak.claiming import NOBODYS
from tests.soak.papers import Papers

KINDS = ("declines", "puts off", "ignores", "keeps quiet", "reads slowly", "wants", "asks")
"""What it does with an offer, or instead of waiting for one; see `Greed`."""

WANT_SECONDS = 1.0
"""How often one says what it wants that does nothing else."""

SIP_SECONDS = 0.5
"""How often one reads a little that reads slowly."""

LOOK_SECONDS = 2.0
"""How often it asks the tracker what there is."""

COME_BACK_SECONDS = 2.0
"""After what time it connects again where it was cut off."""

CONNECTIONS = 4
"""To each peer, at the same time."""

ROOM = 64
"""Chunks that it wants at a time, and asks for at a time without being offered any."""


class Greed(LineReceiver):
    """One connection to a source, of a kind:

    - "declines" says of each chunk offered that it has it, and wants it again;
    - "puts off" says of each that it is busy, and that it is ready;
    - "ignores" says nothing to an offer;
    - "keeps quiet" asks for what is offered, and never says that it has it;
    - "reads slowly" does so too, and hardly reads what comes;
    - "wants" says what it wants without end;
    - "asks" asks for chunks without being offered any, many at a time.
    """

    delimiter = b"\n"
    MAX_LENGTH = 1 << 23
    transport: Any

    def __init__(self, reactor: Any, kind: str, files: dict[str, int]) -> None:
        """``files`` has the number of chunks of each file there is."""
        self._reactor = reactor
        self._kind = kind
        self._files = files
        self._payload = 0
        self._timer: IDelayedCall | None = None
        self.said = 0
        """Messages it sent."""
        self.offers = 0
        """Offers it got."""
        self.taken = 0
        """Bytes of chunks it got."""

    def connectionMade(self) -> None:
        self.say(type="PEER_PING_PONG", turns=True)
        self._want_all()
        if self._kind in ("wants", "reads slowly"):
            self._go_on()
        if self._kind == "asks":
            for _ in range(ROOM):
                self._ask()

    def say(self, **message: Any) -> None:
        """Send one message."""
        self.said += 1
        self.transport.write(json.dumps(message).encode() + b"\n")

    def want(self, name: str) -> None:
        """Want all of a file, from now on."""
        total = self._files[name]
        bits = ((1 << total) - 1) << (-total % 8)
        everything = base64.b64encode(bits.to_bytes((total + 7) // 8, "big")).decode()
        self.say(type="PEER_WANT", filename=name, chunks=everything, room=ROOM)

    def lineReceived(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            return  # its bytes were flipped on their way
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "PEER_OFFER" and message.get("filename") in self._files:
            self.offers += 1
            self._offered(message["filename"], message.get("chunknum"))
        elif kind == "PEER_REPLY_CHUNK" and message.get("length"):
            self._payload = message["length"]
            self.setRawMode()  # type: ignore[no-untyped-call]  # Twisted has no types there

    def rawDataReceived(self, data: bytes) -> None:
        piece = data[: self._payload]
        self._payload -= len(piece)
        self.taken += len(piece)
        if not self._payload:
            if self._kind == "asks":
                self._ask()
            self.setLineMode(data[len(piece) :])  # type: ignore[no-untyped-call]  # as above

    def connectionLost(self, reason: Any = None) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _offered(self, name: str, chunknum: int) -> None:
        chunk = {"filename": name, "chunknum": chunknum}
        match self._kind:
            case "declines":
                self.say(type="PEER_HAVE", **chunk)
                self.want(name)
            case "puts off":
                self.say(type="PEER_BUSY", **chunk)
                self.say(type="PEER_READY", filename=name)
            case "keeps quiet" | "reads slowly":
                self.say(type="PEER_REQUEST_CHUNK", encoding="raw", **chunk)
                self.want(name)

    def _ask(self) -> None:
        for name, total in self._files.items():
            if total:
                self.say(
                    type="PEER_REQUEST_CHUNK",
                    filename=name,
                    chunknum=self.said % total,
                    encoding="raw",
                )

    def _want_all(self) -> None:
        for name, total in self._files.items():
            if total:
                self.want(name)

    def _go_on(self) -> None:
        """Want again, or read a little and then nothing."""
        if self._kind == "wants":
            self._want_all()
            self._timer = self._reactor.callLater(WANT_SECONDS, self._go_on)
        else:
            self.transport.resumeProducing()
            self._timer = self._reactor.callLater(0.001, self._pause)

    def _pause(self) -> None:
        self.transport.pauseProducing()
        self._timer = self._reactor.callLater(SIP_SECONDS, self._go_on)


class _Look(LineOnlyReceiver):
    """Its connection to the tracker."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 23
    transport: Any

    def __init__(self, reactor: Any, files: dict[str, int]) -> None:
        self._reactor = reactor
        self._files = files
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self.transport.write(b'{"type":"REQUEST_FILE_LIST"}\n')
        self._timer = self._reactor.callLater(LOOK_SECONDS, self.connectionMade)

    def lineReceived(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            return  # it is told that it may not come in
        listed = message.get("filelist", {}) if isinstance(message, dict) else {}
        for name, info in listed.items():
            self._files[name] = info["totalchunknum"]

    def connectionLost(self, reason: Any = None) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


def start_greedy(
    host: Host,
    tracker: Host,
    peers: Sequence[Host],
    random: Random,
    papers: Papers = NOBODYS,
) -> None:
    """Let one be at work on a host until its process is ended, at all these peers.

    In a private swarm it shows its ``papers``.
    """
    files: dict[str, int] = {}

    class Again(ClientFactory):
        noisy = False

        def clientConnectionLost(self, connector: Any, reason: Any) -> None:
            host.reactor.callLater(COME_BACK_SECONDS, connector.connect)

        clientConnectionFailed = clientConnectionLost

    class Looking(Again):
        def buildProtocol(self, addr: object) -> Protocol:
            return papers.at_the_door(_Look(host.reactor, files))

    class Taking(Again):
        def buildProtocol(self, addr: object) -> Protocol:
            return papers.at_the_door(Greed(host.reactor, random.choice(KINDS), files))

    host.reactor.connectTCP(tracker.address, TRACKER_PORT, Looking(), timeout=5)
    for peer in peers:
        for _ in range(CONNECTIONS):
            host.reactor.connectTCP(peer.address, PEER_PORT, Taking(), timeout=5)
