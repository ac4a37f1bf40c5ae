"""A crowd of real peers on a simulated network."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from benchmarks.crowd.counting import Traffic
from benchmarks.crowd.outcome import Outcome
from benchmarks.crowd.plan import Guest, Plan
from benchmarks.problems import BenchmarkFailed
from p2pfs.errors import Cancelled
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish

STEPS = 200
"""How often it is looked how far everybody is, over the time that is possible at best."""
MOST_CURVES = 100
"""Peers of whom it is noted; more lines could not be told apart."""
LONGEST = 20.0
"""Give up after so many times what is possible."""
JOIN_SECONDS = 3.0
PUBLISH_SECONDS = 60.0
NAME = "file"


def simulate(plan: Plan, directory: Path, seed: int) -> Outcome:
    """Let a crowd fetch what it wants; raises `BenchmarkFailed` when not all who should get it.

    If it is to be compared with another crowd, that one's turn comes first.
    """
    without = None
    if plan.without is not None:
        with TemporaryDirectory(dir=directory) as other:
            without = simulate(plan.without, Path(other), seed).ends[-1]
    crowd = plan.crowd
    with (
        Network(
            directory,
            Random(seed),
            plan.window,
            segment=crowd.segment,
            bulk=crowd.scale,
        ) as network,
        _little_garbage(),
    ):
        outcome = _Gathering(plan, network, Random(seed)).outcome()
    outcome.without, outcome.without_what = without, plan.without_what
    return outcome


class _Work(Protocol):
    """The download of a file or of a directory."""

    @property
    def done(self) -> int:
        """Bytes that are there."""

    def cancel(self) -> None:
        """Stop it."""


@dataclass(eq=False)
class _Peer:
    """A downloader, and how far it is."""

    guest: Guest
    host: Host
    service: PeerService
    work: _Work | None = None
    done: int = 0
    """Bytes that it had when it was last looked at; real ones."""
    gone: bool = False
    """True once it has been killed or has given up."""


class _Gathering:
    """A crowd on its network, from the first daemon to the last byte."""

    def __init__(self, plan: Plan, network: Network, random: Random) -> None:
        self._plan = plan
        self._network = network
        self._swarm = swarm = Swarm(network)
        crowd = plan.crowd
        self._real_size = crowd.chunks * crowd.real_chunk_size
        self._tracker = network.add_host("tracker")
        swarm.start_tracker(self._tracker)
        self._source_host = network.add_host("source", plan.source_up, crowd.rate, crowd.latency)
        source = self._start(self._source_host)
        self._peers: list[_Peer] = []
        for number, guest in enumerate(plan.guests):
            host = network.add_host(f"p{number}", guest.up, guest.down, crowd.latency)
            self._peers.append(_Peer(guest, host, self._start(host)))
        site = {peer.host: peer.guest.site for peer in self._peers}
        distances = plan.distances
        network.site_latency = lambda one, other: distances[site.get(one, 0)][site.get(other, 0)]
        network.run(JOIN_SECONDS)
        network.result_of(publish(source, self._content(random)), PUBLISH_SECONDS)
        self._began = network.timeline.now
        hosts = [self._source_host, *(peer.host for peer in self._peers)]
        self._traffic = Traffic(self._tracker, hosts)
        self._outcome = Outcome(plan.bound)
        self._failure: Failure | None = None
        self._source_left = False
        every = -(-len(self._peers) // MOST_CURVES)
        self._drawn = self._peers[::every]
        self._outcome.curves = [[] for _ in self._drawn]

    def outcome(self) -> Outcome:
        """Let it happen, and say how it went."""
        plan, outcome = self._plan, self._outcome
        for peer in self._peers:
            if peer.guest.begins:
                self._network.timeline.after(peer.guest.begins, self._begin, peer)
            else:
                self._begin(peer)
        while len(outcome.ends) < plan.measured:
            if self._now > LONGEST * plan.bound:
                missing = plan.measured - len(outcome.ends)
                raise BenchmarkFailed(f"{missing} of {plan.measured} peers did not get it.")
            self._network.run(plan.bound / STEPS)
            if self._failure is not None:
                reason = self._failure.getErrorMessage()
                raise BenchmarkFailed(f"A peer did not get it: {reason}")
            self._look()
        if any(guest.begins for guest in plan.guests):
            outcome.own_times.sort()
            outcome.copy_time = plan.crowd.copy_time
        else:
            outcome.own_times.clear()
        self._count()
        return outcome

    @property
    def _now(self) -> float:
        return self._network.timeline.now - self._began

    # The beginning

    def _start(self, host: Host) -> PeerService:
        smallest = self._plan.crowd.real_chunk_size
        return self._swarm.start_peer(host, self._tracker, smallest_chunk=smallest)

    def _content(self, random: Random) -> Path:
        """Write what is to be published."""
        path, files = self._source_host.directory / NAME, self._plan.files
        if files == 1:
            path.write_bytes(random.randbytes(self._real_size))
        else:
            path.mkdir()
            for number in range(files):
                (path / str(number)).write_bytes(random.randbytes(self._real_size // files))
        return path

    def _begin(self, peer: _Peer) -> None:
        target = peer.host.directory / NAME
        fetched: Deferred[object]
        if self._plan.files == 1:
            peer.work, fetched = download(peer.service, NAME, target)  # type: ignore[assignment]
        else:
            peer.work, fetched = peer.service.peer.trees.start(f"{NAME}/", target, False)  # type: ignore[assignment]
        fetched.addCallback(self._fetched, peer).addErrback(self._failed, peer)

    # What happens

    def _fetched(self, _: object, peer: _Peer) -> None:
        if peer.guest.measured:
            self._outcome.ends.append(self._now)
            self._outcome.own_times.append(self._now - peer.guest.begins)

    def _failed(self, failure: Failure, peer: _Peer) -> None:
        if not (peer.gone and failure.check(Cancelled)):
            self._failure = self._failure or failure

    def _look(self) -> None:
        """See how far everybody is, and to what is to happen to them."""
        for peer in self._peers:
            if peer.work is not None:
                peer.done = peer.work.done
                self._look_after(peer)
        for curve, peer in zip(self._outcome.curves, self._drawn, strict=True):
            curve.append((self._now, peer.done / self._real_size))
        leaves = self._plan.source_leaves_after
        if leaves is not None and not self._source_left and self._copies_of_source >= leaves:
            self._source_left = True
            self._source_host.power_off()
            self._note(f"the source's power failed, after {self._copies_of_source:.2f} copies")

    def _look_after(self, peer: _Peer) -> None:
        part, guest = peer.done / self._real_size, peer.guest
        if peer.gone:
            return
        if guest.dies_at is not None and part >= guest.dies_at:
            peer.gone, peer.work = True, None
            peer.host.kill()
            self._note(f"a peer was killed with {part:.2f} of it")
        elif guest.stops_at is not None and part >= guest.stops_at and peer.work is not None:
            peer.gone = True
            peer.work.cancel()
            self._note(f"a peer cancelled, and serves {part:.2f} of it")

    def _note(self, what: str) -> None:
        self._outcome.events.append((self._now, what))

    # The end

    @property
    def _copies_of_source(self) -> float:
        return self._traffic.carried(self._source_host) / self._plan.crowd.size

    def _count(self) -> None:
        outcome, traffic, crowd = self._outcome, self._traffic, self._plan.crowd
        got = sum(peer.done for peer in self._peers) * crowd.scale
        outcome.copies_of_source = self._copies_of_source
        outcome.overhead = (traffic.total - traffic.carried(self._tracker)) / got - 1
        outcome.control = traffic.control / traffic.payload
        outcome.tracker_messages = traffic.lines_to_tracker / (got / crowd.chunk_size)


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Have the collector look through what there is less often: it would take most of the time."""
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
