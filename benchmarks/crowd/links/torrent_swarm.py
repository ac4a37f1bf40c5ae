"""libtorrent: a session for each host, in a process of its own.

Nobody has to be found: when the race begins, every downloader is told the addresses of
all others. So there is no discovery on the clock, where p2pfs has to ask its tracker.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from benchmarks.crowd.links.race import Fetch, OnShare, Scene
from benchmarks.problems import Skipped
from benchmarks.processes import Worker, terminate_all

NAME = "libtorrent"
SESSION = "benchmarks.crowd.links.torrent_session"


def check_installed() -> None:
    """Raise `Skipped` where libtorrent is not installed."""
    if importlib.util.find_spec("libtorrent") is None:
        raise Skipped("libtorrent is not installed; the extra 'bench' brings it.")


@contextmanager
def libtorrent(scene: Scene) -> Iterator[Sequence[Fetch]]:
    """Sessions that all have the torrent, one of which has the file."""
    check_installed()
    torrent = str(scene.folder / "file.torrent")
    hosts = (scene.source, *scene.downloaders)
    with ExitStack() as stack:
        workers: dict[int, Worker] = {}
        for host in hosts:
            log = scene.folder / f"t{host}.log"
            workers[host] = Worker(SESSION, log, scene.lab.inside(host))
            stack.callback(workers[host].close)
        # Before they are waited for one by one, all are told to end.
        stack.callback(terminate_all, [worker.process for worker in workers.values()])
        workers[scene.source].ask("seed", str(scene.original), torrent, scene.crowd.chunk_size)
        for host in scene.downloaders:
            workers[host].ask("join", torrent, str(scene.copy(host).parent))
        addresses = {host: scene.lab.address(host) for host in hosts}
        yield [
            _fetch(workers[host], [other for at, other in addresses.items() if at != host])
            for host in scene.downloaders
        ]
        for host in scene.downloaders:
            workers[host].ask("flush")


def _fetch(worker: Worker, others: list[str]) -> Fetch:
    def fetch(on_share: OnShare) -> None:
        worker.ask("fetch", others)

    return fetch
