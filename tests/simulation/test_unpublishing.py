"""Unpublishing a file that is being downloaded: at any moment, and what is said of it is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import Cancelled
from p2pfs.peer.job import Fetched
from p2pfs.peer.service import PeerService
from p2pfs.testing import Network, Swarm, download, publish
from p2pfs.tracker.service import TrackerService
from tests.simulation.parts import outcome_of, part_files

CHUNK = 16384
CONTENT = Random(2).randbytes(2 * CHUNK)


class Pair:
    """A source of one file, and a peer that fetches it again and again, each time another way."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.swarm = Swarm(network)
        self.tracker_host = network.add_host("tracker")
        self.tracker: TrackerService = self.swarm.start_tracker(self.tracker_host)
        self.source = network.add_host("source", up=20_000)
        self.host = network.add_host("peer")
        self.target = self.host.directory / "target"
        self.elsewhere = self.host.directory / "elsewhere"
        source = self.swarm.start_peer(self.source, self.tracker_host, smallest_chunk=CHUNK)
        self.start()
        network.run(1)
        path = self.source.directory / "f"
        path.write_bytes(CONTENT)
        network.result_of(publish(source, path), 10)

    def start(self) -> None:
        self.peer: PeerService = self.swarm.start_peer(self.host, self.tracker_host)

    def unpublish(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.peer.publisher.unpublish("f"))

    def clear(self) -> None:
        """Have nothing of it any more."""
        outcome_of(self.network, self.unpublish())
        for path in (self.target, self.elsewhere):
            path.unlink(missing_ok=True)

    def cancelled(self) -> Deferred[Any]:
        """What becomes of a download that was cancelled just now, when it had one chunk."""
        job, fetched = download(self.peer, "f", self.target)
        assert self.network.run(20, lambda: job.done >= CHUNK)
        job.cancel()
        return fetched

    # What may have been before

    def nothing(self) -> Path:
        """The download is the first one."""
        return self.target

    def unfinished(self) -> Path:
        """It goes on with another one."""
        assert isinstance(outcome_of(self.network, self.cancelled()), Cancelled)
        return self.target

    def share(self) -> Path:
        """It copies this peer's own share."""
        self.network.result_of(download(self.peer, "f", self.target)[1], 20)
        return self.elsewhere

    # What is so afterwards

    @property
    def shared(self) -> bool:
        """Whether the peer shares it; it says the same to everybody."""
        held = self.peer.library.get("f")
        assert held is None or held.is_share
        address = self.peer.uplink.address
        assert address is not None
        listed = "f" in self.tracker.directory.held_by(address)
        assert listed == (held is not None)
        assert self.on_record == (["f"] if held else [])
        return held is not None

    @property
    def on_record(self) -> list[str]:
        """What it would hold after a restart."""
        return [holding.name for holding in self.peer.records.load()]

    def after_events(self, count: int, job: Deferred[Any]) -> bool:
        """Let that much happen; False when the download ends before that."""
        left = iter(range(count))
        self.network.run(60, lambda: job.called or next(left, None) is None)
        return not job.called


@pytest.fixture
def pair(network: Network) -> Pair:
    """See there."""
    return Pair(network)


@pytest.mark.parametrize("before", [Pair.nothing, Pair.unfinished, Pair.share])
def test_at_whatever_moment_what_is_reported_is_true(
    pair: Pair, before: Callable[[Pair], Path]
) -> None:
    """A download succeeds, and then the peer shares the file, unless it was unpublished as a share.

    A copy of the peer's own share is none itself.
    """
    ends, count = False, 0
    while not ends:
        target = before(pair)
        job, fetched = download(pair.peer, "f", target)
        outcome: Deferred[Any] = Deferred()
        fetched.addBoth(outcome.callback)
        ends = not pair.after_events(count, outcome)
        held = pair.peer.library.get("f")
        was_share = held is not None and held.is_share
        fetched_anew = before is Pair.share and not job.is_copy
        given_up = outcome_of(pair.network, pair.unpublish()) is None
        assert isinstance(outcome_of(pair.network, outcome), Fetched), f"after {count} events"
        pair.network.run(1)
        assert target.read_bytes() == CONTENT
        assert part_files(pair.host.directory) == []
        kept = not (given_up and was_share)
        assert pair.shared == (kept or fetched_anew), f"after {count} events"
        pair.clear()
        count += 1
    assert count > 20


def test_what_is_left_of_a_download_is_on_record_or_given_up(pair: Pair) -> None:
    """At whatever moment after it was cancelled; never the one in memory, and the other there."""
    ends, refused, count = False, 0, 0
    while not ends:
        fetched = pair.cancelled()
        outcome: Deferred[Any] = Deferred()
        fetched.addBoth(outcome.callback)
        ends = not pair.after_events(count, outcome)
        given_up = outcome_of(pair.network, pair.unpublish()) is None
        assert isinstance(outcome_of(pair.network, outcome), Cancelled)
        pair.network.run(1)
        assert pair.on_record == ([] if given_up else ["f"]), f"after {count} events"
        assert bool(part_files(pair.host.directory)) == (not given_up)
        refused += not given_up
        pair.clear()
        count += 1
    assert refused
