"""What the log shows: levels, failures, and libraries only where they have something to say."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import LogEvent, Logger, LogLevel, LogPublisher
from twisted.python import log as legacy
from twisted.python.failure import Failure

from p2pfs.daemon.log_filter import filtered, level_named
from p2pfs.errors import UsageProblem


class Log:
    """Says something to a filtered log, and keeps what is shown."""

    def __init__(self, least: str) -> None:
        self.shown: list[LogEvent] = []
        self.publisher = LogPublisher(filtered(self.shown.append, level_named(least)))  # type: ignore[arg-type]  # a callable

    def says(self, level: str, namespace: str = "p2pfs.peer.peer", **fields: Any) -> str | None:
        """The level with which it is shown, if it is."""
        self.shown.clear()
        Logger(namespace, observer=self.publisher).emit(level_named(level), "Well.", **fields)
        return self.shown[0]["log_level"].name if self.shown else None


@pytest.mark.parametrize(
    ("least", "shown"),
    [
        ("debug", ["debug", "info", "warn", "error", "critical"]),
        ("info", ["info", "warn", "error", "critical"]),
        ("warn", ["warn", "error", "critical"]),
        ("critical", ["critical"]),
    ],
)
def test_what_is_below_the_level_is_not_shown(least: str, shown: list[str]) -> None:
    """As ``--log-level`` says."""
    log = Log(least)
    levels = [level.name for level in LogLevel.iterconstants()]
    assert [level for level in levels if log.says(level)] == shown


def test_a_level_that_does_not_exist() -> None:
    """The ones there are are told."""
    with pytest.raises(UsageProblem, match=r"'loud' is no level .* debug, info, warn, error, crit"):
        level_named("loud")


@pytest.mark.parametrize(
    ("namespace", "level"),
    [
        ("twisted.internet.protocol.Factory", "info"),
        ("twisted.application.internet", "info"),
        ("log_legacy", "info"),
        ("twisted.conch.ssh.transport.SSHServerTransport", "error"),
    ],
)
def test_chatter_of_libraries_is_debug(namespace: str, level: str) -> None:
    """Ports that open and close, retries with objects in them, ends of sessions."""
    assert Log("info").says(level, namespace) is None
    assert Log("debug").says(level, namespace) == "debug"


def test_what_libraries_warn_of_is_shown() -> None:
    """As far as it is not part of conch's everyday work."""
    log = Log("info")
    assert log.says("warn", "twisted.internet.process") == "warn"
    assert log.says("critical", "twisted.conch.ssh.transport") == "critical"
    assert log.says("info", "p2pfs.twisted") == "info"  # it is not of Twisted


def test_failures_are_shown_whoever_tells_of_them() -> None:
    """They are defects: no level hides them."""
    failure = Failure(ValueError("defect"))
    assert Log("critical").says("debug", "twisted.conch", log_failure=failure) == "debug"


def test_what_is_said_in_the_old_way_is_chatter() -> None:
    """As ``Starting factory`` and the like are; an error said in that way is none."""
    log = Log("info")
    publisher = legacy.LogPublisher(log.publisher, log.publisher)
    publisher.msg("P2P starting on 6881")
    assert not log.shown
    publisher.msg("Oh!", isError=True)
    assert [event["log_level"] for event in log.shown] == [LogLevel.critical]


def test_others_see_events_as_they_are() -> None:
    """An event that counts as debug here has its own level for every other observer."""
    log, others = Log("debug"), list[LogEvent]()
    log.publisher.addObserver(others.append)  # type: ignore[arg-type]  # a callable
    log.says("info", "twisted.internet")
    assert [event["log_level"] for event in others] == [LogLevel.info]
