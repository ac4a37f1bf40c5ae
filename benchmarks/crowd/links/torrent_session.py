"""One libtorrent session, which obeys `benchmarks.crowd.links.torrent_swarm`.

Plain TCP, nothing limited, no discovery, and what libtorrent chooses itself in all else: of
how many it serves at once, whom, and how far ahead it asks, no other choice made a crowd
quicker, nor did super-seeding. Torrents are of version 1, whose SHA-1 costs less than the
SHA-256 tree of version 2.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

from benchmarks.problems import BenchmarkFailed
from benchmarks.processes import obey

PORT = 6881
SETTINGS: dict[str, Any] = {
    "listen_interfaces": f"0.0.0.0:{PORT}",
    "alert_mask": 0x40 | 0x08,  # what state a torrent is in, and what happens to its files
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "in_enc_policy": 2,  # no encryption
    "out_enc_policy": 2,
    "min_reconnect_time": 1,
}
FLUSH_SECONDS = 30.0


class Session:
    """One session; libtorrent is no dependency, so it is imported by name."""

    def __init__(self) -> None:
        self._lt: Any = importlib.import_module("libtorrent")
        self._session: Any = self._lt.session(SETTINGS)
        self._handle: Any = None

    def seed(self, path: str, torrent: str, piece: int) -> None:
        """Make a torrent of a file, in pieces of so many bytes, and seed it."""
        lt, folder = self._lt, str(Path(path).parent)
        made = lt.create_torrent(lt.list_files(path), piece, lt.create_torrent.v1_only)
        lt.set_piece_hashes(made, folder)
        Path(torrent).write_bytes(lt.bencode(made.generate()))
        self._add(torrent, folder, lt.torrent_flags.seed_mode)

    def join(self, torrent: str, folder: str) -> None:
        """Be ready to fetch into a directory; as long as nobody is known, nothing happens."""
        self._add(torrent, folder, 0)

    def fetch(self, others: list[str]) -> None:
        """Connect to all others, and wait until everything is there and checked."""
        for address in others:
            self._handle.connect_peer((address, PORT))
        while not self._handle.status().is_seeding:
            self._session.wait_for_alert(50)
            self._session.pop_alerts()

    def flush(self) -> None:
        """Wait until everything is written."""
        deadline = time.monotonic() + FLUSH_SECONDS
        self._handle.flush_cache()
        while not self._flushed():
            if time.monotonic() > deadline:
                raise BenchmarkFailed("libtorrent did not write what it has.")
            self._session.wait_for_alert(50)

    def _flushed(self) -> bool:
        flushed = self._lt.cache_flushed_alert
        return any(isinstance(alert, flushed) for alert in self._session.pop_alerts())

    def _add(self, torrent: str, folder: str, flags: int) -> None:
        parameters = self._lt.load_torrent_file(torrent)
        parameters.save_path = folder
        parameters.flags = flags
        self._handle = self._session.add_torrent(parameters)


if __name__ == "__main__":
    session = Session()
    obey(
        {
            "seed": session.seed,
            "join": session.join,
            "fetch": session.fetch,
            "flush": session.flush,
        }
    )
