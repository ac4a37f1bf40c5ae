"""Whole swarms of real services over TCP, in one process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from p2pfs.peer.downloading import Fetched
from p2pfs.peer.service import PeerService
from p2pfs.peer.settings import Patience, PeerSettings
from p2pfs.peer.storage import is_part_name
from p2pfs.tracker.service import TrackerService
from p2pfs.tracker.settings import TrackerSettings
from p2pfs.wire import KeepAlive

IMPATIENT = Patience(
    connect=2.0,
    silence=1.0,
    tracker=5.0,
    no_source=1.5,
    refresh=0.2,
    rest=0.1,
    longest_rest=0.5,
    retry_tracker=0.05,
    longest_retry_tracker=0.2,
)
"""Patience for tests: faults are noticed within a second or two."""

MIB = 1 << 20


async def until(happened: Callable[[], Any], timeout: float = 20.0) -> None:
    """Return once ``happened()`` is true, looking at every turn of the reactor."""
    end = reactor.seconds() + timeout
    while not happened():
        assert reactor.seconds() < end, "it did not happen in time"
        await deferLater(reactor, 0.001)


def random_bytes(size: int, seed: int = 1) -> bytes:
    """The same bytes for the same seed."""
    return Random(seed).randbytes(size)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Swarm:
    """A tracker and its peers; each has its state below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.services: list[Any] = []
        self.tracker: TrackerService
        self.port = 0

    def start_tracker(self, **settings: Any) -> TrackerService:
        """Start a blank tracker, at the port of the one before if there was one."""
        settings.setdefault("listen", [f"tcp:{self.port}:interface=127.0.0.1"])
        settings.setdefault("keep_alive", KeepAlive())
        tracker = TrackerService(
            reactor, TrackerSettings(self.directory / "tracker", **settings), Random(1)
        )
        tracker.startService()
        self.services.append(tracker)
        self.tracker = tracker
        if tracker.ports:
            self.port = tracker.ports[0].getHost().port
        return tracker

    def start_peer(self, name: str, **settings: Any) -> PeerService:
        """Start a peer with the state directory of that name."""
        settings.setdefault("tracker", f"tcp:127.0.0.1:{self.port}")
        settings.setdefault("patience", IMPATIENT)
        if isinstance(settings["patience"], dict):
            settings["patience"] = replace(IMPATIENT, **settings["patience"])
        peer = PeerService(reactor, PeerSettings(self.directory / name, **settings), Random(name))
        peer.startService()
        self.services.append(peer)
        return peer

    async def peer(self, name: str, **settings: Any) -> PeerService:
        """A peer that has joined."""
        peer = self.start_peer(name, **settings)
        await until(lambda: peer.peer.announcer.joined)
        return peer

    async def stop(self, service: Any) -> None:
        """Stop one service in order."""
        self.services.remove(service)
        await service.stopService()

    async def stop_all(self) -> None:
        """Stop everything, the last started first."""
        while self.services:
            await self.stop(self.services[-1])

    def file(self, name: str, size: int, seed: int = 1) -> Path:
        """A file of random bytes to share."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random_bytes(size, seed))
        return path


def holders(swarm: Swarm, name: str) -> set[str]:
    """The addresses of the holders of a file, none when it is not listed."""
    directory = swarm.tracker.tracker.directory
    return set(directory[name].holders) if name in directory else set()


def part_file(directory: Path) -> Path:
    """The part file of the one download to a directory."""
    [path] = [path for path in directory.iterdir() if is_part_name(path.name)]
    return path


def has_part_files(directory: Path) -> bool:
    """Whether a download to a directory is unfinished."""
    return any(is_part_name(path.name) for path in directory.iterdir())


async def publish(peer: PeerService, path: Path, name: str | None = None) -> list[str]:
    """Publish and return the names."""
    _, published = peer.peer.publisher.publish(path, name)
    return [file.name for file in await published]


async def download(peer: PeerService, name: str, target: Path, overwrite: bool = False) -> Fetched:
    """Download and wait for it."""
    return await peer.peer.downloads.start(name, target, overwrite)[1]


async def run(peer: PeerService, line: str) -> Any:
    """Run a console line and return its answer's data."""
    from p2pfs.peer.commands import peer_commands

    commands = peer_commands(peer.peer)
    return (await commands.run(commands.definitions.parse_line(line), lambda progress: None)).data
