"""What a service manager is told: news, each once, and to sockets of both kinds."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from p2pfs.daemon.notify import LOOK_SECONDS, Notifier, Standing


class Scene:
    """A daemon that stands as a test says, and a manager."""

    def __init__(self, address: str) -> None:
        self.clock = Clock()
        self.standing = Standing(False, "Waiting.")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.setblocking(False)
        self.address = address
        self.notifier = Notifier(self.clock, address, lambda: self.standing)

    def bind(self) -> None:
        """Let the manager be there."""
        self.manager.bind(self.address.replace("@", "\0"))

    def look(self, ready: bool, text: str) -> list[str]:
        """What is told when the daemon stands so."""
        self.standing = Standing(ready, text)
        self.clock.advance(LOOK_SECONDS)
        return self.told()

    def told(self) -> list[str]:
        """The lines that have come."""
        lines: list[str] = []
        try:
            while True:
                lines += self.manager.recv(4096).decode().split("\n")
        except BlockingIOError:
            return lines


@pytest.fixture(params=["path", "abstract"])
def scene(request: pytest.FixtureRequest, place: Path) -> Iterator[Scene]:
    """One with a socket in the file system, or in the name space of its own."""
    abstract = f"@p2pfs-{os.getpid()}-{place.name}"
    scene = Scene(abstract if request.param == "abstract" else str(place / "notify"))
    yield scene
    scene.manager.close()


def test_ready_is_said_once_and_the_rest_when_it_is_news(scene: Scene) -> None:
    """A peer that loses its tracker stays ready, but its line says so."""
    scene.bind()
    scene.notifier.start()
    assert scene.told() == ["STATUS=Waiting."]
    assert scene.look(False, "Waiting.") == []
    assert scene.look(True, "Here.") == ["READY=1", "STATUS=Here."]
    assert scene.look(False, "Gone,\nREADY=1") == ["STATUS=Gone,\\u000aREADY=1"]
    assert scene.look(True, "Here.") == ["STATUS=Here."]
    scene.notifier.stop()
    assert scene.told() == ["STOPPING=1", "STATUS=Stopping."]
    scene.notifier.stop()
    assert scene.look(True, "After the end.") == []


def test_a_manager_that_cannot_be_told_is_told_later(scene: Scene) -> None:
    """The log says it once; the daemon does not wait."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        scene.notifier.start()
        scene.look(True, "Here.")
    finally:
        globalLogPublisher.removeObserver(events.append)
    [event] = events
    assert event["log_format"].startswith("The service manager cannot be told")
    scene.bind()
    assert scene.look(True, "Here.") == ["READY=1", "STATUS=Here."]
    scene.notifier.stop()
