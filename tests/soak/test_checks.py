"""The checks of random histories see what they are for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from twisted.python.failure import Failure

from p2pfs.chunks import ChunkSet, FileInfo, HashList
from p2pfs.errors import DownloadFailed
from p2pfs.peer.downloading.download import Download
from p2pfs.peer.library import Holding
from p2pfs.peer.service import PeerService
from p2pfs.peer.storage import Stamp, part_name
from p2pfs.testing import Host, Network, Swarm, download, publish
from p2pfs.testing.swarm import PEER_PORT
from p2pfs.wire import MessageProtocol
from tests.soak.checks import FileChecks
from tests.soak.endings import EndChecks
from tests.soak.listener import Listener
from tests.soak.report import Writer
from tests.soak.running import run_seed
from tests.soak.scene import Scene
from tests.soak.standstill import PATIENCE, SHARING, Standstill, longest
from tests.soak.truth import DOWNLOADS, Truth
from tests.soak.watch import Watch
from tests.soak.witness import WINDOW, Attempt, Witness

PART = part_name(Random(1))
CONTENT = Random(1).randbytes(300_000)


class Stage:
    """A tracker, a source that shares a file of 300,000 bytes, and a peer that has nothing."""

    def __init__(self, directory: Path) -> None:
        self.network = Network(directory, Random(1))
        self.swarm = Swarm(self.network)
        hosts = [self.network.add_host(name, 1e6, 1e6) for name in ("tracker", "source", "peer")]
        self.tracker, self.source, self.host = hosts
        for host in hosts:
            (host.directory / DOWNLOADS).mkdir()
        self.swarm.start_tracker(self.tracker)
        self.sharing = self.start(self.source)
        self.peer = self.start(self.host)
        self.truth = Truth(self.swarm)
        self.truth.published(self.source, "f", CONTENT)
        self.writer = Writer(self.network.timeline, directory, 0)
        peers = [self.source, self.host]
        scene = Scene(self.network, self.swarm, self.tracker, peers, self.truth, self.writer)
        self.files = FileChecks(scene)
        self.end = EndChecks(scene)
        self.witness = Witness(scene)
        self.watch = Watch(scene)
        self.listener = Listener(scene, self.files, {"peer"})
        self.network.run(1)
        shared = self.source.directory / "f"
        shared.write_bytes(CONTENT)
        self.network.result_of(publish(self.sharing, shared), 10)
        self.target = self.host.directory / DOWNLOADS / "f"

    def start(self, host: Host) -> PeerService:
        return self.swarm.start_peer(host, self.tracker, smallest_chunk=16384)

    def fetch(self) -> None:
        """Have the peer download the file."""
        self.network.result_of(download(self.peer, "f", self.target)[1], 60)
        self.network.run(1)

    def check(self) -> None:
        """All that may be checked while everything runs."""
        self.files.look()
        self.watch.look()
        self.files.check_finals([self.source, self.host])
        self.files.check_told(self.host)
        self.end.check_directory()
        self.end.check_idle()
        self.end.check_memory()

    @property
    def problems(self) -> str:
        return "\n".join(self.writer.report.problems)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """See there."""
    stage = Stage(tmp_path)
    yield stage
    stage.network.close()


def test_what_is_right_is_no_problem(stage: Stage) -> None:
    """Or else no history would ever go well."""
    stage.fetch()
    stage.files.told(stage.host, stage.target)
    stage.check()
    for host in (stage.source, stage.host, stage.tracker):
        stage.network.result_of(stage.swarm.stop(host), 30)
    stage.network.run(5)
    stage.end.check_nothing_left()
    assert not stage.problems


def break_final(stage: Stage) -> None:
    stage.target.write_bytes(CONTENT[:-1])


def lose_told(stage: Stage) -> None:
    stage.fetch()
    stage.files.told(stage.host, stage.target)
    stage.target.unlink()


def touch_foreign(stage: Stage) -> None:
    stage.truth.foreign[stage.target] = b"mine"
    stage.fetch()


def claim_wrong_chunk(stage: Stage) -> None:
    info = shared_info(stage)
    path = stage.target.with_name(PART)
    path.write_bytes(bytes(info.filesize))
    total = info.totalchunknum
    chunks = ChunkSet.of(total, [3])
    holding = Holding("f", info, HashList(total), chunks, path, target=stage.target)
    stage.peer.peer.library.add(holding)


def shared_info(stage: Stage) -> FileInfo:
    return stage.sharing.peer.library["f"].info


def claim_what_is_gone(stage: Stage) -> None:
    claim_wrong_chunk(stage)
    stage.target.with_name(PART).unlink()


def claim_more_than_the_tracker_knows(stage: Stage) -> None:
    stage.fetch()
    address = stage.peer.peer.announcer.address
    assert address is not None
    directory(stage).unpublish(address, "f")


def directory(stage: Stage):  # type: ignore[no-untyped-def]  # the tracker's, whatever its type
    return stage.swarm.daemons[stage.tracker].tracker.directory  # type: ignore[attr-defined]  # as above


def claim_less_than_the_tracker_knows(stage: Stage) -> None:
    stage.sharing.peer.library.discard(stage.sharing.peer.library["f"])


def forget_to_leave(stage: Stage) -> None:
    directory(stage).join("10.9.9.9:6881")


def leave_part_file(stage: Stage) -> None:
    stage.target.with_name(PART).write_bytes(b"")


def leave_journal(stage: Stage) -> None:
    journals = stage.host.directory / "state" / "unfinished"
    journals.mkdir()
    (journals / "x.journal").write_bytes(b"")


def leave_file_open(stage: Stage) -> None:
    stage.host.disk.open(stage.source.directory / "f", os.O_RDONLY)


def leave_connection(stage: Stage) -> None:
    pool = stage.peer.peer.downloads.new_pool()
    stage.peer.peer.downloads.start("f", stage.target, False, pool)
    stage.network.run(30)


def share_again(stage: Stage) -> None:
    stage.truth.unshared.add((stage.source, "f"))


def leave_timer(stage: Stage) -> None:
    protocol = MessageProtocol(stage.host.reactor)
    protocol.connectionLost()
    stage.host.reactor.callLater(10, protocol.close)


def keep_vanished(stage: Stage) -> None:
    stage.network.partition([stage.host])
    stage.watch.look()
    stage.network.run(70)
    directory(stage).join(f"{stage.host.address}:{PEER_PORT}")


def keep_connection(stage: Stage) -> None:
    stage.network.run(1)
    [connection, *_] = stage.network.connections
    stage.peer.kept = connection  # type: ignore[attr-defined]  # a leak is no attribute
    connection.reset()
    stage.network.run(20)


@pytest.mark.parametrize(
    ("violate", "problem"),
    [
        (break_final, "is not what was published"),
        (lose_told, "is not there any more"),
        (touch_foreign, "was touched"),
        (claim_wrong_chunk, "claims chunk 3"),
        (claim_what_is_gone, "which is not there"),
        (claim_more_than_the_tracker_knows, "The tracker says"),
        (claim_less_than_the_tracker_knows, "The tracker says"),
        (forget_to_leave, "The tracker knows"),
        (leave_part_file, "which nobody will go on with"),
        (leave_journal, "left the journal"),
        (leave_file_open, "has files open"),
        (leave_connection, "has a connection to a source left"),
        (share_again, "which its user unpublished"),
        (leave_timer, "a timer of a closed connection"),
        (keep_vanished, "is out of reach"),
        (keep_connection, "are kept in memory"),
    ],
)
def test_a_check_sees_its_violation(
    stage: Stage, violate: Callable[[Stage], None], problem: str
) -> None:
    """Each check of a running swarm goes red on what it is for."""
    violate(stage)
    stage.check()
    assert problem in stage.problems


def test_what_is_left_after_the_stop_is_seen(stage: Stage) -> None:
    """Timers, open files, ports and connections, of daemons that were not stopped here."""
    stage.host.disk.open(stage.source.directory / "f", os.O_RDONLY)
    stage.end.check_nothing_left()
    for what in ("left timers", "left files open", "left ports open", "Connections are left"):
        assert what in stage.problems


def test_a_foreign_file_is_not_said_to_be_downloaded(stage: Stage) -> None:
    """Whatever is in it."""
    stage.fetch()
    stage.truth.foreign[stage.target] = CONTENT
    stage.files.told(stage.host, stage.target)
    assert "is said to be downloaded" in stage.problems


def unfinished(stage: Stage) -> Holding:
    """A download under way, looked at for a while."""
    job, _ = download(stage.peer, "f", stage.target)
    stage.host.downlink.rate = 20e3
    for _ in range(12):
        stage.network.run(1)
        stage.files.look()
    assert job.holding is not None
    assert 1 < len(job.holding.chunks) < job.holding.info.totalchunknum
    return job.holding


@pytest.mark.parametrize(
    ("end", "right", "wrong", "problem"),
    [
        ("kill", 0, 0, "after a kill"),
        ("kill", 99, 1, "are wrong"),
        ("power failure", 0, 0, "after a power failure"),
    ],
)
def test_what_a_crash_undoes_is_seen(
    stage: Stage, end: str, right: int, wrong: int, problem: str
) -> None:
    """After a crash a download has what it had, or what it had seconds before."""
    holding = unfinished(stage)
    stage.files.ends(stage.host, end)
    stage.files.rechecked(holding.path, right, wrong)
    assert problem in stage.problems


def test_a_recheck_that_keeps_all_is_no_problem(stage: Stage) -> None:
    """Nor is one after the drive was at fault, or somebody wrote into the file."""
    holding = unfinished(stage)
    stage.files.ends(stage.host, "kill")
    stage.files.rechecked(holding.path, len(holding.chunks), 0)
    holding = replace(holding)
    stage.files.look()
    stage.files.ends(stage.host, "kill")
    stage.truth.scribbled.add(holding.path)
    stage.files.rechecked(holding.path, 0, 3)
    assert not stage.problems


def banned(stage: Stage, host: Host) -> None:
    """What the log has when a source is banned."""
    text = "Banned for {name}: {error}"
    error = f"{host.address}:6881: it sent a wrong chunk"
    stage.listener({"log_format": text, "log_source": stage, "name": "f", "error": error})


def test_who_is_honest_is_not_banned(stage: Stage) -> None:
    """Unless bytes were flipped on their way."""
    banned(stage, stage.source)
    assert "is honest" in stage.problems
    stage.writer.report.problems.clear()
    stage.truth.flipped = True
    banned(stage, stage.source)
    assert not stage.problems


def test_who_was_banned_is_not_asked_again(stage: Stage) -> None:
    """Only what was in flight to it may make it banned once more."""
    for _ in range(2):
        banned(stage, stage.host)
    assert not stage.problems
    banned(stage, stage.host)
    assert "asked again after it was banned" in stage.problems


def test_a_logged_failure_is_a_problem(stage: Stage) -> None:
    """Failures are for programmers; users get sentences."""
    stage.listener({"log_format": "Oh.", "log_failure": Failure(ValueError("defect"))})
    assert "A failure was logged: " in stage.problems
    assert "defect" in stage.problems


@pytest.mark.parametrize("offered", [True, False])
def test_a_download_may_only_starve_without_sources(stage: Stage, offered: bool) -> None:
    """When all it lacked could be had for as long as it is patient, it should have had it."""
    attempt = Attempt(stage.host, "f", 0.0)
    attempt.job, fetched = download(stage.peer, "f", stage.target)
    fetched.addErrback(lambda failure: failure.trap(DownloadFailed))
    stage.network.run(0.1)
    stage.host.downlink.rate = 1.0
    for _ in range(WINDOW + 5):
        stage.network.run(1)
        if not offered:
            stage.source.drive.full = True
        stage.witness.look(attempt)
    assert stage.witness.could_have_finished(attempt) is offered


@pytest.mark.parametrize("offered", [True, False])
def test_a_download_may_only_stand_still_without_sources(
    stage: Stage, offered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an honest peer could give is to come in a bounded time."""
    monkeypatch.setattr(Download, "go_on", lambda self: None)
    attempt = Attempt(stage.host, "f", 0.0)
    attempt.job, _ = download(stage.peer, "f", stage.target)
    stage.source.drive.full = not offered
    for _ in range(int(PATIENCE) + 5):
        stage.network.run(1)
        stage.witness.look(attempt)
    assert ("got nothing of 'f'" in stage.problems) is offered


def test_time_without_an_offer_is_no_standstill() -> None:
    """Nor is the time of others, nor that before the last chunk came."""
    here, there = object(), object()
    standstill: Standstill[object] = Standstill()
    had = ChunkSet(4)
    assert standstill.look(0.0, had, {here: 0b1}) == {here: 0.0}
    assert standstill.look(10.0, had, {here: 0b11, there: 0b10}) == {here: 10.0, there: 0.0}
    assert standstill.look(20.0, had, {here: 0b10, there: 0b10}) == {there: 10.0}
    had.add(3)
    assert standstill.look(30.0, had, {there: 0b10}) == {there: 0.0}
    assert standstill.look(40.0, had, {there: 0b1000}) == {}


def test_a_chunk_may_take_longer_on_a_slow_line() -> None:
    """Others may have to pass before it."""
    assert longest(1 << 20, None) == PATIENCE
    assert longest(1 << 20, float(1 << 17)) == PATIENCE + 8 * SHARING


def test_a_hanging_download_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that neither ends nor fails is found at the end of its history."""
    monkeypatch.setattr(Download, "_stop", lambda self, outcome: None)
    assert any("hangs." in problem for problem in run_seed(19).problems)


def test_a_stamp_is_of_the_simulated_clock(stage: Stage) -> None:
    """The checks read the disk past it; they would otherwise change what the peers see."""
    holding = stage.sharing.peer.library["f"]
    stage.files.look()
    assert holding.stamp == Stamp.of(stage.source.disk.status(holding.path))
