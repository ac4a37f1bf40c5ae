"""What this peer holds: shared files and the verified chunks of unfinished downloads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from p2pfs.chunks import ChunkSet, FileInfo, HashList
from p2pfs.errors import AlreadyExists, NotFound
from p2pfs.membership import Signature
from p2pfs.peer.rates import Reached
from p2pfs.peer.storage import PartFile, Stamp


@dataclass(frozen=True)
class Withheld:
    """Why nothing of a file is offered at present, and since when, by the reactor's clock."""

    reason: str
    since: float


@dataclass
class Holding:
    """A file this peer holds chunks of, under its name on the network.

    Everybody may read its fields; they change by its methods alone, each of which says what
    has come to be so.

    A *share* is a finished file at ``path``. What is none is an unfinished download, which lies
    in a part file at ``path`` until it becomes ``target``. It is `downloading` from before that
    file is opened until all is left in order: meanwhile it belongs to that download, and nobody
    else checks it, or gives it up. ``part`` is the file while it is open.

    Invariants:

    - a share has no target, all chunks, and a stamp, which its file must still bear;
    - an unfinished download has a target; only shares went some way;
    - an unfinished download is withheld only while nobody fetches or checks it;
    - a part file is open only while it is downloading, and then it is known by its identity;
    - while it is open, it bears no stamp until its download has settled: what it was left with
      says no more;
    - who is downloading is not being checked; who is being checked claims no chunks;
    - the digest of each chunk that it holds is known;
    - once it is a share it remains one, at the same path.
    """

    name: str
    info: FileInfo
    hashes: HashList
    chunks: ChunkSet
    path: Path
    stamp: Stamp | None = None
    target: Path | None = None
    identity: int | None = None
    """What tells a part file from what else may come to lie there; None until it was made."""
    signature: Signature | None = None
    """By who says that this is what the name means; None if nobody does."""
    part: PartFile | None = field(default=None, init=False)
    downloading: bool = field(default=False, init=False)
    checking: bool = field(default=False, init=False)
    """While it is found out which chunks of an unfinished download are right."""
    refusal: str = field(default="", init=False)
    """Why the tracker would not list it, if so."""
    withheld: Withheld | None = field(default=None, init=False)
    """Set while its file is away: then nothing of it is offered or claimed."""
    reached: Reached | None = field(default=None, init=False)
    """How well its download went, if that was since the start of this process."""

    @classmethod
    def published(
        cls,
        name: str,
        info: FileInfo,
        hashes: HashList,
        path: Path,
        stamp: Stamp,
        signature: Signature | None = None,
    ) -> Holding:
        """A file of this peer's own."""
        chunks = ChunkSet.full(info.totalchunknum)
        return cls(name, info, hashes, chunks, path, stamp, signature=signature)

    @classmethod
    def begun(
        cls,
        name: str,
        info: FileInfo,
        hashes: HashList,
        path: Path,
        target: Path,
        signature: Signature | None = None,
    ) -> Holding:
        """A download that has nothing yet, and no part file."""
        chunks = ChunkSet(info.totalchunknum)
        holding = cls(name, info, hashes, chunks, path, target=target, signature=signature)
        holding.begin()
        return holding

    @property
    def is_share(self) -> bool:
        """True for a finished file."""
        return self.target is None

    @property
    def announced_whole(self) -> bool:
        """True when it is announced with a publish rather than chunk by chunk."""
        return self.is_share and self.chunks.whole

    # Its download

    def begin(self) -> None:
        """A download begins, or goes on: from now on it belongs to that."""
        assert self._at_rest
        self.downloading, self.withheld = True, None

    def opened(self, part: PartFile, identity: int) -> None:
        """Its download has the part file open, which is known by that identity."""
        assert self.downloading
        assert self.part is None
        self.part, self.identity, self.stamp = part, identity, None

    def hash_list_known(self, hashes: HashList) -> None:
        """The digests of all chunks have come."""
        assert self._open
        self.hashes = hashes

    def kept(self, chunknum: int, digest: bytes) -> None:
        """One more chunk is in the part file, and right."""
        assert self._open
        self.hashes[chunknum] = digest
        self.chunks.add(chunknum)

    def copied(self, chunks: ChunkSet) -> None:
        """These further chunks are in the part file, right by the digests that are known."""
        assert self._open
        self.chunks = ChunkSet(chunks.total, self.chunks.bits | chunks.bits)

    def mended(self, right: ChunkSet) -> None:
        """Of the chunks in the open part file only these are right."""
        assert self._open
        self.chunks = right

    def settled(self, stamp: Stamp | None) -> None:
        """Nothing is written any more: that is how it is left. None if somebody else wrote too."""
        assert self._open
        self.stamp = stamp

    def became_share(self, stamp: Stamp, reached: Reached | None = None) -> None:
        """The part file has got its final name, and all chunks are in it."""
        assert self._open
        assert self.chunks.whole
        self._finish(stamp)
        self.reached = reached

    def left(self) -> None:
        """Its download has ended, and closes the part file."""
        self.part, self.downloading = None, False

    # Looking after it

    def check_begun(self) -> ChunkSet:
        """It is to be found out which chunks are right; returns those that it claimed."""
        assert self._at_rest
        claimed, self.chunks = self.chunks, ChunkSet(self.info.totalchunknum)
        self.checking, self.withheld = True, None
        return claimed

    def check_broken_off(self, claimed: ChunkSet) -> None:
        """Nothing was found out; these are the chunks that it claimed."""
        assert self.checking
        self.chunks, self.checking = claimed, False

    def checked(self, right: ChunkSet, stamp: Stamp | None, identity: int | None) -> None:
        """These chunks are right, in a part file of that stamp; no identity: there is none."""
        assert self.checking
        self.chunks, self.stamp, self.identity, self.checking = right, stamp, identity, False

    def found_whole(self, hashes: HashList, stamp: Stamp) -> None:
        """It had got its final name before, and all of it is right."""
        assert self.checking
        self.chunks, self.hashes = ChunkSet.full(self.info.totalchunknum), hashes
        self.checking = False
        self._finish(stamp)

    def replaced(self, stamp: Stamp) -> None:
        """The same content was put in the place of a share's file."""
        assert self.is_share
        self.stamp = stamp

    def withhold(self, reason: str, since: float) -> None:
        """The file of a share is away, or the part file of an unfinished download."""
        assert self.is_share or self._at_rest
        self.withheld = Withheld(reason, since)

    def found_again(self) -> None:
        """Its file is there as it was."""
        self.withheld = None

    def signed(self, signature: Signature | None) -> None:
        """This says from now on that the name means it."""
        self.signature = signature

    # What the tracker says of it

    def refused(self, reason: str) -> None:
        """The tracker would not list it, or the chunks of it that are here."""
        self.refusal = reason

    def listed(self) -> None:
        """The tracker lists it, as far as is known."""
        self.refusal = ""

    # Inside

    @property
    def _at_rest(self) -> bool:
        """True for an unfinished download with which nobody does anything."""
        return not (self.is_share or self.downloading or self.checking)

    @property
    def _open(self) -> bool:
        """True while something may come into its part file."""
        return self.part is not None and not self.is_share

    def _finish(self, stamp: Stamp) -> None:
        assert self.target is not None
        self.path, self.target, self.identity, self.stamp = self.target, None, None, stamp


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
