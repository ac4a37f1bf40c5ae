"""The download of a whole directory: what it fetches, how far it is, and how it is cancelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from twisted.internet.defer import Deferred

from p2pfs.errors import Cancelled, P2pfsError
from p2pfs.peer.downloading.job import Job
from p2pfs.peer.downloading.places import Directory
from p2pfs.peer.rates import RateMeter, seconds_left
from p2pfs.peer.storage import Owner


@dataclass(eq=False)
class TreeJob:
    """The download of all files below ``prefix`` (which ends in ``/``) into ``target``.

    Of files that are done with it keeps no more than their numbers and their bytes:
    a tree may have very many.
    """

    prefix: str
    target: Path
    total: int = 0
    files: int = 0
    to_come: int = 0
    """Bytes that they will take on the disk beside those that are there."""
    counted: bool = False
    """Whether these three are known; they grow until then."""
    fetched: int = 0
    bytes_fetched: int = 0
    already_there: int = 0
    bytes_there: int = 0
    owner: Owner | None = None
    """To whom its files are to be given, if to anybody."""
    kept: int = 0
    """Files that could not be given."""
    failed: int = 0
    first_error: P2pfsError | None = None
    running: dict[Job, None] = field(default_factory=dict)
    awaiting_room: dict[Deferred[None], None] = field(default_factory=dict)
    """For further files to begin, when this peer downloads as many as it can."""
    directories: dict[Path, Directory] = field(default_factory=dict)
    """Those that are there, which need not be looked for again."""
    meter: RateMeter = field(default_factory=RateMeter)
    """Counts what comes of all its files."""
    cancelled: bool = False
    check_place: Callable[[Path], object] | None = None
    """Called in a thread with the path of a file before it is written; raises `P2pfsError`."""

    @property
    def done(self) -> int:
        """Bytes that are there and verified."""
        finished = self.bytes_there + self.bytes_fetched
        return finished + sum(job.done for job in self.running)

    @property
    def state(self) -> str:
        """What is done now, in words that stay the same as long as it is."""
        return "downloading" if self.counted else "asking for the list of files"

    @property
    def detail(self) -> str:
        """How many files are there."""
        return self._there if self.counted else f"{self.files} files so far"

    @property
    def remark(self) -> str:
        """State and detail."""
        return f"{self.state}, {self.detail}"

    def rate(self, now: float) -> float | None:
        """Bytes a second that come of all its files; None while too little is known."""
        return self.meter.rate(now)

    def seconds_left(self, now: float) -> int | None:
        """The time until all is there, at the present rate; None while that is not known."""
        return seconds_left(self.total - self.done, self.rate(now)) if self.counted else None

    def cancel(self) -> None:
        """Stop all its files."""
        self.cancelled = True
        for job in list(self.running):
            job.cancel()
        for waiting in list(self.awaiting_room):
            waiting.cancel()

    def check(self) -> None:
        """Raise `Cancelled` if it was."""
        if self.cancelled:
            raise Cancelled(
                f"The download of '{self.prefix}' was cancelled with {self._there} there; download "
                "it again to go on."
            )

    @property
    def _there(self) -> str:
        there = self.fetched + self.already_there
        return f"{there} of {max(there, self.files)} files"  # some may have been published since
