"""A peer as a whole: what it shares from the start, and what it warns of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.logger import formatEvent, globalLogPublisher

from p2pfs import testing
from p2pfs.errors import Cancelled
from p2pfs.testing import Network
from tests.swarm.foreign_tracker import peer_of_a_tracker_that_says
from tests.swarm.harness import Swarm, publish, until


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """What is logged meanwhile."""
    lines: list[str] = []

    def observe(event: Any) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


@ensureDeferred
async def test_a_refused_share_at_start_is_logged(swarm: Swarm, log_lines: list[str]) -> None:
    """--share of something the tracker will not list is not silently dropped."""
    first = await swarm.peer("a")
    await publish(first, swarm.file("x.bin", 10, seed=1))
    other = swarm.file("sub/x.bin", 10, seed=2)
    await swarm.peer("b", share=[other])
    await until(lambda: any("'x.bin' was not published" in line for line in log_lines))


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


# In simulated time


def test_what_its_settings_name_is_shared_from_the_beginning(network: Network) -> None:
    """A file and a directory; what cannot be shared does not keep the others from it."""
    swarm = testing.Swarm(network)
    tracker, host = network.add_host("tracker"), network.add_host("peer")
    directory = swarm.start_tracker(tracker).tracker.directory
    (host.directory / "d").mkdir()
    for name in ("f", "d/g"):
        (host.directory / name).write_bytes(b"content")
    named = [host.directory / name for name in ("missing", "f", "d")]
    swarm.start_peer(host, tracker, share=named)
    network.run(5)
    assert sorted(directory) == ["d/g", "f"]


def test_what_it_held_is_there_again_after_a_restart(network: Network) -> None:
    """On record, offered to the tracker, and served."""
    swarm = testing.Swarm(network)
    tracker, host = network.add_host("tracker"), network.add_host("peer")
    directory = swarm.start_tracker(tracker).tracker.directory
    peer = swarm.start_peer(host, tracker)
    network.run(1)
    (host.directory / "f").write_bytes(b"content")
    network.result_of(testing.publish(peer, host.directory / "f"), 10)
    network.result_of(swarm.stop(host), 10)
    network.run(1)
    assert "f" not in directory
    swarm.start_peer(host, tracker)
    other = swarm.start_peer(network.add_host("other"), tracker)
    network.run(1)
    assert "f" in directory
    copy = network.hosts["other"].directory / "copy"
    network.result_of(testing.download(other, "f", copy)[1], 10)
    assert copy.read_bytes() == b"content"


def test_a_peer_that_stops_ends_what_is_under_way(network: Network) -> None:
    """A download, its connections, and the timers of both ends."""
    swarm = testing.Swarm(network)
    tracker, host = network.add_host("tracker"), network.add_host("source", up=10_000)
    swarm.start_tracker(tracker)
    source = swarm.start_peer(host, tracker)
    fetcher = swarm.start_peer(network.add_host("fetcher"), tracker)
    network.run(1)
    (host.directory / "f").write_bytes(bytes(300_000))
    network.result_of(testing.publish(source, host.directory / "f"), 10)
    failures: list[Any] = []
    target = network.hosts["fetcher"].directory / "copy"
    testing.download(fetcher, "f", target)[1].addErrback(failures.append)
    network.run(3)
    assert len(source.peer.reception.connections) == 1
    network.result_of(swarm.stop(network.hosts["fetcher"]), 10)
    assert failures[0].check(Cancelled)
    network.result_of(swarm.stop(host), 10)
    assert not source.peer.reception.connections
