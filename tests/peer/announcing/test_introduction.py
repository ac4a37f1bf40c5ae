"""What a peer says of itself to a tracker."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from p2pfs.addresses import Address
from p2pfs.identity import PeerKey, is_proof
from p2pfs.peer.announcing.introduction import Introduction
from p2pfs.wire.messages import RequestRegister

KEY = PeerKey.from_seed(bytes(32))


def listening_at(host: str) -> Introduction:
    """Of a peer that listens there."""
    return Introduction(Address(host, 6881), KEY)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", ":6881"),
        ("0.0.0.0", ":6881"),
        ("::", ":6881"),
        ("127.0.0.1", ":6881"),
        ("192.0.2.7", "192.0.2.7:6881"),
        ("2001:db8::7", "[2001:db8::7]:6881"),
    ],
)
def test_a_host_is_announced_where_it_says_something(host: str, address: str) -> None:
    """Everywhere and nowhere but here are for the tracker to see, as it sees the connection."""
    assert listening_at(host).address == address


@pytest.mark.parametrize(
    ("host", "own", "inner"),
    [
        ("0.0.0.0", IPv4Address("TCP", "192.168.1.5", 50000), "192.168.1.5:6881"),
        ("::", IPv6Address("TCP", "::ffff:192.168.1.5", 50000), "192.168.1.5:6881"),
        ("10.0.0.5", IPv4Address("TCP", "192.168.1.5", 50000), "10.0.0.5:6881"),
        ("0.0.0.0", IPv4Address("TCP", "8.8.4.4", 50000), None),
        ("8.8.4.4", IPv4Address("TCP", "192.168.1.5", 50000), None),
        ("127.0.0.1", IPv4Address("TCP", "192.168.1.5", 50000), None),
        ("0.0.0.0", UNIXAddress(b"/somewhere"), None),
    ],
)
def test_those_beside_it_are_told_a_private_address(host: str, own: object, inner: str) -> None:
    """Behind one router peers reach each other by that; a public one is for everybody anyway."""
    assert listening_at(host).inner(own) == inner  # type: ignore[arg-type]  # one is no TCP


def test_a_challenge_is_answered_for_the_address_that_is_announced() -> None:
    """The proof holds for this nonce, key and address, and the rest of the request stays."""
    introduction = listening_at("192.0.2.7")
    request = RequestRegister(introduction.address, key=KEY.public, inner="10.0.0.5:6881")
    proven = introduction.prove(request, b"n" * 32)
    proof = proven.proof
    assert proof is not None
    assert (proven.address, proven.key) == (request.address, KEY.public)
    assert proven.inner == request.inner
    assert request.proof is None
    assert is_proof(proof, b"n" * 32, "192.0.2.7:6881", KEY.public)
    assert not is_proof(proof, b"n" * 32, "192.0.2.8:6881", KEY.public)
    assert not is_proof(proof, b"m" * 32, "192.0.2.7:6881", KEY.public)
