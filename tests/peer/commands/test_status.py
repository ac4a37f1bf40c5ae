"""``status``: how a peer stands with its tracker, its shares, and its transfers."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.errors import Refused
from tests.swarm.foreign_tracker import peer_of_a_tracker_that_says
from tests.swarm.harness import MIB, Swarm, publish, run, until


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
