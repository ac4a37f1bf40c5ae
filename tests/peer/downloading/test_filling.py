"""From an open part file to the file under its final name, and what is told of that."""

from __future__ import annotations

import errno
import os
from itertools import groupby
from random import Random
from typing import Any

import pytest

from p2pfs.console.command import Progress
from p2pfs.errors import Cancelled, StorageProblem
from p2pfs.peer.commands import peer_commands
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, download, publish
from tests.peer.downloading.pairs import CONTENT, Peers, begun, change_a_byte
from tests.simulation.parts import outcome_of, part_files

CHUNK = 16 * 1024
SMALL = Random(1).randbytes(3 * CHUNK)


class Fetcher:
    """A peer with a drive that takes its time, a command to fetch a file, and what it reports."""

    def __init__(self, network: Network) -> None:
        self.network = network
        swarm = Swarm(network)
        tracker, source_host = network.add_host("tracker"), network.add_host("source")
        self.host: Host = network.add_host("peer")
        swarm.start_tracker(tracker)
        source = swarm.start_peer(source_host, tracker, smallest_chunk=CHUNK)
        self.peer: PeerService = swarm.start_peer(self.host, tracker)
        network.run(1)
        shared = source_host.directory / "f"
        shared.write_bytes(SMALL)
        network.result_of(publish(source, shared), 10)
        self.host.drive.seek = 1.0
        self.reports: list[Progress] = []
        self.fetched = self.begin(f"download f {self.host.directory / 'copy'}")

    def begin(self, line: str) -> Any:
        """Begin a command; the Deferred has its answer."""
        commands = peer_commands(self.peer.peer)
        return commands.run(commands.definitions.parse_line(line), self.reports.append)

    def ask(self, line: str) -> Any:
        """The answer to a command."""
        return self.network.result_of(self.begin(line), 1)

    @property
    def notes(self) -> list[str]:
        """What was reported when all was there, in order, and nothing twice in a row."""
        whole = (report.note for report in self.reports if report.done == len(SMALL))
        return [note for note, _ in groupby(whole)]

    def until_whole(self) -> None:
        """Let it come to where nothing is missing, and its drive works on."""
        assert self.network.run(60, lambda: bool(self.notes))
        self.network.run(0.5)


@pytest.fixture
def fetcher(network: Network) -> Fetcher:
    """See there."""
    return Fetcher(network)


def test_what_is_whole_names_no_source_but_what_is_done(fetcher: Fetcher) -> None:
    """Nothing is fetched any more: how many send it is beside the point, and nobody is missed."""
    fetcher.network.result_of(fetcher.fetched, 100)
    assert fetcher.notes[-3:] == [
        "syncing the file and giving it its name",
        "putting it on record",
        "finished",
    ]
    assert not [note for note in fetcher.notes if "source" in note]


def test_status_and_why_say_that_it_is_finishing(fetcher: Fetcher) -> None:
    """For people and for scripts."""
    fetcher.until_whole()
    status, why = fetcher.ask("status"), fetcher.ask("why f")
    [transfer] = status.data["downloads"]
    assert (transfer["percent"], transfer["sources"], transfer["rate"]) == (100, 0, None)
    assert transfer["remark"] == "syncing the file and giving it its name"
    assert why.data["state"] == "finishing"
    assert why.data["phase"] == transfer["remark"]
    assert "All of 'f' is there: syncing the file and giving it its name." in why.lines


def test_what_was_cancelled_waits_for_nobody(fetcher: Fetcher) -> None:
    """While it puts on record what came, it stops, and that is what it says."""
    network, downloads = fetcher.network, fetcher.peer.peer.downloads
    assert network.run(60, lambda: bool(downloads.jobs))
    [job] = downloads.jobs
    assert network.run(60, lambda: 0 < job.done < len(SMALL))
    cancelled = fetcher.begin("cancel f")
    network.run(0.5)
    assert job in downloads.jobs
    assert fetcher.ask("why f").data["phase"] == job.remark == "stopping"
    with pytest.raises(Cancelled):
        network.result_of(fetcher.fetched, 60)
    network.result_of(cancelled, 60)


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
