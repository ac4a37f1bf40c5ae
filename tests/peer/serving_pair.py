"""A serving peer in memory, and a downloader joined to it."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

from p2pfs.addresses import Address
from p2pfs.chunks import FileInfo
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.serving import ServedFiles, ServingFactory, ServingHooks
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import ChunkSink, Incoming, SourceConnection
from p2pfs.peer.storage import Disk, FileChanged, PartFile
from p2pfs.testing.inline import InlineReactor
from tests.memory_transport import MemoryTransport

SILENCE = 30.0


class Serving:
    """A serving peer whose disk works at once, or when told to."""

    def __init__(self) -> None:
        self.clock = InlineReactor()
        self.library = Library()
        self.changes: list[tuple[Holding, FileChanged]] = []
        self.doubts: list[tuple[Holding, int]] = []
        self.factory = ServingFactory(
            self.clock,
            ServedFiles(
                self.clock,
                Disk(),
                self.library,
                lambda holding, error: self.changes.append((holding, error)),
            ),
            RateLimit(),
            Random(1),
            hooks=ServingHooks(
                doubted=lambda holding, chunknum: self.doubts.append((holding, chunknum))
            ),
        )

    def connect(self, stuck: bool = False) -> MemoryTransport:
        """A downloader's connection; with ``stuck`` it reads only when the test does."""
        return MemoryTransport(self.factory.buildProtocol(None), self.clock, stuck=stuck)


class Downloader:
    """A `SourceConnection`, and what it writes to."""

    def __init__(self, info: FileInfo, clock: InlineReactor | None = None) -> None:
        self.clock = clock or InlineReactor()
        self.info = info
        self.source = SourceConnection(
            self.clock,
            Address("192.0.2.9", 6881),
            Patience(silence=SILENCE, least_rate=0),
            Incoming(),
        )
        self._fd = os.memfd_create("part")
        self.part = PartFile(Disk(), Path("memory"), info.filesize, self._fd)
        self.sinks: dict[int, ChunkSink] = {}

    def connect(self) -> MemoryTransport:
        """Its connection, the far side of which is the test."""
        return MemoryTransport(self.source, self.clock)

    def fetch(self, chunknum: int, name: str = "f") -> Any:
        """Ask for a chunk."""
        offset, length = self.info.offset(chunknum), self.info.length(chunknum)
        sink = self.sinks[chunknum] = ChunkSink(self.clock, self.part, offset, length)
        return self.source.fetch(name, self.info, chunknum, sink)

    def written(self) -> bytes:
        """The part file."""
        return os.pread(self._fd, 1 << 30, 0)

    def close(self) -> None:
        """Close the part file."""
        os.close(self._fd)


def join(one: MemoryTransport, other: MemoryTransport) -> None:
    """Carry bytes from each to the other until there are no more."""
    moved = True
    while moved:
        moved = False
        for sender, receiver in ((one, other), (other, one)):
            data = sender.take()
            if data:
                receiver.deliver(data)
                moved = True
