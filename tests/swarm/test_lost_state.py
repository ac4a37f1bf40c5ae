"""The end of daemons whose state directory was removed underneath them."""

from __future__ import annotations

import shutil

import pytest
from pytest_twisted import ensureDeferred

from p2pfs.daemon.state_directory import StateDirectory
from tests.swarm.harness import MIB, Swarm, publish, until


@ensureDeferred
@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_such_a_daemon_ends_in_order(swarm: Swarm, how: str) -> None:
    """With a download under way; and it leaves alone what another has put in its place."""
    source, fetcher = await swarm.peer("s"), await swarm.peer("f", download_rate=MIB)
    await publish(source, swarm.file("x.bin", 8 * MIB))
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    fetched.addErrback(lambda _: None)
    await until(lambda: job.done)
    for daemon in (source, fetcher):
        shutil.rmtree(daemon.state)
        if how == "replaced":
            StateDirectory(daemon.state).release()
            (daemon.state / "control").touch()
        await swarm.stop(daemon)
        assert (daemon.state / "control").exists() == (how == "replaced")
        assert daemon.state.exists() == (how == "replaced")
