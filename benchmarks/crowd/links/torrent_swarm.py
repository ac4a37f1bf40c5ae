"""libtorrent: a session for each host, in a process of its own.

Nobody has to be found: when the race begins, every downloader is told the addresses of
all others. So there is no discovery on the clock, where p2pfs has to ask its tracker.

What is not set here libtorrent chooses itself: of how many it serves at once, whom, and how
far ahead it asks, no other choice made a crowd quicker, nor did super-seeding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks import torrents
from benchmarks.crowd.links.race import Fetch, OnPart, Scene
from benchmarks.crowd.links.workers import workers
from benchmarks.processes import Worker

NAME = torrents.NAME
PORT = 6881
SETTINGS = {"listen_interfaces": f"0.0.0.0:{PORT}", "min_reconnect_time": 1}


@contextmanager
def libtorrent(scene: Scene) -> Iterator[Sequence[Fetch]]:
    """Sessions that all have the torrent, one of which has the file."""
    torrents.check_installed()
    torrent = str(scene.folder / "file.torrent")
    with workers(scene, torrents.WORKER) as started:
        for worker in started.values():
            worker.ask("open", SETTINGS)
        started[scene.source].ask("seed", str(scene.original), torrent, scene.crowd.chunk_size)
        for host in scene.downloaders:
            started[host].ask("join", torrent, str(scene.copy(host).parent))
        addresses = {host: scene.lab.address(host) for host in started}
        yield [
            _fetch(started[host], [other for at, other in addresses.items() if at != host])
            for host in scene.downloaders
        ]
        for host in scene.downloaders:
            started[host].ask("flush")


def _fetch(worker: Worker, others: list[str]) -> Fetch:
    def fetch(on_part: OnPart) -> None:
        worker.ask("fetch", [(other, PORT) for other in others])

    return fetch
