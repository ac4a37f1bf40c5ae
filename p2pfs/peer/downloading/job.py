"""A download a user asked for: what it fetches, how far it is, and how it is cancelled."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from p2pfs.chunks import bytes_in
from p2pfs.errors import Cancelled
from p2pfs.peer.downloading.download import Download
from p2pfs.peer.downloading.places import Place
from p2pfs.peer.library import Holding
from p2pfs.peer.rates import Reached


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
    place: Place | None = None
    holding: Holding | None = None
    download: Download | None = None
    phase: str = "asking the tracker"
    stop: Event = field(default_factory=Event)
    is_copy: bool = False
    """True when it copies this peer's own share: what came is not kept when it ends early."""

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
    def remark(self) -> str:
        """What a person would like to know about its state now."""
        return self.download.remark if self.download else self.phase

    def cancel(self) -> None:
        """Have it stop as soon as it can; it then ends with `Cancelled`."""
        self.stop.set()
        if self.download is not None:
            self.download.cancel()

    def check(self) -> None:
        """Raise `Cancelled` if it was cancelled."""
        if self.stop.is_set():
            raise Cancelled(f"The download of '{self.name}' was cancelled; {self._what_is_kept()}.")

    def _what_is_kept(self) -> str:
        if self.holding is None or self.is_copy or not self.holding.chunks.bits:
            return "nothing is kept of it"
        return f"what came is kept in {self.holding.path}, download it again to go on"
