"""What the downloads of one peer share, and those of two do not."""

from __future__ import annotations

from random import Random
from typing import Any

from p2pfs.addresses import Address
from p2pfs.peer.downloading import DownloadContext
from p2pfs.peer.settings import Patience
from p2pfs.peer.sources import Incoming

ELSE: Any = None


def context() -> DownloadContext:
    """That of a peer."""
    return DownloadContext(ELSE, Random(1), Patience(), 4, Incoming(), ELSE, ELSE)


def test_nothing_is_shared_by_two_peers() -> None:
    """Two in one process have room, memory and experience of their own."""
    one, other = context(), context()
    one.experience.delivered(Address("192.0.2.1", 1))
    assert not other.experience.is_proven(Address("192.0.2.1", 1))
    assert one.spare.take(1)
    assert one.room.take()
    assert (other.spare.taken, other.room.taken) == (0, 0)
    for source in ("a", "b"):
        one.incoming.intake.begin(source, 0, lambda: 1.0, 0.0)
    assert not other.incoming.intake.several
    one.gained()
