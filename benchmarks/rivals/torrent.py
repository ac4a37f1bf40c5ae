"""libtorrent: a session that seeds, and one in another process that downloads.

The settings are those for speed on one machine: the peer's address given, nothing
limited. The clock runs until all pieces are there and checked; what is not on the disk
by then is written afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import torrents
from benchmarks.problems import BenchmarkFailed
from benchmarks.stage import Stage
from benchmarks.timing import Contender, Sample
from tests.processes.daemons import sha256

NAME = torrents.NAME
PIECE = 1 << 20
SETTINGS: dict[str, Any] = {
    "listen_interfaces": "127.0.0.1:0",
    "allow_multiple_connections_per_ip": True,
    "min_reconnect_time": 0,
    "download_rate_limit": 0,
    "upload_rate_limit": 0,
    "unchoke_slots_limit": -1,
    "max_out_request_queue": 4000,
    "max_allowed_in_request_queue": 8000,
    "request_queue_time": 10,
    "max_queued_disk_bytes": 64 << 20,
    "send_buffer_watermark": 16 << 20,
    "send_buffer_low_watermark": 1 << 20,
    "send_buffer_watermark_factor": 150,
    "suggest_mode": 0,
}


def contender(stage: Stage, original: Path) -> Contender:
    """A download by libtorrent; raises `Skipped` where it is not installed."""
    torrents.check_installed()
    source = stage.worker("libtorrent source", torrents.WORKER)
    downloader = stage.worker("libtorrent downloader", torrents.WORKER)
    torrent = str(stage.directory / "original.torrent")
    folder = stage.directory / "libtorrent"
    folder.mkdir()
    port: int = source.ask("open", SETTINGS, True)
    source.ask("seed", str(original), torrent, PIECE)
    downloader.ask("open", SETTINGS, True)
    pids = [source.process.pid, downloader.process.pid]

    def fetch() -> None:
        downloader.ask("join", torrent, str(folder))
        downloader.ask("fetch", [("127.0.0.1", port)])

    def run() -> Sample:
        for copy in folder.iterdir():
            copy.unlink()
        sample = stage.measure(fetch, pids)
        downloader.ask("flush")
        downloader.ask("drop")
        return sample

    def check() -> None:
        if sha256(folder / original.name) != sha256(original):
            raise BenchmarkFailed("libtorrent fetched something else than was seeded.")

    return Contender(NAME, run, check)
