"""libtorrent: one session in a process of its own, which obeys a benchmark.

Plain TCP, no discovery. Torrents are of version 1, whose SHA-1 costs less than the
SHA-256 tree of version 2.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from pathlib import Path
from typing import Any

from benchmarks.problems import BenchmarkFailed, Skipped
from benchmarks.processes import obey

NAME = "libtorrent"
WORKER = "benchmarks.torrents"
"""The module that a worker runs; the first order is to be "open"."""
SETTINGS: dict[str, Any] = {
    "alert_mask": 0x40 | 0x08,  # what state a torrent is in, and what happens to its files
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "in_enc_policy": 2,  # no encryption
    "out_enc_policy": 2,
}
PATIENCE = 30.0
"""Seconds for what takes no time: to listen, and to write what is there."""
LOOK = 0.05
"""Seconds between two looks; it does its work in threads of its own."""


def check_installed() -> None:
    """Raise `Skipped` where libtorrent is not installed."""
    if importlib.util.find_spec("libtorrent") is None:
        raise Skipped("libtorrent is not installed; the extra 'bench' brings it.")


class Session:
    """One session; libtorrent is no dependency, so it is imported by name."""

    def __init__(self) -> None:
        self._lt: Any = importlib.import_module("libtorrent")
        self._session: Any = None
        self._handle: Any = None

    def open(self, settings: dict[str, Any], for_speed: bool = False) -> int:
        """Start it with these settings besides `SETTINGS`; the port at which it listens.

        ``for_speed`` sets what libtorrent recommends where nothing but speed counts.
        """
        recommended = self._lt.high_performance_seed() if for_speed else {}
        self._session = self._lt.session(recommended | SETTINGS | settings)
        deadline = time.monotonic() + PATIENCE
        while not (port := self._session.listen_port()):
            self._pause(deadline, "listen")
        return int(port)

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

    def fetch(self, others: list[tuple[str, int]]) -> None:
        """Connect to others, by address and port, and wait until all is there and checked."""
        for address, port in others:
            self._handle.connect_peer((address, port))
        while not self._handle.status().is_seeding:
            self._session.wait_for_alert(round(LOOK * 1000))
            self._session.pop_alerts()

    def flush(self) -> None:
        """Wait until everything is written."""
        deadline = time.monotonic() + PATIENCE
        self._handle.flush_cache()
        while not self._flushed():
            self._pause(deadline, "write what it has")

    def drop(self) -> None:
        """Forget the torrent."""
        self._session.remove_torrent(self._handle)

    def _flushed(self) -> bool:
        flushed = self._lt.cache_flushed_alert
        return any(isinstance(alert, flushed) for alert in self._session.pop_alerts())

    def _pause(self, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"libtorrent did not {what} within {PATIENCE:.0f} s.")
        self._session.wait_for_alert(round(LOOK * 1000))

    def _add(self, torrent: str, folder: str, flags: int) -> None:
        parameters = self._lt.load_torrent_file(torrent)
        parameters.save_path = folder
        parameters.flags = flags
        self._handle = self._session.add_torrent(parameters)


if __name__ == "__main__":
    session = Session()
    obey(
        {
            "open": session.open,
            "seed": session.seed,
            "join": session.join,
            "fetch": session.fetch,
            "flush": session.flush,
            "drop": session.drop,
        }
    )
