"""An event of the log as text for people, and as a record for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.logger import LogEvent, LogLevel, formatEvent, formatTime
from twisted.python.failure import Failure

from p2pfs.daemon.log_filter import Level
from p2pfs.printable import printable

SYSLOG_PRIORITIES = {
    LogLevel.debug: 7,
    LogLevel.info: 6,
    LogLevel.warn: 4,
    LogLevel.error: 3,
    LogLevel.critical: 2,
}
"""What syslog and the journal call the levels."""

_MARKS = {
    LogLevel.debug: "debug: ",
    LogLevel.warn: "warning: ",
    LogLevel.error: "error: ",
    LogLevel.critical: "critical: ",
}

_PLAIN = (str, int, float, bool, type(None))

_MACHINERY = frozenset({"log_logger", "log_source", "log_trace", "log_failure", "log_flattened"})
"""What an event has of the process, which is nothing to anybody outside of it."""


def level_of(event: LogEvent) -> Level:
    """The level of an event; of one that does not say so, that of news."""
    return event.get("log_level") or LogLevel.info


def message_of(event: LogEvent) -> str:
    """What an event says, in one line: names in it are of other people's choice."""
    return printable(formatEvent(event))


def traceback_of(event: LogEvent) -> list[str]:
    """Where and why it failed, if the event is of a failure; each line is indented.

    So none of it can be taken for what another event says.
    """
    failure: Failure | None = event.get("log_failure")
    if failure is None:
        return []
    text: str = failure.getTraceback()
    return [f"  {printable(line)}".rstrip() for line in text.splitlines()]


def dated_text(event: LogEvent) -> str | None:
    """The lines of an event in a file or at a terminal: with date and time, and its level.

    That of news is left out. None when the event says nothing.
    """
    lines = list(_lines(event))
    if not lines:
        return None
    return f"{formatTime(event.get('log_time'))} " + "\n".join(lines) + "\n"


def journal_text(event: LogEvent) -> str | None:
    """The same for the journal, which knows the date: each line with its priority."""
    priority = SYSLOG_PRIORITIES[level_of(event)]
    return "".join(f"<{priority}>{line}\n" for line in _lines(event)) or None


def record_of(event: LogEvent) -> dict[str, Any]:
    """An event with no more in it than what JSON has, its fields as they are.

    Beside them it has ``text``, what the event says in one line, ``level`` and, of a failure,
    ``traceback``.
    """
    record: dict[str, Any] = {
        key: value if isinstance(value, _PLAIN) else str(value)
        for key, value in event.items()
        if key not in _MACHINERY
    }
    level = level_of(event)
    # As it is: Twisted's own writer and reader know levels.
    record |= {"log_level": level, "level": level.name, "text": message_of(event)}
    if traceback := traceback_of(event):
        record["traceback"] = "\n".join(traceback)
    return record


def _lines(event: LogEvent) -> Iterator[str]:
    message, traceback = message_of(event), traceback_of(event)
    if message or traceback:
        yield f"{_MARKS.get(level_of(event), '')}{message}"
        yield from traceback
