"""A serving peer with real files, asked for anything, in any pieces, at any time.

It shares ``f``, an empty file ``e``, and chunks 0 and 2 of ``part``. Steps: as
for the tracker, and ``%.n`` limits the upload to n KiB a second (0: no limit),
``-.`` stops the disk, ``_.`` lets it do one job, ``=.`` lets it work again,
``@.`` changes ``f``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from p2pfs.chunks import ChunkSet
from p2pfs.errors import InvalidFileInfo, MalformedMessage
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.serving import ServedFiles, ServingFactory, ServingProtocol
from p2pfs.peer.storage import Disk, FileChanged, PartFile, Stamp
from p2pfs.testing.inline import InlineReactor
from p2pfs.wire import messages as m
from tests.fuzz.answers import Replies
from tests.fuzz.content import CHUNKS, DATA, described
from tests.fuzz.exchange import ON_A_CONNECTION, Side, exchange
from tests.fuzz.faults import check, no_logged_failures
from tests.fuzz.script import Step, steps
from tests.fuzz.stage import connect, peer_at

LINE_LIMIT = 1500
"""Bytes of a line, so few that short scripts can reach the limit."""

CONNECTIONS = 3
PARTIAL = ChunkSet.of(len(CHUNKS), [0, 2])

_REPLIES: Replies = {
    m.PeerPingPong: (m.PeerPingPong,),
    m.PeerRequestChunk: (m.PeerReplyChunk,),
    m.PeerRequestDigests: (m.PeerReplyDigests,),
}


def run(data: bytes) -> None:
    """Play a script with a serving peer."""
    opened = _descriptors()
    with TemporaryDirectory(prefix="p2pfs-fuzz-") as place, no_logged_failures():
        scene = _Scene(Path(place))
        try:
            for step in steps(data):
                scene.play(step)
            scene.end()
        finally:
            scene.part.close()
        check(_descriptors() == opened, "every file that was opened is closed")


class _Downloader(Side):
    """A downloader's connection."""

    def __init__(self, factory: ServingFactory, held: dict[str, ChunkSet]) -> None:
        protocol = factory.buildProtocol(None)
        assert isinstance(protocol, ServingProtocol)
        protocol.MAX_LENGTH = LINE_LIMIT
        super().__init__(
            connect(protocol, factory.serving.reactor, peer_at("192.0.2.7")),
            _REPLIES,
            (m.Error, m.PeerWant, m.PeerHave, m.PeerBusy, m.PeerReady),
            LINE_LIMIT,
        )
        self._held = held

    def payload_length(self, message: m.Message) -> int:
        if not isinstance(message, m.PeerReplyChunk) or message.length is None:
            return 0
        check(0 < message.length <= len(CHUNKS[0]), "a payload is as long as a chunk")
        return message.length

    def comes_by_itself(self, message: m.Message) -> bool:
        match message:
            case m.PeerTurns():
                pings = [asked for asked in self.requests if isinstance(asked, m.PeerPingPong)]
                check(any(ping.turns for ping in pings), "only who knows turns is told of them")
                return True
            case m.PeerOffer(filename, chunknum):
                wanted = any(
                    isinstance(asked, m.PeerWant)
                    and asked.filename == filename
                    and _names(asked.chunks, chunknum)
                    for asked in self.requests
                )
                check(wanted, "only what is wanted is offered")
                check(chunknum in self._held[filename], "only what is held is offered")
                return True
        return False

    def check_content(self, message: m.Message, payload: bytes) -> None:
        if isinstance(message, m.PeerReplyDigests):
            _, hashes = described(CHUNKS if self._held[message.filename].total else [])
            check(message.data == bytes(hashes), "a hash list is that of the file")
        elif isinstance(message, m.PeerReplyChunk):
            check((message.data is None) == bool(payload), "a chunk comes in one form")
            check(message.chunknum in self._held[message.filename], "only what is held is sent")
            chunk = payload if message.data is None else _base64(message.data)
            check(chunk == CHUNKS[message.chunknum], "a chunk has the bytes it had when shared")


class _Scene:
    def __init__(self, place: Path) -> None:
        self.clock = InlineReactor()
        self.limit = RateLimit()
        self.library = Library()
        files = ServedFiles(self.clock, Disk(), self.library, self._changed)
        self.factory = ServingFactory(self.clock, files, self.limit, Random(1))
        self.path = place / "f"
        self.part = PartFile.create(Disk(), place / "part", len(DATA))
        self.disturbed = False
        self.downloaders: dict[int, _Downloader] = {}
        self._fill(place)
        self.held = {holding.name: holding.chunks for holding in self.library}

    def play(self, step: Step) -> None:
        """One step, and all that follows from it."""
        if step.what in ON_A_CONNECTION:
            self._downloader(step.whom % CONNECTIONS).play(step, self.clock.seconds())
        elif step.what == "+":
            self.clock.advance(step.number(600))
        elif step.what == "%":
            rate = step.number(64)
            self.limit.rate = rate * 1024 or None
            self.disturbed = True
        elif step.what == "-":
            self.clock.held = self.disturbed = True
        elif step.what == "_":
            self.clock.run_job()
        elif step.what == "=":
            self.clock.release()
        elif step.what == "@":
            self._change(step)
        self._settle()

    def end(self) -> None:
        """Read what is still to come, then close all connections: nothing may be left of them."""
        self.clock.release()
        for downloader in self._connected():
            downloader.connection.go_on()
        self._settle()
        if self.disturbed:
            self._run_out()
        for downloader in self._connected():
            if not downloader.connection.disconnecting:
                downloader.finished()
            downloader.connection.hang_up()
        self._run_out()
        check(not self.factory.connections, "a connection that ended is forgotten")
        check(not self.clock.getDelayedCalls(), "no timers are left")

    def _run_out(self) -> None:
        """Let pass what a rate limit had somebody wait for."""
        self.limit.rate = None
        for _ in range(10):
            self.clock.advance(1)
            self._settle()

    def _fill(self, place: Path) -> None:
        info, hashes = described(CHUNKS)
        self.path.write_bytes(DATA)
        stamp = Stamp.of(self.path.stat())
        self.library.add(Holding.published("f", info, hashes, self.path, stamp))
        for number in PARTIAL:
            self.part.write(info.offset(number), [CHUNKS[number]])
        unfinished = Holding.begun("part", info, hashes, self.part.path, place / "whole")
        unfinished.opened(self.part, self.part.identity)
        unfinished.copied(PARTIAL)
        self.library.add(unfinished)
        none, empty = described([])
        (place / "e").touch()
        stamp = Stamp.of((place / "e").stat())
        self.library.add(Holding.published("e", none, empty, place / "e", stamp))

    def _changed(self, holding: Holding, error: FileChanged) -> None:
        self.library.discard(holding)

    def _change(self, step: Step) -> None:
        """Replace the shared file, cut it short, or take it away."""
        kind = step.whom % 3
        if kind == 0:
            # A write within the same tick of the clock would go unnoticed.
            self.path.write_bytes(bytes(len(DATA)))
            os.utime(self.path, ns=(0, 0))
        elif kind == 1 and self.path.exists():
            os.truncate(self.path, step.number(len(DATA) - 1))
        else:
            with suppress(FileNotFoundError):
                self.path.unlink()

    def _settle(self) -> None:
        exchange(self.clock, self._connected(), in_time=not self.disturbed)

    def _connected(self) -> list[_Downloader]:
        return [one for one in self.downloaders.values() if not one.connection.lost]

    def _downloader(self, number: int) -> _Downloader:
        downloader = self.downloaders.get(number)
        if downloader is None or downloader.connection.lost:
            downloader = self.downloaders[number] = _Downloader(self.factory, self.held)
        return downloader


def _names(bitfield: bytes, chunknum: int) -> bool:
    try:
        return chunknum in ChunkSet.from_bitfield(len(CHUNKS), bitfield)
    except InvalidFileInfo:
        return False


def _base64(text: str) -> bytes | None:
    try:
        return m.decode_chunk(text)
    except MalformedMessage:
        return None


def _descriptors() -> int:
    """How many files this process has open; 0 where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except FileNotFoundError:
        return 0
