"""Who holds what: the tracker's whole state, in memory and free of the network.

Invariants:

- a file is listed as long as somebody holds at least one chunk of it;
- every holder of a file has joined, and holds at least one chunk of it
  (an empty file has no chunks: its holders hold it by having published it);
- a newcomer to a file has joined, and is forgotten when there is no holder left;
- all holders of a file hold chunks of the same content (the same `FileInfo`).

A name belongs to the content that was listed first, as long as those who are there can complete
it. When they cannot, it is kept for a while for who left without a word, and is free then: a
publish of another content has the old one forgotten.

All times are in seconds, by one clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from random import Random

from sortedcontainers import SortedList  # type: ignore[import-untyped]  # it has no annotations

from p2pfs.chunks import ChunkSet, FileInfo
from p2pfs.errors import InvalidFileInfo, NotFound, Refused
from p2pfs.names import check_filename
from p2pfs.tracker.accounts import Accounts
from p2pfs.tracker.holders import Holders
from p2pfs.tracker.quotas import OverQuota, Quotas

SELECTION = 64
"""Holders that a location names when there are more."""
_SELECTION_BYTES = 256 << 10
"""Bytes of a location's line beyond which it names fewer, unless it takes them to cover all."""
_FEWEST = 8
"""Holders that a location names at least, however long their bitfields are."""

KEPT_SECONDS = 60.0
"""How long the name of what nobody can complete is kept, since somebody left who could help it.

A publisher that restarts, or whose connection breaks, is back sooner.
"""

MOST_NAMED = 3
"""Holders that a refusal names."""
_NAMED_CHARACTERS = 120
"""The same in characters, but for the first: a refusal is a sentence."""

_ENTRY_OVERHEAD = 192
"""Bytes that a file list's entry and its age take on a line beside its name, rounded up."""
_HOLDER_OVERHEAD = 2 * (16 + 260)
"""Bytes that a holder takes on a line beside its bitfield: the longest address, rounded up.

It may be there twice, as others had chunks from it.
"""


class ListedFile:
    """A file on the network, who holds which chunks of it, and how long its name is kept."""

    __slots__ = ("_kept_for", "_kept_until", "holders", "info", "name", "since")

    def __init__(
        self, name: str, info: FileInfo, since: float, host_of: Callable[[str], str]
    ) -> None:
        self.name = name
        self.info = info
        self.since = since
        """When it was listed."""
        self.holders = Holders(info.totalchunknum, host_of)
        self._kept_for: str | None = None
        self._kept_until = since

    def leaves(self, holder: str, identity: str, now: float) -> None:
        """A holder is about to leave without having given the file up: it may come back.

        ``identity`` is what it can be told by then.
        """
        holders = self.holders
        is_needed = holders.may_be_complete and not holders.whole_copies
        if is_needed or not holders.has_part(holder):
            alone = now >= self._kept_until or self._kept_for == identity
            self.keep(identity if alone else None, now)

    def keep(self, identity: str | None, now: float) -> None:
        """Keep its name for a while, if need be, from all but the one of that identity."""
        self._kept_for, self._kept_until = identity, now + KEPT_SECONDS

    def kept_from(self, identity: str, now: float) -> float:
        """Seconds for which its name is kept from somebody, when nobody can complete it."""
        return 0.0 if identity == self._kept_for else max(0.0, self._kept_until - now)

    @property
    def whole_copies(self) -> int:
        """How many holders have every chunk."""
        return self.holders.whole_copies


@dataclass(frozen=True)
class Location:
    """Holders of a file and newcomers to it, with their bitfields.

    ``holders`` counts all when not all are named.
    """

    info: FileInfo
    chunkinfo: dict[str, bytes]
    holders: int | None


class Directory:
    """The peers that joined and the files they hold. Peers are known by their address."""

    def __init__(self, quotas: Quotas | None = None) -> None:
        """What would go beyond the quotas, by default the usual ones, is refused."""
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

    def publish(self, peer: str, name: str, info: FileInfo, now: float) -> list[str]:
        """Make ``peer`` a holder of every chunk of a file.

        Another content that is listed under that name is replaced if nobody can complete it;
        returned are those that held some of that one, and are not known to any more.
        Raises `Refused` when that one has the name still, `OverQuota` and `InvalidName`.
        """
        other = self._files.get(name)
        displaced: list[str] = []
        if other is not None and other.info != info:
            self._check_free(other, peer, info, now)
            # First, for what is refused must change nothing; one name goes, and one comes.
            self._accounts.add(peer, other.name, info, len(self._files))
            displaced = [holder for holder in other.holders if holder != peer]
            self._delist(other)
            self._list(peer, other.name, info, now)
        self._held_as(peer, name, info, now).holders.add_whole(peer)
        return displaced

    def unpublish(self, peer: str, name: str) -> None:
        """Make ``peer`` a holder of nothing of a file; raises `NotFound` when it is none."""
        listed = self._held_by[peer].pop(name, None)
        if listed is None:
            raise NotFound("You hold nothing of that file; publish it first.")
        self._accounts.remove(peer, listed.name, listed.info)
        self._drop_holder(peer, listed)

    def add_chunks(
        self,
        peer: str,
        name: str,
        info: FileInfo | None,
        chunknum: int | None,
        bitfield: bytes | None,
        now: float,
    ) -> None:
        """Record that ``peer`` holds one chunk, or those of a bitfield, beside what it held.

        With ``info`` a file is listed that is not known yet. A bitfield without a bit says that
        it is about to hold some; that lists nothing. Raises `NotFound`,
        `Refused` for another content, `OverQuota`, and `InvalidFileInfo` for chunks
        outside the file and when neither or both of ``chunknum`` and ``bitfield`` are
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
        if not chunks.bits:
            if name in self._files:
                self._held_as(peer, name, info, now).holders.expect(peer)
            return
        is_new = name not in self._files
        listed = self._held_as(peer, name, info, now)
        listed.holders.add(peer, bitfield or chunks.to_bitfield())
        if is_new and not listed.holders.complete:
            listed.keep(None, now)  # this tracker may have restarted, and others come back later

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
        return Location(listed.info, selection, None if count == len(selection) else count)

    def _held_as(self, peer: str, name: str, info: FileInfo, now: float) -> ListedFile:
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
            self._accounts.add(peer, name, info, len(self._files))
            return self._list(peer, name, info, now)
        if listed.info != info:
            raise _taken(listed, info)
        if name not in held:
            self._accounts.add(peer, listed.name, info, len(self._files))
            held[listed.name] = listed  # its own string, so that a name is kept once
        return listed

    def _list(self, peer: str, name: str, info: FileInfo, now: float) -> ListedFile:
        """A file newly listed for a peer, which was charged for it."""
        listed = ListedFile(name, info, now, self._accounts.host_of)
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
            self._accounts.remove(peer, listed.name, listed.info)

    def _check_free(self, listed: ListedFile, peer: str, info: FileInfo, now: float) -> None:
        """Raise `Refused` unless a peer may have the name of what is listed for another content."""
        if listed.holders.complete:
            raise _taken(listed, info)
        left = listed.kept_from(self._identities[peer], now)
        if left > 0:
            raise Refused(
                "Another content is listed under that name. Nobody here has all of it, but who had "
                f"may come back: the name is kept for another {ceil(left)} s. Try again then, or "
                "choose another name."
            )


def _taken(listed: ListedFile, info: FileInfo) -> Refused:
    """Another content, of ``info``, has the name of what is listed; it says who holds that."""
    some, count = listed.holders.some(MOST_NAMED), len(listed.holders)
    while len(some) > 1 and sum(map(len, some)) > _NAMED_CHARACTERS:
        some.pop()
    more = f" and {count - len(some)} more" if count > len(some) else ""
    return Refused(
        f"Another content is listed under that name, held by {', '.join(some)}{more}; choose "
        f"another name, or have it unpublished there.{_other_hash(listed.info, info)}"
    )


def _other_hash(listed: FileInfo, info: FileInfo) -> str:
    """What is said besides of what may be the same content by another hash."""
    if listed.filesize != info.filesize or listed.function is info.function:
        return ""
    name = listed.function.value
    return f" It is listed with the hash {name}: --hash {name} publishes the same content."
