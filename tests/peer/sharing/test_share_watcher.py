"""Shares whose disk is away: not offered meanwhile, never forgotten, and back by themselves."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from p2pfs.errors import (
    AlreadyExists,
    Cancelled,
    DownloadFailed,
    NotFound,
    OutOfResources,
    StorageProblem,
)
from p2pfs.peer.commands import peer_commands
from p2pfs.peer.commands.status import status
from p2pfs.peer.commands.why import why
from p2pfs.peer.downloading import Job
from p2pfs.peer.library import Holding
from p2pfs.peer.service import PeerService
from p2pfs.peer.sharing import share_watcher
from p2pfs.peer.storage import is_part_name
from p2pfs.testing import Network, Swarm, download, publish
from p2pfs.tracker.service import TrackerService
from tests.conftest import LoggedFailures
from tests.simulation.parts import outcome_of

CONTENT = Random(1).randbytes(200_000)
CHUNK = 16384
"""Bytes of a chunk, of what is fetched."""


class Sharing:
    """A peer that shares two files of a directory ``disk``, which may be away."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.swarm = Swarm(network)
        self.tracker_host = network.add_host("tracker")
        self.tracker: TrackerService = self.swarm.start_tracker(self.tracker_host)
        self.host = network.add_host("source")
        self.peer = self.start()
        self.disk = self.host.directory / "disk"
        self.disk.mkdir()
        network.run(1)
        for name in ("a", "b"):
            (self.disk / name).write_bytes(CONTENT)
            network.result_of(publish(self.peer, self.disk / name), 10)

    def start(self) -> PeerService:
        return self.swarm.start_peer(self.host, self.tracker_host)

    def restart(self) -> None:
        self.network.result_of(self.swarm.stop(self.host), 10)
        self.peer = self.start()

    def unmount(self) -> None:
        self.disk.rename(self.away)
        self.disk.mkdir()

    def mount(self) -> None:
        self.disk.rmdir()
        self.away.rename(self.disk)

    @property
    def away(self) -> Path:
        return self.host.directory / "away"

    @property
    def listed(self) -> list[str]:
        return sorted(self.tracker.tracker.directory)

    @property
    def withheld(self) -> list[str]:
        return sorted(holding.name for holding in self.peer.peer.library if holding.withheld)

    def command(self, line: str) -> Deferred[Any]:
        commands = peer_commands(self.peer.peer)
        return commands.run(commands.definitions.parse_line(line), lambda _: None)


@pytest.fixture
def sharing(network: Network) -> Sharing:
    """See there."""
    return Sharing(network)


def test_shares_come_back_with_their_disk(sharing: Sharing) -> None:
    """Within a look they are withdrawn, and within a look of its return listed again."""
    sharing.unmount()
    sharing.network.run(31)
    assert sharing.listed == []
    assert sharing.withheld == ["a", "b"]
    sharing.network.run(1000)
    sharing.mount()
    sharing.network.run(31)
    assert sharing.listed == ["a", "b"]
    assert sharing.withheld == []


def test_a_disk_that_fails_is_away_too(sharing: Sharing) -> None:
    """Whether the system says that there is nothing, or that it cannot tell."""
    sharing.host.drive.failing = frozenset({"read"})
    sharing.network.run(31)
    assert sharing.withheld == ["a", "b"]
    [share, _] = status(sharing.peer.peer).data["shares"]
    assert share["withheld"].endswith("cannot be read: Input/output error.")
    sharing.host.drive.failing = frozenset()
    sharing.network.run(31)
    assert sharing.listed == ["a", "b"]


def test_a_file_that_cannot_be_opened_is_away(
    sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request finds out; that its status can be seen does not bring it back."""
    other = sharing.swarm.start_peer(sharing.network.add_host("other"), sharing.tracker_host)
    sharing.network.run(1)
    disk, target = sharing.host.disk, sharing.host.directory / "copy"
    really = disk.open

    def refuse(path: Path, flags: int, mode: int = 0o666) -> int:
        if path == sharing.disk / "a":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return really(path, flags, mode)

    monkeypatch.setattr(disk, "open", refuse)
    fetched = download(other, "a", target)[1]
    sharing.network.run(5)
    assert sharing.withheld == ["a"]
    assert isinstance(outcome_of(sharing.network, fetched, 70), DownloadFailed)
    assert not sharing.network.run(70, lambda: "a" in sharing.listed)
    assert (sharing.listed, sharing.withheld) == (["b"], ["a"])
    monkeypatch.undo()
    assert sharing.network.run(31, lambda: sharing.listed == ["a", "b"])
    sharing.network.result_of(download(other, "a", target)[1], 10)
    assert target.read_bytes() == CONTENT


def test_what_is_fetched_to_its_place_is_back(sharing: Sharing) -> None:
    """Who removed a file, and wants it again, downloads it as ever, and shares it again."""
    other = sharing.swarm.start_peer(sharing.network.add_host("other"), sharing.tracker_host)
    sharing.network.run(1)
    copy = sharing.host.directory / "copy"
    sharing.network.result_of(download(other, "a", copy)[1], 10)
    (sharing.disk / "a").unlink()
    sharing.network.run(31)
    assert sharing.withheld == ["a"]
    sharing.network.result_of(download(sharing.peer, "a", sharing.disk / "a")[1], 10)
    sharing.network.run(31)
    assert sharing.withheld == []
    assert sharing.peer.peer.announcer.address is not None
    assert "a" in sharing.tracker.tracker.directory.held_by(sharing.peer.peer.announcer.address)


def test_what_is_fetched_to_another_place_is_still_away(sharing: Sharing) -> None:
    """The chunks of that copy are none that the peer has to offer."""
    host = sharing.network.add_host("other")
    other = sharing.swarm.start_peer(host, sharing.tracker_host)
    sharing.network.run(1)
    sharing.network.result_of(download(other, "a", host.directory / "copy")[1], 10)
    (sharing.disk / "a").unlink()
    sharing.network.run(31)
    copy = sharing.host.directory / "copy"
    sharing.network.result_of(download(sharing.peer, "a", copy)[1], 10)
    sharing.network.run(5)
    assert sharing.withheld == ["a"]
    assert sharing.peer.peer.announcer.address is not None
    assert "a" not in sharing.tracker.tracker.directory.held_by(sharing.peer.peer.announcer.address)


def test_shares_outlive_a_restart_without_their_disk(sharing: Sharing) -> None:
    """What is withheld stays on record, also over a start at which the disk is not there."""
    sharing.unmount()
    for _ in range(2):
        sharing.restart()
        sharing.network.run(1)  # until the tracker has seen the end of the former process
        assert not sharing.network.run(40, lambda: bool(sharing.listed))
        assert sharing.withheld == ["a", "b"]
        assert sharing.listed == []
    sharing.mount()
    sharing.network.run(31)
    assert sharing.listed == ["a", "b"]


def test_a_tracker_that_is_joined_again_hears_nothing_of_them(sharing: Sharing) -> None:
    """What is withheld is not announced with all that is held."""
    sharing.unmount()
    sharing.network.run(31)
    sharing.tracker_host.kill()
    sharing.tracker = sharing.swarm.start_tracker(sharing.tracker_host)
    assert sharing.network.run(20, lambda: sharing.peer.peer.announcer.joined)
    sharing.network.run(1)
    assert sharing.listed == []


def test_it_is_said_that_they_are_withheld(sharing: Sharing) -> None:
    """By status, by why and by list_file; and a downloader is told that nobody offers it."""
    (sharing.disk / "a").unlink()
    sharing.network.run(60)
    told = status(sharing.peer.peer)
    [share] = [share for share in told.data["shares"] if share["withheld"]]
    assert share["withheld"] == f"{sharing.disk / 'a'} is gone."
    assert 25 <= share["withheld_seconds"] <= 60
    assert any("(withheld for " in line for line in told.lines)
    told = why(sharing.peer.peer, "a")
    assert told.data["state"] == "withheld"
    assert "unpublish it if it is gone for good" in told.lines[0]
    other = sharing.swarm.start_peer(sharing.network.add_host("other"), sharing.tracker_host)
    sharing.network.run(1)
    fetched = download(other, "a", sharing.host.directory / "copy")[1]
    assert isinstance(outcome_of(sharing.network, fetched, 10), NotFound)


def test_what_is_gone_for_good_is_unpublished(sharing: Sharing) -> None:
    """The user says so; it is not back when its file is."""
    sharing.unmount()
    sharing.network.run(31)
    sharing.network.result_of(sharing.command("unpublish a"), 10)
    sharing.mount()
    sharing.network.run(31)
    assert sharing.listed == ["b"]
    sharing.restart()
    sharing.network.run(40)
    assert sharing.listed == ["b"]


def test_what_comes_back_changed_is_unpublished(sharing: Sharing) -> None:
    """As it is when it changes without having been away."""
    sharing.unmount()
    sharing.network.run(31)
    (sharing.away / "a").write_bytes(b"something else")
    sharing.mount()
    sharing.network.run(31)
    assert sharing.listed == ["b"]
    assert sharing.peer.peer.library.get("a") is None


def test_a_withheld_share_may_be_published_from_elsewhere(sharing: Sharing) -> None:
    """Files that were moved are published anew, under the names that they had."""
    sharing.unmount()
    sharing.network.run(31)
    sharing.network.result_of(publish(sharing.peer, sharing.away / "a"), 10)
    assert sharing.withheld == ["b"]
    assert sharing.listed == ["a"]
    sharing.mount()
    sharing.network.run(31)
    # That file is away again, as it went back to its old place.
    assert (sharing.listed, sharing.withheld) == (["b"], ["a"])


def test_a_withheld_share_may_be_published_again(sharing: Sharing) -> None:
    """Nobody has to wait for a look."""
    times = (sharing.disk / "a").stat()
    sharing.unmount()
    sharing.network.run(31)
    sharing.mount()
    assert os.stat(sharing.disk / "a").st_mtime_ns == times.st_mtime_ns
    sharing.network.result_of(publish(sharing.peer, sharing.disk / "a"), 10)
    assert (sharing.listed, sharing.withheld) == (["a"], ["b"])


@pytest.mark.parametrize(
    ("error", "logged"), [(RuntimeError("a defect"), 1), (OutOfResources("No thread."), 0)]
)
def test_a_look_that_fails_is_not_the_last(
    sharing: Sharing,
    monkeypatch: pytest.MonkeyPatch,
    logged_failures: LoggedFailures,
    error: Exception,
    logged: int,
) -> None:
    """Whatever it failed for; a defect is logged as one."""
    monkeypatch.setattr(share_watcher, "in_thread", lambda *work: fail(error))
    sharing.network.run(31)
    assert len(logged_failures.flush()) == logged
    monkeypatch.undo()
    sharing.unmount()
    sharing.network.run(31)
    assert sharing.withheld == ["a", "b"]


def test_a_check_that_breaks_off_leaves_what_was_claimed(
    sharing: Sharing, monkeypatch: pytest.MonkeyPatch, logged_failures: LoggedFailures
) -> None:
    """It has found nothing out, so nothing is forgotten; the next one may."""
    target = sharing.host.directory / "copy"
    other = sharing.network.add_host("other", up=20e3)
    path = other.directory / "c"
    path.write_bytes(CONTENT)
    peer = sharing.swarm.start_peer(other, sharing.tracker_host, smallest_chunk=16384)
    sharing.network.run(1)
    sharing.network.result_of(publish(peer, path), 10)
    job, fetched = download(sharing.peer, "c", target)
    assert sharing.network.run(20, lambda: job.done > 0)
    job.cancel()
    assert isinstance(outcome_of(sharing.network, fetched), Cancelled)
    held = sharing.peer.peer.library["c"]
    before, watcher = list(held.chunks), sharing.peer.peer.share_watcher
    with held.path.open("ab") as file:
        file.write(b"more")

    def break_off(*_: object) -> None:
        raise OutOfResources("No thread.")

    monkeypatch.setattr(share_watcher, "recheck", break_off)
    sharing.network.result_of(Deferred.fromCoroutine(watcher.check_unfinished(held)), 10)
    assert len(logged_failures.flush()) == 1
    assert list(held.chunks) == before
    monkeypatch.undo()
    sharing.network.result_of(Deferred.fromCoroutine(watcher.check_unfinished(held)), 10)
    assert list(held.chunks) == before
    assert held.stamp is not None


# Unfinished downloads


class Fetching(Sharing):
    """A peer with an unfinished download ``c`` to the directory ``disk``, which may be away."""

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        other = network.add_host("other", up=20e3)
        (other.directory / "c").write_bytes(CONTENT)
        self.other = self.swarm.start_peer(other, self.tracker_host, smallest_chunk=CHUNK)
        network.run(1)
        network.result_of(publish(self.other, other.directory / "c"), 10)
        self.target = self.disk / "c"

    def fetch(self) -> tuple[Job, Deferred[Any]]:
        return download(self.peer, "c", self.target)

    def begin(self, killed: bool = False) -> int:
        """Fetch some of it, and end the process; how many chunks are there at least."""
        job, fetched = self.fetch()
        assert self.network.run(20, lambda: job.done > 60_000)
        fetched.addErrback(lambda _: None)
        if killed:
            self.network.run(3)  # until there is a record
            self.host.kill()
            return 3
        job.cancel()
        self.network.run(1)
        held = len(self.held.chunks)
        self.network.result_of(self.swarm.stop(self.host), 10)
        return held

    def start_without_disk(self) -> None:
        self.unmount()
        self.peer = self.start()
        self.network.run(2)

    @property
    def held(self) -> Holding:
        return self.peer.peer.library["c"]

    @property
    def holders(self) -> int:
        """How many the tracker knows for it."""
        return len(self.tracker.tracker.directory["c"].holders)


@pytest.fixture
def fetching(network: Network) -> Fetching:
    """See there."""
    return Fetching(network)


@pytest.mark.parametrize("killed", [False, True])
def test_an_unfinished_download_outlives_a_start_without_its_disk(
    fetching: Fetching, killed: bool
) -> None:
    """Also a second one, and after a crash: nothing that came is forgotten or fetched again."""
    before = fetching.begin(killed)
    fetching.unmount()
    for _ in range(2):
        fetching.peer = fetching.start()
        fetching.network.run(40)
        assert fetching.withheld == ["a", "b", "c"]
        assert fetching.holders == 1
        fetching.network.result_of(fetching.swarm.stop(fetching.host), 10)
    fetching.peer = fetching.start()
    fetching.network.run(5)
    fetching.mount()
    fetching.network.run(31)
    assert fetching.withheld == []
    assert len(fetching.held.chunks) >= before
    assert fetching.holders == 2
    uploaded = fetching.other.peer.serving.uploads.total
    missing = CHUNK * len(fetching.held.chunks.missing)
    fetching.network.result_of(fetching.fetch()[1], 60)
    assert fetching.target.read_bytes() == CONTENT
    assert fetching.other.peer.serving.uploads.total - uploaded <= missing


def test_what_is_away_is_not_begun_anew(fetching: Fetching) -> None:
    """Whoever asks for it is told, as is who asks how it stands; until it is unpublished."""
    fetching.begin()
    fetching.start_without_disk()
    with pytest.raises(StorageProblem, match=r"so far is away: .* is gone\. See to its disk"):
        fetching.network.result_of(fetching.fetch()[1], 10)
    assert list(fetching.disk.iterdir()) == []
    assert why(fetching.peer.peer, "c").data["state"] == "withheld"
    [share] = [s for s in status(fetching.peer.peer).data["shares"] if s["name"] == "c"]
    assert share["withheld"].endswith("is gone.")
    fetching.network.result_of(fetching.command("unpublish c"), 10)
    fetching.network.result_of(fetching.fetch()[1], 60)
    assert fetching.target.read_bytes() == CONTENT


def test_what_is_back_is_gone_on_with_at_once(fetching: Fetching) -> None:
    """Nobody has to wait for a look."""
    fetching.begin()
    fetching.start_without_disk()
    fetching.mount()
    fetching.network.result_of(fetching.fetch()[1], 60)
    assert fetching.target.read_bytes() == CONTENT
    assert "c" not in fetching.withheld


def test_a_part_file_that_comes_back_changed_is_checked(fetching: Fetching) -> None:
    """What is right in it is kept."""
    before = fetching.begin()
    fetching.start_without_disk()
    [part] = [path for path in fetching.away.iterdir() if is_part_name(path.name)]
    with part.open("r+b") as file:
        file.seek(min(fetching.held.chunks) * CHUNK)
        file.write(b"not that")
    fetching.mount()
    fetching.network.run(31)
    assert "c" not in fetching.withheld
    assert len(fetching.held.chunks) == before - 1


def test_nothing_is_published_over_what_is_away(fetching: Fetching) -> None:
    """An unfinished download is in the way of its name, wherever it is."""
    fetching.begin()
    fetching.start_without_disk()
    path = fetching.host.directory / "c"
    path.write_bytes(CONTENT)
    with pytest.raises(AlreadyExists, match="unpublish it first"):
        fetching.network.result_of(publish(fetching.peer, path), 10)
