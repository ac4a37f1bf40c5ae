"""How those who ask get to the holders of a file."""

from __future__ import annotations

from p2pfs.tracker.peers import Peer, Peers
from p2pfs.tracker.vouchers import Vouchers
from p2pfs.tracker.ways import ways_to


def peers(*those: Peer) -> Peers:
    """All that have joined, in that order."""
    known = Peers()
    for peer in those:
        known.add(peer)
    return known


def test_each_is_at_its_address() -> None:
    """Where that is so of all, nothing is looked up; and in an open swarm nobody is named."""
    known = peers(Peer("192.0.2.1:1", "192.0.2.1"))
    found = {"192.0.2.1:1": b"\x80"}
    ways = ways_to(found, known, Vouchers(), "192.0.2.9", None, lambda peer: None)
    assert (ways.chunkinfo, ways.waiting, ways.proven, ways.members) == (found, {}, [], {})


def test_who_shares_an_address_is_called_by_a_peer_with_a_key() -> None:
    """And each way has the name of the member that it leads to."""
    first = Peer("192.0.2.1:1", "192.0.2.1", "aa" * 32)
    second = Peer("192.0.2.1:1", "192.0.2.1", "bb" * 32)
    asking = Peer("192.0.2.2:1", "192.0.2.2", "cc" * 32)
    known = peers(first, second, asking)
    known.tried("192.0.2.1:1", first)
    found = {first.name: b"\x80", second.name: b"\x40"}
    vouchers = Vouchers()
    vouchers.vouch("192.0.2.3", second.name)
    names = {first.name: "one", second.name: "two"}
    ways = ways_to(found, known, vouchers, "192.0.2.2", asking, names.get)
    called = f"192.0.2.1:1#{'bb' * 8}"
    assert ways.chunkinfo == {"192.0.2.1:1": b"\x80"}
    assert ways.waiting == {called: b"\x40"}
    assert ways.proven == [called]
    assert ways.members == {"192.0.2.1:1": "one", called: "two"}
