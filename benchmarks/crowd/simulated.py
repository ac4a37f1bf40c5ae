"""A crowd of real peers on a simulated network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.crowd.bounds import equal_links
from benchmarks.crowd.outcome import Outcome
from benchmarks.problems import BenchmarkFailed
from p2pfs.peer.job import Fetched, Job
from p2pfs.testing import Network, Swarm, download, publish

CURVE_POINTS = 200
"""How often it is looked how far everybody is, over the time that is possible at best."""
LONGEST = 20.0
"""Give up after so many times what is possible."""
JOIN_SECONDS = 3.0
PUBLISH_SECONDS = 60.0


@dataclass(frozen=True)
class Crowd:
    """One source, and ``peers`` that all begin at once; links are alike in both directions."""

    peers: int
    chunks: int
    chunk_size: int
    rate: float
    """Bytes a second."""
    latency: float
    """Seconds from a host to the middle of the network."""

    @property
    def size(self) -> int:
        """The file's size in bytes."""
        return self.chunks * self.chunk_size

    @property
    def bound(self) -> float:
        """The least time in which all can have it, in seconds."""
        return equal_links(self.size, self.chunks, self.peers, self.rate)


def simulate(crowd: Crowd, directory: Path, seed: int) -> Outcome:
    """Let a crowd fetch a file; raises `BenchmarkFailed` when not everybody gets it."""
    with Network(directory, Random(seed)) as network:
        swarm = Swarm(network)
        tracker = network.add_host("tracker")
        swarm.start_tracker(tracker)
        hosts = [
            network.add_host(f"p{number}", crowd.rate, crowd.rate, crowd.latency)
            for number in range(crowd.peers + 1)
        ]
        source, *peers = [
            swarm.start_peer(host, tracker, smallest_chunk=crowd.chunk_size) for host in hosts
        ]
        path = hosts[0].directory / "file"
        path.write_bytes(Random(seed).randbytes(crowd.size))
        network.run(JOIN_SECONDS)
        network.result_of(publish(source, path), PUBLISH_SECONDS)
        began = network.timeline.now
        sent = [host.uplink.carried for host in hosts]
        outcome = Outcome(crowd.bound, curves=[[] for _ in peers])
        jobs: list[Job] = []
        for host, peer in zip(hosts[1:], peers, strict=True):
            job, fetched = download(peer, "file", host.directory / "file")
            jobs.append(job)
            fetched.addCallback(_noted(outcome, network, began))
            fetched.addErrback(lambda failure: failure.raiseException())
        step = crowd.bound / CURVE_POINTS
        while len(outcome.ends) < crowd.peers:
            if network.timeline.now - began > LONGEST * crowd.bound:
                raise BenchmarkFailed(f"{crowd.peers - len(outcome.ends)} peers got nothing.")
            network.run(step, lambda: len(outcome.ends) == crowd.peers)
            now = network.timeline.now - began
            for curve, job in zip(outcome.curves, jobs, strict=True):
                curve.append((now, job.done / crowd.size))
        sent = [host.uplink.carried - before for host, before in zip(hosts, sent, strict=True)]
        outcome.copies_of_source = sent[0] / crowd.size
        outcome.overhead = sum(sent) / crowd.size / crowd.peers - 1
        return outcome


def _noted(outcome: Outcome, network: Network, began: float) -> Callable[[Fetched], None]:
    def note(fetched: Fetched) -> None:
        outcome.ends.append(network.timeline.now - began)

    return note
