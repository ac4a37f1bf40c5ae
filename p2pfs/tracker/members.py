"""The peers that have joined: who each is, where it is, and under what name others hear of it.

Free of the network. A peer with a key is the same peer wherever it comes from; one without
is whoever registered its address last.
"""

from __future__ import annotations

from dataclasses import dataclass

SHOWN_DIGITS = 16
"""Digits of a fingerprint by which peers at one address are told apart: 64 bits."""


@dataclass(eq=False)
class Member:
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


class Members:
    """All of them, by name, key, and address."""

    def __init__(self) -> None:
        self._by_name: dict[str, Member] = {}
        self._by_full_name: dict[str, Member] = {}
        self._by_key: dict[str, Member] = {}
        self._at: dict[str, dict[Member, None]] = {}

    def __getitem__(self, name: str) -> Member:
        return self._by_name[name]

    def earlier(self, newcomer: Member) -> Member | None:
        """The member that is the same peer, come back: it has to leave first."""
        if newcomer.fingerprint in self._by_key:
            return self._by_key[newcomer.fingerprint]
        return self._by_full_name.get(newcomer.full_name)

    def add(self, newcomer: Member) -> None:
        """Add a peer of which there is no `earlier` one, and name it."""
        name, full_name = newcomer.address, newcomer.full_name
        newcomer.name = full_name if name in self._by_name else name
        self._by_name[newcomer.name] = self._by_full_name[full_name] = newcomer
        if newcomer.fingerprint:
            self._by_key[newcomer.fingerprint] = newcomer
        self._at.setdefault(newcomer.address, {})[newcomer] = None

    def remove(self, member: Member) -> None:
        """Forget a member."""
        del self._by_name[member.name], self._by_full_name[member.full_name]
        self._by_key.pop(member.fingerprint, None)
        there = self._at[member.address]
        del there[member]
        if not there:
            del self._at[member.address]

    def at(self, address: str) -> list[Member]:
        """Those that registered an address, in the order of their coming."""
        return list(self._at.get(address, ()))

    def called(self, full_name: str) -> Member | None:
        """The member of that full name."""
        return self._by_full_name.get(full_name)

    def is_found_at_its_address(self, member: Member) -> bool:
        """Whether who connects to its address gets to this very peer, as far as is known.

        Of several at one address that is the one that was found there, or else the first of
        those of which it is not known yet.
        """
        there = self._at[member.address]
        if len(there) == 1:
            return member.reachable is not False
        for state in (True, None):
            first = next((each for each in there if each.reachable is state), None)
            if first is not None:
                return first is member
        return False

    def way_to(self, name: str, host: str, asking: Member | None) -> tuple[str, bool] | None:
        """How a peer on that host gets to a member: an address, or a full name to be called.

        The flag tells which: True for an address. None if there is no way, or if it asks about
        itself and others are at its address.
        """
        member = self._by_name[name]
        if member is not asking and member.inner is not None and member.host == host:
            return member.inner, True
        if self.is_found_at_its_address(member):
            return member.address, True
        can_call = asking is not None and asking is not member and asking.fingerprint
        return (member.full_name, False) if can_call and member.fingerprint else None
