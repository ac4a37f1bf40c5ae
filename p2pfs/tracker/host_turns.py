"""Some peers by chance, hosts in turn: each as many as any other, as far as it has them."""

from __future__ import annotations

from collections.abc import Container, Iterator
from random import Random
from typing import TypeVar

_T = TypeVar("_T")

MANY = 4
"""Times as many hosts as are to be drawn of which each is drawn at most once, by trial."""


class HostTurns:
    """Peers by their hosts. What it takes to draw some does not depend on how many there are."""

    __slots__ = ("_host_places", "_hosts", "_peer_places", "_peers")

    def __init__(self) -> None:
        # The peers of each host, beside the hosts: who is drawn is found without a look-up.
        self._peers: list[list[str]] = []
        self._hosts: list[str] = []
        # Where a host is in these lists, and a peer among its host's.
        self._host_places: dict[str, int] = {}
        self._peer_places: dict[str, int] = {}

    def add(self, host: str, peer: str) -> None:
        """Add a peer that is not in here."""
        place = self._host_places.setdefault(host, len(self._hosts))
        if place == len(self._hosts):
            self._hosts.append(host)
            self._peers.append([])
        peers = self._peers[place]
        self._peer_places[peer] = len(peers)
        peers.append(peer)

    def remove(self, host: str, peer: str) -> None:
        """Take out a peer that is in here."""
        peers = self._peers[self._host_places[host]]
        place, last = self._peer_places.pop(peer), peers.pop()
        if last != peer:
            peers[place] = last
            self._peer_places[last] = place
        if not peers:
            self._remove_host(host)

    def draw(self, count: int, random: Random, but: Container[str]) -> list[str]:
        """Up to ``count`` peers that are not in ``but``."""
        if len(self._hosts) >= count:
            drawn = [peer for peer in self._one_each(count, random) if peer not in but]
            if len(drawn) == count:
                return drawn
        drawn = []
        turns: list[Iterator[str]] = []
        for peers in _in_random_order(self._peers, random):
            if len(drawn) == count:
                return drawn
            turn = (peer for peer in _in_random_order(peers, random) if peer not in but)
            if _take(turn, drawn):
                turns.append(turn)
        while turns and len(drawn) < count:
            turns = [turn for turn in turns if len(drawn) < count and _take(turn, drawn)]
        return drawn

    def _one_each(self, count: int, random: Random) -> list[str]:
        """A peer each of that many hosts."""
        chance = random.random
        return [
            peers[0] if len(peers) == 1 else peers[int(chance() * len(peers))]
            for peers in self._some(count, random)
        ]

    def _some(self, count: int, random: Random) -> list[list[str]]:
        """The peers of that many hosts."""
        total, chance = len(self._peers), random.random
        if total >= MANY * count:
            places: dict[int, None] = {}
            # Who is drawn twice is replaced.
            while len(places) < count:
                lacking = range(count - len(places))
                places.update(dict.fromkeys([int(chance() * total) for _ in lacking]))
            return [self._peers[place] for place in places]
        left, some = self._peers.copy(), []
        for last in range(total - 1, total - 1 - count, -1):
            place = int(chance() * (last + 1))
            some.append(left[place])
            left[place] = left[last]
        return some

    def _remove_host(self, host: str) -> None:
        place, last, peers = self._host_places.pop(host), self._hosts.pop(), self._peers.pop()
        if last != host:
            self._hosts[place], self._peers[place] = last, peers
            self._host_places[last] = place


def _take(turn: Iterator[str], drawn: list[str]) -> bool:
    """Add the next one; False when there is none."""
    for peer in turn:
        drawn.append(peer)
        return True
    return False


def _in_random_order(things: list[_T], random: Random) -> Iterator[_T]:
    """All of them, in an order that is made as far as it is looked at."""
    chance, moved = random.random, dict[int, int]()
    for last in range(len(things) - 1, -1, -1):
        place = int(chance() * (last + 1))
        yield things[moved.get(place, place)]
        moved[place] = moved.get(last, last)
