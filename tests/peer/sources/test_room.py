"""Room for connections to sources."""

from __future__ import annotations

from p2pfs.peer.sources.room import Room


def test_room_is_had_again_when_it_is_given_back() -> None:
    """Nobody gets more than there is, whoever asks."""
    room = Room(2)
    assert [room.take() for _ in range(3)] == [True, True, False]
    room.give_back()
    assert [room.take() for _ in range(2)] == [True, False]
