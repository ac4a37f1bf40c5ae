"""A peer that claims every chunk of every file, and sends anything but what it was asked for."""

from __future__ import annotations

import base64
import hashlib
from random import Random
from typing import Any

from twisted.internet.protocol import Factory, Protocol

from p2pfs.chunks import FileInfo
from p2pfs.errors import InvalidFileInfo
from p2pfs.testing import Host
from p2pfs.testing.swarm import PEER_PORT
from tests.soak.claiming import NOBODYS, JsonLines, claim
from tests.soak.papers import Papers

MAX_PADDING = 70_000


class _Lies(JsonLines):
    """A downloader's connection to it."""

    def __init__(self, random: Random, files: dict[str, FileInfo]) -> None:
        self._random = random
        self._files = files

    def heard(self, message: dict[str, Any], line: bytes) -> None:
        """Answer something."""
        match message["type"]:
            case "PEER_PING_PONG":
                self.transport.write(line + b"\n")
            case "PEER_REQUEST_DIGESTS":
                self._random.choice([self._false_list, self._refuse, self._nothing])(message)
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
                self._random.choice(lies)(message)

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
        info = self._files.get(request["filename"])
        try:
            return info.length(request["chunknum"]) if info is not None else 1
        except InvalidFileInfo:
            return 1  # of another content

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


def start_liar(host: Host, tracker: Host, random: Random, papers: Papers = NOBODYS) -> None:
    """Let one be at work on a host until its process is ended."""

    files: dict[str, FileInfo] = {}

    class Lying(Factory):
        noisy = False

        def buildProtocol(self, addr: object) -> Protocol:
            return _Lies(random, files)

    papers.listen(host, PEER_PORT, Lying())
    claim(host, PEER_PORT, tracker, files, papers=papers)
