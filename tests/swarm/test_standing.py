"""How a peer stands with its tracker, and what it tells its user about that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Factory
from twisted.logger import formatEvent, globalLogPublisher

from p2pfs.errors import Refused
from tests.swarm.foreign import JsonLines
from tests.swarm.harness import MIB, Swarm, publish, run, until


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """What is logged meanwhile."""
    lines: list[str] = []

    def observe(event: Any) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


class ForeignTracker(JsonLines):
    """LibraryStore every peer at an address of its choosing, or refuses it."""

    reply: dict[str, Any]

    def lineReceived(self, line: bytes) -> None:
        self.say(**self.reply)


async def peer_of_a_tracker_that_says(tmp_path: Path, listen: str, **reply: Any) -> Any:
    """A peer whose registration is answered with ``reply``, and how to end it all."""
    factory = Factory.forProtocol(ForeignTracker)
    factory.noisy = False
    connections: list[ForeignTracker] = []

    def build(addr: object) -> ForeignTracker:
        connection = ForeignTracker()
        connection.reply = reply
        connections.append(connection)
        return connection

    factory.buildProtocol = build
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    swarm = Swarm(tmp_path)
    swarm.port = port.getHost().port
    peer = swarm.start_peer("p", listen=listen)
    await until(lambda: peer.peer.announcer.joined or peer.peer.announcer.problem)

    async def end() -> None:
        await swarm.stop_all()
        await port.stopListening()
        await until(lambda: all(c.transport.disconnected for c in connections))

    return peer, end


@ensureDeferred
async def test_a_peer_nobody_can_reach_says_so(tmp_path: Path, log_lines: list[str]) -> None:
    """Listening on loopback with the tracker elsewhere is never silently useless."""
    peer, end = await peer_of_a_tracker_that_says(
        tmp_path,
        "tcp:0:interface=127.0.0.1",
        type="REPLY_REGISTER",
        address="192.0.2.7:6881",
    )
    warnings = [line for line in log_lines if line.startswith("Others cannot connect to this peer")]
    assert len(warnings) == 1
    assert f"--listen tcp:{peer.peer.address.port}" in warnings[0]
    await end()


@ensureDeferred
async def test_a_tracker_reached_over_loopback(tmp_path: Path, log_lines: list[str]) -> None:
    """A peer that listens everywhere but is known by a loopback address is told how to mend it."""
    _, end = await peer_of_a_tracker_that_says(
        tmp_path, "tcp:0", type="REPLY_REGISTER", address="127.0.0.1:6881"
    )
    assert any(line.startswith("Other machines cannot fetch") for line in log_lines)
    await end()


@ensureDeferred
async def test_a_peer_everybody_can_reach_is_not_warned(swarm: Swarm, log_lines: list[str]) -> None:
    """All on one machine is a network too."""
    await swarm.peer("p")
    assert not any("annot fetch" in line or "annot connect" in line for line in log_lines)


@ensureDeferred
async def test_a_refused_registration_is_shown(tmp_path: Path) -> None:
    """The reason the tracker gave stands in the status."""
    peer, end = await peer_of_a_tracker_that_says(
        tmp_path,
        "tcp:0:interface=127.0.0.1",
        type="ERROR",
        request="REQUEST_REGISTER",
        message="not from here",
    )
    status = await run(peer, "status")
    assert status["joined_as"] is None
    assert status["problem"] == "not from here"
    await end()


@ensureDeferred
async def test_status_shows_a_transfer_under_way(swarm: Swarm) -> None:
    """Percent, rate, sources and time left, and nothing once it is over."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    await publish(source, swarm.file("x.bin", 96 * MIB))
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.done > 24 * MIB)
    [transfer] = (await run(fetcher, "status"))["transfers"]
    assert 25 <= transfer["percent"] < 100
    assert transfer["sources"] == 1
    assert transfer["rate"] > 0
    assert transfer["seconds_left"] >= 0
    await fetched
    status = await run(fetcher, "status")
    assert status["transfers"] == []
    assert [share["held"] for share in status["shares"]] == [96]


@ensureDeferred
async def test_publishing_reports_progress_and_can_be_cancelled(swarm: Swarm) -> None:
    """A cancelled publish leaves nothing shared."""
    from p2pfs.peer.commands import peer_commands

    peer = await swarm.peer("p")
    path = swarm.file("x.bin", 0)
    os.truncate(path, 8192 * MIB)  # sparse: only the hashing takes its time
    commands = peer_commands(peer.peer)
    seen: list[Any] = []
    running = commands.run(commands.parse(["publish", str(path)]), seen.append)
    await until(lambda: any(progress.done for progress in seen))
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    await peer.peer.publisher.stop()
    assert peer.peer.library.get("x.bin") is None
    assert "x.bin" not in swarm.tracker.tracker.directory


@ensureDeferred
async def test_a_refused_share_at_start_is_logged(swarm: Swarm, log_lines: list[str]) -> None:
    """--share of something the tracker will not list is not silently dropped."""
    first = await swarm.peer("a")
    await publish(first, swarm.file("x.bin", 10, seed=1))
    other = swarm.file("sub/x.bin", 10, seed=2)
    await swarm.peer("b", share=[other])
    await until(lambda: any("'x.bin' was not published" in line for line in log_lines))


@ensureDeferred
async def test_sharing_before_the_tracker_is_there(swarm: Swarm) -> None:
    """What is published without a tracker is listed as soon as there is one."""
    await swarm.stop(swarm.tracker)
    peer = swarm.start_peer("p")
    answer = await run(peer, f"publish {swarm.file('x.bin', 10)}")
    assert answer["published"] == [{"name": "x.bin", "listed": False}]
    tracker = swarm.start_tracker()
    await until(lambda: "x.bin" in tracker.tracker.directory)


@ensureDeferred
async def test_a_conflict_after_a_restart_of_the_tracker_is_shown(swarm: Swarm) -> None:
    """Two peers that share different contents under one name: the later one's status tells."""
    first = await swarm.peer("a")
    await publish(first, swarm.file("x.bin", 10, seed=1))
    second = swarm.start_peer("b", tracker="none")
    await run(second, f"publish {swarm.file('y', 10, seed=2)} x.bin")
    await run(second, f"connect 127.0.0.1 {swarm.port}")
    await until(lambda: second.peer.library["x.bin"].refusal)
    [share] = (await run(second, "status"))["shares"]
    assert "Another content" in share["refused"]
    with pytest.raises(Refused):
        await run(second, f"publish {swarm.directory / 'y'} x.bin")
