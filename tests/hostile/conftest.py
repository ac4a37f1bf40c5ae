"""Honest peers beside the hostile ones, and what the log says meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from p2pfs.peer.service import PeerService
from tests.swarm.harness import Swarm, download, publish, random_bytes

CHUNK = 64 << 10


class Honest:
    """A source and a downloader that go about their business."""

    def __init__(self, swarm: Swarm, source: PeerService, fetcher: PeerService) -> None:
        self.swarm = swarm
        self.source = source
        self.fetcher = fetcher
        self._count = 0

    @property
    def source_port(self) -> int:
        """Where the source serves."""
        return self.source.peer.address.port

    async def share(self, name: str, data: bytes) -> Path:
        """Have the source publish a file."""
        path = self.swarm.directory / "shared" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        await publish(self.source, path, name)
        return path

    async def transfer(self) -> None:
        """Publish a new file, download it, and see that it is the same."""
        self._count += 1
        name, data = f"honest-{self._count}", random_bytes(5 * CHUNK + 7, self._count)
        await self.share(name, data)
        copy = self.swarm.directory / f"{name}.copy"
        await download(self.fetcher, name, copy)
        assert copy.read_bytes() == data


class LogLines:
    """What p2pfs logs at the levels that are written by default."""

    LEVELS = (LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical)

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        ours = event.get("log_namespace", "").startswith("p2pfs.")
        if ours and event.get("log_level") in self.LEVELS:
            self.lines.append(formatEvent(event))

    def of(self, host: str) -> list[str]:
        """The lines about a host."""
        return [line for line in self.lines if line.startswith(f"{host}: ")]


@pytest_twisted.async_yield_fixture()
async def honest(swarm: Swarm) -> AsyncIterator[Honest]:
    """Two peers that have joined."""
    source = await swarm.peer("source", smallest_chunk=CHUNK)
    yield Honest(swarm, source, await swarm.peer("fetcher"))


@pytest.fixture
def log() -> Iterator[LogLines]:
    """What is logged during a test."""
    lines = LogLines()
    globalLogPublisher.addObserver(lines)
    yield lines
    globalLogPublisher.removeObserver(lines)
