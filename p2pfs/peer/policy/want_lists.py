"""What receivers want, by host, by receiver and by file. Pure.

Whatever is done about one receiver takes a time that does not depend on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar

from p2pfs.peer.policy.availability import count, most, random_bit

MOST_WANT_LISTS = 64
"""Files of which one receiver may want something."""

WISHES_OF_HOST = 1024
"""Files of which all receivers of a host may, once there is no room for more."""

ROOM = 8192
"""Want lists of all receivers for which there is room; hosts with few have theirs beyond that."""

LOOKED_AT = 128
"""Want lists that are looked at for one offer, as hosts share them; one receiver's at least."""

R = TypeVar("R", bound=Hashable)


@dataclass(eq=False)
class WantList(Generic[R]):
    """What one receiver wants of one file: chunks (bits), ``room`` of them at a time."""

    receiver: R
    filename: str
    root: str | None
    chunks: int = 0
    room: int = 0
    busy: bool = False
    """True while enough others send to it."""


Chance = tuple[WantList[R], int]
"""A want list whose turn it may be, and the chunks (bits) of which it may be offered one."""


@dataclass
class _Host(Generic[R]):
    want_lists: int = 0
    # Receivers that may have a chance; of the others it is known that they have none.
    hopeful: dict[R, None] = field(default_factory=dict)


@dataclass
class _File(Generic[R]):
    want_lists: dict[R, WantList[R]] = field(default_factory=dict)
    # Bits of the chunks offered once at least, twice at least, and so on.
    offered: list[int] = field(default_factory=list)


class WantLists(Generic[R]):
    """All want lists, and what was offered of the files that somebody wants."""

    def __init__(self, host_of: Callable[[R], str]) -> None:
        """``host_of`` tells for which host a receiver counts."""
        self._host_of = host_of
        self._receivers: dict[R, dict[str, WantList[R]]] = {}
        self._hosts: dict[str, _Host[R]] = {}
        self._files: dict[str, _File[R]] = {}
        self._count = 0

    # Want lists

    def get(self, receiver: R, filename: str) -> WantList[R] | None:
        """What a receiver wants of a file, if it wants something."""
        return self._receivers.get(receiver, {}).get(filename)

    def of(self, receiver: R) -> list[WantList[R]]:
        """All that a receiver wants."""
        return list(self._receivers.get(receiver, {}).values())

    def get_or_add(self, receiver: R, filename: str, root: str | None) -> WantList[R] | None:
        """The same, or a new want list; None when there is no room for it."""
        want_lists = self._receivers.get(receiver, {})
        if filename in want_lists:
            return want_lists[filename]
        host = self._hosts.get(self._host_of(receiver)) or _Host()
        crowded = host.want_lists >= WISHES_OF_HOST and self._count >= ROOM
        if len(want_lists) >= MOST_WANT_LISTS or crowded:
            return None
        self._receivers.setdefault(receiver, want_lists)
        self._hosts[self._host_of(receiver)] = host
        want_list = want_lists[filename] = WantList(receiver, filename, root)
        self._files.setdefault(filename, _File()).want_lists[receiver] = want_list
        host.want_lists += 1
        self._count += 1
        return want_list

    def remove(self, receiver: R, filename: str) -> None:
        """A receiver wants nothing of a file any more."""
        want_lists = self._receivers.get(receiver, {})
        if want_lists.pop(filename, None) is None:
            return
        self._count -= 1
        name = self._host_of(receiver)
        host, file = self._hosts[name], self._files[filename]
        host.want_lists -= 1
        del file.want_lists[receiver]
        if not want_lists:
            del self._receivers[receiver]
            host.hopeful.pop(receiver, None)
        if not host.want_lists:
            del self._hosts[name]
        if not file.want_lists:
            del self._files[filename]

    def forget(self, receiver: R) -> None:
        """A receiver is gone."""
        for filename in list(self._receivers.get(receiver, ())):
            self.remove(receiver, filename)

    @property
    def receivers(self) -> int:
        """How many want something."""
        return len(self._receivers)

    @property
    def hosts(self) -> list[str]:
        """The hosts of those who may have a chance."""
        return [name for name, host in self._hosts.items() if host.hopeful]

    # Chances

    def may_hope(self, receiver: R) -> None:
        """Something happened that may give a receiver a chance."""
        if receiver in self._receivers:
            self._hosts[self._host_of(receiver)].hopeful.setdefault(receiver)

    def all_may_hope(self) -> None:
        """There is more to offer."""
        for receiver in self._receivers:
            self.may_hope(receiver)

    def chances(self, host: str, of: Callable[[WantList[R]], int]) -> list[Chance[R]]:
        """Some of a host's want lists that have a chance: ``of`` tells with which chunks (bits).

        Who has none is not looked at again before it `may_hope`. When there are many, not
        all are looked at, and these come last the next time.
        """
        found: list[Chance[R]] = []
        hopeful, most, looked_at = self._hosts[host].hopeful, LOOKED_AT // len(self._hosts), 0
        for receiver in list(hopeful):
            want_lists = self._receivers[receiver].values()
            chances = [(want_list, chunks) for want_list in want_lists if (chunks := of(want_list))]
            del hopeful[receiver]
            if chances:
                hopeful[receiver] = None
                found += chances
                looked_at += len(want_lists)
            if looked_at >= most:
                break
        return found

    # What was offered

    def choose(self, name: str, candidates: int, random: Random) -> int:
        """Of these chunks (bits) of a file, one offered least often, and of these most wanted."""
        file = self._files[name]
        for offered in file.offered:
            if fresh := candidates & ~offered:
                candidates = fresh
                break
        wanted = count(want_list.chunks for want_list in file.want_lists.values())
        return random_bit(most(candidates, wanted), random)

    def note_offer(self, want_list: WantList[R], chunknum: int) -> None:
        """A chunk is offered, and not wanted any more until something else is said."""
        bit = 1 << chunknum
        want_list.chunks &= ~bit
        hopeful = self._hosts[self._host_of(want_list.receiver)].hopeful
        hopeful.pop(want_list.receiver, None)
        hopeful[want_list.receiver] = None  # others of its host come first the next time
        levels = self._files[want_list.filename].offered
        for number, offered in enumerate(levels):
            if not offered & bit:
                levels[number] |= bit
                break
        else:
            levels.append(bit)

    def take_back_offer(self, filename: str, chunknum: int) -> None:
        """The offer counts as none."""
        file = self._files.get(filename)
        if file is None:
            return
        bit = 1 << chunknum
        for number, offered in reversed(list(enumerate(file.offered))):
            if offered & bit:
                file.offered[number] &= ~bit
                return
