"""Limits on what a peer sends and receives, set at start and changed at run time."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from p2pfs.errors import DownloadFailed
from p2pfs.peer.sources.receive_window import receive_window
from p2pfs.wire import tcp_path
from tests.swarm.harness import MIB, Swarm, download, publish, run, sha256, until


@ensureDeferred
@pytest.mark.parametrize("chunks", [1, 16])
@pytest.mark.parametrize("side", ["upload", "download"])
async def test_a_rate_is_kept(swarm: Swarm, side: str, chunks: int) -> None:
    """What takes a second at some rate takes no less than half of that, on either side's account.

    Be it in portions of a chunk, or at a rate that lets a chunk go out in one.
    """
    rates = {f"{side}_rate": chunks * MIB}
    source = await swarm.peer("s", **(rates if side == "upload" else {}))
    fetcher = await swarm.peer("f", **(rates if side == "download" else {}))
    path = swarm.file("x.bin", chunks * MIB)
    await publish(source, path)
    begun = reactor.seconds()
    await download(fetcher, "x.bin", swarm.directory / "copy")
    # Not an assertion on speed: a lower bound, less what may come in a burst.
    assert reactor.seconds() - begun > 0.5
    assert sha256(swarm.directory / "copy") == sha256(path)


@ensureDeferred
async def test_a_limit_can_be_lifted_at_run_time(swarm: Swarm) -> None:
    """A transfer under way takes notice."""
    source, fetcher = await swarm.peer("s", upload_rate=64 * 1024), await swarm.peer("f")
    path = swarm.file("x.bin", 16 * MIB)
    await publish(source, path)
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")
    await until(lambda: job.download and job.download.connected_sources)
    assert (await run(source, "limit upload"))["upload"] == 64 * 1024
    await run(source, "limit upload none")
    await fetched
    assert sha256(swarm.directory / "copy") == sha256(path)


@ensureDeferred
async def test_a_slow_rate_is_not_taken_for_a_dead_source(swarm: Swarm) -> None:
    """At the slowest rate a source still sends something before others lose patience."""
    source = await swarm.peer("s", upload_rate=20_000)
    fetcher = await swarm.peer("f", patience={"silence": 0.5})
    path = swarm.file("x.bin", 30_000)
    await publish(source, path)
    await download(fetcher, "x.bin", swarm.directory / "copy")
    assert sha256(swarm.directory / "copy") == sha256(path)


@ensureDeferred
async def test_connections_are_bounded(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """One downloader too many is turned away, and served once there is room."""
    monkeypatch.setattr("p2pfs.peer.serving.factory.MAX_CONNECTIONS", 1)
    source = await swarm.peer("s", upload_rate=64 * 1024)
    fetchers = [await swarm.peer("a"), await swarm.peer("b")]
    path = swarm.file("x.bin", 3 * MIB)
    await publish(source, path)
    first = fetchers[0].peer.downloads.start("x.bin", swarm.directory / "a.copy")[1]
    await until(lambda: len(source.peer.reception.connections) == 1)
    second = fetchers[1].peer.downloads.start("x.bin", swarm.directory / "b.copy")[1]
    await run(source, "limit upload none")
    await first
    await second
    assert len(source.peer.reception.connections) <= 1
    assert sha256(swarm.directory / "b.copy") == sha256(path)


@ensureDeferred
async def test_downloads_are_bounded(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """One download too many is refused with a sentence."""
    monkeypatch.setattr("p2pfs.peer.downloading.downloads.MAX_DOWNLOADS", 1)
    source, fetcher = await swarm.peer("s"), await swarm.peer("f")
    for name in ("x", "y"):
        await publish(source, swarm.file(name, MIB))
    first = fetcher.peer.downloads.start("x", swarm.directory / "x.copy")[1]
    with pytest.raises(DownloadFailed, match="wait for one, or cancel one"):
        await download(fetcher, "y", swarm.directory / "y.copy")
    await first


@pytest.mark.skipif(
    not hasattr(socket, "TCP_WINDOW_CLAMP"), reason="this system has no such option"
)
@ensureDeferred
async def test_sources_that_send_together_have_short_windows(swarm: Swarm) -> None:
    """Or their packets wait for one another in the network, and get lost."""
    sources = [await swarm.peer(name, upload_rate=64 * 1024) for name in "st"]
    fetcher = await swarm.peer("f")
    path = swarm.file("x.bin", 3 * MIB)
    for source in sources:
        await publish(source, path)
    job, fetched = fetcher.peer.downloads.start("x.bin", swarm.directory / "copy")

    await until(lambda: job.download and job.download.connected_sources == 2)
    assert job.download is not None
    transports = [
        source.connection.transport
        for source in job.download._source_set.connected
        if source.connection is not None
    ]
    await until(
        lambda: all(_window(each) == receive_window(None, tcp_path(each)) for each in transports)
    )
    for source in sources:
        await run(source, "limit upload none")
    await fetched
    assert sha256(swarm.directory / "copy") == sha256(path)


def _window(transport: Any) -> int:
    """The largest receive window of a connection, in bytes."""
    return transport.getHandle().getsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP)
