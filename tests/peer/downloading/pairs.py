"""A source and a peer that fetches from it slowly, chunk by small chunk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from p2pfs.peer.downloading import Job
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, download
from tests.simulation.test_faulty_drives import CONTENT, Peers

__all__ = ["CHUNK", "CONTENT", "Peers", "PeersOfSmallChunks", "begun", "change_a_byte"]

CHUNK = 16384


class PeersOfSmallChunks(Peers):
    """A source with a file, and a peer with a slow link that wants it."""

    def start(self, host: Host, **settings: Any) -> PeerService:
        return super().start(host, smallest_chunk=CHUNK, **settings)


def begun(peers: Peers, seconds: float = 5.0) -> tuple[Job, Deferred[Any], Path]:
    """A download that has some chunks, and its part file."""
    job, fetched = download(peers.peer, "f", peers.target)
    peers.network.run(seconds)
    assert job.holding is not None
    assert 2 < len(job.holding.chunks) < job.holding.info.totalchunknum
    return job, fetched, job.holding.path


def change_a_byte(path: Path, place: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))
