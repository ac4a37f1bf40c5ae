"""A peer that claims every chunk of every file, and sends anything but what it was asked for."""

from __future__ import annotations

import base64
import hashlib
import json
from random import Random
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.protocols.basic import LineOnlyReceiver

from p2pfs.messages import UndecodableMessage, decode
from p2pfs.testing import Host
from p2pfs.testing.swarm import PEER_PORT, TRACKER_PORT

CLAIM_SECONDS = 2.0
"""How often it claims what is new."""
MAX_PADDING = 70_000


class _JsonLines(LineOnlyReceiver):
    delimiter = b"\n"
    MAX_LENGTH = 1 << 23
    transport: Any

    def say(self, **message: Any) -> None:
        """Send one message."""
        self.transport.write(json.dumps(message).encode() + b"\n")


class _Claims(_JsonLines):
    """Its connection to the tracker."""

    def __init__(self, reactor: Any, sizes: dict[str, tuple[int, int]]) -> None:
        """``sizes`` takes up the size of each file, and that of its chunks."""
        self._reactor = reactor
        self._sizes = sizes
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self.say(type="REQUEST_REGISTER", address=f":{PEER_PORT}")
        self._ask()

    def lineReceived(self, line: bytes) -> None:
        message = json.loads(line)
        if message["type"] != "REPLY_FILE_LIST":
            return
        for name, info in message["filelist"].items():
            total = info["totalchunknum"]
            self._sizes[name] = info["filesize"], info["chunksize"]
            bits = ((1 << total) - 1) << (-total % 8)
            everything = base64.b64encode(bits.to_bytes((total + 7) // 8, "big")).decode()
            self.say(type="REQUEST_CHUNK_REGISTER", filename=name, chunks=everything)

    def connectionLost(self, reason: Any = None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _ask(self) -> None:
        self.say(type="REQUEST_FILE_LIST")
        self._timer = self._reactor.callLater(CLAIM_SECONDS, self._ask)


class _Lies(_JsonLines):
    """A downloader's connection to it."""

    def __init__(self, random: Random, sizes: dict[str, tuple[int, int]]) -> None:
        self._random = random
        self._sizes = sizes

    def lineReceived(self, line: bytes) -> None:
        try:
            decode(line)
        except UndecodableMessage:
            return  # its bytes were flipped on their way
        request = json.loads(line)
        match request["type"]:
            case "PEER_PING_PONG":
                self.transport.write(line + b"\n")
            case "PEER_REQUEST_DIGESTS":
                self._random.choice([self._false_list, self._refuse, self._nothing])(request)
            case "PEER_REQUEST_CHUNK":
                lies = [
                    self._wrong_bytes,
                    self._too_long,
                    self._cut_short,
                    self._unasked,
                    self._garbage,
                    self._refuse,
                    self._nothing,
                    self._hang_up,
                ]
                self._random.choice(lies)(request)

    def _reply(self, request: dict[str, Any], data: bytes, length: int) -> None:
        self.say(
            type="PEER_REPLY_CHUNK",
            filename=request["filename"],
            chunknum=request["chunknum"],
            length=length,
            digest=hashlib.sha256(data).hexdigest(),
        )
        self.transport.write(data)

    def _length(self, request: dict[str, Any]) -> int:
        """The length that the chunk asked for should have."""
        size, chunk_size = self._sizes.get(request["filename"], (1, 1))
        left: int = size - request["chunknum"] * chunk_size
        return max(1, min(chunk_size, left))

    def _wrong_bytes(self, request: dict[str, Any]) -> None:
        """A chunk of the right length, with a matching digest of its own."""
        size = self._length(request)
        self._reply(request, self._random.randbytes(size), size)

    def _too_long(self, request: dict[str, Any]) -> None:
        self._reply(request, b"x", 1 << 40)

    def _cut_short(self, request: dict[str, Any]) -> None:
        """Some wrong bytes of the right length, and no more."""
        size = self._length(request)
        self._reply(request, b"x" * self._random.randrange(size), size)
        self.transport.loseConnection()

    def _unasked(self, request: dict[str, Any]) -> None:
        self._reply(request | {"filename": "another"}, b"x", 1)

    def _garbage(self, request: dict[str, Any]) -> None:
        self.transport.write(self._random.randbytes(self._random.randrange(MAX_PADDING)))

    def _false_list(self, request: dict[str, Any]) -> None:
        data = base64.b64encode(bytes(32 * self._random.randrange(40))).decode()
        self.say(
            type="PEER_REPLY_DIGESTS",
            filename=request["filename"],
            root=request["root"],
            data=data,
        )

    def _refuse(self, request: dict[str, Any]) -> None:
        self.say(type="ERROR", request=request["type"], message="No.")

    def _nothing(self, request: dict[str, Any]) -> None:
        """Keep the other side waiting."""

    def _hang_up(self, request: dict[str, Any]) -> None:
        self.transport.abortConnection()


def start_liar(host: Host, tracker: Host, random: Random) -> None:
    """Let one be at work on a host until its process is ended."""

    sizes: dict[str, tuple[int, int]] = {}

    class Lying(Factory):
        noisy = False

        def buildProtocol(self, addr: object) -> Protocol:
            return _Lies(random, sizes)

    class Claiming(ClientFactory):
        noisy = False

        def buildProtocol(self, addr: object) -> Protocol:
            return _Claims(host.reactor, sizes)

        def clientConnectionLost(self, connector: Any, reason: Any) -> None:
            host.reactor.callLater(1.0, connector.connect)

        clientConnectionFailed = clientConnectionLost

    host.reactor.listenTCP(PEER_PORT, Lying())
    host.reactor.connectTCP(tracker.address, TRACKER_PORT, Claiming(), timeout=5)
