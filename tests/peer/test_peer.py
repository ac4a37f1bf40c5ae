"""A peer as a whole: what it shares from the start, and what it warns of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.logger import formatEvent, globalLogPublisher

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
