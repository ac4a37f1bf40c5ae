"""Who holds what: the tracker's whole state, in memory and free of the network.

Invariants:

- a file is listed as long as somebody holds at least one chunk of it;
- every holder of a file has joined, and holds at least one chunk of it
  (an empty file has no chunks: its holders hold it by having published it);
- a newcomer to a file has joined, and is forgotten when there is no holder left;
- all holders of a file hold chunks of the same content (the same `FileInfo`).

Which content a name belongs to is for `p2pfs.tracker.listed_file` to say, and for
`p2pfs.tracker.titles` where it is signed. What loses its name is forgotten.

All times are in seconds, by one clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from time import time
from typing import NamedTuple

from sortedcontainers import SortedList  # type: ignore[import-untyped]  # it has no annotations

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.errors import InvalidFileInfo, NotFound
from p2pfs.membership import NameSigning, OpenNames, Signature
from p2pfs.names import check_filename
from p2pfs.tracker.accounts import Accounts
from p2pfs.tracker.listed_file import ListedFile
from p2pfs.tracker.quotas import OverQuota, Quotas
from p2pfs.tracker.titles import Titles

SELECTION = 64
"""Holders that a location names when there are more."""
_SELECTION_BYTES = 256 << 10
"""Bytes of a location's line beyond which it names fewer, unless it takes them to cover all."""
_FEWEST = 8
"""Holders that a location names at least, however long their bitfields are."""

_ENTRY_OVERHEAD = 192
"""Bytes that a file list's entry and its age take on a line beside its name, rounded up."""
_HOLDER_OVERHEAD = 2 * (16 + 260)
"""Bytes that a holder takes on a line beside its bitfield: the longest address, rounded up.

It may be there twice, as others had chunks from it.
"""


@dataclass(frozen=True)
class Location:
    """Holders of a file and newcomers to it, with their bitfields.

    ``holders`` counts all when not all are named.
    """

    info: FileInfo
    chunkinfo: dict[str, bytes]
    holders: int | None
    signature: Signature | None


class Displaced(NamedTuple):
    """Who held some of a content whose name went to another, and is not known to any more."""

    holders: Sequence[str] = ()
    by_owner: bool = False
    """Whether that was by the word of who owns the name."""


class Directory:
    """The peers that joined and the files they hold. Peers are known by their address."""

    def __init__(self, quotas: Quotas | None = None, signing: NameSigning | None = None) -> None:
        """What would go beyond the quotas, by default the usual ones, is refused.

        ``signing`` checks signatures; by default it is that of an open swarm.
        """
        self._titles = Titles(signing or OpenNames(time))
        self._quotas = quotas or Quotas()
        self._accounts = Accounts(self._quotas)
        self._files: dict[str, ListedFile] = {}
        self._names = SortedList()
        self.bytes_offered = 0
        """The sizes of all files together."""
        # Dictionaries stand for sets where the order has effects: that of a set of strings
        # is another in every process.
        self._held_by: dict[str, dict[str, ListedFile]] = {}
        self._identities: dict[str, str] = {}

    def join(self, peer: str, host: str | None = None, identity: str | None = None) -> None:
        """Add a peer that holds nothing yet, one of a host's, or by default on its own.

        ``identity`` is what it can be told by when it comes back, by default its address.
        """
        self._held_by.setdefault(peer, {})
        self._identities[peer] = identity or peer
        self._accounts.open(peer, peer if host is None else host)

    def leave(self, peer: str, now: float) -> None:
        """Forget a peer as a holder of everything."""
        identity = self._identities.pop(peer, peer)
        for listed in self._held_by.pop(peer, {}).values():
            if peer in listed.holders:
                listed.leaves(peer, identity, now)
            self._drop_holder(peer, listed)
        self._accounts.close(peer)

    def publish(
        self,
        peer: str,
        name: str,
        info: FileInfo,
        now: float,
        signature: Signature | None = None,
    ) -> Displaced:
        """Make ``peer`` a holder of every chunk of a file.

        Another content that is listed under that name is replaced if that is the word of the
        name's owner, or else if nobody can complete it.
        Raises `Refused` when that one has the name still, `BadSignature`, `OverQuota` and
        `InvalidName`.
        """
        displaced = self._make_way(peer, name, info, signature, now, True)
        self._held_as(peer, name, info, signature, now).holders.add_whole(peer)
        return displaced

    def unpublish(self, peer: str, name: str) -> None:
        """Make ``peer`` a holder of nothing of a file; raises `NotFound` when it is none."""
        listed = self._held_by[peer].pop(name, None)
        if listed is None:
            raise NotFound("You hold nothing of that file; publish it first.")
        self._accounts.remove(peer, listed.name, listed.info, listed.signature)
        self._drop_holder(peer, listed)

    def go_by(self, signing: NameSigning) -> None:
        """Judge signatures so from now on; it is for before anything is listed."""
        self._titles = Titles(signing)

    def drop_void(self) -> dict[str, list[str]]:
        """List no more what is signed by who has lost the right to; by name, who held some."""
        titles = self._titles
        void = [listed for listed in self._files.values() if titles.is_void(listed.signature)]
        held = {listed.name: list(listed.holders) for listed in void}
        for listed in void:
            self._delist(listed)
        return held

    def add_chunks(
        self,
        peer: str,
        name: str,
        info: FileInfo | None,
        chunknum: int | None,
        bitfield: bytes | None,
        now: float,
        signature: Signature | None = None,
    ) -> Displaced:
        """Record that ``peer`` holds one chunk, or those of a bitfield, beside what it held.

        With ``info`` a file is listed that is not known yet, and replaces another by the word of
        the name's owner. A bitfield without a bit says that
        it is about to hold some; that lists nothing. Raises `NotFound`,
        `Refused` for another content, `BadSignature`, `OverQuota`, and `InvalidFileInfo` for
        chunks outside the file and when neither or both of ``chunknum`` and ``bitfield`` are
        given.
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
        before = self._files.get(name)
        if not chunks.bits:
            if before is not None:
                self._held_as(peer, name, info, signature, now).holders.expect(peer)
            return Displaced()
        displaced = self._make_way(peer, name, info, signature, now, False)
        listed = self._held_as(peer, name, info, signature, now)
        listed.holders.add(peer, bitfield or chunks.to_bitfield())
        if listed is not before and not listed.holders.complete:
            listed.keep(None, now)  # this tracker may have restarted, and others come back later
        return displaced

    def __getitem__(self, name: str) -> ListedFile:
        """A listed file; raises `NotFound`."""
        try:
            return self._files[name]
        except KeyError:
            raise NotFound("Nobody offers a file of that name.") from None

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._files)

    @property
    def memory(self) -> int:
        """The bytes that are charged for what all peers hold."""
        return self._accounts.total

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    @property
    def peers(self) -> list[str]:
        """The addresses of all peers that joined."""
        return list(self._held_by)

    def held_by(self, peer: str) -> dict[str, ChunkSet]:
        """What a peer holds, by filename."""
        held = self._held_by[peer]
        return {
            name: held[name].holders[peer] for name in sorted(held) if peer in held[name].holders
        }

    def names_of(self, peer: str) -> list[str]:
        """The names of the files of which a peer holds something."""
        return list(self._held_by[peer])

    def list_page(
        self, prefix: str, after: str, room: int, entries: int = 5_000
    ) -> tuple[dict[str, ListedFile], bool]:
        """The files beginning with ``prefix`` and sorting behind ``after``, in order.

        The page ends after ``room`` bytes of line or ``entries`` files; the
        second value is True when there is more behind it.
        """
        page: dict[str, ListedFile] = {}
        first = max(prefix, after)
        for name in self._names.irange(first, inclusive=(first > after, True)):
            if not name.startswith(prefix):
                break
            # JSON may escape a character of a name with a backslash: twice the size at most.
            room -= 2 * len(name.encode()) + _ENTRY_OVERHEAD
            if page and (room < 0 or len(page) == entries):
                return page, True
            page[name] = self._files[name]
        return page, False

    def locate(self, name: str, room: int, random: Random) -> Location:
        """The holders of a file with their chunks, and newcomers; raises `NotFound`.

        When there are many, a selection by chance that still covers every chunk
        that is held, as far as ``room`` bytes of line allow. What this takes does
        not depend on how many there are.
        """
        listed = self[name]
        entry = 4 * ((listed.info.totalchunknum + 23) // 24) + _HOLDER_OVERHEAD
        most = room // entry
        size = min(SELECTION, max(_FEWEST, _SELECTION_BYTES // entry), most)
        selection = listed.holders.select(size, most, random)
        count = listed.holders.known
        known = None if count == len(selection) else count
        return Location(listed.info, selection, known, listed.signature)

    def _make_way(
        self,
        peer: str,
        name: str,
        info: FileInfo,
        signature: Signature | None,
        now: float,
        is_whole: bool,
    ) -> Displaced:
        """List this for a peer in place of another content that has the name, if there is one."""
        other = self._files.get(name)
        if other is None or other.info == info:
            return Displaced()
        by_owner = self._titles.replaces(other, info, signature)
        if not by_owner:
            if not is_whole:
                raise other.taken(info)
            other.check_free(self._identities[peer], info, now)
            self._titles.check(name, info, signature)
        # First, for what is refused must change nothing; one name goes, and one comes.
        self._accounts.add(peer, other.name, info, signature, len(self._files))
        displaced = [holder for holder in other.holders if holder != peer]
        self._delist(other)
        self._list(peer, other.name, info, signature, now)
        return Displaced(displaced, by_owner)

    def _held_as(
        self, peer: str, name: str, info: FileInfo, signature: Signature | None, now: float
    ) -> ListedFile:
        """The file of that name and content, newly listed if need be, noted as held by ``peer``.

        The caller adds the peer to its holders.
        """
        listed, held = self._files.get(name), self._held_by[peer]
        if listed is None:
            check_filename(name)
            if len(self._files) >= self._quotas.names:
                raise OverQuota(
                    f"This tracker lists {len(self._files)} files, which is all it may; "
                    "try again later, or use another."
                )
            self._titles.check(name, info, signature)
            self._accounts.add(peer, name, info, signature, len(self._files))
            return self._list(peer, name, info, signature, now)
        if listed.info != info:
            raise listed.taken(info)
        better = self._titles.is_better(listed, peer, signature)
        if name not in held:
            self._accounts.add(peer, listed.name, info, listed.signature, len(self._files))
            held[listed.name] = listed  # its own string, so that a name is kept once
        if better:
            peers = {**dict.fromkeys((*listed.holders, *listed.holders.newcomers)), peer: None}
            self._accounts.signed_anew(peers, listed.signature, signature)
            listed.signature = signature
        return listed

    def _list(
        self, peer: str, name: str, info: FileInfo, signature: Signature | None, now: float
    ) -> ListedFile:
        """A file newly listed for a peer, which was charged for it."""
        listed = ListedFile(name, info, signature, now, self._accounts.host_of)
        self._files[name] = self._held_by[peer][name] = listed
        self._names.add(name)
        self.bytes_offered += info.filesize
        return listed

    def _drop_holder(self, peer: str, listed: ListedFile) -> None:
        listed.holders.remove(peer)
        if not len(listed.holders):
            self._delist(listed)

    def _delist(self, listed: ListedFile) -> None:
        """List a file no more; whoever holds it, or is about to, has nothing to do with it."""
        del self._files[listed.name]
        self._names.remove(listed.name)
        self.bytes_offered -= listed.info.filesize
        for peer in (*listed.holders, *listed.holders.newcomers):
            del self._held_by[peer][listed.name]
            self._accounts.remove(peer, listed.name, listed.info, listed.signature)
