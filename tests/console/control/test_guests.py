"""Connections of guests are bounded: for each, and together."""

from __future__ import annotations

import pytest

from p2pfs.commands import Caller
from p2pfs.console.control.guests import MOST_OF_A_GUEST, MOST_OF_GUESTS, Guests
from p2pfs.errors import NotAllowed


def guest(uid: int) -> Caller:
    return Caller(f"guest {uid}", uid, uid, is_guest=True)


def test_one_guest_does_not_keep_others_out() -> None:
    """There is room again when one of their connections has ended."""
    guests, greedy = Guests(), guest(1)
    for _ in range(MOST_OF_A_GUEST):
        guests.enter(greedy)
    with pytest.raises(NotAllowed, match="which is the most of one user"):
        guests.enter(greedy)
    guests.enter(guest(2))
    guests.leave(greedy)
    guests.enter(greedy)


def test_all_guests_together_are_bounded() -> None:
    """However many there are; who was not let in counts for nothing."""
    guests = Guests()
    for uid in range(MOST_OF_GUESTS):
        guests.enter(guest(uid))
    for _ in range(2):
        with pytest.raises(NotAllowed, match="members of the group"):
            guests.enter(guest(MOST_OF_GUESTS))
    guests.leave(guest(0))
    guests.enter(guest(MOST_OF_GUESTS))
