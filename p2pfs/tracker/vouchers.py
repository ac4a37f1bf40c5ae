"""Of whom others say that they had chunks: hosts vouch for members, as long as these stay. Pure.

A host's word counts once, whatever its ports, and never for itself. Anybody can say anything;
so what is made of it is a hint, and what is kept of it is little.
"""

from __future__ import annotations

from collections.abc import Iterable

MOST_HOSTS = 4
"""Hosts that are remembered of those that vouch for a member: the last ones."""

MOST_WORDS = 64
"""Members that a host may vouch for at a time; for one more, the first one is forgotten."""


class Vouchers:
    """Who vouches for whom: at most `MOST_HOSTS` words are kept for each member."""

    def __init__(self) -> None:
        # The last is the one heard last. Tuples, as there may be one for every peer.
        self._hosts: dict[str, tuple[str, ...]] = {}
        self._words: dict[str, tuple[str, ...]] = {}

    def vouch(self, host: str, member: str) -> None:
        """Somebody on that host had chunks of a member, which is on another host."""
        if host in self._hosts.get(member, ()):
            self._take_back(host, member)
        hosts, words = self._hosts.get(member, ()), self._words.get(host, ())
        if len(hosts) == MOST_HOSTS:
            self._take_back(hosts[0], member)
        if len(words) == MOST_WORDS:
            self._take_back(host, words[0])
        self._hosts[member] = (*self._hosts.get(member, ()), host)
        self._words[host] = (*self._words.get(host, ()), member)

    def speak_for(self, members: Iterable[str], asking: str) -> list[str]:
        """Those of the members for whom any host but the one that asks vouches."""
        hosts = self._hosts
        # A host is among them once at most.
        return [each for each in members if each in hosts and hosts[each] != (asking,)]

    def forget(self, member: str) -> None:
        """A member has left."""
        for host in self._hosts.get(member, ()):
            self._take_back(host, member)

    def __len__(self) -> int:
        """How many words are kept."""
        return sum(map(len, self._hosts.values()))

    def _take_back(self, host: str, member: str) -> None:
        _remove(self._hosts, member, host)
        _remove(self._words, host, member)


def _remove(table: dict[str, tuple[str, ...]], key: str, value: str) -> None:
    left = tuple(each for each in table[key] if each != value)
    if left:
        table[key] = left
    else:
        del table[key]
