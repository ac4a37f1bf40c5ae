"""Who holds what: the tracker's whole state, in memory and free of the network.

Invariants:

- a file is listed as long as somebody holds at least one chunk of it;
- every holder of a file has joined, and holds at least one chunk of it
  (an empty file has no chunks: its holders hold it by having published it);
- all holders of a file hold chunks of the same content (the same `FileInfo`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.errors import InvalidFileInfo, NotFound, Refused
from p2pfs.names import check_filename

_ENTRY_OVERHEAD = 192
"""Bytes that a file list's entry takes on a line beside its name, rounded up."""
_HOLDER_OVERHEAD = 16
"""Bytes that a holder takes on a line beside its address and bitfield, rounded up."""


@dataclass
class ListedFile:
    """A file on the network and the chunks each of its holders has, by address."""

    info: FileInfo
    holders: dict[str, ChunkSet] = field(default_factory=dict)

    @property
    def whole_copies(self) -> int:
        """How many holders have every chunk."""
        return sum(chunks.whole for chunks in self.holders.values())


class Directory:
    """The peers that joined and the files they hold. Peers are known by their address."""

    def __init__(self) -> None:
        self._files: dict[str, ListedFile] = {}
        self._names: list[str] = []
        self._held_by: dict[str, set[str]] = {}

    def join(self, peer: str) -> None:
        """Add a peer that holds nothing yet."""
        self._held_by.setdefault(peer, set())

    def leave(self, peer: str) -> None:
        """Forget a peer as a holder of everything."""
        for name in self._held_by.pop(peer, set()):
            self._drop_holder(peer, name)

    def publish(self, peer: str, name: str, info: FileInfo) -> None:
        """Make ``peer`` a holder of every chunk of a file.

        Raises `Refused` when another content is listed under that name, and
        `InvalidName`.
        """
        listed = self._listed_as(name, info)
        # One full set serves all whole holders: `add_chunks` replaces it, never changes it.
        whole = next((c for c in listed.holders.values() if c.whole), None)
        listed.holders[peer] = whole or ChunkSet.full(info.totalchunknum)
        self._held_by[peer].add(name)

    def unpublish(self, peer: str, name: str) -> None:
        """Make ``peer`` a holder of nothing of a file; raises `NotFound` when it is none."""
        if name not in self._held_by[peer]:
            raise NotFound("You hold nothing of that file; publish it first.")
        self._held_by[peer].discard(name)
        self._drop_holder(peer, name)

    def add_chunks(
        self,
        peer: str,
        name: str,
        info: FileInfo | None,
        chunknum: int | None,
        bitfield: bytes | None,
    ) -> None:
        """Record that ``peer`` holds one chunk, or those of a bitfield, beside what it held.

        With ``info`` a file is listed that is not known yet. Raises `NotFound`,
        `Refused` for another content, `InvalidFileInfo` for chunks outside the
        file and when neither or both of ``chunknum`` and ``bitfield`` are given.
        """
        if (chunknum is None) == (bitfield is None):
            raise InvalidFileInfo("Give either chunknum or chunks.")
        if info is None:
            info = self[name].info
        total = info.totalchunknum
        if bitfield is not None:
            chunks = ChunkSet.from_bitfield(total, bitfield)
        else:
            chunks = ChunkSet.of(total, [chunknum or 0])
        if not chunks.bits:
            return
        listed = self._listed_as(name, info)
        held = listed.holders.get(peer)
        listed.holders[peer] = ChunkSet(total, chunks.bits | (held.bits if held else 0))
        self._held_by[peer].add(name)

    def __getitem__(self, name: str) -> ListedFile:
        """A listed file; raises `NotFound`."""
        try:
            return self._files[name]
        except KeyError:
            raise NotFound("Nobody offers a file of that name.") from None

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    @property
    def peers(self) -> list[str]:
        """The addresses of all peers that joined."""
        return list(self._held_by)

    def held_by(self, peer: str) -> dict[str, ChunkSet]:
        """What a peer holds, by filename."""
        return {name: self._files[name].holders[peer] for name in sorted(self._held_by[peer])}

    def list_page(
        self, prefix: str, after: str, room: int, entries: int = 5_000
    ) -> tuple[dict[str, FileInfo], bool]:
        """The files beginning with ``prefix`` and sorting behind ``after``, in order.

        The page ends after ``room`` bytes of line or ``entries`` files; the
        second value is True when there is more behind it.
        """
        page: dict[str, FileInfo] = {}
        start = max(bisect_left(self._names, prefix), bisect_right(self._names, after))
        for index in range(start, len(self._names)):
            name = self._names[index]
            if not name.startswith(prefix):
                break
            # JSON may escape a character of a name with a backslash: twice the size at most.
            room -= 2 * len(name.encode()) + _ENTRY_OVERHEAD
            if page and (room < 0 or len(page) == entries):
                return page, True
            page[name] = self._files[name].info
        return page, False

    def locate(self, name: str, room: int, random: Random) -> dict[str, ChunkSet]:
        """The holders of a file with their chunks; raises `NotFound`.

        When they would take more than ``room`` bytes of line, a random selection
        that still covers every chunk that is held, as far as it fits.
        """
        listed = self[name]
        entry = 4 * ((listed.info.totalchunknum + 23) // 24) + _HOLDER_OVERHEAD
        if sum(len(peer) + entry for peer in listed.holders) <= room:
            return dict(listed.holders)
        peers = list(listed.holders)
        random.shuffle(peers)
        covered = 0
        first: list[str] = []
        others: list[str] = []
        for peer in peers:
            news = listed.holders[peer].bits & ~covered
            covered |= news
            (first if news else others).append(peer)
        selection: dict[str, ChunkSet] = {}
        for peer in first + others:
            room -= len(peer) + entry
            if room < 0:
                break
            selection[peer] = listed.holders[peer]
        return selection

    def _listed_as(self, name: str, info: FileInfo) -> ListedFile:
        """The file of that name with that content, newly listed if need be."""
        listed = self._files.get(name)
        if listed is None:
            check_filename(name)
            listed = self._files[name] = ListedFile(info)
            insort(self._names, name)
        elif listed.info != info:
            raise Refused(
                "Another content is listed under that name; choose another name, or have the "
                "present one unpublished."
            )
        return listed

    def _drop_holder(self, peer: str, name: str) -> None:
        listed = self._files[name]
        del listed.holders[peer]
        if not listed.holders:
            del self._files[name]
            del self._names[bisect_left(self._names, name)]
