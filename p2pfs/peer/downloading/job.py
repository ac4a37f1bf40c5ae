"""A download a user asked for: what it fetches, how far it is, and how it is cancelled."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from p2pfs.chunks import bytes_in
from p2pfs.errors import Cancelled, DownloadFailed
from p2pfs.membership import Signature, Signer
from p2pfs.peer.downloading.download import Download
from p2pfs.peer.downloading.places import Place
from p2pfs.peer.library import Holding
from p2pfs.peer.rates import RateMeter, Reached, seconds_left
from p2pfs.peer.storage import Owner


@dataclass(frozen=True)
class Fetched:
    """What a finished download came to: bytes from each source, and from what was there before."""

    name: str
    path: Path
    size: int
    seconds: float
    sources: dict[str, int]
    reached: Reached | None = None
    """How well that went for its crowd, if enough is known."""
    kept: bool = False
    """True when it could not be given to whom it was to be, and stays this process's user's."""
    already_there: bool = False
    """True when the file lay there, and was right: then nothing was fetched."""
    publisher: Signer | None = None
    """By whose word the name means this; None if nobody has signed it."""


@dataclass(eq=False)
class Job:
    """One file on its way to ``target``; ``started`` is a time of the reactor's clock.

    ``place`` is where that is for the file system, once it is known. ``download`` is
    what fetches its chunks; while nothing does, ``phase`` says what is done instead.
    """

    name: str
    target: Path
    overwrite: bool
    started: float
    owner: Owner | None = None
    """To whom the file is to be given, if to anybody."""
    kept: bool = False
    """True when the system did not let it be given."""
    place: Place | None = None
    holding: Holding | None = None
    download: Download | None = None
    phase: str = "asking the tracker"
    stop: Event = field(default_factory=Event)
    meter: RateMeter = field(default_factory=RateMeter)
    """Counts what comes from others."""
    in_tree: bool = False
    """True when it is one of the files of a directory that is fetched."""
    is_copy: bool = False
    """True when it copies this peer's own share: what came is not kept when it ends early."""
    signature: Signature | None = None
    """By who says that this is what the name means, once that is known and was checked."""
    objection: str = ""
    """Why it may not go on, although nobody has cancelled it."""

    @property
    def total(self) -> int:
        """Size of the file in bytes; 0 while it is not known."""
        return self.holding.info.filesize if self.holding else 0

    @property
    def done(self) -> int:
        """Bytes that are there and verified."""
        return bytes_in(self.holding.info, self.holding.chunks) if self.holding else 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there and verified, so that it only needs to be finished."""
        return self.holding is not None and self.holding.chunks.whole

    @property
    def state(self) -> str:
        """What is done now, in words that stay the same as long as it is."""
        return self.download.state if self.download else self.phase

    @property
    def detail(self) -> str:
        """The numbers to its state, if there are any."""
        return self.download.detail if self.download else ""

    @property
    def remark(self) -> str:
        """State and detail."""
        return f"{self.state}, {self.detail}" if self.detail else self.state

    def rate(self, now: float) -> float | None:
        """Bytes a second that come from others; None while nothing does, or too little is known."""
        return self.meter.rate(now) if self.download else None

    def seconds_left(self, now: float) -> int | None:
        """The time until all is there, at the present rate; None while that is not known."""
        return seconds_left(self.total - self.done, self.rate(now))

    def cancel(self) -> None:
        """Have it stop as soon as it can; it then ends with `Cancelled`."""
        self.stop.set()
        if self.download is not None:
            self.download.cancel()

    def object(self, reason: str) -> None:
        """Have it stop as it may not go on; it then ends with `DownloadFailed`."""
        self.objection = reason
        self.cancel()

    def check(self) -> None:
        """Raise `Cancelled` if it was cancelled, and `DownloadFailed` if it may not go on."""
        if self.objection:
            raise DownloadFailed(
                f"The download of '{self.name}' was ended, as {self.objection}; "
                f"{self._what_is_kept()}."
            )
        if self.stop.is_set():
            raise Cancelled(f"The download of '{self.name}' was cancelled; {self._what_is_kept()}.")

    def _what_is_kept(self) -> str:
        if self.holding is None or self.is_copy or not self.holding.chunks.bits:
            return "nothing is kept of it"
        return f"what came is kept in {self.holding.path}, download it again to go on"
