"""libtorrent: a session that seeds, and one in another process that downloads.

The settings are those for speed on one machine: plain TCP, the peer's address
given, nothing limited, no discovery. Torrents are of version 1, whose SHA-1
costs less than the SHA-256 tree of version 2. The clock runs until all pieces are
there and checked; what is not on the disk by then is written afterwards.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from pathlib import Path
from typing import Any

from benchmarks.problems import BenchmarkFailed, Skipped
from benchmarks.processes import obey
from benchmarks.stage import Stage
from benchmarks.timing import Contender, Sample
from tests.processes.daemons import sha256

NAME = "libtorrent"
PIECE = 1 << 20
SETTINGS: dict[str, Any] = {
    "listen_interfaces": "127.0.0.1:0",
    "alert_mask": 0x40 | 0x08,  # what state a torrent is in, and what happens to its files
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "in_enc_policy": 2,  # no encryption
    "out_enc_policy": 2,
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
    if importlib.util.find_spec("libtorrent") is None:
        raise Skipped("libtorrent is not installed; the extra 'bench' brings it.")
    source = stage.worker("libtorrent source", __name__)
    downloader = stage.worker("libtorrent downloader", __name__)
    torrent = stage.directory / "original.torrent"
    folder = stage.directory / "libtorrent"
    folder.mkdir()
    port: int = source.ask("seed", str(original), str(torrent))
    downloader.ask("open")
    pids = [source.process.pid, downloader.process.pid]

    def run() -> Sample:
        for copy in folder.iterdir():
            copy.unlink()
        order = ("fetch", str(torrent), str(folder), port)
        sample = stage.measure(lambda: downloader.ask(*order), pids)
        downloader.ask("drop")
        return sample

    def check() -> None:
        if sha256(folder / original.name) != sha256(original):
            raise BenchmarkFailed("libtorrent fetched something else than was seeded.")

    return Contender(NAME, run, check)


class Torrents:
    """One session; libtorrent is no dependency, so it is imported by name."""

    def __init__(self) -> None:
        self._lt: Any = importlib.import_module("libtorrent")
        self._session: Any = None
        self._handle: Any = None

    def open(self) -> None:
        """Start the session."""
        self._session = self._lt.session(self._lt.high_performance_seed() | SETTINGS)

    def seed(self, path: str, torrent: str) -> int:
        """Make a torrent of a file and seed it; the port to connect to."""
        lt, folder = self._lt, str(Path(path).parent)
        files = lt.list_files(path)
        made = lt.create_torrent(files, PIECE, lt.create_torrent.v1_only)
        lt.set_piece_hashes(made, folder)
        Path(torrent).write_bytes(lt.bencode(made.generate()))
        self.open()
        self._add(torrent, folder, lt.torrent_flags.seed_mode)
        while not (port := self._session.listen_port()):
            time.sleep(0.01)  # between two looks: libtorrent listens in a thread of its own
        return int(port)

    def fetch(self, torrent: str, folder: str, port: int) -> None:
        """Download from that port, until everything is there and checked."""
        self._add(torrent, folder, 0)
        self._handle.connect_peer(("127.0.0.1", port))
        while not self._handle.status().is_seeding:
            self._session.wait_for_alert(50)
            self._session.pop_alerts()

    def drop(self) -> None:
        """Wait until everything is written, and forget the torrent."""
        self._handle.flush_cache()
        while not self._flushed():
            self._session.wait_for_alert(50)
        self._session.remove_torrent(self._handle)

    def _flushed(self) -> bool:
        flushed = self._lt.cache_flushed_alert
        return any(isinstance(alert, flushed) for alert in self._session.pop_alerts())

    def _add(self, torrent: str, folder: str, flags: int) -> None:
        parameters = self._lt.load_torrent_file(torrent)
        parameters.save_path = folder
        parameters.flags = flags
        self._handle = self._session.add_torrent(parameters)


if __name__ == "__main__":
    torrents = Torrents()
    obey(
        {
            "open": torrents.open,
            "seed": torrents.seed,
            "fetch": torrents.fetch,
            "drop": torrents.drop,
        }
    )
