"""When progress is worth a line, where there is nothing to draw a bar on. Pure."""

from __future__ import annotations

from p2pfs.console.rendering import ProgressLike, progress_text

QUIET_SECONDS = 60.0
"""How often there is a line although nothing but numbers has changed."""


class ProgressLines:
    """Makes lines of reports: one when something else is done than before, and one a minute."""

    def __init__(self) -> None:
        self._told: tuple[str, str] | None = None
        self._told_at = 0.0

    def line(self, progress: ProgressLike, now: float) -> str | None:
        """The line for a report that comes at that time, in seconds; None if it is worth none."""
        doing = progress.label, progress.note
        if doing == self._told and now - self._told_at < QUIET_SECONDS:
            return None
        self._told, self._told_at = doing, now
        return progress_text(progress)
