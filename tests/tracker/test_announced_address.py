"""Addresses as they are announced, and as they are recorded."""

from __future__ import annotations

import pytest

from p2pfs.addresses import Address, parse_address
from p2pfs.errors import InvalidAddress, Refused
from p2pfs.tracker.announced_address import recorded, recorded_inner

SEEN = Address("192.0.2.7", 40000)


def test_a_wildcard_is_where_it_comes_from() -> None:
    """And without a place where it comes from, there is none."""
    assert str(recorded(":6881", SEEN, False)) == "192.0.2.7:6881"
    with pytest.raises(InvalidAddress, match="needs a host"):
        recorded(":6881", None, True)


def test_another_host_needs_leave() -> None:
    """Nobody is aimed at a stranger, unless who runs the tracker allows it."""
    with pytest.raises(Refused, match="may not announce"):
        recorded("192.0.2.8:1", SEEN, False)
    assert recorded("192.0.2.8:1", SEEN, True) == parse_address("192.0.2.8:1")


@pytest.mark.parametrize("inner", [None, "nonsense", "198.51.100.1:6881", "10.0.0.2:6881"])
def test_an_inner_address_has_to_be_of_use(inner: str | None) -> None:
    """What is none, is public, or says what is known, is not recorded."""
    assert recorded_inner(inner, "10.0.0.2:6881") is None
    assert recorded_inner("10.0.0.3:6881", "192.0.2.7:6881") == "10.0.0.3:6881"
