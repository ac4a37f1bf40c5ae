"""A tracker, a peer that shares a file, and one that fetches: each with its console."""

from __future__ import annotations

from typing import Any

from p2pfs.console.command import Answer, Progress
from p2pfs.peer.commands import peer_commands
from p2pfs.peer.service import PeerService
from p2pfs.testing import Network, Swarm, publish
from tests.peer.holdings import content

CHUNK = 50_000
DATA = content(4 * CHUNK)
RATE = 100_000
"""Bytes a second that the source sends."""


class Consoles:
    """Runs commands as they are typed, in simulated time."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.swarm = Swarm(network)
        self.tracker_host = network.add_host("tracker")
        self.tracker = self.swarm.start_tracker(self.tracker_host)
        self.source = self.start("source", up=RATE)
        self.fetcher = self.start("fetcher")
        network.run(1)
        self.path = network.hosts["source"].directory / "f.bin"
        self.path.write_bytes(DATA)
        network.result_of(publish(self.source, self.path, "dir/f.bin"), 10)
        self.reports: list[Progress] = []
        """What the last command reported meanwhile."""

    def start(self, name: str, tracker: bool = True, **links: Any) -> PeerService:
        """Start a peer on a host of its own, which may have slow links."""
        host = self.network.add_host(name, **links)
        return self.swarm.start_peer(
            host, self.tracker_host if tracker else None, smallest_chunk=CHUNK
        )

    def begin(self, peer: PeerService, line: str) -> Any:
        """Begin a command; the Deferred has its answer."""
        commands = peer_commands(peer.peer)
        self.reports = []
        return commands.run(commands.definitions.parse_line(line), self.reports.append)

    def run(self, peer: PeerService, line: str) -> Answer:
        """The answer to a command."""
        answer: Answer = self.network.result_of(self.begin(peer, line), 60)
        return answer
