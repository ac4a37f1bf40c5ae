"""Peers that have a key: told apart at one address, and the same again wherever they come from."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from p2pfs.identity import PeerKey
from tests.memory_transport import MemoryTransport
from tests.tracker.tracker_connections import OTHER, MemoryTracker, publish

ROUTER = "192.0.2.7"
KEYS = [PeerKey.from_seed(bytes([number] * 32)) for number in range(4)]


def encoded(data: bytes) -> str:
    """Bytes as they go over the wire."""
    return base64.b64encode(data).decode()


def introduce(peer: MemoryTransport, key: PeerKey, address: str = ":6881", **more: Any) -> Any:
    """Register with a key, as a peer does; the last answer."""
    said = {"type": "REQUEST_REGISTER", "address": address, "key": encoded(key.public), **more}
    (challenge,) = peer.ask(**said)
    assert challenge["type"] == "REPLY_CHALLENGE"
    proof = key.prove(base64.b64decode(challenge["nonce"]), address)
    (reply,) = peer.ask(**said, proof=encoded(proof))
    return reply


def joined(
    tracker: MemoryTracker, key: PeerKey, host: str = ROUTER, **more: Any
) -> MemoryTransport:
    """A connection over which a peer with that key has joined."""
    peer = tracker.connect(host)
    assert introduce(peer, key, **more)["type"] == "REPLY_REGISTER"
    return peer


def location(peer: MemoryTransport) -> tuple[dict[str, str], dict[str, str]]:
    """Who holds the file f, by address, and by what they are called."""
    (reply,) = peer.ask(type="REQUEST_FILE_LOCATION", filename="f")
    return reply["chunkinfo"], reply.get("waiting", {})


def called(key: PeerKey, address: str = f"{ROUTER}:6881") -> str:
    """How the tracker calls a peer that has that key."""
    return f"{address}#{key.fingerprint[:16]}"


def test_peers_at_one_address_stay() -> None:
    """Behind a router all of them announce the same, and none throws out another."""
    tracker = MemoryTracker()
    peers = [joined(tracker, key) for key in KEYS]
    tracker.clock.advance(0)
    assert not any(peer.lost or peer.aborted for peer in peers)
    assert len(tracker.factory.joined) == len(tracker.directory.peers) == len(KEYS)
    peers[0].hang_up()
    assert len(tracker.factory.joined) == len(KEYS) - 1
    again = joined(tracker, KEYS[0])
    assert not again.lost
    assert len(tracker.factory.joined) == len(KEYS)


def test_the_same_peer_takes_over_what_it_had() -> None:
    """It has come back before its old connection is known to be dead, from wherever."""
    tracker = MemoryTracker()
    old, other = joined(tracker, KEYS[0]), joined(tracker, KEYS[1])
    tracker.share(old)
    new = joined(tracker, KEYS[0], "192.0.2.8", address=":7000")
    (farewell,) = old.heard()
    assert "its state directory was copied" in farewell["message"]
    assert list(tracker.directory) == []
    tracker.clock.advance(0)
    assert old.lost
    assert not new.lost
    assert not other.lost
    assert tracker.factory.joined.keys() == {called(KEYS[1]), "192.0.2.8:7000"}


@pytest.mark.parametrize("first_has_key", [False, True])
def test_without_a_key_nobody_takes_the_place_of_one_with_a_key(first_has_key: bool) -> None:
    """Nor the other way round: both stay."""
    tracker = MemoryTracker()
    first = joined(tracker, KEYS[0]) if first_has_key else tracker.join()
    second = tracker.join() if first_has_key else joined(tracker, KEYS[0])
    assert not first.aborted
    assert not second.aborted
    third = tracker.join()  # in the place of the one without a key
    assert (second if first_has_key else first).aborted
    assert not third.aborted
    assert len(tracker.factory.joined) == 2


def test_a_key_without_its_proof_is_nobodys() -> None:
    """Not another's signature, nor one for another address, or another connection's challenge."""
    tracker = MemoryTracker()
    peer, other = tracker.connect(), tracker.connect()
    said = {"type": "REQUEST_REGISTER", "address": ":1", "key": encoded(KEYS[0].public)}
    nonces = []
    for each in (peer, other):
        (challenge,) = each.ask(**said)
        nonces.append(base64.b64decode(challenge["nonce"]))
    assert nonces[0] != nonces[1]
    for key, address, nonce in (
        (KEYS[1], ":1", nonces[0]),
        (KEYS[0], ":2", nonces[0]),
        (KEYS[0], ":1", nonces[1]),
        (KEYS[0], ":1", nonces[0]),  # too late: a challenge is for one answer
    ):
        proof = encoded(key.prove(nonce, address))
        (error,) = peer.ask(**said, proof=proof)
        assert (error["type"], error["request"]) == ("ERROR", "REQUEST_REGISTER")
        assert "prove" in error["message"]
    assert tracker.directory.peers == []
    assert introduce(other, KEYS[0])["type"] == "REPLY_REGISTER"


def test_only_one_at_an_address_is_named_there() -> None:
    """The first, as long as nobody knows better; others can be called by those with a key."""
    tracker = MemoryTracker()
    first, second = joined(tracker, KEYS[0]), joined(tracker, KEYS[1])
    tracker.share(first)
    tracker.share(second)
    keyless, other = tracker.join("192.0.2.9"), joined(tracker, KEYS[2], "192.0.2.10")
    assert location(keyless) == ({f"{ROUTER}:6881": "+A=="}, {})
    assert location(other) == ({f"{ROUTER}:6881": "+A=="}, {called(KEYS[1]): "+A=="})
    assert location(second)[0] == {f"{ROUTER}:6881": "+A=="}
    first.hang_up()
    assert location(other) == ({f"{ROUTER}:6881": "+A=="}, {})


def test_who_was_found_at_an_address_is_named_there() -> None:
    """And nobody is, once it is known that nobody is to be found."""
    tracker = MemoryTracker()
    for key in KEYS[:2]:
        tracker.share(joined(tracker, key))
    other = joined(tracker, KEYS[2], "192.0.2.10")
    peers, address = tracker.factory.peers, f"{ROUTER}:6881"
    second = peers.called(called(KEYS[1]))
    assert len(peers.tried(address, second)) == 2
    assert location(other) == ({address: "+A=="}, {called(KEYS[0]): "+A=="})
    assert peers.tried(address, None) == []
    first = peers.called(called(KEYS[0]))
    assert peers.tried(address, first) == [second, first]
    assert location(other) == ({address: "+A=="}, {called(KEYS[1]): "+A=="})


def test_an_inner_address_is_for_those_from_the_same_outer_one() -> None:
    """To others it would mean a host of their own network."""
    tracker = MemoryTracker()
    holder = joined(tracker, KEYS[0], inner="10.1.0.3:6881")
    tracker.share(holder)
    near, far = joined(tracker, KEYS[1]), joined(tracker, KEYS[2], "192.0.2.10")
    assert location(near) == ({"10.1.0.3:6881": "+A=="}, {})
    assert location(tracker.join()) == ({"10.1.0.3:6881": "+A=="}, {})
    assert location(far) == ({f"{ROUTER}:6881": "+A=="}, {})
    assert location(holder) == ({f"{ROUTER}:6881": "+A=="}, {})


@pytest.mark.parametrize(
    "inner",
    ["8.8.8.8:53", "127.0.0.1:22", "0.0.0.0:1", "host:1", "", f"{ROUTER}:6881", "[fe80::1]:1"],
)
def test_peers_are_aimed_at_nobody_by_an_inner_address(inner: str) -> None:
    """It is one of a private network, or it does not count."""
    tracker = MemoryTracker()
    tracker.share(joined(tracker, KEYS[0], inner=inner))
    assert location(joined(tracker, KEYS[1]))[0] == {f"{ROUTER}:6881": "+A=="}


def test_an_ipv6_network_is_one_host() -> None:
    """Those in it are near one another; others are not."""
    tracker = MemoryTracker()
    tracker.share(joined(tracker, KEYS[0], "2001:db8::7", inner="[fd00::7]:6881"))
    assert location(tracker.join("2001:db8::8"))[0] == {"[fd00::7]:6881": "+A=="}
    assert location(tracker.join("2001:db8:0:1::8"))[0] == {"[2001:db8::7]:6881": "+A=="}


def test_a_name_is_kept_for_a_key_and_not_for_an_address() -> None:
    """Who comes back elsewhere has it at once; who is where it was has to wait."""
    tracker = MemoryTracker()
    publisher, other = joined(tracker, KEYS[0]), joined(tracker, KEYS[1], "192.0.2.9")
    tracker.share(publisher)
    other.say(type="REQUEST_CHUNK_REGISTER", filename="f", chunknum=0)
    publisher.hang_up()
    stranger = joined(tracker, KEYS[2])
    assert "kept for another" in publish(stranger, "f", OTHER)["message"]
    publisher = joined(tracker, KEYS[0], "192.0.2.10", address=":7000")
    assert publish(publisher, "f", OTHER)["result"]
