"""The peers that have joined: who each is, where it is, and under what name others hear of it.

Free of the network. A peer with a key is the same peer wherever it comes from; one without
is whoever registered its address last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

SHOWN_DIGITS = 16
"""Digits of a fingerprint by which peers at one address are told apart: 64 bits."""


@dataclass(eq=False, slots=True)
class Peer:
    """A peer that has joined.

    ``host`` is the one that its connection counts for, and ``fingerprint`` that of its key, or
    empty. ``inner`` is its address behind a router that has ``host`` as its own.
    """

    address: str
    host: str
    fingerprint: str = ""
    inner: str | None = None
    name: str = ""
    """How the directory knows it: its address, unless somebody else had that already."""
    reachable: bool | None = None
    """Whether it was found at its address; None as long as that is not known."""

    @property
    def full_name(self) -> str:
        """Its address and who it is: what no other peer is called."""
        return f"{self.address}#{self.fingerprint[:SHOWN_DIGITS] or 'without-key'}"


@dataclass(eq=False, slots=True)
class _Place:
    """Those that registered one address: who was found there, and who may be, first come first.

    ``named`` is whom others are told of by it.
    """

    peers: int = 0
    found: Peer | None = None
    untried: dict[Peer, None] = field(default_factory=dict)
    named: Peer | None = None


class Peers:
    """All of them, by name, key, and address."""

    def __init__(self) -> None:
        self._by_name: dict[str, Peer] = {}
        self._by_full_name: dict[str, Peer] = {}
        self._by_key: dict[str, Peer] = {}
        self._places: dict[str, _Place] = {}
        # By name, those to whom their name is not the way, or not for everybody: where none of
        # these is among the holders of a file, nobody has to be looked up.
        self._elsewhere: dict[str, Peer] = {}

    def __getitem__(self, name: str) -> Peer:
        return self._by_name[name]

    def earlier(self, newcomer: Peer) -> Peer | None:
        """Who is the same peer, and has come back: the earlier one has to leave first."""
        if newcomer.fingerprint in self._by_key:
            return self._by_key[newcomer.fingerprint]
        return self._by_full_name.get(newcomer.full_name)

    def add(self, newcomer: Peer) -> None:
        """Add a peer of which there is no `earlier` one, and name it."""
        name, full_name = newcomer.address, newcomer.full_name
        newcomer.name = full_name if name in self._by_name else name
        self._by_name[newcomer.name] = self._by_full_name[full_name] = newcomer
        if newcomer.fingerprint:
            self._by_key[newcomer.fingerprint] = newcomer
        place = self._places.setdefault(newcomer.address, _Place())
        place.peers += 1
        place.untried[newcomer] = None
        self._note(newcomer, place)
        self._settle(place)

    def remove(self, peer: Peer) -> None:
        """Forget a peer."""
        del self._by_name[peer.name], self._by_full_name[peer.full_name]
        self._by_key.pop(peer.fingerprint, None)
        place = self._places[peer.address]
        place.peers -= 1
        place.untried.pop(peer, None)
        if place.found is peer:
            place.found = None
        self._settle(place)
        self._elsewhere.pop(peer.name, None)
        if not place.peers:
            del self._places[peer.address]

    def tried(self, address: str, found: Peer | None, asking: Iterable[Peer] = ()) -> list[Peer]:
        """It was tried which peer is at an address; returns those of whom it says something new.

        Who was found before may just have had no room now that nobody was. Those ``asking`` are
        told in any case.
        """
        place = self._places[address]
        # What has no key would not have told, so nothing is known of it.
        news = [each for each in place.untried if each.fingerprint and each is not found]
        if found is not None:
            news += [each for each in (place.found,) if each not in (None, found)]
            if found.reachable is not True:
                news.append(found)
            place.found = found
        news += [each for each in asking if each not in news]
        for peer in news:
            peer.reachable = peer is found
            place.untried.pop(peer, None)
        self._settle(place)
        return news

    def called(self, full_name: str) -> Peer | None:
        """The peer of that full name."""
        return self._by_full_name.get(full_name)

    def known_as(self, address: str) -> Peer | None:
        """The peer that others are told of by that address or full name."""
        place = self._places.get(address)
        return place.named if place is not None else self._by_full_name.get(address)

    def are_where_named(self, names: Iterable[str]) -> bool:
        """Whether each of these peers is an address, by which everybody gets to it."""
        return self._elsewhere.keys().isdisjoint(names)

    def way_to(self, name: str, host: str, asking: Peer | None) -> tuple[str, bool] | None:
        """How a peer on that host gets to a peer: an address, or a full name to be called.

        The flag tells which: True for an address. None if there is no way, or if it asks about
        itself and others are at its address. Of several at one address, the one that was found
        there is named by it, or else the first of those of which that is not known yet.
        """
        peer = self._elsewhere.get(name)
        if peer is None:
            return name, True
        if peer is not asking and peer.inner is not None and peer.host == host:
            return peer.inner, True
        if self._places[peer.address].named is peer:
            return peer.address, True
        can_call = asking is not None and asking is not peer and asking.fingerprint
        return (peer.full_name, False) if can_call and peer.fingerprint else None

    def _settle(self, place: _Place) -> None:
        """Reckon anew who is named by an address."""
        before, place.named = place.named, place.found or next(iter(place.untried), None)
        for peer in (before, place.named):
            if peer is not None:
                self._note(peer, place)

    def _note(self, peer: Peer, place: _Place) -> None:
        """Note whether others get to a peer by its name."""
        if peer.name == peer.address and peer.inner is None and place.named is peer:
            self._elsewhere.pop(peer.name, None)
        else:
            self._elsewhere[peer.name] = peer
