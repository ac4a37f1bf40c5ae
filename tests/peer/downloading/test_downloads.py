"""All downloads of a peer: which may begin, how they end, and what is left of them."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import AlreadyExists, Cancelled, DownloadFailed, NotFound
from p2pfs.peer.commands import peer_commands
from p2pfs.peer.downloading import Job
from p2pfs.testing import download, publish
from tests.peer.downloading.pairs import CONTENT, Peers, begun
from tests.simulation.parts import outcome_of, part_files


def test_a_name_is_downloaded_once_at_a_time(peers: Peers) -> None:
    """To whatever place; when it has ended, it may be anew."""
    _, fetched, _ = begun(peers)
    with pytest.raises(AlreadyExists, match=f"is being downloaded to {peers.target} just now"):
        download(peers.peer, "f", peers.host.directory / "elsewhere")
    peers.network.result_of(fetched, 60)
    peers.network.result_of(download(peers.peer, "f", peers.host.directory / "elsewhere")[1], 60)


def test_only_so_many_are_under_way(peers: Peers) -> None:
    """Each keeps files open, of which the system allows so many; one that ended makes room."""
    downloads = peers.peer.peer.downloads
    downloads.most = 1
    _, fetched, _ = begun(peers)
    with pytest.raises(DownloadFailed, match="1 downloads are under way, which is the most"):
        download(peers.peer, "g", peers.host.directory / "g")
    peers.network.result_of(fetched, 60)
    error = outcome_of(peers.network, download(peers.peer, "g", peers.host.directory / "g")[1])
    assert isinstance(error, NotFound)


def test_what_is_not_under_way_cannot_be_cancelled(peers: Peers) -> None:
    """Nor what has ended."""
    job, fetched, _ = begun(peers)
    with pytest.raises(NotFound, match="'g' is not being downloaded"):
        peers.peer.peer.downloads.cancel("g")
    peers.peer.peer.downloads.cancel("f")
    assert isinstance(outcome_of(peers.network, fetched), Cancelled)
    assert job not in peers.peer.peer.downloads.jobs
    with pytest.raises(NotFound):
        peers.peer.peer.downloads.cancel("f")


def test_a_failure_is_remembered_until_it_succeeds(peers: Peers) -> None:
    """With its words, and when that was."""
    failed = peers.peer.peer.downloads.failed
    peers.target.write_bytes(b"in the way")
    error = outcome_of(peers.network, download(peers.peer, "f", peers.target)[1])
    assert isinstance(error, AlreadyExists)
    noted = failed.get("f")
    assert noted is not None
    assert (noted.error, noted.explanation) == (str(error), None)
    peers.network.result_of(download(peers.peer, "f", peers.target, overwrite=True)[1], 60)
    assert failed.get("f") is None


def test_a_stop_leaves_all_in_order(peers: Peers) -> None:
    """What came is on record and on the disk, and nothing is open any more."""
    job, fetched, path = begun(peers)
    fetched.addErrback(lambda failure: failure.trap(Cancelled))
    peers.network.result_of(Deferred.fromCoroutine(peers.peer.peer.downloads.stop()), 10)
    assert peers.peer.peer.downloads.jobs == []
    assert job.holding is not None
    assert not job.holding.downloading
    [on_record] = peers.peer.peer.store.load().holdings
    assert on_record.chunks == job.holding.chunks
    assert on_record.stamp is not None
    assert on_record.stamp.matches(peers.host.disk.status(path))


def test_a_stop_before_anything_came_leaves_nothing(peers: Peers) -> None:
    """Neither a record nor a part file; the next one begins where it likes."""
    peers.network.partition([peers.source_host])
    job, fetched = download(peers.peer, "f", peers.target)
    fetched.addErrback(lambda failure: failure.trap(Cancelled))
    assert peers.network.run(10, lambda: bool(part_files(peers.host.directory)))
    peers.network.run(1)
    job.cancel()
    peers.network.result_of(fetched, 10)
    assert part_files(peers.host.directory) == []
    assert peers.peer.peer.library.get("f") is None
    assert peers.peer.peer.store.load().holdings == []
    peers.network.heal()
    peers.network.run(3)
    elsewhere = peers.host.directory / "elsewhere"
    peers.network.result_of(download(peers.peer, "f", elsewhere)[1], 60)
    assert elsewhere.read_bytes() == CONTENT


@pytest.mark.parametrize("what", ["download f {}", "download d/ {}", "list_file"])
def test_what_needs_the_tracker_waits_for_it_at_the_start(peers: Peers, what: str) -> None:
    """It is joined when the peer is restored, not before: that is no reason to say there is none.

    The answer is the same as a moment later.
    """
    folder = peers.source_host.directory / "d"
    folder.mkdir()
    (folder / "f").write_bytes(b"other content")
    peers.network.result_of(publish(peers.source, folder), 10)
    peers.network.result_of(peers.swarm.stop(peers.host), 10)
    peers.host.drive.disorder = 3.0
    peer = peers.start(peers.host)
    peers.network.run(0.01)
    peers.host.drive.disorder = 0.0  # only the restoring is slow
    commands = peer_commands(peer.peer)
    line = what.format(peers.host.directory / "copy")
    answer = commands.run(commands.definitions.parse_line(line), lambda _: None)
    peers.network.run(0.01)
    assert not peer.peer.share_watcher.restored().called
    peers.network.result_of(answer, 60)


def test_what_is_given_up_takes_nothing_of_what_follows(peers: Peers) -> None:
    """Whenever the drive gets round to it: a new download of the same name keeps its journal."""

    def begin() -> tuple[Job, Deferred[Any]]:
        job, fetched = download(peers.peer, "f", peers.target)
        return job, fetched.addErrback(lambda failure: failure.trap(Cancelled))

    def has_some(job: Job) -> bool:
        return peers.network.run(60, lambda: bool(job.done))

    job, fetched = begin()
    for _ in range(4):
        assert has_some(job)
        job.cancel()
        peers.network.result_of(fetched, 30)
        peers.host.drive.disorder = 20.0
        given_up = Deferred.fromCoroutine(peers.peer.peer.publisher.unpublish("f"))
        peers.host.drive.disorder = 0.0
        job, fetched = begin()
        peers.network.result_of(given_up, 30)
        assert has_some(job)
        assert len(peers.journals) == 1
    job.cancel()
    peers.network.result_of(fetched, 30)
