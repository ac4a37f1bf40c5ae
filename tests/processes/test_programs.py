"""The daemons as programs of their own, and what a service manager hears of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pfs import __version__
from p2pfs.cli.client import connect
from tests.processes.daemons import TWISTD, Machines, free_port, until


def command(role: str, *options: object) -> list[object]:
    """What starts one."""
    return [TWISTD.with_name(f"p2pfs-{role}"), *options]


def test_they_need_nothing_of_twistd() -> None:
    """Neither its command line nor its plugins: ``pipx`` and a zipapp show neither."""
    said = subprocess.run(command("tracker", "--version"), capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (0, f"p2pfs-tracker {__version__}\n")
    said = subprocess.run(command("peer", "--listen"), capture_output=True, text=True)
    assert said.returncode == 1
    sentence = "option --listen requires argument; see 'p2pfs-peer --help'."
    assert said.stderr == f"p2pfs-peer: {sentence}\n"


class Manager:
    """Starts a daemon as systemd does, and hears what it says."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.heard: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(place / "notify"))

    def start(self, role: str, **options: str) -> None:
        """Start one with options, which it has of a configuration file."""
        file = self.place / f"{role}.toml"
        options = {"state": str(self.place / role), **options}
        file.write_text("".join(f"{name} = '{value}'\n" for name, value in options.items()))
        self.process = subprocess.Popen(
            command(role, "--config", file),
            stdout=(self.place / "log").open("wb"),
            env={**os.environ, "NOTIFY_SOCKET": str(self.place / "notify")},
        )

    def hears(self, line: str) -> bool:
        """Whether a line that begins so has come."""
        try:
            while True:
                self.heard += self._socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            return any(heard.startswith(line) for heard in self.heard)

    def close(self) -> None:
        """End what was started."""
        self._socket.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert "Traceback" not in (self.place / "log").read_text()


@pytest.fixture
def manager(place: Path) -> Iterator[Manager]:
    """One of a test."""
    manager = Manager(place)
    yield manager
    manager.close()


def test_a_peer_is_ready_when_it_has_joined(manager: Manager, machines: Machines) -> None:
    """Until then it says what it waits for; at the end, that it stops."""
    tracker = f"tcp:127.0.0.1:{machines.port}"
    manager.start("peer", tracker=tracker)
    until(lambda: manager.hears(f"STATUS=No tracker is reachable at {tracker} (Connection was ref"))
    assert not manager.hears("READY=1")
    machines.tracker()
    with connect(manager.place / "peer") as client:
        client.request(["list_file"], lambda _: None)  # which has the tracker tried at once
    until(lambda: manager.hears("READY=1"))
    until(lambda: manager.hears(f"STATUS=At the tracker {tracker} as 127.0.0.1:"))
    assert manager.process is not None
    manager.process.terminate()
    assert manager.process.wait(10) == -signal.SIGTERM
    assert manager.hears("STOPPING=1")
    assert manager.heard.count("READY=1") == 1


def test_a_tracker_is_ready_when_it_listens(manager: Manager) -> None:
    """There is nobody it would have to wait for."""
    port = free_port()
    manager.start("tracker", listen=f"tcp:{port}:interface=127.0.0.1")
    until(lambda: manager.hears("READY=1"))
    socket.create_connection(("127.0.0.1", port)).close()
    assert manager.hears("STATUS=0 peers.")
