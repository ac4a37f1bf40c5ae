"""Who holds a file, whole or in part, and a few of them that cover all there is.

Bitfields are kept as they go over the wire: the first chunk is the most
significant bit. As whole numbers they are read in that order too, which sets
of bits do not mind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from random import Random

from p2pfs.chunks import ChunkSet
from p2pfs.tracker.host_turns import HostTurns


def own_host(peer: str) -> str:
    """For who knows nothing of hosts: each peer has one of its own."""
    return peer


class Roster:
    """Peers, each with a bitfield, of which any few can be drawn at a fixed cost.

    They are drawn by hosts in turn: many peers of one host do not keep others out.
    """

    __slots__ = ("_alike", "_host_of", "_turns", "bitfields")

    def __init__(
        self, host_of: Callable[[str], str] = own_host, alike: bytes | None = None
    ) -> None:
        """``host_of`` tells a peer's host, from before it comes until after it is gone.

        ``alike`` is the bitfield of each, where all have the same.
        """
        self.bitfields: dict[str, bytes] = {}
        self._host_of = host_of
        self._alike = alike
        # Most files have few holders, and are only ever named with all of them.
        self._turns: HostTurns | None = None

    def __len__(self) -> int:
        return len(self.bitfields)

    def __contains__(self, peer: object) -> bool:
        return peer in self.bitfields

    def put(self, peer: str, bitfield: bytes) -> None:
        """Add a peer, or give it another bitfield."""
        if self._turns is not None and peer not in self.bitfields:
            self._turns.add(self._host_of(peer), peer)
        self.bitfields[peer] = bitfield

    def remove(self, peer: str) -> None:
        """Take a peer out."""
        del self.bitfields[peer]
        if self._turns is not None:
            self._turns.remove(self._host_of(peer), peer)

    def draw(self, count: int, random: Random, into: dict[str, bytes]) -> None:
        """Add ``count`` more peers by chance to a selection, or all when there are no more."""
        bitfields = self.bitfields
        if count >= len(bitfields):
            into.update(bitfields)
            return
        if self._turns is None:
            self._turns = HostTurns()
            for peer in bitfields:
                self._turns.add(self._host_of(peer), peer)
        drawn, alike = self._turns.draw(count, random, into), self._alike
        if alike is not None:
            into.update(dict.fromkeys(drawn, alike))
        else:
            into.update({peer: bitfields[peer] for peer in drawn})


class Cover:
    """Some partial holders that together hold every chunk that any of them holds.

    A holder that brings something new belongs to it at once. When one of its
    members goes, others are looked for as late as the cover is needed. A cover
    that grew large is made anew, but never more often than all holders changed.
    """

    __slots__ = ("_changes", "_covered", "_members", "_stale")

    LARGE = 32

    def __init__(self) -> None:
        self._members: dict[str, None] = {}
        self._covered = 0
        self._stale = False
        self._changes = 0

    def gained(self, peer: str, bitfield: bytes) -> None:
        """A holder has more than it had."""
        self._changes += 1
        bits = int.from_bytes(bitfield, "big")
        if bits & ~self._covered:
            self._members[peer] = None
            self._covered |= bits

    def lost(self, peer: str) -> None:
        """A holder is none any more."""
        if peer in self._members:
            del self._members[peer]
            self._stale = True

    @property
    def at_most(self) -> int:
        """Every chunk that any of them holds, as bits, and perhaps some that none does any more."""
        return self._covered

    def covered(self, partial: Roster) -> int:
        """Every chunk that any in ``partial`` holds, as bits."""
        if self._stale:
            self._mend(partial)
        return self._covered

    def members(self, partial: Roster) -> dict[str, None]:
        """The holders that cover everything in ``partial``, which is of the same file."""
        if len(self._members) > self.LARGE and self._changes >= len(partial):
            self._remake(partial)
        elif self._stale:
            self._mend(partial)
        return self._members

    def _mend(self, partial: Roster) -> None:
        wanted, self._covered, self._stale = self._covered, 0, False
        for peer in self._members:
            self._covered |= int.from_bytes(partial.bitfields[peer], "big")
        self._take(partial.bitfields.items(), wanted & ~self._covered)

    def _remake(self, partial: Roster) -> None:
        wanted, self._covered, self._stale, self._changes = self._covered, 0, False, 0
        self._members = {}
        self._take(sorted(partial.bitfields.items(), key=_count, reverse=True), wanted)

    def _take(self, entries: Iterable[tuple[str, bytes]], missing: int) -> None:
        """Add those that hold something missing, until nothing is."""
        for peer, bitfield in entries:
            if not missing:
                return
            bits = int.from_bytes(bitfield, "big")
            if bits & missing:
                self._members[peer] = None
                self._covered |= bits
                missing &= ~bits


def _count(entry: tuple[str, bytes]) -> int:
    return int.from_bytes(entry[1], "big").bit_count()


class Holders(Mapping[str, ChunkSet]):
    """The holders of one file and the chunks that each has, by peer.

    Beside them there may be *newcomers*, who hold nothing yet but are about to. They are
    named to others, so that a crowd is acquainted before there is anything to pass on.
    """

    __slots__ = ("_cover", "_full", "_host_of", "_newcomers", "_partial", "_total", "_whole")

    def __init__(self, total: int, host_of: Callable[[str], str] = own_host) -> None:
        """Nobody holds any of the file's ``total`` chunks yet; ``host_of`` is a `Roster`'s."""
        self._total = total
        self._host_of = host_of
        self._full = ChunkSet.full(total).to_bitfield()
        self._whole = Roster(host_of, self._full)
        # Most files are only ever held whole.
        self._partial: Roster | None = None
        self._cover: Cover | None = None
        self._newcomers: Roster | None = None

    def __len__(self) -> int:
        return len(self._whole) + (0 if self._partial is None else len(self._partial))

    def __iter__(self) -> Iterator[str]:
        for roster in (self._whole, self._partial):
            if roster is not None:
                yield from roster.bitfields

    def __contains__(self, peer: object) -> bool:
        return peer in self._whole or self.has_part(peer)

    def __getitem__(self, peer: str) -> ChunkSet:
        bitfield = self._bitfield(peer)
        if bitfield is None:
            raise KeyError(peer)
        return ChunkSet.from_bitfield(self._total, bitfield)

    @property
    def whole_copies(self) -> int:
        """How many holders have every chunk."""
        return len(self._whole)

    @property
    def complete(self) -> bool:
        """Whether every chunk is held by somebody."""
        if len(self._whole):
            return True
        partial, cover = self._partial, self._cover
        return partial is not None and cover is not None and self._is_all(cover.covered(partial))

    @property
    def may_be_complete(self) -> bool:
        """False if it is known that some chunk is held by nobody; this costs nothing."""
        return bool(len(self._whole)) or (
            self._cover is not None and self._is_all(self._cover.at_most)
        )

    def _is_all(self, bits: int) -> bool:
        return bits == int.from_bytes(self._full, "big")

    def some(self, count: int) -> list[str]:
        """The names of a few of them, those first that have all."""
        return list(islice(self, count))

    def has_part(self, peer: object) -> bool:
        """Whether a peer holds some chunks and lacks others."""
        return self._partial is not None and peer in self._partial

    @property
    def known(self) -> int:
        """How many there are, newcomers too."""
        return len(self) + (0 if self._newcomers is None else len(self._newcomers))

    @property
    def newcomers(self) -> list[str]:
        """Those who are about to hold something."""
        return [] if self._newcomers is None else [*self._newcomers.bitfields]

    def expect(self, peer: str) -> None:
        """Record that a peer is about to hold something, unless it does already."""
        if peer not in self:
            if self._newcomers is None:
                self._newcomers = Roster(self._host_of)
            self._newcomers.put(peer, bytes(len(self._full)))

    def add_whole(self, peer: str) -> None:
        """Record that a peer holds every chunk."""
        self._arrived(peer)
        if self.has_part(peer):
            self._remove_part(peer)
        self._whole.put(peer, self._full)

    def add(self, peer: str, bitfield: bytes) -> None:
        """Record that a peer holds these chunks beside those it held."""
        held = self._bitfield(peer)
        if held is not None:
            bits = int.from_bytes(held, "big") | int.from_bytes(bitfield, "big")
            bitfield = bits.to_bytes(len(held), "big")
            if bitfield == held:
                return
        if bitfield == self._full:
            self.add_whole(peer)
            return
        self._arrived(peer)
        if self._partial is None or self._cover is None:
            self._partial, self._cover = Roster(self._host_of), Cover()
        self._partial.put(peer, bitfield)
        self._cover.gained(peer, bitfield)

    def remove(self, peer: str) -> None:
        """Record that a peer holds nothing any more, and is not about to."""
        if self._arrived(peer):
            return
        if peer in self._whole:
            self._whole.remove(peer)
        else:
            self._remove_part(peer)

    def select(self, size: int, most: int, random: Random) -> dict[str, bytes]:
        """All holders and newcomers, or ``size`` by chance when there are more: their bitfields.

        They cover every chunk that is held. When that takes more than ``size``
        there are more of them, up to ``most``. Newcomers have what room is left. Hosts
        take turns: none has two more than another that has more peers to name.
        """
        selection = self._select_holders(size, most, random)
        if self._newcomers is not None and len(selection) < min(size, most):
            self._newcomers.draw(min(size, most) - len(selection), random, selection)
        return selection

    def _select_holders(self, size: int, most: int, random: Random) -> dict[str, bytes]:
        selection: dict[str, bytes] = {}
        whole, partial, cover = self._whole, self._partial, self._cover
        if partial is None or cover is None or not len(partial):
            whole.draw(min(size, most), random, selection)
        elif len(whole):
            # A whole copy covers everything; partial ones share the load.
            parts = min(len(partial), size // 2)
            whole.draw(size - parts, random, selection)
            partial.draw(size - len(selection), random, selection)
        elif len(partial) <= size:
            partial.draw(size, random, selection)
        else:
            partial.draw(size // 2, random, selection)
            self._complete(selection, cover.members(partial), partial, most)
            if len(selection) < size:
                partial.draw(size - len(selection), random, selection)
        return selection

    @staticmethod
    def _complete(
        selection: dict[str, bytes], members: dict[str, None], partial: Roster, most: int
    ) -> None:
        """Add members of the cover that have what those selected so far lack."""
        covered = 0
        for bitfield in selection.values():
            covered |= int.from_bytes(bitfield, "big")
        for peer in members:
            bitfield = partial.bitfields[peer]
            bits = int.from_bytes(bitfield, "big")
            if bits & ~covered and len(selection) < most:
                selection[peer] = bitfield
                covered |= bits

    def _arrived(self, peer: str) -> bool:
        """Count a peer among the newcomers no more; False if it was not."""
        if self._newcomers is None or peer not in self._newcomers:
            return False
        self._newcomers.remove(peer)
        if not len(self._newcomers):
            self._newcomers = None
        return True

    def _bitfield(self, peer: str) -> bytes | None:
        if peer in self._whole:
            return self._full
        return None if self._partial is None else self._partial.bitfields.get(peer)

    def _remove_part(self, peer: str) -> None:
        if self._partial is not None and self._cover is not None:
            self._partial.remove(peer)
            self._cover.lost(peer)
