"""Under what name others hear of a peer, against the rule said in full."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from p2pfs.tracker.members import Member, Members

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


def way(here: list[Member], member: Member, host: str, asking: Member) -> tuple[str, bool] | None:
    """How it is to be, for those here in the order of their coming."""
    if member is not asking and member.inner is not None and member.host == host:
        return member.inner, True
    there = [each for each in here if each.address == member.address]
    found = [each for each in there if each.reachable]
    untried = [each for each in there if each.reachable is None]
    if [member] == (found or untried)[:1]:
        return member.address, True
    keys = asking.fingerprint and member.fingerprint
    return (member.full_name, False) if keys and asking is not member else None


@settings(max_examples=200, deadline=None)
@given(CHANGES)
def test_the_way_to_a_member_is_known_whoever_comes_and_goes(
    changes: list[tuple[str, str, int, str | None]],
) -> None:
    """Also when an address changes hands; and nothing is left of those that are gone."""
    members, here = Members(), list[Member]()
    for change, address, number, inner in changes:
        there = [each for each in here if each.address == address]
        chosen = there[number % len(there)] if there else None
        if change == "comes":
            newcomer = Member(address, address[0], f"{address}{number}" if number else "", inner)
            if members.earlier(newcomer) is None:
                members.add(newcomer)
                here.append(newcomer)
        elif chosen is not None and change == "goes":
            members.remove(chosen)
            here.remove(chosen)
        elif chosen is not None:
            members.tried(address, chosen if change == "is tried" and number else None)
        for asking in here:
            for member in here:
                expected = way(here, member, asking.host, asking)
                assert members.way_to(member.name, asking.host, asking) == expected
                if members.are_where_named([member.name]):
                    assert expected == (member.name, True)
    for member in here:
        if len([each for each in here if each.address == member.address]) == 1:
            usual = member.inner is None and member.reachable is not False
            assert members.are_where_named([member.name]) == (usual and "#" not in member.name)
    for member in here:
        members.remove(member)
    assert not any(vars(members).values())
