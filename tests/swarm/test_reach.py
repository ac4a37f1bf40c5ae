"""Peers that cannot be reached, over real connections."""

from __future__ import annotations

from pathlib import Path

from pytest_twisted import ensureDeferred

from p2pfs.peer.service import PeerService
from tests.swarm.harness import MIB, Swarm, download, publish, run, sha256, until


async def hidden_peer(swarm: Swarm, name: str) -> PeerService:
    """A peer whose port is closed to everybody before it joins."""
    peer = swarm.start_peer(name, tracker="none")
    for port in peer.ports:
        await port.stopListening()
    await run(peer, f"connect 127.0.0.1 {swarm.port}")
    await until(lambda: peer.peer.announcer.found_reachable is not None)
    assert peer.peer.announcer.found_reachable is False
    return peer


@ensureDeferred
async def test_the_tracker_finds_out_who_can_be_reached(swarm: Swarm) -> None:
    """Both hear of it, and their users can."""
    open_one, hidden = await swarm.peer("open"), await hidden_peer(swarm, "hidden")
    await until(lambda: open_one.peer.announcer.found_reachable)
    assert (await run(open_one, "status"))["reachable"] is True
    told = await run(hidden, "status")
    assert told["reachable"] is False
    assert "Others cannot connect to this peer" in told["warning"]
    assert told["fingerprint"] == hidden.peer.key.fingerprint
    await until(lambda: not open_one.peer.reception.connections)


@ensureDeferred
async def test_a_peer_that_cannot_be_reached_serves(swarm: Swarm, tmp_path: Path) -> None:
    """It connects to the downloader, and sends from the page cache as on any connection."""
    hidden, fetcher = await hidden_peer(swarm, "hidden"), await swarm.peer("fetcher")
    await until(lambda: fetcher.peer.announcer.found_reachable)
    path = swarm.file("x.bin", 5 * MIB + 17)
    await publish(hidden, path)
    await download(fetcher, "x.bin", tmp_path / "fetched")
    assert sha256(tmp_path / "fetched") == sha256(path)
    assert hidden.peer.serving.uploads.total == 5 * MIB + 17
    await until(
        lambda: not hidden.peer.reception.connections and not fetcher.peer.reception.connections
    )


@ensureDeferred
async def test_a_peer_is_the_same_after_a_restart(swarm: Swarm) -> None:
    """Its key is in its state directory; another directory is another peer."""
    first = await swarm.peer("a")
    fingerprint = first.peer.key.fingerprint
    await swarm.stop(first)
    assert (await swarm.peer("a")).peer.key.fingerprint == fingerprint
    assert (await swarm.peer("b")).peer.key.fingerprint != fingerprint
