"""What a download does when somebody else writes to its part file: nothing wrong gets through."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p2pfs.peer.downloading import Job
from p2pfs.testing import download
from tests.peer.downloading.pairs import (
    CHUNK,
    CONTENT,
    Peers,
    begun,
    change_a_byte,
)


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
