"""Part files of running downloads that somebody else writes to, and where they lie."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from p2pfs.errors import AlreadyExists, Cancelled, StorageProblem, UsageProblem
from p2pfs.peer.downloading import Job
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, download, publish
from tests.simulation.parts import outcome_of, part_files
from tests.simulation.test_faulty_drives import CONTENT, Peers

CHUNK = 16384


class PeersOfSmallChunks(Peers):
    """A source with a file, and a peer with a slow link that wants it."""

    def start(self, host: Host, **settings: Any) -> PeerService:
        return super().start(host, smallest_chunk=CHUNK, **settings)


@pytest.fixture
def peers(network: Network) -> Peers:
    """See there."""
    return PeersOfSmallChunks(network)


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


def cut_short(path: Path) -> None:
    os.truncate(path, CHUNK + 5)


def cut_and_restore(path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, 5)
    os.truncate(path, size)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


CHANGES = [change_a_byte, cut_short, cut_and_restore, append]


def first_chunk_held(job: Job) -> bool:
    return job.holding is not None and 0 in job.holding.chunks


@pytest.mark.parametrize("change", CHANGES)
def test_what_somebody_else_wrote_is_fetched_anew(
    peers: Peers, change: Callable[[Path], None]
) -> None:
    """The file that gets the final name is the one that was published."""
    job, fetched, path = begun(peers)
    while not first_chunk_held(job):
        peers.network.run(0.1)
    change(path)
    peers.network.result_of(fetched, 60)
    assert peers.target.read_bytes() == CONTENT
    assert not path.exists()


@pytest.mark.parametrize("change", CHANGES)
def test_the_end_looks_once_more(peers: Peers, change: Callable[[Path], None]) -> None:
    """What is written while the file is forced to the disk, after our own last write."""
    _, fetched, path = begun(peers)
    sync = peers.host.disk.sync

    def change_meanwhile(fd: int, with_times: bool = False) -> None:
        sync(fd, with_times)
        if with_times:
            peers.host.disk.sync = sync  # type: ignore[method-assign]  # once
            change(path)

    peers.host.disk.sync = change_meanwhile  # type: ignore[method-assign]  # at one moment
    peers.network.result_of(fetched, 60)
    assert peers.host.disk.sync == sync
    assert peers.target.read_bytes() == CONTENT


def test_who_else_takes_part_is_told(peers: Peers) -> None:
    """Wrong chunks are not served, the tracker does not list them, and nobody is banned."""
    network, host = peers.network, peers.network.add_host("third", up=1e6, down=1e6)
    third = peers.start(host)
    network.run(1)
    job, fetched, path = begun(peers)
    assert job.holding is not None
    held = len(job.holding.chunks)
    # Every chunk is wrong now.
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    peers.host.downlink.rate = 1000.0
    network.partition([peers.source_host], [peers.host, host, network.hosts["tracker"]])
    _, copied = download(third, "f", host.directory / "f")
    network.run(10)
    address = peers.peer.peer.announcer.address
    tracker: Any = peers.swarm.daemons[network.hosts["tracker"]]
    assert held > 2
    assert not job.holding.chunks.bits
    assert address not in tracker.tracker.directory["f"].holders
    network.heal()
    peers.host.downlink.rate = 1e6
    network.result_of(fetched, 60)
    network.result_of(copied, 60)
    assert peers.target.read_bytes() == CONTENT
    assert (host.directory / "f").read_bytes() == CONTENT


def test_who_keeps_writing_ends_the_download_in_words(peers: Peers) -> None:
    """It neither ends wrong nor goes on for ever."""
    _, fetched, path = begun(peers)
    sync = peers.host.disk.sync

    def change_each_time(fd: int, with_times: bool = False) -> None:
        sync(fd, with_times)
        if with_times:
            change_a_byte(path)

    peers.host.disk.sync = change_each_time  # type: ignore[method-assign]  # at these moments
    outcome = outcome_of(peers.network, fetched, 200)
    assert isinstance(outcome, StorageProblem)
    assert "keeps writing to" in str(outcome)
    assert not peers.target.exists()
    peers.host.disk.sync = sync  # type: ignore[method-assign]
    peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)
    assert peers.target.read_bytes() == CONTENT


@pytest.mark.parametrize("end", ["kill", "cancel", "stop"])
def test_what_our_own_writes_hid_is_found_by_who_goes_on(peers: Peers, end: str) -> None:
    """Whether a download is killed or cancelled before it looked into it."""
    job, fetched, path = begun(peers)
    change_a_byte(path)
    peers.network.run(5)
    assert job.holding is not None
    assert job.holding.part is not None
    # This one is looked into later, as another check was just made.
    held = max(job.holding.chunks)
    change_a_byte(path, held * CHUNK)
    peers.network.run(5)
    assert job.holding.part.touched
    fetched.addErrback(lambda _: None)
    peer = peers.peer
    if end == "kill":
        peers.host.kill()
        peer = peers.start(peers.host)
    elif end == "stop":
        peers.network.result_of(peers.swarm.stop(peers.host), 30)
        peer = peers.start(peers.host)
    else:
        job.cancel()
    peers.network.run(3)
    assert held not in peer.peer.library["f"].chunks
    assert peer.peer.library["f"].chunks.bits
    peers.network.result_of(download(peer, "f", peers.target)[1], 60)
    assert peers.target.read_bytes() == CONTENT


def test_a_copy_of_an_own_share_is_no_exception(peers: Peers) -> None:
    """Although it needs no record and no source."""
    target = peers.source_host.directory / "copy"
    disk = peers.source_host.disk
    read = disk.read
    reads: list[int] = []

    def change_amid(fd: int, length: int, offset: int) -> bytes:
        reads.append(offset)
        if len(reads) == 4:
            [part] = part_files(peers.source_host.directory)
            change_a_byte(part)
        return read(fd, length, offset)

    disk.read = change_amid  # type: ignore[method-assign]  # at one moment
    peers.network.result_of(download(peers.source, "f", target)[1], 60)
    assert len(reads) > 4
    assert target.read_bytes() == CONTENT


# Where they lie


def test_a_file_of_the_users_beside_the_target_is_left_alone(peers: Peers) -> None:
    """Whatever it is called, and also if the target may be overwritten."""
    mine = peers.target.with_name("f.part")
    mine.write_bytes(b"mine")
    peers.target.write_bytes(b"old")
    peers.network.result_of(download(peers.peer, "f", peers.target, overwrite=True)[1], 60)
    assert mine.read_bytes() == b"mine"
    assert peers.target.read_bytes() == CONTENT
    assert part_files(peers.host.directory) == []


def test_nothing_is_written_through_a_link(peers: Peers) -> None:
    """A link at the target is replaced, not what it leads to; one to a directory is followed."""
    elsewhere = peers.host.directory / "elsewhere"
    elsewhere.write_bytes(b"mine")
    for name in ("f", "f.part"):
        peers.target.with_name(name).symlink_to(elsewhere)
    peers.network.result_of(download(peers.peer, "f", peers.target, overwrite=True)[1], 60)
    assert elsewhere.read_bytes() == b"mine"
    assert not peers.target.is_symlink()
    assert peers.target.read_bytes() == CONTENT


def test_a_link_in_the_place_of_a_part_file_is_not_followed(peers: Peers) -> None:
    """What was left is gone then; the download begins anew, and the link stays."""
    job, fetched, path = begun(peers)
    job.cancel()
    assert isinstance(outcome_of(peers.network, fetched, 10), Cancelled)
    elsewhere = peers.host.directory / "elsewhere"
    elsewhere.write_bytes(b"mine")
    path.unlink()
    path.symlink_to(elsewhere)
    peers.network.result_of(download(peers.peer, "f", peers.target)[1], 60)
    assert elsewhere.read_bytes() == b"mine"
    assert path.is_symlink()
    assert peers.target.read_bytes() == CONTENT


@pytest.mark.parametrize("killed", [False, True])
def test_another_file_in_the_place_of_a_part_file_is_left_alone(peers: Peers, killed: bool) -> None:
    """It is not written to, and giving the download up does not remove it."""
    job, fetched, path = begun(peers)
    fetched.addErrback(lambda _: None)
    if killed:
        peers.host.kill()
    else:
        job.cancel()
        peers.network.run(1)
    path.unlink()
    path.write_bytes(b"mine")
    peer = peers.start(peers.host) if killed else peers.peer
    peers.network.run(3)
    peers.network.result_of(download(peer, "f", peers.target)[1], 60)
    assert path.read_bytes() == b"mine"
    assert peers.target.read_bytes() == CONTENT


def test_a_directory_may_hold_whatever_names_there_are(peers: Peers) -> None:
    """Such as x and x.part, and names as long as the file system lets them be."""
    tree = peers.source_host.directory / "tree"
    tree.mkdir()
    names = ["x", "x.part", "x.part.part", ".x.p2pfs-part", "l" * 255, "ü" * 127 + "l"]
    for number, name in enumerate(names):
        (tree / name).write_bytes(Random(number).randbytes(3000))
    peers.network.result_of(publish(peers.source, tree), 10)
    copy = peers.host.directory / "copy"
    peers.network.result_of(peers.peer.peer.trees.start("tree/", copy, False)[1], 60)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == {
        path.name: path.read_bytes() for path in tree.iterdir()
    }


def test_unfinished_files_are_not_published_with_their_directory(peers: Peers) -> None:
    """Those of this peer, and those of others, or of nobody any more."""
    begun(peers)
    left = peers.host.directory / ".0123456789abcdef.p2pfs-part"
    left.write_bytes(b"left by a crash")
    (peers.host.directory / "g").write_bytes(b"g")
    publication, published = peers.peer.peer.publisher.publish(peers.host.directory, "d")
    names = [file.name for file in peers.network.result_of(published, 30)]
    assert names == ["d/g"]
    assert f"{left} was skipped: it is an unfinished download." in publication.skipped
    assert isinstance(outcome_of(peers.network, publish(peers.peer, left)), UsageProblem)


def test_what_nobody_delivers_takes_no_room(peers: Peers) -> None:
    """A file has room on the disk from its first chunk on, not before."""
    peers.network.partition([peers.source_host])
    _, fetched = download(peers.peer, "f", peers.target)
    peers.network.run(10)
    [path] = part_files(peers.host.directory)
    assert path.stat().st_size == 0
    peers.network.heal()
    peers.network.run(15)
    assert path.stat().st_size == len(CONTENT)
    peers.network.result_of(fetched, 60)


def test_a_disk_without_room_ends_the_download_at_its_first_chunk(peers: Peers) -> None:
    """In words, and nothing is left."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    peers.host.disk.allocate = refuse  # type: ignore[method-assign]  # the rest of it has room
    _, fetched = download(peers.peer, "f", peers.target)
    outcome = outcome_of(peers.network, fetched, 60)
    assert isinstance(outcome, StorageProblem)
    assert "Cannot allocate" in str(outcome)
    assert "the disk is full; make room and try again" in str(outcome)
    assert part_files(peers.host.directory) == []


def test_what_is_said_to_be_kept_is(peers: Peers) -> None:
    """The path in the sentence is that of the part file; without one there is none."""
    job, fetched, path = begun(peers)
    job.cancel()
    outcome = outcome_of(peers.network, fetched, 10)
    assert f"what came is kept in {path}, download it again" in str(outcome)
    assert path.exists()
    peers.network.result_of(Deferred.fromCoroutine(peers.peer.peer.publisher.unpublish("f")), 10)
    assert not path.exists()
    job, fetched = download(peers.peer, "f", peers.target)
    job.cancel()
    outcome = outcome_of(peers.network, fetched, 10)
    assert "was cancelled; nothing is kept of it." in str(outcome)


# Two to one place


@pytest.mark.parametrize("detour", ["dots", "link"])
def test_two_downloads_to_one_place(peers: Peers, detour: str) -> None:
    """By whatever paths: one of two that begin at the same moment is refused, and one fetched."""
    other = peers.source_host.directory / "other"
    other.write_bytes(CONTENT[::-1])
    peers.network.result_of(publish(peers.source, other, "g"), 10)
    folder = peers.host.directory / "folder"
    (folder / "s").mkdir(parents=True)
    (peers.host.directory / "linked").symlink_to(folder)
    around = folder / "s" / ".." if detour == "dots" else peers.host.directory / "linked"
    uploaded = peers.source.peer.serving.uploaded
    _, first = download(peers.peer, "f", folder / "out", True)
    _, second = download(peers.peer, "g", around / "out", True)
    outcome = outcome_of(peers.network, second, 60)
    assert isinstance(outcome, AlreadyExists)
    assert "'f' is being downloaded to" in str(outcome)
    assert peers.source.peer.serving.uploaded == uploaded
    # One that comes later, too.
    peers.network.run(1)
    with pytest.raises(AlreadyExists):
        peers.network.result_of(download(peers.peer, "g", around / "out", True)[1], 10)
    peers.network.result_of(first, 60)
    assert (folder / "out").read_bytes() == CONTENT
    peers.network.result_of(download(peers.peer, "g", around / "out", True)[1], 60)
    assert (folder / "out").read_bytes() == CONTENT[::-1]


def test_the_same_name_in_two_directories_is_two_places(peers: Peers) -> None:
    """Nothing is refused that is not the same."""
    other = peers.source_host.directory / "other"
    other.write_bytes(CONTENT[::-1])
    peers.network.result_of(publish(peers.source, other, "g"), 10)
    peer: PeerService = peers.peer
    both = []
    for name in ("f", "g"):
        (peers.host.directory / f"for {name}").mkdir()
        both.append(download(peer, name, peers.host.directory / f"for {name}" / "out")[1])
    for fetched in both:
        peers.network.result_of(fetched, 120)
