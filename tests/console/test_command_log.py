"""Who gave which command, and what came of it, in one line of the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from p2pfs.commands import Caller, Definition, Definitions, Option, Parameter
from p2pfs.console.command import Answer
from p2pfs.console.command_log import MOST_CHARACTERS, command_log
from p2pfs.errors import Cancelled, LeftRunning, NotFound

COMMANDS = Definitions(
    [
        Definition(
            "fetch",
            "Fetch it.",
            [Parameter("name", "which", repeated=True), Parameter("path", "where", optional=True)],
            [Option("again", "even so")],
        ),
        Definition("look", "Tell of it.", only_tells=True),
    ]
)
ALICE = Caller("alice (uid 1000)", 1000, 1000)


@pytest.fixture
def events() -> Iterator[list[LogEvent]]:
    """What is logged."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)  # type: ignore[arg-type]  # a callable
    yield events
    globalLogPublisher.removeObserver(events.append)  # type: ignore[arg-type]  # as above


def given(line: str, outcome: Any) -> None:
    """Alice gave a command, and 3.21 s later it came to that."""
    clock, answer = Clock(), Deferred[Answer]()
    watched = command_log(clock)(COMMANDS.parse_line(line).by(ALICE), answer)
    clock.advance(3.21)
    seen: list[Any] = []
    watched.addBoth(seen.append)
    if isinstance(outcome, Exception):
        answer.errback(outcome)
        assert isinstance(seen[0], Failure)
        assert seen[0].value is outcome
    else:
        answer.callback(outcome)
        assert seen == [outcome]


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Answer(), "done in 3.2 s."),
        (Cancelled("No more."), "cancelled after 3.2 s."),
        (LeftRunning("It goes on."), "left running after 3.2 s."),
        (NotFound("Nobody has it."), "failed after 3.2 s: Nobody has it."),
        (ZeroDivisionError("a detail"), "failed after 3.2 s: An internal error ended it."),
    ],
)
def test_what_came_of_a_command(events: list[LogEvent], outcome: Any, text: str) -> None:
    """One line when it has ended; whoever gave it hears of that as before."""
    given("fetch --again x.iso 'a b' /to", outcome)
    [event] = events
    said = formatEvent(event)
    assert said == f"alice (uid 1000) gave 'fetch --again x.iso 'a b' /to': {text}"
    assert event["log_level"].name == "info"
    assert (event["who"], event["command"]) == ("alice (uid 1000)", "fetch")
    assert event["seconds"] == pytest.approx(3.21)


def test_what_only_tells_is_no_event(events: list[LogEvent]) -> None:
    """Somebody may look every second."""
    given("look", Answer())
    assert [event["log_level"].name for event in events] == ["debug"]


def test_a_line_is_no_longer_than_one_reads(events: list[LogEvent]) -> None:
    """A shell may give ten thousand names."""
    given(f"fetch {' '.join(map(str, range(10_000)))}", Answer())
    assert len(formatEvent(events[0])) < MOST_CHARACTERS + 100
