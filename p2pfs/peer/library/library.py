"""What this peer holds: shared files and the verified chunks of unfinished downloads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from p2pfs.chunks import ChunkSet, FileInfo, HashList
from p2pfs.errors import AlreadyExists, NotFound
from p2pfs.peer.rates import Reached
from p2pfs.peer.storage import PartFile, Stamp


@dataclass(frozen=True)
class Withheld:
    """Why a share is not offered at present, and since when, by the reactor's clock."""

    reason: str
    since: float


@dataclass
class Holding:
    """A file this peer holds chunks of, under its name on the network.

    A *share* is a finished file: ``target`` is None, all chunks are there, and
    ``path`` must still bear ``stamp``. An unfinished download lies in a part
    file at ``path`` until it becomes ``target``; ``part`` is that file while a
    download is writing to it. ``identity`` tells it from what else may come to lie there;
    None until it was made.

    A holding is `downloading` from before its part file is opened until all is left in order.
    Meanwhile it belongs to that download: nobody else checks it, or gives it up.
    """

    name: str
    info: FileInfo
    hashes: HashList
    chunks: ChunkSet
    path: Path
    stamp: Stamp | None = None
    target: Path | None = None
    part: PartFile | None = None
    downloading: bool = False
    identity: int | None = None
    refusal: str = ""
    """Why the tracker would not list it, if so."""
    withheld: Withheld | None = None
    """Set while the file of a share is away: then nothing of it is offered or claimed."""
    reached: Reached | None = None
    """How well its download went, if that was since the start of this process."""

    def opened(self, part: PartFile) -> None:
        """Its download has the part file open: what stamp it was left with says no more."""
        self.part, self.stamp = part, None

    def became_share(self, stamp: Stamp | None) -> None:
        """The part file has got its final name, and all chunks are in it."""
        assert self.target is not None
        self.path, self.target, self.identity, self.stamp = self.target, None, None, stamp

    def left(self) -> None:
        """Its download has ended, and closes the part file."""
        self.part, self.downloading = None, False

    @property
    def is_share(self) -> bool:
        """True for a finished file."""
        return self.target is None

    @property
    def announced_whole(self) -> bool:
        """True when it is announced with a publish rather than chunk by chunk."""
        return self.is_share and self.chunks.whole


class Library:
    """All holdings of a peer, by name."""

    def __init__(self) -> None:
        self._holdings: dict[str, Holding] = {}

    def add(self, holding: Holding) -> None:
        """Add a holding; raises `AlreadyExists` when another has its name."""
        if holding.name in self._holdings:
            raise AlreadyExists(
                f"This peer holds '{holding.name}' already; unpublish it first, or use another "
                "name."
            )
        self._holdings[holding.name] = holding

    def discard(self, holding: Holding) -> bool:
        """Take a holding out; False when it was out already."""
        if self._holdings.get(holding.name) is not holding:
            return False
        del self._holdings[holding.name]
        return True

    def get(self, name: str) -> Holding | None:
        """The holding of that name, or None."""
        return self._holdings.get(name)

    def __getitem__(self, name: str) -> Holding:
        """The holding of that name; raises `NotFound`."""
        try:
            return self._holdings[name]
        except KeyError:
            raise NotFound(
                f"This peer does not share '{name}'; 'status' lists what it shares."
            ) from None

    def __iter__(self) -> Iterator[Holding]:
        return iter(list(self._holdings.values()))

    def __len__(self) -> int:
        return len(self._holdings)
