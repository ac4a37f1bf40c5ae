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

    __slots__ = ("_hosts", "_peers", "_places")

    def __init__(self) -> None:
        self._hosts: list[str] = []
        # Where a host is in that list, and a peer in its host's.
        self._places: dict[tuple[str, str], int] = {}
        self._peers: dict[str, list[str]] = {}

    def add(self, host: str, peer: str) -> None:
        """Add a peer that is not in here."""
        peers = self._peers.get(host)
        if peers is None:
            peers = self._peers[host] = []
            self._places[host, ""] = len(self._hosts)
            self._hosts.append(host)
        self._places[host, peer] = len(peers)
        peers.append(peer)

    def remove(self, host: str, peer: str) -> None:
        """Take out a peer that is in here."""
        peers = self._peers[host]
        place, last = self._places.pop((host, peer)), peers.pop()
        if last != peer:
            peers[place] = last
            self._places[host, last] = place
        if not peers:
            del self._peers[host]
            place, last = self._places.pop((host, "")), self._hosts.pop()
            if last != host:
                self._hosts[place] = last
                self._places[last, ""] = place

    def draw(self, count: int, random: Random, but: Container[str]) -> list[str]:
        """Up to ``count`` peers that are not in ``but``."""
        drawn: list[str] = []
        if len(self._hosts) >= MANY * count:
            drawn = [peer for peer in self._one_each(count, random) if peer not in but]
            if len(drawn) == count:
                return drawn
            drawn = []
        turns: list[Iterator[str]] = []
        for host in _in_random_order(self._hosts, random):
            if len(drawn) == count:
                return drawn
            peers = self._peers[host]
            if len(peers) == 1:
                if peers[0] not in but:
                    drawn.append(peers[0])
                continue
            turn = (peer for peer in _in_random_order(peers, random) if peer not in but)
            if _take(turn, drawn):
                turns.append(turn)
        while turns and len(drawn) < count:
            turns = [turn for turn in turns if len(drawn) < count and _take(turn, drawn)]
        return drawn

    def _one_each(self, count: int, random: Random) -> list[str]:
        """A peer each of so many hosts, which are few of all."""
        hosts, total, chance = self._hosts, len(self._hosts), random.random
        picked: dict[str, None] = {}
        # Who is drawn twice is replaced.
        while len(picked) < count:
            lacking = range(count - len(picked))
            picked.update(dict.fromkeys([hosts[int(chance() * total)] for _ in lacking]))
        of_each = [self._peers[host] for host in picked]
        return [
            peers[0] if len(peers) == 1 else peers[int(chance() * len(peers))] for peers in of_each
        ]


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
