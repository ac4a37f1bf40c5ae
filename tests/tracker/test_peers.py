"""Under what name others hear of a peer, against the rule said in full."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pfs.tracker.peers import Peer, Peers

ADDRESSES = ["a:1", "b:1"]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["comes", "comes", "goes", "is tried", "nobody is found"]),
        st.sampled_from(ADDRESSES),
        st.integers(0, 3),
        st.sampled_from([None, "10.0.0.1:1"]),
    ),
    max_size=40,
)


def way(here: list[Peer], peer: Peer, host: str, asking: Peer) -> tuple[str, bool] | None:
    """How it is to be, for those here in the order of their coming."""
    if peer is not asking and peer.inner is not None and peer.host == host:
        return peer.inner, True
    there = [each for each in here if each.address == peer.address]
    found = [each for each in there if each.reachable]
    untried = [each for each in there if each.reachable is None]
    if [peer] == (found or untried)[:1]:
        return peer.address, True
    keys = asking.fingerprint and peer.fingerprint
    return (peer.full_name, False) if keys and asking is not peer else None


@settings(max_examples=200, deadline=None)
@given(CHANGES)
def test_the_way_to_a_member_is_known_whoever_comes_and_goes(
    changes: list[tuple[str, str, int, str | None]],
) -> None:
    """Also when an address changes hands; and nothing is left of those that are gone."""
    peers, here = Peers(), list[Peer]()
    for change, address, number, inner in changes:
        there = [each for each in here if each.address == address]
        chosen = there[number % len(there)] if there else None
        if change == "comes":
            newcomer = Peer(address, address[0], f"{address}{number}" if number else "", inner)
            if peers.earlier(newcomer) is None:
                peers.add(newcomer)
                here.append(newcomer)
        elif chosen is not None and change == "goes":
            peers.remove(chosen)
            here.remove(chosen)
        elif chosen is not None:
            peers.tried(address, chosen if change == "is tried" and number else None)
        for asking in here:
            for peer in here:
                expected = way(here, peer, asking.host, asking)
                assert peers.way_to(peer.name, asking.host, asking) == expected
                if peers.are_where_named([peer.name]):
                    assert expected == (peer.name, True)
    for peer in here:
        if len([each for each in here if each.address == peer.address]) == 1:
            usual = peer.inner is None and peer.reachable is not False
            assert peers.are_where_named([peer.name]) == (usual and "#" not in peer.name)
    for peer in here:
        peers.remove(peer)
    assert not any(vars(peers).values())
