"""Real ``twistd`` processes, and the blocking client of their control sockets."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from p2pfs.cli.client import ControlClient, connect
from tests.daemons.ports import free_port
from tests.daemons.process import MIB, TWISTD, DaemonProcess, sha256


def until(happened: Callable[[], Any], timeout: float = 30.0) -> Any:
    """Wait for ``happened()`` to be true, and return what it returned."""
    end = time.monotonic() + timeout
    while True:
        result = happened()
        if result:
            return result
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)  # the pause between two looks, not a bet on how long it takes


def random_file(path: Path, size: int) -> Path:
    """A file of random bytes."""
    with path.open("wb") as file:
        for start in range(0, size, 16 * MIB):
            file.write(os.urandom(min(16 * MIB, size - start)))
    return path


class Daemon(DaemonProcess):
    """One twistd process, with its log beside its state directory."""

    def __init__(self, role: str, state: Path, *options: str, **popen: Any) -> None:
        state.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(role, state, state.with_suffix(".log"), *options, **popen)

    def ready(self) -> Daemon:
        """Wait until its console answers."""

        def answers() -> bool:
            assert self.runs, self.log.read_text()
            return self.answers()

        until(answers)
        return self

    def client(self) -> ControlClient:
        """A connection to its control socket."""
        return connect(self.state)

    def stop(self, patience: float = 15) -> None:
        """SIGTERM, and wait for the end."""
        super().stop(patience)


class Machines:
    """The daemons of one test, all on this machine; everything is removed at the end."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.daemons: list[Daemon] = []

    def tracker(self) -> Daemon:
        """A tracker at this test's port."""
        return self._start("tracker", "tracker", "--listen", f"tcp:{self.port}:interface=127.0.0.1")

    def peer(self, name: str, *options: str, **popen: Any) -> Daemon:
        """A peer that has joined."""
        tracker = ["--tracker", f"tcp:127.0.0.1:{self.port}"]
        peer = self._start("peer", name, *tracker, *options, **popen)
        until(lambda: peer.ask("status")["joined_as"])
        return peer

    def _start(self, role: str, name: str, *options: str, **popen: Any) -> Daemon:
        daemon = Daemon(role, self.directory / name, *options, **popen)
        self.daemons.append(daemon)
        return daemon.ready()

    def close(self) -> None:
        """Stop what still runs; no daemon may have logged a traceback."""
        try:
            for daemon in self.daemons:
                daemon.stop()
            for daemon in self.daemons:
                assert "Traceback" not in daemon.log.read_text(), daemon.log.read_text()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)


__all__ = ["MIB", "TWISTD", "Daemon", "Machines", "free_port", "random_file", "sha256", "until"]
