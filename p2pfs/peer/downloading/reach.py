"""Whether a download reaches anybody at all."""

from __future__ import annotations

from p2pfs.peer.downloading.context import DownloadContext
from p2pfs.peer.downloading.source_set import SourceSet

CUT_OFF = "waits for the network: neither a source nor the tracker can be reached"
"""What a person is told meanwhile."""


class Reach:
    """Tells when neither a source nor the tracker gives a sign of life, and ends the pauses then.

    When nobody answers it is the network that is missing: there is no telling who
    would deliver, so nobody is to be blamed, and it is tried again more often.
    """

    def __init__(self, context: DownloadContext, source_set: SourceSet) -> None:
        self._announcer = context.announcer
        self._source_set = source_set
        self._pause = context.patience.refresh
        self._next_try = 0.0
        self.cut_off = False
        """True while nobody is reached, as of the last look."""

    def look(self, now: float) -> bool:
        """See how it stands, to be called at regular intervals; the same as `cut_off` then."""
        was, self.cut_off = self.cut_off, not (self._announcer.answers or self._source_set.answers)
        if self.cut_off:
            if now >= self._next_try:
                self._next_try = now + self._pause
                self._announcer.hurry()
        elif was:
            self._source_set.absolve()
            self._announcer.hurry()
        return self.cut_off
