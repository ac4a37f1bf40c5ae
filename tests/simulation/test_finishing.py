"""What is told of a download once all of it is there, until it has its name."""

from __future__ import annotations

from itertools import groupby
from random import Random
from typing import Any

import pytest

from p2pfs.console.command import Progress
from p2pfs.errors import Cancelled
from p2pfs.peer.commands import peer_commands
from p2pfs.peer.service import PeerService
from p2pfs.testing import Host, Network, Swarm, publish

CHUNK = 16 * 1024
CONTENT = Random(1).randbytes(3 * CHUNK)


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
        shared.write_bytes(CONTENT)
        network.result_of(publish(source, shared), 10)
        self.host.drive.seek = 1.0
        self.reports: list[Progress] = []
        self.fetched = self._command(f"download f {self.host.directory / 'copy'}")

    def _command(self, line: str) -> Any:
        commands = peer_commands(self.peer.peer)
        return commands.run(commands.parse_line(line), self.reports.append)

    def ask(self, line: str) -> Any:
        """The answer to a command."""
        return self.network.result_of(self._command(line), 1)

    @property
    def notes(self) -> list[str]:
        """What was reported when all was there, in order, and nothing twice in a row."""
        whole = (report.note for report in self.reports if report.done == len(CONTENT))
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
    [transfer] = status.data["transfers"]
    assert (transfer["percent"], transfer["sources"], transfer["rate"]) == (100, 0, 0)
    assert transfer["remark"] == "syncing the file and giving it its name"
    assert why.data["state"] == "finishing"
    assert why.data["phase"] == transfer["remark"]
    assert "All of 'f' is there: syncing the file and giving it its name." in why.lines


def test_what_was_cancelled_waits_for_nobody(fetcher: Fetcher) -> None:
    """While it puts on record what came, it stops, and that is what it says."""
    network, downloads = fetcher.network, fetcher.peer.peer.downloads
    assert network.run(60, lambda: bool(downloads.jobs))
    [job] = downloads.jobs
    assert network.run(60, lambda: 0 < job.done < len(CONTENT))
    fetcher.ask("cancel f")
    network.run(0.5)
    assert job in downloads.jobs
    assert fetcher.ask("why f").data["phase"] == job.remark == "stopping"
    with pytest.raises(Cancelled):
        network.result_of(fetcher.fetched, 60)
