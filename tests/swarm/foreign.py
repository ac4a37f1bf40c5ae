"""Peers somebody else wrote: they speak the protocol by hand, and break it on demand."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver

from p2pfs.hashing import Hash

CHUNK = 1 << 20


class JsonLines(LineOnlyReceiver):
    """Lines of JSON, in and out."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 27

    def say(self, **message: Any) -> None:
        """Send one message."""
        self.sendLine(json.dumps(message).encode())


class TrackerConversation(JsonLines):
    """A hand-written client of the tracker."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.waiting: list[Deferred[dict[str, Any]]] = []
        self.lost: Deferred[None] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        message = json.loads(line)
        if self.waiting:
            self.waiting.pop(0).callback(message)
        else:
            self.heard.append(message)

    def hear(self) -> Deferred[dict[str, Any]]:
        """The next message from the tracker."""
        heard: Deferred[dict[str, Any]] = Deferred()
        if self.heard:
            heard.callback(self.heard.pop(0))
        else:
            self.waiting.append(heard)
        return heard

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message and return the answer."""
        self.say(**message)
        return await self.hear()

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.callback(None)


async def converse(port: int) -> TrackerConversation:
    """Connect to the tracker."""
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    return await connectProtocol(endpoint, TrackerConversation())


class ForeignSource(Factory):
    """A source of one file, whose answers to requests for chunks are ``answer``'s affair.

    ``answer(connection, request)`` is called for each PEER_REQUEST_CHUNK; by
    default the chunk is sent in base64, correctly.
    """

    noisy = False

    def __init__(
        self,
        data: bytes,
        answer: Callable[[ForeignConnection, dict[str, Any]], None] | None = None,
        digests: bytes | None = None,
    ) -> None:
        self.data = data
        self.answer = answer or ForeignConnection.send_chunk
        self.digests = digests if digests is not None else hash_list(data)
        self.connections: list[ForeignConnection] = []
        self.requests: list[int] = []
        self.port: Any = None
        self.conversation: TrackerConversation | None = None

    def buildProtocol(self, addr: object) -> ForeignConnection:
        connection = ForeignConnection(self)
        self.connections.append(connection)
        return connection

    async def join(self, tracker_port: int, name: str, **publish: Any) -> None:
        """Listen, register with the tracker and publish the file."""
        self.port = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.conversation = await converse(tracker_port)
        address = f":{self.port.getHost().port}"
        await self.conversation.ask(type="REQUEST_REGISTER", address=address)
        info = {"fileinfo": fileinfo(self.data), **publish}
        reply = await self.conversation.ask(type="REQUEST_PUBLISH", filename=name, **info)
        assert reply["result"], reply

    async def leave(self) -> None:
        """Close everything."""
        assert self.conversation is not None
        self.conversation.transport.loseConnection()
        await self.conversation.lost
        for connection in self.connections:
            if connection.connected:
                connection.transport.abortConnection()
        await maybeDeferred(self.port.stopListening)


class ForeignConnection(JsonLines):
    """One downloader of a `ForeignSource`."""

    def __init__(self, source: ForeignSource) -> None:
        self.source = source

    def lineReceived(self, line: bytes) -> None:
        request = json.loads(line)
        if request["type"] == "PEER_PING_PONG":
            self.sendLine(line)
        elif request["type"] == "PEER_REQUEST_DIGESTS":
            self.say(
                type="PEER_REPLY_DIGESTS",
                filename=request["filename"],
                root=request["root"],
                data=base64.b64encode(self.source.digests).decode(),
            )
        elif request["type"] == "PEER_REQUEST_CHUNK":
            self.source.requests.append(request["chunknum"])
            self.source.answer(self, request)

    def send_chunk(self, request: dict[str, Any], data: bytes | None = None) -> None:
        """Send a chunk in base64 with the digest of what is sent: right bytes unless given."""
        number = request["chunknum"]
        if data is None:
            data = self.source.data[number * CHUNK : (number + 1) * CHUNK]
        self.say(
            type="PEER_REPLY_CHUNK",
            filename=request["filename"],
            chunknum=number,
            data=base64.b64encode(data).decode(),
            digest=hashlib.sha256(data).hexdigest(),
        )


def hash_list(data: bytes, function: Hash = Hash.BLAKE3) -> bytes:
    """The concatenated digests of the chunks."""
    return b"".join(
        function.digest(data[start : start + CHUNK]) for start in range(0, len(data), CHUNK)
    )


def fileinfo(data: bytes, with_root: bool = True, function: Hash = Hash.BLAKE3) -> dict[str, Any]:
    """What a publisher says of a file, in chunks of 1 MiB."""
    info: dict[str, Any] = {"filesize": len(data), "totalchunknum": -(-len(data) // CHUNK)}
    if with_root:
        info["root"] = function.digest(hash_list(data, function)).hex()
        if function is Hash.BLAKE3:
            info["hash"] = "blake3"
    return info
