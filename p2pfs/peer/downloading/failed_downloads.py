"""The downloads that failed last, so that one can still ask why."""

from __future__ import annotations

from dataclasses import dataclass

from p2pfs.peer.downloading.explanation import Explanation

MOST_KEPT = 64


@dataclass(frozen=True)
class FailedDownload:
    """How a download ended: its error, when (by the reactor's clock), and how it stood then.

    ``explanation`` is None when it ended before anything was asked of sources.
    """

    name: str
    at: float
    error: str
    explanation: Explanation | None


class FailedDownloads:
    """The last failure of each of the last `MOST_KEPT` names whose download failed."""

    def __init__(self) -> None:
        self._by_name: dict[str, FailedDownload] = {}

    def note(self, failed: FailedDownload) -> None:
        """Remember one, and forget the oldest beyond the limit."""
        self.forget(failed.name)
        self._by_name[failed.name] = failed
        if len(self._by_name) > MOST_KEPT:
            del self._by_name[next(iter(self._by_name))]

    def forget(self, name: str) -> None:
        """A download of that name came to a good end."""
        self._by_name.pop(name, None)

    def get(self, name: str) -> FailedDownload | None:
        """The last failure of that name, if it is remembered."""
        return self._by_name.get(name)
