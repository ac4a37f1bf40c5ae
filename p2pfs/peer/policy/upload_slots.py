"""Whose turn it is to be sent a chunk, and which one: a few at a time. Pure.

A chunk can be passed on only when it is there whole, so a peer that sends to all who
ask at the same time holds a crowd up. This one has a few *slots*, each to another
receiver. A chunk takes one from being offered until the receiver says that it has it.
A chunk is offered that was offered least often, and that most others want: so a source
gives everything away once before it repeats itself. A receiver that has enough on its
way says so, and then others are offered something.

Turns are hosts', however many connections they have: while another waits, a host has
one slot, and who makes nothing of its turns gets fewer and later ones (`waste`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from p2pfs.peer.policy.slots import Slots
from p2pfs.peer.policy.want_lists import Chance, WantList, WantLists
from p2pfs.peer.policy.waste import IGNORED, Waste

SLOTS = 3
"""Receivers at a time: fewer leave the line idle while one of them makes up its mind."""

MOST_SLOTS = 2 * SLOTS
"""Receivers at a time, with those to whom all of a chunk has been sent, but who lack the end."""

DEPTH = 2
"""Chunks at most under way to one of several receivers: the one that is coming, and the next."""

AT_ONCE = 4
"""A receiver that is alone is offered more when one in that many of its places is free."""

LAPSE = 0.5
"""Seconds after which an offer that was not answered keeps nobody waiting any more. In a crowd over
four sites, one answer in a hundred takes longer; what is asked for then is sent all the same."""

R = TypeVar("R", bound=Hashable)


@dataclass(frozen=True)
class Turn(Generic[R]):
    """An offer to be made: it is this want list's turn, for this chunk."""

    want_list: WantList[R]
    chunknum: int
    spare: bool
    """True when the line has nothing else to do."""


class UploadSlots(Generic[R]):
    """All that receivers want, and what was offered to them. Times are in seconds."""

    def __init__(self, random: Random, host_of: Callable[[R], str]) -> None:
        """``host_of`` tells for which host a receiver counts."""
        self._random = random
        self._host_of = host_of
        self._wants: WantLists[R] = WantLists(host_of)
        self._waste = Waste()
        # From the offer until the receiver has the chunk, even when all of it has been sent.
        self._slots: Slots[R, tuple[str, int]] = Slots(LAPSE)
        # Whether the last call of `next` made an offer.
        self._offering = False

    # What happens

    def want(
        self, receiver: R, filename: str, root: str | None, chunks: int, room: int, now: float
    ) -> bool:
        """A receiver wants these chunks (bits) of a file; this replaces what it wanted before.

        False when it, or its host, wants something of too many files.
        """
        if not chunks or room < 1:
            self._wants.remove(receiver, filename)
            self._free(receiver, filename, now)
            return True
        want_list = self._wants.get_or_add(receiver, filename, root)
        if want_list is None:
            return False
        for name, chunknum in self._slots.chunks(receiver):
            if name == filename:
                chunks &= ~(1 << chunknum)
        want_list.root, want_list.chunks, want_list.room = root, chunks, room
        self._wants.may_hope(receiver)
        return True

    def _free(self, receiver: R, filename: str, now: float) -> None:
        """A receiver will not say of anything of a file any more that it has it."""
        for name, chunknum in self._slots.chunks(receiver):
            if name == filename:
                if not self._slots.is_at_work(receiver, (name, chunknum)):
                    self._waste.wasted(self._host_of(receiver), 1, now)
                self._slots.drop(receiver, (name, chunknum))
        self._wants.may_hope(receiver)

    def asked(self, receiver: R, filename: str, chunknum: int) -> None:
        """A receiver asks for a chunk, perhaps for one that was offered."""
        self._slots.at_work(receiver, (filename, chunknum))

    def sent(self, receiver: R, filename: str, chunknum: int, now: float) -> bool:
        """All of a chunk is out of this peer's hands; False if that makes no difference."""
        self._wants.may_hope(receiver)
        return self._slots.sent(receiver, (filename, chunknum), now)

    def has(self, receiver: R, filename: str, chunknum: int, now: float) -> bool:
        """A receiver says that it has a chunk, or does not want it; True if that frees a slot."""
        want_list = self._wants.get(receiver, filename)
        if want_list is not None and 0 <= chunknum < want_list.chunks.bit_length():
            want_list.chunks &= ~(1 << chunknum)
        asked_for = self._slots.is_at_work(receiver, (filename, chunknum))
        if not self._slots.leave(receiver, (filename, chunknum), now):
            return False
        if asked_for:
            self._waste.used(self._host_of(receiver))
        else:
            self._waste.wasted(self._host_of(receiver), 1, now)
        if want_list is not None:
            want_list.busy = False
        self._wants.may_hope(receiver)
        return True

    def busy(self, receiver: R, filename: str, chunknum: int, now: float) -> bool:
        """A receiver has no room for a chunk that was offered; True if that frees a slot."""
        if not self._slots.drop(receiver, (filename, chunknum)):
            return False
        self._waste.wasted(self._host_of(receiver), 1, now)
        want_list = self._wants.get(receiver, filename)
        if want_list is not None:
            want_list.chunks |= 1 << chunknum
            want_list.busy = True
        self._wants.take_back_offer(filename, chunknum)
        self._wants.may_hope(receiver)
        return True

    def ready(self, receiver: R, filename: str) -> bool:
        """A receiver that was busy has room again; False if it was not."""
        want_list = self._wants.get(receiver, filename)
        if want_list is None or not want_list.busy:
            return False
        want_list.busy = False
        return True

    def failed(self, receiver: R, filename: str, chunknum: int) -> None:
        """A chunk could not be sent."""
        self._slots.drop(receiver, (filename, chunknum))
        self._wants.may_hope(receiver)

    def more(self) -> None:
        """There is more to offer."""
        self._wants.all_may_hope()

    def forget(self, receiver: R) -> None:
        """A receiver is gone."""
        self._wants.forget(receiver)
        self._slots.drop_all(receiver)

    def waits(self, receiver: R, held: Callable[[WantList[R]], int]) -> bool:
        """Whether a receiver wants something that there is, or has been offered something."""
        want_lists = self._wants.of(receiver)
        return receiver in self._slots.ends or any(
            want_list.chunks & held(want_list) for want_list in want_lists
        )

    @property
    def idle(self) -> bool:
        """True while nobody wants anything."""
        return not self._wants.receivers

    @property
    def several(self) -> bool:
        """True while more than one receiver wants something."""
        return self._wants.receivers > 1

    def rest(self, receiver: R, now: float) -> float:
        """Seconds until a receiver may have a turn, because of what its host made of the last."""
        return self._waste.rest(self._host_of(receiver), now)

    # Whose turn it is

    def next(self, held: Callable[[WantList[R]], int], now: float) -> Turn[R] | None:
        """The next offer, now made; None if there is none to make.

        ``held`` tells which chunks (bits) there are of a want list's file.
        """
        goes_on, self._offering = self._offering, False
        for receiver, _ in self._slots.expire(now):
            self._waste.wasted(self._host_of(receiver), IGNORED, now)
        hosts = self._wants.hosts
        if not hosts:
            return None
        line = _Line(self._slots.ends_in_time(now), self._host_of)
        if line.is_full:
            return None
        fresh, further = self._chances(hosts, held, now)
        if not fresh and len(line.taken) <= 1:
            # Nobody else is there: offers go out several at a time, which costs both sides less.
            chances = [
                (want_list, chunks)
                for want_list, chunks in further
                if (
                    goes_on
                    or want_list.room - self._slots.count(want_list.receiver)
                    >= want_list.room // AT_ONCE
                )
                and not self._waste.comes_last(self._host_of(want_list.receiver), now)
            ]
        else:
            chances = [chance for chance in fresh if not chance[0].busy]
            chances += [chance for chance in further if self._may_go_on(chance[0], now)]
            chances = self._fair(chances, line, now)
            if not chances and not line.taken:
                chances = self._fair(fresh, line, now)
        if not chances:
            return None
        self._offering = True
        want_list, chunknum = self._choose(chances)
        spare = line.taken <= {want_list.receiver}
        self._wants.note_offer(want_list, chunknum)
        self._waste.offered(self._host_of(want_list.receiver), now)
        self._slots.take(want_list.receiver, (want_list.filename, chunknum), now)
        return Turn(want_list, chunknum, spare)

    def next_look(self, now: float) -> float | None:
        """Seconds until it may be somebody's turn although nothing happens; None if never."""
        waits = [self._waste.rest(host, now) for host in self._wants.hosts]
        late = self._slots.next_late(now)
        return min((wait for wait in [*waits, late] if wait), default=None)

    def _chances(
        self, hosts: list[str], held: Callable[[WantList[R]], int], now: float
    ) -> tuple[list[Chance[R]], list[Chance[R]]]:
        """The chances of those to whom nothing is under way, and of those who may have more."""

        def chunks_for(want_list: WantList[R]) -> int:
            room = self._slots.count(want_list.receiver) < want_list.room
            return want_list.chunks & held(want_list) if room else 0

        fresh: list[Chance[R]] = []
        further: list[Chance[R]] = []
        for host in hosts:
            if not self._waste.rest(host, now):
                for chance in self._wants.chances(host, chunks_for):
                    under_way = chance[0].receiver in self._slots.ends
                    (further if under_way else fresh).append(chance)
        return fresh, further

    def _may_go_on(self, want_list: WantList[R], now: float) -> bool:
        """Whether one of several receivers may be offered its next chunk."""
        slots = self._slots.chunks(want_list.receiver)
        on_trial = self._waste.is_troubled(now) and not self._waste.is_proven(
            self._host_of(want_list.receiver)
        )
        return (
            not want_list.busy
            and not on_trial
            and len(slots) < DEPTH
            and all(self._slots.is_sent(want_list.receiver, chunk) for chunk in slots)
        )

    def _fair(self, chances: list[Chance[R]], line: _Line[R], now: float) -> list[Chance[R]]:
        """Those of several that come first, by what their hosts have and what they made of it."""
        by_host: dict[str, list[Chance[R]]] = {}
        for chance in chances:
            by_host.setdefault(self._host_of(chance[0].receiver), []).append(chance)
        if len(by_host.keys() | line.hosts.keys()) < 2:
            return [] if line.is_crowded else chances
        fair = {host: own for host, some in by_host.items() if (own := _one_slot(some, line, host))}
        if fair and self._waste.is_troubled(now):
            hosts = self._first(list(fair), line, now)
            return [chance for host in hosts for chance in fair[host]]
        return [chance for own in fair.values() for chance in own]

    def _first(self, hosts: list[str], line: _Line[R], now: float) -> list[str]:
        """Of hosts that could have a turn, those that do while some waste theirs."""
        waste = self._waste
        proven = [host for host in hosts if waste.is_proven(host)]
        willing = [host for host in hosts if not waste.comes_last(host, now)]
        if proven and sum(map(waste.is_proven, line.served_hosts)) < SLOTS - 1:
            hosts = proven
        elif willing:
            hosts = willing
        elif any(waste.comes_last(host, now) for host in line.served_hosts):
            return []  # lest they have all slots when somebody else comes
        longest_ago = min(map(waste.offered_at, hosts))
        return [host for host in hosts if waste.offered_at(host) == longest_ago]

    def _choose(self, chances: list[Chance[R]]) -> tuple[WantList[R], int]:
        name = self._random.choice(chances)[0].filename
        of_file = [
            (want_list, chunks) for want_list, chunks in chances if want_list.filename == name
        ]
        candidates = 0
        for _, chunks in of_file:
            candidates |= chunks
        chunknum = self._wants.choose(name, candidates, self._random)
        able = [want_list for want_list, chunks in of_file if chunks >> chunknum & 1]
        # Of two, who lacks more. Were it the one of all, all sources would turn to the same.
        some = self._random.sample(able, min(2, len(able)))
        want_list = max(some, key=lambda want_list: want_list.chunks.bit_count())
        return want_list, chunknum


class _Line(Generic[R]):
    """Who takes part of the line, in time: receivers, and their hosts."""

    def __init__(self, ends: list[tuple[R, bool]], host_of: Callable[[R], str]) -> None:
        """``ends`` are the receivers, each with whether something has to be sent to it still."""
        self.taken = {receiver for receiver, _ in ends}
        self.hosts: dict[str, set[R]] = {}
        for receiver, _ in ends:
            self.hosts.setdefault(host_of(receiver), set()).add(receiver)
        # Those of them to whom something has to be sent still.
        self.served = {receiver for receiver, is_served in ends if is_served}
        self.served_hosts = set(map(host_of, self.served))

    @property
    def is_full(self) -> bool:
        """Whether there is room for no host: enough are sent something, or lack only the end."""
        return len(self.taken) > 1 and (
            len(self.served_hosts) >= SLOTS or len(self.hosts) >= MOST_SLOTS
        )

    @property
    def is_crowded(self) -> bool:
        """Whether there is room only for a host that has nothing."""
        return len(self.taken) > 1 and (len(self.served) >= SLOTS or len(self.taken) >= MOST_SLOTS)


def _one_slot(chances: list[Chance[R]], line: _Line[R], host: str) -> list[Chance[R]]:
    """Of a host's chances those with which it takes no more than a slot: one receiver's."""
    taken = line.hosts.get(host) or {chances[0][0].receiver}
    return [chance for chance in chances if taken <= {chance[0].receiver}]
