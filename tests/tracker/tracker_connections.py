"""A tracker in memory, and peers that connect to it."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.testing import MemoryReactorClock

from p2pfs.chunks import ChunkSet
from p2pfs.tracker.directory import Directory
from p2pfs.tracker.protocol import TrackerFactory
from p2pfs.tracker.quotas import Quotas
from tests.memory_transport import MemoryTransport

WALL_CLOCK = 1_700_000_000.5
"""The time of day when a tracker begins."""

ROOT = "ab" * 32
INFO = {"filesize": 10, "totalchunknum": 5, "chunksize": 2, "root": ROOT}
OTHER = {"filesize": 11, "totalchunknum": 6, "chunksize": 2, "root": ROOT}


class MemoryTracker:
    """A tracker without a network: `connect` is a peer's connection to it."""

    def __init__(self, allow_announced_host: bool = False, **quotas: Any) -> None:
        self.clock = MemoryReactorClock()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        self.quotas = Quotas(**quotas)
        self.directory = Directory(self.quotas)
        self.factory = TrackerFactory(
            self.clock,
            self.directory,
            Random(1),
            allow_announced_host,
            quotas=self.quotas,
            wall_clock=lambda: WALL_CLOCK + self.clock.seconds(),
        )

    def connect(self, host: str = "192.0.2.7") -> MemoryTransport:
        """A connection from that host."""
        kind = IPv6Address if ":" in host else IPv4Address
        peer = kind("TCP", host, 40000)
        return MemoryTransport(self.factory.buildProtocol(peer), self.clock, peer)

    def join(self, host: str = "192.0.2.7", port: int = 6881) -> MemoryTransport:
        """A connection that has registered."""
        peer = self.connect(host)
        (reply,) = peer.ask(type="REQUEST_REGISTER", address=f":{port}")
        assert reply["type"] == "REPLY_REGISTER"
        return peer

    def share(self, peer: MemoryTransport, name: str = "f", **info: Any) -> None:
        """Have a peer publish a file."""
        (reply,) = peer.ask(type="REQUEST_PUBLISH", filename=name, fileinfo=info or INFO)
        assert reply == {"type": "REPLY_PUBLISH", "filename": name, "result": True}


def publish(peer: MemoryTransport, name: str, info: Any = INFO) -> dict[str, Any]:
    """The answer to a publish."""
    reply: dict[str, Any]
    (reply,) = peer.ask(type="REQUEST_PUBLISH", filename=name, fileinfo=info)
    assert (reply["type"], reply["filename"]) == ("REPLY_PUBLISH", name)
    return reply


def covered(total: int, bitfields: Iterable[bytes]) -> set[int]:
    """The chunks that are in any of these."""
    return {chunk for b in bitfields for chunk in ChunkSet.from_bitfield(total, b)}
