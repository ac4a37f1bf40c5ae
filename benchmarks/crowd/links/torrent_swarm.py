"""libtorrent: a session for each host, in a process of its own.

Nobody has to be found: when the race begins, every downloader is told the addresses of
all others. So there is no discovery on the clock, where p2pfs has to ask its tracker.

What is not set here libtorrent chooses itself: of how many it serves at once, whom, and how
far ahead it asks, no other choice made a crowd quicker, nor did super-seeding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from benchmarks import torrents
from benchmarks.crowd.links.race import Fetch, OnShare, Scene
from benchmarks.processes import Worker, terminate_all

NAME = torrents.NAME
PORT = 6881
SETTINGS = {"listen_interfaces": f"0.0.0.0:{PORT}", "min_reconnect_time": 1}


@contextmanager
def libtorrent(scene: Scene) -> Iterator[Sequence[Fetch]]:
    """Sessions that all have the torrent, one of which has the file."""
    torrents.check_installed()
    torrent = str(scene.folder / "file.torrent")
    hosts = (scene.source, *scene.downloaders)
    with ExitStack() as stack:
        workers: dict[int, Worker] = {}
        for host in hosts:
            log = scene.folder / f"t{host}.log"
            workers[host] = Worker(torrents.WORKER, log, scene.lab.inside(host))
            stack.callback(workers[host].close)
        # Before they are waited for one by one, all are told to end.
        stack.callback(terminate_all, [worker.process for worker in workers.values()])
        for worker in workers.values():
            worker.ask("open", SETTINGS)
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
        worker.ask("fetch", [(other, PORT) for other in others])

    return fetch
