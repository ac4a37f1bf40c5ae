"""The commands of a peer, each as it is typed."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError

from tests.swarm.harness import MIB, Swarm, run, until


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
async def test_sharing_before_the_tracker_is_there(swarm: Swarm) -> None:
    """What is published without a tracker is listed as soon as there is one."""
    await swarm.stop(swarm.tracker)
    peer = swarm.start_peer("p")
    answer = await run(peer, f"publish {swarm.file('x.bin', 10)}")
    assert answer["published"] == [{"name": "x.bin", "listed": False}]
    tracker = swarm.start_tracker()
    await until(lambda: "x.bin" in tracker.tracker.directory)
