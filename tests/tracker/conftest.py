"""What a tracker logs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from p2pfs.tracker.protocol import TrackerFactory


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What the tracker's connections log, line by line."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith(TrackerFactory.__module__):
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)
