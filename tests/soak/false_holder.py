"""Peers that claim every chunk and do not deliver, each in a way of its own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory, Protocol

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.errors import InvalidFileInfo
from p2pfs.testing import Host
from p2pfs.testing.swarm import PEER_PORT
from p2pfs.wire.messages import MOST_SOURCES
from tests.soak.claiming import NOBODYS, JsonLines, claim
from tests.soak.papers import Papers

DRIP = 10
"""Bytes in `DRIP_SECONDS`: just above the least rate."""

DRIP_SECONDS = 0.1

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
"""What one does with a request, or how it keeps them from coming; see `FalseHolder`."""


class Content(NamedTuple):
    """What is really in a file, and its hash list."""

    data: bytes
    digests: bytes


class Lie:
    """What false holders of a kind know, whatever their hosts and ports."""

    def __init__(self, kind: str, contents: Callable[[str], Sequence[bytes]]) -> None:
        """``contents`` tells what has been published under a name."""
        self.kind = kind
        self.files: dict[str, FileInfo] = {}
        """What they claim to hold."""
        self.asked: list[str] = []
        """The hosts that were asked for a chunk, or for the hash list."""
        self.proven: dict[Host, None] = {}
        """The hosts that have sent a chunk."""
        self._contents = contents
        self._known: dict[FileInfo, Content] = {}

    @property
    def takes_turns(self) -> bool:
        """Whether they say so."""
        return "turns" in self.kind or self.kind == "offering"

    def content(self, name: str) -> Content:
        """What they would send if they were honest: zeros for what they do not know."""
        info = self.files[name]
        if info not in self._known:
            self._known[info] = self._find(name, info)
        return self._known[info]

    def _find(self, name: str, info: FileInfo) -> Content:
        for data in self._contents(name):
            digests = b"".join(
                info.function.digest(data[start : start + info.chunksize])
                for start in range(0, len(data), info.chunksize)
            )
            if len(data) == info.filesize and info.hash_list(digests).root == info.root:
                return Content(data, digests)
        return Content(bytes(info.filesize), bytes(info.hash_list()))


class FalseHolder(JsonLines):
    """A downloader's connection to one, of a kind:

    - "silent" answers pings, and nothing else;
    - "knows the hash list" sends that, and no chunk;
    - "sends one chunk" does so as well, and sends one chunk in its whole life;
    - "dripping" sends what it was asked for just above the least rate;
    - "offering" takes turns, offers what is wanted, and never sends it;
    - "refusing" says no;
    - "closing" closes the connection when it is asked;
    - "without a ping" does not answer even that;
    - "unreachable" does not listen.
    """

    def __init__(self, host: Host, lie: Lie) -> None:
        self._host = host
        self._lie = lie
        self._owed = b""
        self._timer: IDelayedCall | None = None

    def heard(self, message: dict[str, Any], line: bytes) -> None:
        """Answer, as far as it does."""
        if message["type"] == "PEER_PING_PONG":
            self._pinged(line)
        elif message.get("filename") in self._lie.files:
            match message["type"]:
                case "PEER_WANT" if self._lie.kind == "offering":
                    self._offer(message)
                case "PEER_REQUEST_DIGESTS":
                    self._lie.asked.append(self._host.name)
                    self._digests_wanted(message)
                case "PEER_REQUEST_CHUNK":
                    self._lie.asked.append(self._host.name)
                    self._chunk_wanted(message)

    def connectionLost(self, reason: Any = None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _pinged(self, line: bytes) -> None:
        if self._lie.kind != "without a ping":
            if self._lie.takes_turns:
                self.say(type="PEER_TURNS")
            self.transport.write(line + b"\n")

    def _offer(self, want: dict[str, Any]) -> None:
        name = want["filename"]
        total, chunks = self._lie.files[name].totalchunknum, base64.b64decode(want["chunks"])
        try:
            wanted = ChunkSet.from_bitfield(total, chunks)
        except InvalidFileInfo:
            return  # of another content
        for chunknum in wanted:
            self.say(type="PEER_OFFER", filename=name, chunknum=chunknum)

    def _digests_wanted(self, request: dict[str, Any]) -> None:
        name = request["filename"]
        if self._lie.kind in ("knows the hash list", "sends one chunk", "offering"):
            data = base64.b64encode(self._lie.content(name).digests).decode()
            self.say(type="PEER_REPLY_DIGESTS", filename=name, root=request["root"], data=data)
        else:
            self._fail(request, b'{"type":"PEER_REPLY_DIGESTS","filename":"')

    def _chunk_wanted(self, request: dict[str, Any]) -> None:
        name, chunknum = request["filename"], request["chunknum"]
        info, content = self._lie.files[name], self._lie.content(name)
        data = content.data[info.offset(chunknum) : info.offset(chunknum + 1)]
        header = {
            "type": "PEER_REPLY_CHUNK",
            "filename": name,
            "chunknum": chunknum,
            "length": len(data),
            "digest": hashlib.sha256(data).hexdigest(),
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
        self._timer = self._host.reactor.callLater(DRIP_SECONDS, self._drip)


def start_false_holder(
    host: Host,
    ports: int,
    tracker: Host,
    lie: Lie,
    friends: Sequence[str] = (),
    papers: Callable[[int], Papers] = lambda _: NOBODYS,
) -> None:
    """Have a host claim to be so many holders of everything, each with a port of its own.

    It vouches for its ``friends``, by their addresses. ``papers`` are those of each, by number.
    """

    class Serving(Factory):
        noisy = False

        def buildProtocol(self, addr: object) -> Protocol:
            return FalseHolder(host, lie)

    for number in range(ports):
        port, own = PEER_PORT + number, papers(number)
        if lie.kind != "unreachable":
            own.listen(host, port, Serving())
        claim(host, port, tracker, lie.files, friends, own)


def start_false_holders(
    hosts: Sequence[Host], ports: int, tracker: Host, lie: Lie, vouching: bool = False
) -> None:
    """The same, of many hosts, each of which may vouch for those that follow it in a circle."""
    addresses = [f"{host.address}:{PEER_PORT}" for host in hosts]
    for number, host in enumerate(hosts):
        friends = (addresses[number + 1 :] + addresses[:number])[:MOST_SOURCES]
        start_false_holder(host, ports, tracker, lie, friends if vouching else ())
