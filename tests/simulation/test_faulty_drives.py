"""What becomes of a peer's wishes when its drive, or what it is told, is at fault."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import AlreadyExists, Cancelled, DownloadFailed, Refused, StorageProblem
from p2pfs.peer.peer import JOURNALS
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish
from tests.simulation.history import CHUNK
from tests.simulation.parts import outcome_of, part_files

CONTENT = Random(1).randbytes(500_000)


class Peers:
    """A source with a file, and a peer with a slow link that wants it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.swarm = Swarm(network)
        tracker = network.add_host("tracker")
        self.swarm.start_tracker(tracker)
        self.source_host = network.add_host("source")
        self.host = network.add_host("peer", up=1e6, down=20e3)
        self.source = self.start(self.source_host)
        self.peer = self.start(self.host)
        self.target = self.host.directory / "f"
        network.run(1)
        shared = self.source_host.directory / "f"
        shared.write_bytes(CONTENT)
        network.result_of(publish(self.source, shared), 10)

    def start(self, host: Host, **settings: Any) -> PeerService:
        settings.setdefault("smallest_chunk", CHUNK)
        return self.swarm.start_peer(host, self.network.hosts["tracker"], **settings)

    @property
    def journals(self) -> list[Path]:
        return list((self.host.directory / "state" / JOURNALS).iterdir())


@pytest.fixture
def peers(network: Network) -> Peers:
    """See there."""
    return Peers(network)


def test_a_download_that_cannot_be_put_on_record_owns_nothing(peers: Peers) -> None:
    """It is as if it had never been asked for."""
    peers.host.drive.full = True
    outcome = outcome_of(peers.network, download(peers.peer, "f", peers.target)[1], 10)
    assert isinstance(outcome, StorageProblem)
    peers.host.drive.full = False
    assert part_files(peers.host.directory) == []
    assert peers.peer.peer.library.get("f") is None
    peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)


def test_a_download_without_chunks_leaves_no_journal_on_a_full_drive(peers: Peers) -> None:
    """Even when its record cannot be removed; nobody else would ever remove it."""
    peers.network.partition([peers.source_host])
    job, fetched = download(peers.peer, "f", peers.target)
    peers.network.run(2)
    assert len(peers.journals) == 1
    peers.host.drive.full = True
    job.cancel()
    assert isinstance(outcome_of(peers.network, fetched, 30), Cancelled)
    assert peers.journals == []


def unfinished_without_record(peers: Peers) -> None:
    """Have a download end whose last record could not be written, so its journal stays."""
    job, fetched = download(peers.peer, "f", peers.target)
    peers.network.run(5)
    assert job.done
    peers.host.drive.full = True
    job.cancel()
    outcome_of(peers.network, fetched, 30)
    peers.host.drive.full = False
    assert len(peers.journals) == 1


def test_what_is_given_up_leaves_no_journal(peers: Peers) -> None:
    """Unpublishing an unfinished download removes all that there is of it."""
    unfinished_without_record(peers)
    peers.network.result_of(Deferred.fromCoroutine(peers.peer.peer.publisher.unpublish("f")), 10)
    assert peers.journals == []
    assert part_files(peers.host.directory) == []


def test_what_another_content_replaces_leaves_no_journal(peers: Peers) -> None:
    """A download of what took the name gives the unfinished one up, even if it fails itself."""
    unfinished_without_record(peers)
    peers.network.partition([peers.host])
    peers.network.run(60)  # until the tracker has forgotten what the peer holds of it
    peers.network.result_of(Deferred.fromCoroutine(peers.source.peer.publisher.unpublish("f")), 10)
    other = peers.source_host.directory / "other"
    other.write_bytes(b"")
    peers.network.result_of(publish(peers.source, other, "f"), 10)
    peers.network.heal()
    peers.network.run(30)
    peers.target.write_bytes(b"in the way")
    outcome = outcome_of(peers.network, download(peers.peer, "f", peers.target)[1], 30)
    assert isinstance(outcome, AlreadyExists)
    assert peers.journals == []


def test_what_is_unpublished_while_it_is_recorded_is_not_listed(peers: Peers) -> None:
    """The tracker would otherwise name a holder that holds nothing."""
    path = peers.host.directory / "g"
    path.write_bytes(b"content")
    peers.host.drive.seek = 2.0
    published = publish(peers.peer, path)
    peers.network.run(0.1)
    while peers.peer.peer.library.get("g") is None:
        peers.network.run(0.1)
    unpublished = Deferred.fromCoroutine(peers.peer.peer.publisher.unpublish("g"))
    assert isinstance(outcome_of(peers.network, published, 30), Refused)
    peers.network.result_of(unpublished, 30)
    peers.network.run(5)
    assert "g" not in peers.swarm.daemons[peers.network.hosts["tracker"]].tracker.directory  # type: ignore[attr-defined]  # a tracker's


def test_refusals_at_a_limited_rate_are_no_progress(peers: Peers) -> None:
    """A download ends when its only source has another content by now, whatever it says to that."""
    network, many = peers.network, CONTENT[:50_000]
    source_host, host = (network.add_host(name, up=1e6, down=1e6) for name in ("many", "limited"))
    source = peers.start(source_host, smallest_chunk=1024)
    peer = peers.start(host, download_rate=4000)
    network.run(1)
    path = source_host.directory / "g"
    path.write_bytes(many)
    network.result_of(publish(source, path), 10)
    _, fetched = download(peer, "g", host.directory / "g")
    network.run(1)
    network.result_of(Deferred.fromCoroutine(source.peer.publisher.unpublish("g")), 10)
    other = source_host.directory / "other"
    other.write_bytes(many[::-1])
    publish(source, other, "g").addErrback(lambda failure: failure.trap(Refused))
    assert isinstance(outcome_of(network, fetched, 150), DownloadFailed)


def test_what_is_published_while_it_is_unpublished_stays_on_record(peers: Peers) -> None:
    """The tracker may take its time to answer; the share that is there by then is another."""
    path = peers.host.directory / "g"
    path.write_bytes(b"content")
    peers.network.result_of(publish(peers.peer, path), 10)
    peers.host.uplink.rate = peers.host.downlink.rate = 100.0
    unpublished = Deferred.fromCoroutine(peers.peer.peer.publisher.unpublish("g"))
    peers.network.run(0.1)
    assert not unpublished.called
    published = publish(peers.peer, path)
    peers.network.result_of(unpublished, 60)
    peers.network.result_of(published, 60)
    peers.host.kill()
    peer = peers.start(peers.host)
    peers.network.run(5)
    assert peer.peer.library["g"].is_share
