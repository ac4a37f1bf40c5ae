"""Unpublishing a file that is being downloaded: at any moment, and what is said of it is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import Cancelled
from p2pfs.peer.downloading import Fetched
from p2pfs.peer.service import PeerService
from p2pfs.peer.storage import FileChanged
from p2pfs.testing import Network, Swarm, download, publish
from p2pfs.tracker.service import TrackerService
from tests.simulation.parts import outcome_of, part_files

CHUNK = 16384
CONTENT = {
    "f": Random(2).randbytes(2 * CHUNK),
    "long": Random(3).randbytes(3 * CHUNK),
    "empty": b"",
}


class Pair:
    """A source of some files, and a peer that fetches one of them again and again."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.name = "f"
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
        for name, content in CONTENT.items():
            path = self.source.directory / name
            path.write_bytes(content)
            network.result_of(publish(source, path), 10)

    def start(self) -> None:
        self.peer: PeerService = self.swarm.start_peer(
            self.host, self.tracker_host, smallest_chunk=CHUNK
        )

    def unpublish(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.peer.peer.publisher.unpublish(self.name))

    def clear(self) -> None:
        """Have nothing of it any more."""
        outcome_of(self.network, self.unpublish())
        for path in (self.target, self.elsewhere):
            path.unlink(missing_ok=True)

    def cancelled(self) -> Deferred[Any]:
        """What becomes of a download that was cancelled just now, when it had one chunk."""
        job, fetched = download(self.peer, self.name, self.target)
        assert self.network.run(20, lambda: job.done >= CHUNK)
        job.cancel()
        return fetched

    # What may have been before

    def nothing(self) -> Path:
        """The download is the first one."""
        return self.target

    def nothing_of_an_empty_file(self) -> Path:
        """The same of a file without chunks."""
        self.name = "empty"
        return self.target

    def unfinished(self) -> Path:
        """It goes on with another one."""
        assert isinstance(outcome_of(self.network, self.cancelled()), Cancelled)
        return self.target

    def share(self) -> Path:
        """It copies this peer's own share."""
        self.network.result_of(download(self.peer, self.name, self.target)[1], 20)
        return self.elsewhere

    # What is so afterwards

    def has_share(self) -> bool:
        """Whether the whole file is there."""
        held = self.peer.peer.library.get(self.name)
        return held is not None and held.is_share

    @property
    def shared(self) -> bool:
        """Whether the peer shares it; it says the same to everybody."""
        held = self.peer.peer.library.get(self.name)
        assert held is None or held.is_share
        address = self.peer.peer.announcer.address
        assert address is not None
        listed = self.name in self.tracker.tracker.directory.held_by(address)
        assert listed == (held is not None)
        assert self.on_record == ([self.name] if held else [])
        return held is not None

    @property
    def on_record(self) -> list[str]:
        """What it would hold after a restart."""
        return [holding.name for holding in self.peer.peer.store.load().holdings]

    def after_events(self, count: int, job: Deferred[Any]) -> bool:
        """Let that much happen; False when the download ends before that."""
        left = iter(range(count))
        self.network.run(60, lambda: job.called or next(left, None) is None)
        return not job.called


@pytest.fixture
def pair(network: Network) -> Pair:
    """See there."""
    return Pair(network)


BEFORE = [Pair.nothing, Pair.nothing_of_an_empty_file, Pair.unfinished, Pair.share]


@pytest.mark.parametrize("before", BEFORE)
def test_at_whatever_moment_what_is_reported_is_true(
    pair: Pair, before: Callable[[Pair], Path]
) -> None:
    """A download succeeds, and then the peer shares the file, unless it was unpublished as a share.

    A copy of the peer's own share is none itself.
    """
    ends, count = False, 0
    while not ends:
        target = before(pair)
        job, fetched = download(pair.peer, pair.name, target)
        outcome: Deferred[Any] = Deferred()
        fetched.addBoth(outcome.callback)
        ends = not pair.after_events(count, outcome)
        was_share = pair.has_share()
        fetched_anew = before is Pair.share and not job.is_copy
        given_up = outcome_of(pair.network, pair.unpublish()) is None
        assert isinstance(outcome_of(pair.network, outcome), Fetched), f"after {count} events"
        pair.network.run(1)
        assert target.read_bytes() == CONTENT[pair.name]
        assert part_files(pair.host.directory) == []
        kept = not (given_up and was_share)
        assert pair.shared == (kept or fetched_anew), f"after {count} events"
        pair.clear()
        count += 1
    assert count >= 20


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


def test_what_is_changed_as_soon_as_it_is_there_does_not_stay_on_record(pair: Pair) -> None:
    """It is a share already, while its download still waits for a record from before: that is not
    to come after the one that it is given up."""
    pair.name = "long"
    waited = 0
    for _ in range(20):
        pair.host.drive.disorder = 4.0
        outcome: Deferred[Any] = Deferred()
        download(pair.peer, "long", pair.target)[1].addBoth(outcome.callback)
        assert pair.network.run(60, pair.has_share)
        held = pair.peer.peer.library["long"]
        waited += held.downloading
        pair.target.write_bytes(b"something else")
        pair.peer.peer.share_watcher.changed(held, FileChanged("It was changed."))
        pair.network.result_of(outcome, 20)
        pair.host.drive.disorder = 0.0
        pair.network.run(40)
        assert not pair.shared
        pair.clear()
    assert waited


def test_what_was_given_up_is_nobody_elses_name(pair: Pair) -> None:
    """Giving it up once more does not withdraw what is shared under that name since."""
    pair.unfinished()
    held = pair.peer.peer.library["f"]
    path = pair.source.directory / "f"
    pair.network.result_of(Deferred.fromCoroutine(pair.peer.peer.share_watcher.give_up(held)), 10)
    pair.network.result_of(publish(pair.peer, path), 10)
    assert pair.shared
    pair.network.result_of(Deferred.fromCoroutine(pair.peer.peer.share_watcher.give_up(held)), 10)
    pair.network.run(1)
    assert pair.shared
