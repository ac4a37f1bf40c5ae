"""What p2pfs says in its log meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher


@contextmanager
def log_lines(least: Any = LogLevel.info, of: str = "p2pfs.") -> Iterator[list[str]]:
    """The lines of level ``least`` or above; those of modules whose names begin with ``of``."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith(of) and event["log_level"] >= least:
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type]  # a callable
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]  # as above
