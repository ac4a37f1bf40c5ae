"""What came of a history."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from p2pfs.testing.timeline import Timeline


@dataclass
class Report:
    """What came of a history; ``log`` has what happened, ``problems`` what was wrong in it."""

    seed: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    """Simulated ones."""
    events: int = 0
    delivered: int = 0
    failed: int = 0
    log: list[str] = field(default_factory=list)
    digest: str = ""
    """Of all that happened and when: equal for equal histories, in whichever process."""


class Writer:
    """Writes a report while the history goes on."""

    def __init__(self, timeline: Timeline, directory: Path, seed: int) -> None:
        """``directory`` is left out of all texts."""
        self.report = Report(seed)
        self._timeline = timeline
        self._directory = str(directory)
        self._over = False

    def say(self, text: str) -> None:
        """Something happened."""
        if self._over:
            return
        self.report.log.append(f"{self._timeline.now:9.3f} {self._repeatable(text)}")

    def problem(self, text: str) -> None:
        """Something is wrong."""
        if self._over:
            return
        text = self._repeatable(text)
        self.report.problems.append(f"{self._timeline.now:.1f} s: {text}")

    def end(self) -> Report:
        """The report of a history that is over; nothing is added any more."""
        report, self._over = self.report, True
        report.seconds, report.events = self._timeline.now, self._timeline.passed
        lines = [*report.log, *report.problems, f"{report.seconds!r} {report.events}"]
        report.digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return report

    def _repeatable(self, text: str) -> str:
        """The text without what is another every time."""
        return re.sub(" at 0x[0-9a-f]+", "", text.replace(self._directory + "/", ""))
