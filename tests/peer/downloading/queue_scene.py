"""A peer with a queue of downloads: orders, what is shared for them, restarts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from p2pfs.peer.downloading import DownloadQueue, Entry
from p2pfs.peer.library import Order
from p2pfs.testing import publish
from tests.peer.downloading.pairs import CONTENT, Peers


def queue(peers: Peers) -> DownloadQueue:
    return peers.peer.peer.queue


def done(work: Any) -> Any:
    return Deferred.fromCoroutine(work)


def given(peers: Peers, name: str = "f", target: Path | None = None, **order: Any) -> Entry:
    """An order that is on record."""
    target = target or peers.host.directory / Path(name)
    entry: Entry = peers.network.result_of(
        done(queue(peers).give(Order(name, target, **order))), 20
    )
    peers.network.result_of(queue(peers).recorded(entry), 20)
    return entry


def shared(peers: Peers, *names: str, size: int = 20_000) -> None:
    """Files of the source, each of a second."""
    for name in names:
        path = peers.source_host.directory / name
        path.write_bytes(name.encode() * (size // len(name)))
        peers.network.result_of(publish(peers.source, path), 10)


def on_record(peers: Peers) -> list[str]:
    _, orders, _, amiss = peers.peer.peer.store.load()
    assert amiss == []
    return [order.name for order in orders]


def runs_until(peers: Peers, happened: Callable[[], Any], within: float = 60) -> None:
    assert peers.network.run(within, lambda: bool(happened()))


def has_some(entry: Entry) -> Callable[[], bool]:
    return lambda: entry.done > 0


def restart(peers: Peers, kill: bool = True, **settings: Any) -> None:
    """Have the peer die or stop, and start it anew."""
    if kill:
        peers.host.kill()
    else:
        peers.network.result_of(peers.swarm.stop(peers.host), 30)
    peers.peer = peers.start(peers.host, **settings)
    peers.network.run(0.1)


def shared_tree(peers: Peers) -> None:
    """A directory of the source, ``d/``, with one file in it, ``d/f``."""
    folder = peers.source_host.directory / "d"
    folder.mkdir()
    (folder / "f").write_bytes(CONTENT)
    peers.network.result_of(publish(peers.source, folder), 10)
