"""Peers that claim chunks and do not deliver, each in a way of its own, on simulated hosts."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.protocols.basic import LineOnlyReceiver

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.messages import MOST_SOURCES
from p2pfs.testing import Host
from p2pfs.testing.swarm import TRACKER_PORT

FIRST_PORT = 20_000

DRIP = 10
"""Bytes in a tenth of a second: just above the least rate."""

KINDS = (
    "silent",
    "silent in turns",
    "knows the hash list",
    "sends one chunk",
    "dripping",
    "dripping in turns",
    "offering",
    "refusing",
    "closing",
    "without a ping",
    "unreachable",
)


@dataclass(frozen=True)
class Lie:
    """What false holders claim to have, and how they go about not giving it."""

    kind: str
    name: str
    info: FileInfo
    data: bytes
    """What the file really has in it."""
    digests: bytes
    """Its hash list."""
    asked: list[str] = field(default_factory=list)
    """The hosts that were asked for a chunk, or for the hash list."""
    proven: dict[Host, None] = field(default_factory=dict)
    """The hosts that have sent a chunk."""

    @property
    def takes_turns(self) -> bool:
        """Whether they say so."""
        return "turns" in self.kind or self.kind == "offering"


class _JsonLines(LineOnlyReceiver):
    delimiter = b"\n"
    MAX_LENGTH = 1 << 23
    transport: Any

    def say(self, **message: Any) -> None:
        self.transport.write(json.dumps(message).encode() + b"\n")


class FalseHolder(_JsonLines):
    """A downloader's connection to one."""

    def __init__(self, host: Host, lie: Lie) -> None:
        self._host = host
        self._lie = lie
        self._owed = b""

        self._timer: IDelayedCall | None = None

    def lineReceived(self, line: bytes) -> None:
        request = json.loads(line)
        match request["type"]:
            case "PEER_PING_PONG" if self._lie.kind != "without a ping":
                if self._lie.takes_turns:
                    self.say(type="PEER_TURNS")
                self.transport.write(line + b"\n")
            case "PEER_WANT" if self._lie.kind == "offering":
                chunks = base64.b64decode(request["chunks"])
                wanted = ChunkSet.from_bitfield(self._lie.info.totalchunknum, chunks)
                for chunknum in wanted:
                    self.say(type="PEER_OFFER", filename=self._lie.name, chunknum=chunknum)
            case "PEER_REQUEST_DIGESTS":
                self._lie.asked.append(self._host.name)
                self._digests_wanted(request)
            case "PEER_REQUEST_CHUNK":
                self._lie.asked.append(self._host.name)
                self._chunk_wanted(request)

    def connectionLost(self, reason: Any = None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _digests_wanted(self, request: dict[str, Any]) -> None:
        if self._lie.kind in ("knows the hash list", "sends one chunk", "offering"):
            data = base64.b64encode(self._lie.digests).decode()
            self.say(
                type="PEER_REPLY_DIGESTS", filename=self._lie.name, root=request["root"], data=data
            )
        else:
            self._fail(request, b'{"type":"PEER_REPLY_DIGESTS","filename":"')

    def _chunk_wanted(self, request: dict[str, Any]) -> None:
        chunknum, info = request["chunknum"], self._lie.info
        start = chunknum * info.chunksize
        data = self._lie.data[start : start + info.length(chunknum)]
        header = {
            "type": "PEER_REPLY_CHUNK",
            "filename": self._lie.name,
            "chunknum": chunknum,
            "length": len(data),
            "digest": self._lie.digests[32 * chunknum : 32 * (chunknum + 1)].hex(),
        }
        if self._lie.kind == "sends one chunk" and self._host not in self._lie.proven:
            self._lie.proven[self._host] = None
            self.say(**header)
            self.transport.write(data)
        else:
            self._fail(request, json.dumps(header).encode() + b"\n" + data)

    def _fail(self, request: dict[str, Any], answer: bytes) -> None:
        if self._lie.kind.startswith("dripping"):
            self._owed += answer
            if self._timer is None:
                self._drip()
        elif self._lie.kind == "refusing":
            self.say(type="ERROR", request=request["type"], message="No.")
        elif self._lie.kind == "closing":
            self.transport.loseConnection()

    def _drip(self) -> None:
        self.transport.write(self._owed[:DRIP] or b"x" * DRIP)
        self._owed = self._owed[DRIP:]
        self._timer = self._host.reactor.callLater(0.1, self._drip)


class _Claim(_JsonLines):
    def __init__(self, host: Host, port: int, lie: Lie, friends: list[str]) -> None:
        self._host = host
        self._port = port
        self._lie = lie
        self._friends = friends

    def connectionMade(self) -> None:
        everything = ChunkSet.full(self._lie.info.totalchunknum).to_bitfield()
        chunks = base64.b64encode(everything).decode()
        self.say(type="REQUEST_REGISTER", address=f":{self._port}")
        self.say(type="REQUEST_CHUNK_REGISTER", filename=self._lie.name, chunks=chunks)
        if self._friends:
            self._host.reactor.callLater(0.5, self._vouch)

    def _vouch(self) -> None:
        """Say that its friends, who are known by now, have sent chunks."""
        self.say(
            type="REQUEST_CHUNK_REGISTER",
            filename=self._lie.name,
            chunknum=0,
            sources=self._friends,
        )

    def lineReceived(self, line: bytes) -> None:
        """What the tracker says does not matter."""


def claim(host: Host, ports: int, tracker: Host, lie: Lie, friends: list[str]) -> None:
    """Have a host claim to be so many holders of a file, each with a port of its own.

    It vouches for its friends, if it has any.
    """

    class Serving(Factory):
        noisy = False

        def buildProtocol(self, addr: object) -> Protocol:
            return FalseHolder(host, lie)

    class Claiming(ClientFactory):
        noisy = False

        def __init__(self, port: int) -> None:
            self._port = port

        def buildProtocol(self, addr: object) -> Protocol:
            return _Claim(host, self._port, lie, friends)

    for port in range(FIRST_PORT, FIRST_PORT + ports):
        if lie.kind != "unreachable":
            host.reactor.listenTCP(port, Serving())
        host.reactor.connectTCP(tracker.address, TRACKER_PORT, Claiming(port), timeout=5)


def claim_all(
    hosts: Sequence[Host], ports: int, tracker: Host, lie: Lie, vouching: bool = False
) -> None:
    """The same, of many hosts, each of which may vouch for those that follow it in a circle."""
    addresses = [f"{host.address}:{FIRST_PORT}" for host in hosts]
    for number, host in enumerate(hosts):
        friends = (addresses[number + 1 :] + addresses[:number])[:MOST_SOURCES]
        claim(host, ports, tracker, lie, friends if vouching else [])
