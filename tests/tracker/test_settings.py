"""What a tracker does when it is told nothing."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.testing import MemoryReactorClock

from p2pfs.listening import listen
from p2pfs.tracker.settings import TrackerSettings
from p2pfs.wire import Reception


def test_by_default_nobody_else_gets_to_it() -> None:
    """It listens on loopback, offers no SSH, and believes no announced host."""
    settings = TrackerSettings(Path("s"))
    reactor = MemoryReactorClock()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
    for description in settings.listen:
        listen(reactor, description, Reception(reactor, 1))
    assert [(port, interface) for port, _, _, interface in reactor.tcpServers] == [
        (6880, "127.0.0.1")
    ]
    assert settings.ssh is None
    assert not settings.allow_announced_host


def test_what_one_is_told_concerns_no_other() -> None:
    """Each has lists of its own."""
    one, other = TrackerSettings(Path("s")), TrackerSettings(Path("s"))
    one.listen.append("none")
    assert other.listen == TrackerSettings(Path("s")).listen == one.listen[:1]
