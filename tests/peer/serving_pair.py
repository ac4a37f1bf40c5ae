"""A serving peer in memory, and a downloader joined to it."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.address import IPv4Address

from p2pfs.addresses import Address
from p2pfs.chunks import FileInfo
from p2pfs.peer.library import Holding, Library
from p2pfs.peer.payloads import ChunkSink
from p2pfs.peer.rates import RateLimit
from p2pfs.peer.serving import ServedFiles, ServingFactory, ServingHooks
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Incoming, SourceConnection
from p2pfs.peer.storage import Disk, FileChanged, PartFile
from p2pfs.testing.inline import InlineReactor
from tests.memory_transport import MemoryTransport

SILENCE = 30.0


class Serving:
    """A serving peer whose disk works at once, or when told to."""

    def __init__(self, **hooks: Any) -> None:
        """``hooks`` are those of `ServingHooks`; doubts and changes are noted anyway."""
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
                doubted=lambda holding, chunknum: self.doubts.append((holding, chunknum)), **hooks
            ),
        )

    def connect(self, host: str = "192.0.2.7", stuck: bool = False) -> MemoryTransport:
        """A connection of a downloader's host; with ``stuck`` it reads only when the test does."""
        address = IPv4Address("TCP", host, 40000)
        protocol = self.factory.buildProtocol(address)
        return MemoryTransport(protocol, self.clock, address, stuck=stuck)

    def done(self, *connections: MemoryTransport) -> None:
        """Connections end, and nothing is left."""
        for connection in connections:
            connection.hang_up()
        assert not self.factory.connections
        assert len(self.factory.admission) == 0
        assert self.factory.budget.kept == 0
        assert not self.clock.getDelayedCalls()


class Downloader:
    """A `SourceConnection`, and what it writes to."""

    def __init__(
        self,
        info: FileInfo,
        clock: InlineReactor | None = None,
        incoming: Incoming | None = None,
    ) -> None:
        self.clock = clock or InlineReactor()
        self.info = info
        self.source = SourceConnection(
            self.clock,
            Address("192.0.2.9", 6881),
            Patience(silence=SILENCE, least_rate=0),
            incoming or Incoming(),
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
        sink = self.sinks[chunknum] = ChunkSink(
            self.clock, self.part, offset, length, self.info.hasher()
        )
        return self.source.fetch(name, self.info, chunknum, sink)

    def written(self) -> bytes:
        """The part file."""
        return os.pread(self._fd, 1 << 30, 0)

    def close(self) -> None:
        """Close the part file."""
        os.close(self._fd)


def asking(chunknum: Any = 0, /, **fields: Any) -> dict[str, Any]:
    """A request for a chunk."""
    return {"type": "PEER_REQUEST_CHUNK", "filename": "f", "chunknum": chunknum, **fields}


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
