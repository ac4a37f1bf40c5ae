"""Claims of every chunk of every file, made to a tracker by whoever has none of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.protocols.basic import LineOnlyReceiver

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.identity import PeerKey
from p2pfs.testing import Host
from p2pfs.testing.swarm import TRACKER_PORT
from p2pfs.wire.messages import UndecodableMessage, decode
from tests.soak.papers import Papers

CLAIM_SECONDS = 2.0
"""How often what is new is claimed."""

COME_BACK_SECONDS = 1.0
"""After what time the tracker is connected to again."""

NOBODYS = Papers()
"""In an open swarm nobody needs others."""


class JsonLines(LineOnlyReceiver):
    """A connection that says and hears messages, whatever the protocol thinks of them."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 23
    transport: Any

    def say(self, **message: Any) -> None:
        """Send one message."""
        self.transport.write(json.dumps(message).encode() + b"\n")

    def lineReceived(self, line: bytes) -> None:
        try:
            decode(line)
        except UndecodableMessage:
            return  # its bytes were flipped on their way
        self.heard(json.loads(line), line)

    def heard(self, message: dict[str, Any], line: bytes) -> None:
        """A message came, in that line."""
        raise NotImplementedError


class _Claims(JsonLines):
    """The connection of one address to the tracker."""

    def __init__(
        self,
        reactor: Any,
        port: int,
        files: dict[str, FileInfo],
        friends: Sequence[str],
        papers: Papers,
    ) -> None:
        self._reactor = reactor
        self._port = port
        self._files = files
        self._word = {"sources": friends} if friends else {}
        self._key = papers.key
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        if self._key is None:
            self.say(type="REQUEST_REGISTER", address=f":{self._port}")
            self._ask()
        else:
            self._register(self._key, {})

    def heard(self, message: dict[str, Any], line: bytes) -> None:
        """Claim all that there is."""
        if message["type"] == "REPLY_CHALLENGE" and self._key is not None:
            proof = self._key.prove(base64.b64decode(message["nonce"]), f":{self._port}")
            self._register(self._key, {"proof": base64.b64encode(proof).decode()})
            self._ask()
        if message["type"] != "REPLY_FILE_LIST":
            return
        for name, listed in message["filelist"].items():
            info = self._files[name] = msgspec.convert(listed, FileInfo)
            everything = ChunkSet.full(info.totalchunknum).to_bitfield()
            chunks = base64.b64encode(everything).decode()
            self.say(type="REQUEST_CHUNK_REGISTER", filename=name, chunks=chunks, **self._word)

    def connectionLost(self, reason: Any = None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _register(self, key: PeerKey, proof: dict[str, str]) -> None:
        own = base64.b64encode(key.public).decode()
        self.say(type="REQUEST_REGISTER", address=f":{self._port}", key=own, **proof)

    def _ask(self) -> None:
        self.say(type="REQUEST_FILE_LIST")
        self._timer = self._reactor.callLater(CLAIM_SECONDS, self._ask)


def claim(
    host: Host,
    port: int,
    tracker: Host,
    files: dict[str, FileInfo],
    friends: Sequence[str] = (),
    papers: Papers = NOBODYS,
) -> None:
    """Have a host claim to hold everything at a port of its, until its process is ended.

    ``files`` takes up what there is. It vouches for its ``friends``, by their addresses, with
    each claim; that counts for those whom the tracker knows by then. In a private swarm it shows
    its ``papers``.
    """

    class Claiming(ClientFactory):
        noisy = False

        def buildProtocol(self, addr: object) -> Protocol:
            return papers.at_the_door(_Claims(host.reactor, port, files, friends, papers))

        def clientConnectionLost(self, connector: Any, reason: Any) -> None:
            host.reactor.callLater(COME_BACK_SECONDS, connector.connect)

        clientConnectionFailed = clientConnectionLost

    host.reactor.connectTCP(tracker.address, TRACKER_PORT, Claiming(), timeout=5)
