"""How many connections guests have to a control socket: none may keep the owner out."""

from __future__ import annotations

from p2pfs.commands import Caller
from p2pfs.errors import NotAllowed

MOST_OF_A_GUEST = 16
"""Connections of one guest at a time."""

MOST_OF_GUESTS = 64
"""The same of all guests together; the owner and root have as many as the system allows."""


class Guests:
    """Counts the connections of guests, each of which takes a descriptor and some memory."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def enter(self, guest: Caller) -> None:
        """One more connection of a guest; raises `NotAllowed` when there are too many."""
        uid = _uid_of(guest)
        if self._counts.get(uid, 0) >= MOST_OF_A_GUEST:
            raise NotAllowed(
                f"{guest.who} has {MOST_OF_A_GUEST} connections to this daemon, which is the most "
                "of one user; end a command that runs, or give it with --detach."
            )
        if sum(self._counts.values()) >= MOST_OF_GUESTS:
            raise NotAllowed(
                f"The members of the group have {MOST_OF_GUESTS} connections to this daemon, which "
                "is the most; try again when some of their commands have ended."
            )
        self._counts[uid] = self._counts.get(uid, 0) + 1

    def leave(self, guest: Caller) -> None:
        """A connection that was let in has ended."""
        uid = _uid_of(guest)
        self._counts[uid] -= 1
        if not self._counts[uid]:
            del self._counts[uid]


def _uid_of(guest: Caller) -> int:
    assert guest.uid is not None  # the kernel told it, or nobody could be a guest
    return guest.uid
