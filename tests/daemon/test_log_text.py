"""Events as lines that people read, and as records that programs read."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogEvent, LogLevel, eventsFromJSONLogFile, formatEvent
from twisted.logger import jsonFileLogObserver as json_observer
from twisted.python.failure import Failure

from p2pfs.daemon.log_text import dated_text, journal_text, record_of

EVIL = "a\x1b[2J\n2026-01-01T00:00:00+0000 critical: all is lost\u202e"
"""A name of somebody's choice who would like to write the log."""


def event(format: str = "Said {what}.", level: Any = LogLevel.info, **fields: Any) -> LogEvent:
    """As a logger makes them."""
    return {
        "log_format": format,
        "log_level": level,
        "log_namespace": "p2pfs.x",
        "log_time": 1.5,
        "log_source": object(),
        **fields,
    }


def failure(text: str) -> Failure:
    """One with a traceback."""
    try:
        raise ValueError(text)
    except ValueError:
        return Failure()


@pytest.mark.parametrize(
    ("level", "mark", "priority"),
    [
        (LogLevel.debug, "debug: ", 7),
        (LogLevel.info, "", 6),
        (LogLevel.warn, "warning: ", 4),
        (LogLevel.error, "error: ", 3),
        (LogLevel.critical, "critical: ", 2),
    ],
)
def test_a_line_in_a_file_and_one_in_the_journal(level: Any, mark: str, priority: int) -> None:
    """A file's has date and zone; the journal has a date of its own, and priorities."""
    said = event(level=level, what="it")
    date = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"
    assert re.fullmatch(f"{date} {mark}Said it\\.\n", dated_text(said) or "")
    assert journal_text(said) == f"<{priority}>{mark}Said it.\n"


def test_nobody_else_writes_lines() -> None:
    """Whatever a name has in it, it stays in its line, and moves no cursor."""
    for text in (dated_text, journal_text):
        line = text(event(what=EVIL)) or ""
        assert line.count("\n") == 1
        assert line[:-1].isprintable()


def test_a_failure_brings_its_traceback() -> None:
    """In lines of its own, that cannot be taken for others."""
    lines = (dated_text(event("Oh.", log_failure=failure(EVIL))) or "").splitlines()
    assert lines[0].endswith(" Oh.")
    assert lines[1] == "  Traceback (most recent call last):"
    assert len(lines) > 3
    assert all(line.startswith("  ") and line.isprintable() for line in lines[1:])
    journal = journal_text(event("Oh.", LogLevel.critical, log_failure=failure("x"))) or ""
    assert all(line.startswith("<2>") for line in journal.splitlines())


def test_what_says_nothing_is_no_line() -> None:
    """Some of Twisted's events have no text."""
    assert dated_text({"log_time": 1.0, "log_level": LogLevel.info}) is None
    assert journal_text({"log_time": 1.0}) is None


def test_a_record_has_the_fields_and_what_they_say() -> None:
    """For a program; what belongs to the process is left out."""
    record = record_of(event("{n} of {path}", n=3, path=Path("/x"), peers=["a"]))
    assert record["n"] == 3
    assert record["path"] == "/x"
    assert record["peers"] == "['a']"
    assert (record["text"], record["level"]) == ("3 of /x", "info")
    assert "log_source" not in record
    assert "traceback" not in record


def test_a_record_of_a_failure_has_its_traceback() -> None:
    """As text."""
    record = record_of(event("Oh.", log_failure=failure("defect")))
    assert record["traceback"].rstrip().endswith("ValueError: defect")


def test_records_are_lines_that_twisted_reads_again() -> None:
    """Each is JSON, also with the worst of names, and with bytes that are no text."""
    file = StringIO()
    write = json_observer(file, recordSeparator="")
    for what in (EVIL, "bad\udcff.bin"):
        write(record_of(event(level=LogLevel.warn, what=what)))
    lines = file.getvalue().splitlines()
    assert [json.loads(line)["what"] for line in lines] == [EVIL, "bad\udcff.bin"]
    read = list(eventsFromJSONLogFile(StringIO(file.getvalue())))
    assert formatEvent(read[0]) == f"Said {EVIL}."
    assert read[0]["log_level"] is LogLevel.warn
